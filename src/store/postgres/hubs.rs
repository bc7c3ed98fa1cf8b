//! Hubs, in a transaction of the PostgreSQL writer.

use super::following::add_place;
use super::script::Script;
use crate::store::hubs::{
    ATTEMPTS_KEPT, DeadLetter, Hub, HubAttempt, HubChange, HubState, HubWrite, hub_reader,
};
use crate::store::limits::clean;
use crate::store::writes::micros;
use std::borrow::Cow;
use uuid::Uuid;

const REGISTER: &str = "
    insert into em_hub (id, topic, callback, query, owner, created, state, since, reason, replay_at, replay_to)
    values ($1::uuid, $2::text, $3::text, $4::text, $5::text, to_timestamp($6::bigint / 1e6), $7::text,
        to_timestamp($8::bigint / 1e6), $9::text, $10::bigint, $11::bigint)
    on conflict (id) do nothing";

const REMOVE: &str = "
    with attempts as (
        delete from em_hub_attempt where hub = $1::uuid
    ), letters as (
        delete from em_dead_letter where hub = $1::uuid
    ), cursors as (
        delete from em_cursor where reader = $2::text
    )
    delete from em_hub where id = $1::uuid";

const STATE: &str = "
    update em_hub set state = $2::text, since = to_timestamp($3::bigint / 1e6), reason = $4::text
    where id = $1::uuid";

const REPLAY: &str = "
    update em_hub set replay_at = $2::bigint, replay_to = $3::bigint where id = $1::uuid";

const ATTEMPT: &str = "
    insert into em_hub_attempt (hub, event, sequence, attempt, at, outcome, status, millis, detail)
    select $1::uuid, $2::uuid, $3::bigint, $4::bigint, to_timestamp($5::bigint / 1e6), $6::text, $7::integer,
        $8::bigint, $9::text
    where exists (select 1 from em_hub where id = $1::uuid)
    on conflict (hub, sequence, attempt, at) do nothing";

const SHORTEN_ATTEMPTS: &str = "
    delete from em_hub_attempt where hub = $1::uuid
    and id <= (select id from em_hub_attempt where hub = $1::uuid order by id desc limit 1 offset $2::bigint)";

const LETTER: &str = "
    insert into em_dead_letter
        (hub, sequence, uuid, topic, source, name, received, payload, form, origin, at, actor, reason)
    select $1::uuid, $2::bigint, $3::uuid, $4::text, $5::text, $6::text, to_timestamp($7::bigint / 1e6), $8::text,
        $9::text, $10::text, to_timestamp($11::bigint / 1e6), $12::text, $13::text
    where exists (select 1 from em_hub where id = $1::uuid)
    on conflict (hub, sequence) do update set at = excluded.at, actor = excluded.actor, reason = excluded.reason";

/// What is written about a hub.
pub(super) fn add_hub<'a>(script: &mut Script<'a>, write: &'a HubWrite) -> usize {
    match write {
        HubWrite::Change(HubChange::Register { hub, from }) => {
            add_register(script, hub);
            add_place(script, &hub_reader(hub.id), *from, Some(0))
        }
        HubWrite::Change(HubChange::Remove(id)) => {
            script.add(REMOVE, vec![Box::new(*id), Box::new(hub_reader(*id))])
        }
        HubWrite::Change(HubChange::State { id, state }) => add_state(script, *id, state),
        HubWrite::Change(HubChange::Replay { id, replay }) => {
            let (at, to) = (replay.map(|it| it.at), replay.map(|it| it.to));
            script.add(REPLAY, vec![Box::new(*id), Box::new(at), Box::new(to)])
        }
        HubWrite::Attempt(attempt) => {
            add_attempt(script, attempt);
            script.add(SHORTEN_ATTEMPTS, vec![Box::new(attempt.hub), Box::new(ATTEMPTS_KEPT)])
        }
        HubWrite::Skip { letter, cursor } => {
            add_letter(script, letter);
            add_place(script, &hub_reader(letter.hub), cursor.sequence, Some(cursor.number))
        }
    }
}

fn add_register<'a>(script: &mut Script<'a>, hub: &'a Hub) {
    let (state, since, reason) = words(&hub.state);
    script.add(
        REGISTER,
        vec![
            Box::new(hub.id),
            Box::new(clean(&hub.topic)),
            Box::new(clean(&hub.callback)),
            Box::new(hub.query.as_deref().map(clean)),
            Box::new(clean(&hub.owner)),
            Box::new(micros(hub.created)),
            Box::new(state),
            Box::new(since),
            Box::new(reason),
            Box::new(hub.replay.map(|it| it.at)),
            Box::new(hub.replay.map(|it| it.to)),
        ],
    );
}

fn add_state<'a>(script: &mut Script<'a>, id: Uuid, state: &'a HubState) -> usize {
    let (state, since, reason) = words(state);
    script.add(STATE, vec![Box::new(id), Box::new(state), Box::new(since), Box::new(reason)])
}

fn words(state: &HubState) -> (&'static str, Option<i64>, Option<Cow<'_, str>>) {
    match state {
        HubState::Active => ("active", None, None),
        HubState::Halted { since, reason } => ("halted", Some(micros(*since)), Some(clean(reason))),
    }
}

fn add_attempt<'a>(script: &mut Script<'a>, attempt: &'a HubAttempt) {
    script.add(
        ATTEMPT,
        vec![
            Box::new(attempt.hub),
            Box::new(attempt.event),
            Box::new(attempt.sequence),
            Box::new(i64::from(attempt.attempt)),
            Box::new(micros(attempt.at)),
            Box::new(clean(&attempt.outcome)),
            Box::new(attempt.status.map(i32::from)),
            Box::new(i64::try_from(attempt.millis).unwrap_or(i64::MAX)),
            Box::new(attempt.detail.as_deref().map(clean)),
        ],
    );
}

fn add_letter<'a>(script: &mut Script<'a>, letter: &'a DeadLetter) {
    let event = &letter.logged.event;
    script.add(
        LETTER,
        vec![
            Box::new(letter.hub),
            Box::new(letter.logged.sequence),
            Box::new(event.uuid),
            Box::new(clean(&event.topic)),
            Box::new(clean(&event.source)),
            Box::new(clean(&event.name)),
            Box::new(micros(event.at)),
            Box::new(clean(&event.payload)),
            Box::new(event.form.word()),
            Box::new(event.form.origin().map(clean)),
            Box::new(micros(letter.at)),
            Box::new(clean(&letter.actor)),
            Box::new(clean(&letter.reason)),
        ],
    );
}
