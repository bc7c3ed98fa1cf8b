//! One transaction of the PostgreSQL writer: all writes of a kind in one statement, then the outcome of each.

use super::acts::{add_act, add_ruling, decided};
use super::effects::add_effect;
use super::following::{add_alarm, add_evi, add_place, add_registration};
use super::hubs::add_hub;
use super::journal::add_journal;
use super::script::{Param, Script, Session, column, number};
use super::statements::{
    APPEND, CONFIRM, DUPLICATES, EXPIRE, FORGET, LOG, PANICS, SHORTEN, STORED, SUBJECTS,
};
use crate::event::{NewEvent, TopicEvent};
use crate::store::health::Tables;
use crate::store::limits::{EventWidths, clean, cut, subject_name};
use crate::store::records::Swept;
use crate::store::writes::{Outcome, RowStatus, Write, micros, note};
use std::borrow::Cow;
use std::collections::HashMap;
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
    let mut single: Vec<Option<usize>> =
        writes.iter().map(|write| add_single(&mut script, tables, write)).collect();
    let statuses = add_journal(&mut script, writes);
    // Behind the verdicts: what has been carried out is not resolved, and what it hands on is not left out.
    for (write, at) in writes.iter().zip(&mut single) {
        if let Write::Decide(ruling) = write {
            *at = Some(add_ruling(&mut script, ruling));
        }
    }
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
        | Write::Hub(_)
        | Write::Alarm(_)
        | Write::Registration(_)
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
pub(super) fn add_subjects<'a>(script: &mut Script<'a>, subjects: Vec<(&'a str, Uuid)>) {
    if subjects.is_empty() {
        return;
    }
    let users: Vec<Cow<'a, str>> = subjects.iter().map(|(user, _)| subject_name(user)).collect();
    let events: Vec<Uuid> = subjects.into_iter().map(|(_, event)| event).collect();
    script.add(SUBJECTS, vec![Box::new(users), Box::new(events)]);
}

/// Writes that have statements of their own, but for those that come behind the journal; in the order in which they were queued.
fn add_single<'a>(script: &mut Script<'a>, tables: Tables, write: &'a Write) -> Option<usize> {
    match write {
        Write::Append(_) | Write::Log(_) | Write::Decide(_) | Write::Superseded => None,
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
        Write::Shorten { sequences } => Some(script.add(SHORTEN, vec![Box::new(sequences.as_slice())])),
        Write::Evi(change) => Some(add_evi(script, change)),
        Write::Place { reader, sequence, number, .. } => Some(add_place(script, reader, *sequence, *number)),
        Write::Hub(write) => Some(add_hub(script, write)),
        Write::Alarm(change) => Some(add_alarm(script, change)),
        Write::Registration(change) => Some(add_registration(script, change)),
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
            column(&rows, |row| row.form.word()),
            column(&rows, |row| row.form.origin().map(clean)),
        ],
    );
}

/// The number in the only row of a statement that counts.
fn count(rows: &[Row]) -> u64 {
    let count: i64 = rows.first().map_or(0, |row| row.get(0));
    u64::try_from(count).unwrap_or_default()
}
