//! One transaction of the PostgreSQL writer: all writes of a kind in one statement, then the outcome of each.

use super::following::add_evi;
use super::script::{Param, Script, Session};
use super::statements::*;
use crate::event::{NewEvent, Status, TopicEvent};
use crate::plan::{Subscriber, SubscriberChanges, SubscriberEffect};
use crate::store::acts::{Act, Pause, PauseChange};
use crate::store::health::Tables;
use crate::store::limits::{EventWidths, clean, cut, subject_name};
use crate::store::records::{Progress, StepMark, Swept, Verdict};
use crate::store::rulings::{Decided, Ruling};
use crate::store::writes::{Outcome, RowStatus, Write, micros, note, resolution, warning_lines};
use crate::wire::{Field, Secret};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use tokio_postgres::{Error, Row};
use uuid::Uuid;

pub(super) async fn commit(
    session: &mut Session,
    widths: &EventWidths,
    tables: Tables,
    writes: &[Write],
) -> Result<Vec<Outcome>, Error> {
    let events: Vec<&NewEvent> = writes
        .iter()
        .filter_map(|write| match write {
            Write::Append(event) | Write::Wish { event, .. } => Some(event),
            _ => None,
        })
        .collect();
    let mut script = Script::default();
    let appended = add_events(&mut script, widths, &events);
    add_log(&mut script, writes);
    let single: Vec<Option<usize>> =
        writes.iter().map(|write| add_single(&mut script, tables, write)).collect();
    let statuses = add_journal(&mut script, writes);
    let results = session.run(script).await?;

    let mut ids: HashMap<Uuid, i64> =
        appended.map(|at| results[at].iter().map(pair).collect()).unwrap_or_default();
    add_stored(session, &events, &mut ids).await?;
    let statuses: HashMap<Uuid, RowStatus> =
        statuses.map(|at| results[at].iter().map(status).collect()).unwrap_or_default();
    let outcomes = writes.iter().zip(single).map(|(write, at)| match write {
        Write::Append(event) | Write::Wish { event, .. } => {
            Outcome::Appended { id: ids.get(&event.uuid).copied().unwrap_or_default() }
        }
        Write::Progress(progress) => {
            Outcome::Recorded(statuses.get(&progress.event).copied().unwrap_or(RowStatus::Gone))
        }
        Write::Effect { .. }
        | Write::Act { .. }
        | Write::Confirm(_)
        | Write::Log(_)
        | Write::Evi(_)
        | Write::Place { .. }
        | Write::Panic { .. } => Outcome::Applied,
        Write::Superseded => Outcome::Superseded,
        Write::Expire { .. } => {
            let events = at.map_or(0, |at| count(&results[at]));
            Outcome::Swept(Swept { events, ..Swept::default() })
        }
        Write::Forget { .. } => {
            let orphans = at.map_or(0, |at| count(&results[at]));
            Outcome::Swept(Swept { orphans, ..Swept::default() })
        }
        Write::Shorten { .. } => {
            let handed_on = at.map_or(0, |at| count(&results[at]));
            Outcome::Swept(Swept { handed_on, ..Swept::default() })
        }
        Write::Decide(_) => Outcome::Decided(decided(at.and_then(|at| results[at].first()))),
    });
    Ok(outcomes.collect())
}

fn pair(row: &Row) -> (Uuid, i64) {
    (row.get(0), row.get(1))
}

fn status(row: &Row) -> (Uuid, RowStatus) {
    (row.get(0), RowStatus::parse(row.get(1)))
}

/// Events that were stored before: their ids were not returned. A row that has been deleted in between has none.
async fn add_stored(
    session: &mut Session,
    events: &[&NewEvent],
    ids: &mut HashMap<Uuid, i64>,
) -> Result<(), Error> {
    let earlier: Vec<Uuid> =
        events.iter().map(|event| event.uuid).filter(|uuid| !ids.contains_key(uuid)).collect();
    if earlier.is_empty() {
        return Ok(());
    }
    let mut script = Script::default();
    script.add(STORED, vec![Box::new(earlier)]);
    let results = session.run(script).await?;
    ids.extend(results[0].iter().map(pair));
    Ok(())
}

