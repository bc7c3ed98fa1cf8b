//! Hubs, in a transaction of a SQLite writer.

use super::commit::time;
use super::following::keep_place;
use crate::store::hubs::{
    ATTEMPTS_KEPT, DeadLetter, Hub, HubAttempt, HubChange, HubState, HubWrite, hub_reader,
};
use crate::store::limits::clean;
use rusqlite::{Transaction, params};
use std::time::SystemTime;
use uuid::Uuid;

/// What is written about a hub.
pub(super) fn apply(transaction: &Transaction, write: &HubWrite) -> rusqlite::Result<()> {
    match write {
        HubWrite::Change(HubChange::Register { hub, from }) => {
            insert(transaction, hub)?;
            keep_place(transaction, &hub_reader(hub.id), *from, Some(0))
        }
        HubWrite::Change(HubChange::Remove(id)) => remove(transaction, *id),
        HubWrite::Change(HubChange::State { id, state }) => set_state(transaction, *id, state),
        HubWrite::Change(HubChange::Replay { id, replay }) => transaction
            .prepare_cached("update em_hub set replay_at = ?2, replay_to = ?3 where id = ?1")?
            .execute(params![id.to_string(), replay.map(|it| it.at), replay.map(|it| it.to)])
            .map(drop),
        HubWrite::Attempt(attempt) => insert_attempt(transaction, attempt),
        HubWrite::Skip { letter, cursor } => {
            insert_letter(transaction, letter)?;
            keep_place(transaction, &hub_reader(letter.hub), cursor.sequence, Some(cursor.number))
        }
    }
}

fn insert(transaction: &Transaction, hub: &Hub) -> rusqlite::Result<()> {
    let (state, since, reason) = words(transaction, &hub.state)?;
    transaction
        .prepare_cached(
            "insert into em_hub (id, topic, callback, query, owner, created, state, since, reason, replay_at, replay_to)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             on conflict (id) do nothing",
        )?
        .execute(params![
            hub.id.to_string(),
            clean(&hub.topic),
            clean(&hub.callback),
            hub.query.as_deref().map(clean),
            clean(&hub.owner),
            time(transaction, hub.created)?,
            state,
            since,
            reason,
            hub.replay.map(|it| it.at),
            hub.replay.map(|it| it.to),
        ])?;
    Ok(())
}

fn set_state(transaction: &Transaction, id: Uuid, state: &HubState) -> rusqlite::Result<()> {
    let (state, since, reason) = words(transaction, state)?;
    transaction
        .prepare_cached("update em_hub set state = ?2, since = ?3, reason = ?4 where id = ?1")?
        .execute(params![id.to_string(), state, since, reason])?;
    Ok(())
}

type Words = (&'static str, Option<String>, Option<String>);

fn words(transaction: &Transaction, state: &HubState) -> rusqlite::Result<Words> {
    Ok(match state {
        HubState::Active => ("active", None, None),
        HubState::Halted { since, reason } => {
            ("halted", Some(time(transaction, *since)?), Some(clean(reason).into_owned()))
        }
    })
}

fn remove(transaction: &Transaction, id: Uuid) -> rusqlite::Result<()> {
    let hub = id.to_string();
    for (table, column) in [("em_hub", "id"), ("em_hub_attempt", "hub"), ("em_dead_letter", "hub")] {
        let sql = format!("delete from {table} where {column} = ?1");
        transaction.prepare_cached(&sql)?.execute([&hub])?;
    }
    transaction.prepare_cached("delete from em_cursor where reader = ?1")?.execute([hub_reader(id)])?;
    Ok(())
}

fn insert_attempt(transaction: &Transaction, attempt: &HubAttempt) -> rusqlite::Result<()> {
    let hub = attempt.hub.to_string();
    transaction
        .prepare_cached(
            "insert into em_hub_attempt (hub, event, sequence, attempt, at, outcome, status, millis, detail)
             select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 where exists (select 1 from em_hub where id = ?1)
             on conflict (hub, sequence, attempt, at) do nothing",
        )?
        .execute(params![
            hub,
            attempt.event.to_string(),
            attempt.sequence,
            attempt.attempt,
            time(transaction, attempt.at)?,
            clean(&attempt.outcome),
            attempt.status,
            i64::try_from(attempt.millis).unwrap_or(i64::MAX),
            attempt.detail.as_deref().map(clean),
        ])?;
    transaction
        .prepare_cached(
            "delete from em_hub_attempt where hub = ?1
             and id <= (select id from em_hub_attempt where hub = ?1 order by id desc limit 1 offset ?2)",
        )?
        .execute(params![hub, ATTEMPTS_KEPT])?;
    Ok(())
}

fn insert_letter(transaction: &Transaction, letter: &DeadLetter) -> rusqlite::Result<()> {
    let event = &letter.logged.event;
    let shown = |at: SystemTime| time(transaction, at);
    transaction
        .prepare_cached(
            "insert or replace into em_dead_letter
                (hub, sequence, uuid, topic, source, name, received, payload, form, origin, at, actor, reason)
             select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13
             where exists (select 1 from em_hub where id = ?1)",
        )?
        .execute(params![
            letter.hub.to_string(),
            letter.logged.sequence,
            event.uuid.to_string(),
            clean(&event.topic),
            clean(&event.source),
            clean(&event.name),
            shown(event.at)?,
            clean(&event.payload),
            event.form.word(),
            event.form.origin().map(clean),
            shown(letter.at)?,
            clean(&letter.actor),
            clean(&letter.reason),
        ])?;
    Ok(())
}