fn add_events<'a>(script: &mut Script<'a>, widths: &EventWidths, events: &[&'a NewEvent]) -> Option<usize> {
    if events.is_empty() {
        return None;
    }
    let place = script.add(
        APPEND,
        vec![
            column(events, |event| event.uuid),
            column(events, |event| clean(&event.source)),
            column(events, |event| event.notification_id.as_deref().map(clean)),
            column(events, |event| i32::try_from(event.command_index).unwrap_or(i32::MAX)),
            column(events, |event| cut(&event.user_id, widths.user_id)),
            column(events, |event| cut(&event.command, widths.command)),
            column(events, |event| clean(&event.document)),
            column(events, |event| event.status.as_str()),
            column(events, |event| note(event).map(|note| clean(&note).into_owned())),
            column(events, |event| micros(event.received)),
        ],
    );
    let duplicates: Vec<(Uuid, Uuid)> =
        events.iter().filter_map(|event| Some((event.uuid, event.duplicate_of?))).collect();
    if !duplicates.is_empty() {
        let (uuids, originals): (Vec<Uuid>, Vec<Uuid>) = duplicates.into_iter().unzip();
        script.add(DUPLICATES, vec![Box::new(uuids), Box::new(originals)]);
    }
    let about = |event: &&'a NewEvent| event.about.iter().map(|user| (user.as_str(), event.uuid));
    add_subjects(script, events.iter().flat_map(about).collect());
    Some(place)
}

/// Under these subscribers the events are found later.
fn add_subjects<'a>(script: &mut Script<'a>, subjects: Vec<(&'a str, Uuid)>) {
    if subjects.is_empty() {
        return;
    }
    let users: Vec<Cow<'a, str>> = subjects.iter().map(|(user, _)| subject_name(user)).collect();
    let events: Vec<Uuid> = subjects.into_iter().map(|(_, event)| event).collect();
    script.add(SUBJECTS, vec![Box::new(users), Box::new(events)]);
}

/// One array parameter from one value of every item.
fn column<'a, T, V>(items: &[T], value: impl Fn(T) -> V) -> Param<'a>
where
    T: Copy,
    V: tokio_postgres::types::ToSql + Sync + Send + 'a,
{
    Box::new(items.iter().map(|item| value(*item)).collect::<Vec<V>>())
}

/// Writes that have statements of their own, in the order in which they were queued.
fn add_single<'a>(script: &mut Script<'a>, tables: Tables, write: &'a Write) -> Option<usize> {
    match write {
        Write::Append(_) | Write::Log(_) | Write::Superseded => None,
        Write::Confirm(_) => Some(script.add(CONFIRM, Vec::new())),
        Write::Progress(progress) if tables.subscribers => {
            progress.effect.as_ref().map(|effect| add_effect(script, effect))
        }
        Write::Progress(_) => None,
        Write::Effect { effect, .. } => Some(add_effect(script, effect)),
        Write::Panic { event, attempt, panics } => {
            let params: Vec<Param<'a>> =
                vec![Box::new(*event), Box::new(number(*attempt)), Box::new(number(*panics))];
            Some(script.add(PANICS, params))
        }
        Write::Act { act, change } => Some(add_act(script, act, change.as_ref())),
        Write::Wish { act, .. } => Some(add_act(script, act, None)),
        Write::Expire { ids, older_than } => {
            Some(script.add(EXPIRE, vec![Box::new(ids.as_slice()), Box::new(micros(*older_than))]))
        }
        Write::Forget { events } => Some(script.add(FORGET, vec![Box::new(events.as_slice())])),
        Write::Decide(ruling) => Some(add_ruling(script, ruling)),
        Write::Shorten { sequences } => Some(script.add(SHORTEN, vec![Box::new(sequences.as_slice())])),
        Write::Evi(change) => Some(add_evi(script, change)),
        Write::Place { reader, sequence } => {
            Some(script.add(PLACE, vec![Box::new(reader.as_str()), Box::new(*sequence)]))
        }
    }
}

fn add_log<'a>(script: &mut Script<'a>, writes: &'a [Write]) {
    let log = |write: &'a Write| match write {
        Write::Log(event) => Some(event),
        _ => None,
    };
    let rows: Vec<&TopicEvent> = writes.iter().filter_map(log).collect();
    if rows.is_empty() {
        return;
    }
    script.add(
        LOG,
        vec![
            column(&rows, |row| row.uuid),
            column(&rows, |row| clean(&row.topic)),
            column(&rows, |row| clean(&row.source)),
            column(&rows, |row| clean(&row.name)),
            column(&rows, |row| micros(row.at)),
            column(&rows, |row| clean(&row.payload)),
        ],
    );
}

fn add_act<'a>(script: &mut Script<'a>, act: &'a Act, change: Option<&'a PauseChange>) -> usize {
    match change {
        Some(PauseChange::Pause(pause)) => drop(script.add(PAUSE, pause_params(pause))),
        Some(PauseChange::Resume(system)) => drop(script.add(RESUME, vec![Box::new(system.as_str())])),
        None => {}
    }
    script.add(
        AUDIT,
        vec![
            Box::new(act.uuid),
            Box::new(micros(act.at)),
            Box::new(clean(&act.actor)),
            Box::new(clean(&act.act)),
            Box::new(clean(&act.object)),
            Box::new(act.detail.as_deref().map(clean)),
        ],
    )
}

fn add_ruling<'a>(script: &mut Script<'a>, ruling: &'a Ruling) -> usize {
    let Ruling { event, is, uuid, verb, about, act } = ruling;
    script.add(
        DECIDE,
        vec![
            Box::new(*event),
            Box::new(*uuid),
            Box::new(act.uuid),
            Box::new(verb.status().as_str()),
            Box::new(clean(&resolution(act)).into_owned()),
            Box::new(micros(act.at)),
            Box::new(clean(&act.actor)),
            Box::new(clean(&act.act)),
            Box::new(clean(&act.object)),
            Box::new(act.detail.as_deref().map(clean)),
            Box::new(about.iter().map(|subscriber| subject_name(subscriber)).collect::<Vec<_>>()),
            Box::new(*is),
        ],
    )
}

/// The outcome of [`DECIDE`].
fn decided(row: Option<&Row>) -> Decided {
    let Some(row) = row else { return Decided::Gone };
    if !row.get::<_, bool>(3) {
        return Decided::Refused(row.get::<_, Option<&str>>(1).and_then(Status::parse));
    }
    let attempt: i32 = row.get(2);
    Decided::Done { uuid: row.get(0), attempt: u32::try_from(attempt).unwrap_or_default() }
}

fn pause_params(pause: &Pause) -> Vec<Param<'_>> {
    vec![
        Box::new(pause.system.as_str()),
        Box::new(micros(pause.at)),
        Box::new(clean(&pause.actor)),
        Box::new(pause.reason.as_deref().map(clean)),
    ]
}

fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// What a batch says about one attempt of one event.
#[derive(Default)]
struct Attempt<'a> {
    plan: Option<String>,
    warnings: Vec<String>,
    steps: BTreeMap<u32, &'a StepMark>,
}

/// Journal, steps and verdicts; the result is the place of the rows' statuses. Of several marks of one step the
/// last counts, because one statement cannot write a row twice.
fn add_journal<'a>(script: &mut Script<'a>, writes: &'a [Write]) -> Option<usize> {
    let mut attempts: BTreeMap<(Uuid, u32), Attempt<'a>> = BTreeMap::new();
    let mut verdicts: BTreeMap<Uuid, (u32, &'a Verdict)> = BTreeMap::new();
    let progresses = writes.iter().filter_map(|write| match write {
        Write::Progress(progress) => Some(progress),
        _ => None,
    });
    for progress in progresses {
        attempts.entry((progress.event, progress.attempt)).or_default().merge(progress);
        if let Some(verdict) = &progress.verdict {
            verdicts.insert(progress.event, (progress.attempt, verdict));
        }
    }
    if attempts.is_empty() {
        return None;
    }
    let rows: Vec<_> = attempts.iter().collect();
    script.add(
        JOURNAL,
        vec![
            column(&rows, |((uuid, _), _)| *uuid),
            column(&rows, |((_, attempt), _)| number(*attempt)),
            column(&rows, |(_, row)| row.plan.clone()),
            column(&rows, |(_, row)| warning_lines(&row.warnings).map(|lines| clean(&lines).into_owned())),
        ],
    );
    add_steps(script, &attempts);
    add_verdicts(script, &verdicts);
    add_subjects(script, members(writes));
    let uuids: Vec<Uuid> = attempts.keys().map(|(uuid, _)| *uuid).collect();
    Some(script.add(STATUSES, vec![Box::new(uuids)]))
}

/// The members of whole groups, with the events that are about them.
fn members(writes: &[Write]) -> Vec<(&str, Uuid)> {
    let planned = writes.iter().filter_map(|write| match write {
        Write::Progress(progress) => Some((progress.plan.as_deref()?, progress.event)),
        _ => None,
    });
    planned
        .flat_map(|(plan, event)| plan.members.iter().map(move |member| (member.user_id.as_str(), event)))
        .collect()
}

impl<'a> Attempt<'a> {
    fn merge(&mut self, progress: &'a Progress) {
        if let Some(plan) = &progress.plan {
            self.plan =
                Some(serde_json::to_string(&**plan).expect("a plan has only keys that JSON can write"));
        }
        for warning in &progress.warnings {
            if !self.warnings.contains(warning) {
                self.warnings.push(warning.clone());
            }
        }
        self.steps.extend(progress.steps.iter().map(|mark| (mark.position, mark)));
    }
}

fn add_steps<'a>(script: &mut Script<'a>, attempts: &BTreeMap<(Uuid, u32), Attempt<'a>>) {
    let rows: Vec<(Uuid, u32, &'a StepMark)> = attempts
        .iter()
        .flat_map(|((uuid, attempt), row)| row.steps.values().map(|mark| (*uuid, *attempt, *mark)))
        .collect();
    if rows.is_empty() {
        return;
    }
    script.add(
        STEPS,
        vec![
            column(&rows, |(uuid, _, _)| uuid),
            column(&rows, |(_, attempt, _)| number(attempt)),
            column(&rows, |(_, _, mark)| number(mark.position)),
            column(&rows, |(_, _, mark)| mark.state.as_str()),
            column(&rows, |(_, _, mark)| mark.answer.as_deref().map(clean)),
            column(&rows, |(_, _, mark)| micros(mark.at)),
        ],
    );
}

fn add_verdicts<'a>(script: &mut Script<'a>, verdicts: &BTreeMap<Uuid, (u32, &'a Verdict)>) {
    if verdicts.is_empty() {
        return;
    }
    let rows: Vec<(Uuid, u32, &'a Verdict)> =
        verdicts.iter().map(|(uuid, (attempt, verdict))| (*uuid, *attempt, *verdict)).collect();
    let with = |(uuid, _, verdict): &(Uuid, u32, &'a Verdict)| {
        let (uuid, handed_on) = (*uuid, &verdict.handed_on);
        handed_on.iter().map(move |row| (uuid, row))
    };
    let handed_on: Vec<(Uuid, &'a TopicEvent)> = rows.iter().flat_map(with).collect();
    script.add(
        VERDICTS,
        vec![
            column(&rows, |(uuid, _, _)| uuid),
            column(&rows, |(_, attempt, _)| number(attempt)),
            column(&rows, |(_, _, verdict)| verdict.status.as_str()),
            column(&rows, |(_, _, verdict)| verdict.reason.as_deref().map(clean)),
            column(&rows, |(_, _, verdict)| verdict.digest.as_deref()),
            column(&rows, |(_, _, verdict)| verdict.holds),
            column(&handed_on, |(event, _)| event),
            column(&handed_on, |(_, row)| row.uuid),
            column(&handed_on, |(_, row)| clean(&row.topic)),
            column(&handed_on, |(_, row)| clean(&row.source)),
            column(&handed_on, |(_, row)| clean(&row.name)),
            column(&handed_on, |(_, row)| micros(row.at)),
            column(&handed_on, |(_, row)| clean(&row.payload)),
        ],
    );
}

fn add_effect<'a>(script: &mut Script<'a>, effect: &'a SubscriberEffect) -> usize {
    match effect {
        SubscriberEffect::Insert(subscriber) => script.add(INSERT_SUBSCRIBER, subscriber_params(subscriber)),
        SubscriberEffect::Update { user_id, changes } => {
            script.add(UPDATE_SUBSCRIBER, change_params(user_id, changes))
        }
        SubscriberEffect::Delete { user_id } => script.add(DELETE_SUBSCRIBER, vec![Box::new(clean(user_id))]),
    }
}

fn subscriber_params(subscriber: &Subscriber) -> Vec<Param<'_>> {
    let optional = |text: &'_ Option<String>| text.as_deref().map(|text| clean(text).into_owned());
    vec![
        Box::new(clean(&subscriber.user_id)),
        Box::new(optional(&subscriber.group_id)),
        Box::new(clean(&subscriber.public_identity)),
        Box::new(subscriber.user_type.as_str()),
        Box::new(optional(&subscriber.phone_context)),
        Box::new(clean(&subscriber.association_id)),
        Box::new(optional(&subscriber.phone)),
        Box::new(optional(&subscriber.mail_account)),
        Box::new(subscriber.mail_password.as_ref().map(|secret| clean(secret.expose()))),
        Box::new(optional(&subscriber.blf_list)),
    ]
}

fn change_params<'a>(user_id: &'a str, changes: &'a SubscriberChanges) -> Vec<Param<'a>> {
    let user_type = match &changes.user_type {
        Field::Absent => Field::Absent,
        Field::Nil => Field::Nil,
        Field::Value(user_type) => Field::Value(Cow::Borrowed(user_type.as_str())),
    };
    let columns = [
        text(&changes.public_identity),
        user_type,
        text(&changes.phone_context),
        text(&changes.phone),
        text(&changes.mail_account),
        secret(&changes.mail_password),
        text(&changes.blf_list),
    ];
    let mut params: Vec<Param<'a>> = vec![Box::new(clean(user_id))];
    for column in columns {
        params.push(Box::new(!column.is_absent()));
        params.push(Box::new(column.value()));
    }
    params
}

fn text(field: &Field<String>) -> Field<Cow<'_, str>> {
    match field {
        Field::Absent => Field::Absent,
        Field::Nil => Field::Nil,
        Field::Value(text) => Field::Value(clean(text)),
    }
}

fn secret(field: &Field<Secret>) -> Field<Cow<'_, str>> {
    match field {
        Field::Absent => Field::Absent,
        Field::Nil => Field::Nil,
        Field::Value(secret) => Field::Value(clean(secret.expose())),
    }
}

/// The number in the only row of a statement that counts.
fn count(rows: &[Row]) -> u64 {
    let count: i64 = rows.first().map_or(0, |row| row.get(0));
    u64::try_from(count).unwrap_or_default()
}
