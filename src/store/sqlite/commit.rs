//! One transaction of a SQLite writer.

use super::effects::apply_effect;
use super::following::{change_alarm, change_evi, change_registration, keep_place};
use super::hubs;
use super::sweeping::{expire, forget, shorten};
use crate::event::{NewEvent, Status, TopicEvent};
use crate::failpoints;
use crate::store::acts::{Act, Pause, PauseChange};
use crate::store::limits::{EventWidths, clean, cut, subject_name};
use crate::store::records::{Progress, Verdict};
use crate::store::rulings::{Decided, Ruling, Verb};
use crate::store::writes::{Outcome, RowStatus, Write, micros, note, resolution, warning_lines};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::time::SystemTime;
use uuid::Uuid;

pub(super) fn commit(
    connection: &mut Connection,
    widths: &EventWidths,
    writes: &[Write],
) -> rusqlite::Result<Vec<Outcome>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let outcomes = writes.iter().map(|write| apply(&transaction, widths, write)).collect::<Result<_, _>>()?;
    failpoints::pass_at_once("store.sqlite.commit.within");
    transaction.commit()?;
    Ok(outcomes)
}

fn apply(transaction: &Transaction, widths: &EventWidths, write: &Write) -> rusqlite::Result<Outcome> {
    match write {
        Write::Append(event) => append(transaction, widths, event),
        Write::Wish { event, act } => {
            record_act(transaction, act, None)?;
            append(transaction, widths, event)
        }
        Write::Progress(progress) => record(transaction, progress),
        Write::Confirm(_) => Ok(Outcome::Applied),
        Write::Superseded => Ok(Outcome::Superseded),
        Write::Effect { effect, .. } => {
            apply_effect(transaction, effect)?;
            Ok(Outcome::Applied)
        }
        Write::Panic { event, attempt, panics } => record_panics(transaction, event, *attempt, *panics),
        Write::Act { act, change } => record_act(transaction, act, change.as_ref()),
        Write::Expire { ids, older_than } => expire(transaction, ids, *older_than),
        Write::Forget { events } => forget(transaction, events),
        Write::Decide(ruling) => decide(transaction, ruling).map(Outcome::Decided),
        Write::Log(event) => log(transaction, event).map(|_| Outcome::Applied),
        Write::Shorten { sequences } => shorten(transaction, sequences),
        Write::Evi(change) => change_evi(transaction, change),
        Write::Place { reader, sequence, number, .. } => {
            keep_place(transaction, reader, *sequence, *number).map(|()| Outcome::Applied)
        }
        Write::Hub(write) => hubs::apply(transaction, write).map(|()| Outcome::Applied),
        Write::Alarm(change) => change_alarm(transaction, change),
        Write::Registration(change) => change_registration(transaction, change),
    }
}

const TIME: &str = "strftime('%Y-%m-%d %H:%M:%f', ?1 / 1e6, 'unixepoch')";

/// To the millisecond in which it is, as it is shown elsewhere: SQLite itself takes the nearest one.
pub(super) fn time(transaction: &Transaction, at: SystemTime) -> rusqlite::Result<String> {
    let millisecond = micros(at).div_euclid(1_000) * 1_000;
    transaction.prepare_cached(&format!("select {TIME}"))?.query_row([millisecond], |row| row.get(0))
}

fn append(transaction: &Transaction, widths: &EventWidths, event: &NewEvent) -> rusqlite::Result<Outcome> {
    let uuid = event.uuid.to_string();
    let stored: Option<i64> = transaction
        .prepare_cached(
            "insert into em_event (uuid, source, notification_id, command_index, user_id, command, event,
                status, note, inserted)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                strftime('%Y-%m-%d %H:%M:%f', ?10 / 1e6, 'unixepoch'))
             on conflict (uuid) do nothing returning id",
        )?
        .query_row(
            params![
                uuid,
                clean(&event.source),
                event.notification_id.as_deref().map(clean),
                event.command_index,
                cut(&event.user_id, widths.user_id),
                cut(&event.command, widths.command),
                clean(&event.document),
                event.status.as_str(),
                note(event).as_deref().map(clean),
                micros(event.received),
            ],
            |row| row.get(0),
        )
        .optional()?;
    if let (Some(id), Some(original)) = (stored, event.duplicate_of) {
        transaction
            .prepare_cached(
                "update em_event set note = note || coalesce((select id from em_event where uuid = ?2), ?2)
                 where id = ?1",
            )?
            .execute(params![id, original.to_string()])?;
    }
    if stored.is_some() {
        add_subjects(transaction, &uuid, &event.about)?;
    }
    let id = match stored {
        Some(id) => id,
        None => transaction
            .prepare_cached("select id from em_event where uuid = ?1")?
            .query_row([uuid], |row| row.get(0))?,
    };
    Ok(Outcome::Appended { id })
}

/// Writes a row of the topic log; says whether it was not there yet.
fn log(transaction: &Transaction, event: &TopicEvent) -> rusqlite::Result<bool> {
    let rows = transaction
        .prepare_cached(
            "insert into em_topic_log (uuid, topic, source, name, at, payload, form, origin)
             values (?1, ?2, ?3, ?4, strftime('%Y-%m-%d %H:%M:%f', ?5 / 1e6, 'unixepoch'), ?6, ?7, ?8)
             on conflict (uuid, topic) do nothing",
        )?
        .execute(params![
            event.uuid.to_string(),
            clean(&event.topic),
            clean(&event.source),
            clean(&event.name),
            micros(event.at),
            clean(&event.payload),
            event.form.word(),
            event.form.origin().map(clean),
        ])?;
    Ok(rows > 0)
}

/// Under these subscribers the event is found later.
fn add_subjects<'a>(
    transaction: &Transaction,
    uuid: &str,
    subscribers: impl IntoIterator<Item = &'a String>,
) -> rusqlite::Result<()> {
    for subscriber in subscribers {
        transaction
            .prepare_cached("insert or ignore into em_subject (subscriber, event) values (?1, ?2)")?
            .execute(params![subject_name(subscriber), uuid])?;
    }
    Ok(())
}

fn record(transaction: &Transaction, progress: &Progress) -> rusqlite::Result<Outcome> {
    let uuid = progress.event.to_string();
    if let Some(effect) = &progress.effect {
        apply_effect(transaction, effect)?;
    }
    if let Some(plan) = &progress.plan {
        add_subjects(transaction, &uuid, plan.members.iter().map(|member| &member.user_id))?;
    }
    let plan = progress.plan.as_ref().map(|plan| plan_json(plan)).transpose()?;
    transaction
        .prepare_cached(
            "insert into em_journal (uuid, attempt, plan, warnings) values (?1, ?2, ?3, ?4)
             on conflict (uuid, attempt) do update set
                plan = coalesce(excluded.plan, plan),
                warnings = case
                    when excluded.warnings is null or instr(warnings, excluded.warnings) > 0 then warnings
                    else coalesce(warnings, char(10)) || substr(excluded.warnings, 2) end
             where excluded.plan is not null or excluded.warnings is not null",
        )?
        .execute(params![
            uuid,
            progress.attempt,
            plan,
            warning_lines(&progress.warnings).as_deref().map(clean)
        ])?;
    for mark in &progress.steps {
        transaction
            .prepare_cached(
                "insert or replace into em_step (uuid, attempt, position, state, answer, marked)
                 values (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                uuid,
                progress.attempt,
                mark.position,
                mark.state.as_str(),
                mark.answer.as_deref().map(clean),
                time(transaction, mark.at)?,
            ])?;
    }
    if let Some(verdict) = &progress.verdict {
        apply_verdict(transaction, &uuid, progress.attempt, verdict)?;
    }
    let status: Option<Option<String>> = transaction
        .prepare_cached("select cast(status as text) from em_event where uuid = ?1")?
        .query_row([uuid], |row| row.get(0))
        .optional()?;
    Ok(Outcome::Recorded(status.map_or(RowStatus::Gone, |word| RowStatus::parse(word.as_deref()))))
}

fn plan_json(plan: &crate::plan::Plan) -> rusqlite::Result<String> {
    serde_json::to_string(plan).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// A verdict counts only while the row is pending.
fn apply_verdict(
    transaction: &Transaction,
    uuid: &str,
    attempt: u32,
    verdict: &Verdict,
) -> rusqlite::Result<()> {
    let changed = transaction
        .prepare_cached("update em_event set status = ?2 where uuid = ?1 and status = 'pending'")?
        .execute(params![uuid, verdict.status.as_str()])?;
    if changed > 0 {
        transaction
            .prepare_cached(
                "update em_journal set reason = ?3, digest = ?4, holds = ?5 where uuid = ?1 and attempt = ?2",
            )?
            .execute(params![
                uuid,
                attempt,
                verdict.reason.as_deref().map(clean),
                verdict.digest,
                verdict.holds
            ])?;
        for event in &verdict.handed_on {
            log(transaction, event)?;
        }
    }
    Ok(())
}

fn decide(transaction: &Transaction, ruling: &Ruling) -> rusqlite::Result<Decided> {
    let Ruling { event, verb, act, .. } = ruling;
    let row: Option<(Option<String>, Option<String>)> = transaction
        .prepare_cached("select cast(uuid as text), cast(status as text) from em_event where id = ?1")?
        .query_row([event], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((uuid, word)) = row else { return Ok(Decided::Gone) };
    let (is_ours, status) = (uuid.is_some(), word.as_deref().and_then(Status::parse));
    let named = uuid.and_then(|uuid| Uuid::parse_str(&uuid).ok());
    // Recorded before, it may have got its uuid by that.
    if named != ruling.is && named != Some(ruling.uuid) {
        return Ok(Decided::Gone);
    }
    let uuid = named.unwrap_or(ruling.uuid);
    let is_over = if is_recorded(transaction, act)? {
        ruling.over.as_ref().map_or(Ok(false), |over| is_logged(transaction, over))?
    } else if verb.takes(status, is_ours) {
        insert_act(transaction, act)?;
        carry_out(transaction, ruling, uuid, status)?
    } else {
        return Ok(Decided::Refused(status));
    };
    Ok(Decided::Done { uuid, attempt: latest_attempt(transaction, uuid)?, is_over })
}

fn is_logged(transaction: &Transaction, event: &TopicEvent) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("select exists (select 1 from em_topic_log where uuid = ?1 and topic = ?2)")?
        .query_row(params![event.uuid.to_string(), clean(&event.topic)], |row| row.get(0))
}

fn is_recorded(transaction: &Transaction, act: &Act) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("select exists (select 1 from em_audit where uuid = ?1)")?
        .query_row([act.uuid.to_string()], |row| row.get(0))
}

fn latest_attempt(transaction: &Transaction, uuid: Uuid) -> rusqlite::Result<u32> {
    transaction
        .prepare_cached("select coalesce(max(attempt), 0) from em_journal where uuid = ?1")?
        .query_row([uuid.to_string()], |row| row.get(0))
}

/// `status` is the one before. Says whether the end of an alarm was handed on with it.
fn carry_out(
    transaction: &Transaction,
    ruling: &Ruling,
    uuid: Uuid,
    status: Option<Status>,
) -> rusqlite::Result<bool> {
    let Ruling { event, verb, about, act, over, .. } = ruling;
    if *verb == Verb::Retry {
        add_subjects(transaction, &uuid.to_string(), about)?;
    }
    transaction
        .prepare_cached("update em_event set status = ?2, uuid = ?3 where id = ?1")?
        .execute(params![event, verb.status().as_str(), uuid.to_string()])?;
    let attempt = latest_attempt(transaction, uuid)?;
    match verb {
        Verb::Retry => transaction
            .prepare_cached("insert into em_journal (uuid, attempt) values (?1, ?2)")?
            .execute(params![uuid.to_string(), attempt + 1]),
        Verb::Resolve if attempt > 0 => transaction
            .prepare_cached(
                "update em_journal set reason = ?3 || coalesce('; before: ' || reason, '')
                 where uuid = ?1 and attempt = ?2",
            )?
            .execute(params![uuid.to_string(), attempt, clean(&resolution(act))]),
        Verb::Resolve => transaction
            .prepare_cached(
                "update em_event set note = ?2 || coalesce('; before: ' || note, '') where id = ?1",
            )?
            .execute(params![event, clean(&resolution(act))]),
    }?;
    // An attempt behind the first begins where one has failed.
    let has_failed = status == Some(Status::Failed) || attempt > 1;
    match over {
        Some(over) if *verb == Verb::Resolve && has_failed => log(transaction, over),
        _ => Ok(false),
    }
}

fn record_panics(
    transaction: &Transaction,
    event: &Uuid,
    attempt: u32,
    panics: u32,
) -> rusqlite::Result<Outcome> {
    transaction
        .prepare_cached(
            "insert into em_journal (uuid, attempt, panics) values (?1, ?2, ?3)
             on conflict (uuid, attempt) do update set panics = excluded.panics",
        )?
        .execute(params![event.to_string(), attempt, panics])?;
    Ok(Outcome::Applied)
}

fn record_act(
    transaction: &Transaction,
    act: &Act,
    change: Option<&PauseChange>,
) -> rusqlite::Result<Outcome> {
    insert_act(transaction, act)?;
    match change {
        Some(PauseChange::Pause(pause)) => insert_pause(transaction, pause)?,
        Some(PauseChange::Resume(system)) => transaction
            .prepare_cached("delete from em_pause where system = ?1")?
            .execute([system.as_str()])
            .map(drop)?,
        None => {}
    }
    Ok(Outcome::Applied)
}

/// False: the act is there already.
fn insert_act(transaction: &Transaction, act: &Act) -> rusqlite::Result<bool> {
    let inserted = transaction
        .prepare_cached(
            "insert into em_audit (uuid, at, actor, act, object, detail) values (?1, ?2, ?3, ?4, ?5, ?6)
             on conflict (uuid) do nothing",
        )?
        .execute(params![
            act.uuid.to_string(),
            time(transaction, act.at)?,
            clean(&act.actor),
            clean(&act.act),
            clean(&act.object),
            act.detail.as_deref().map(clean),
        ])?;
    Ok(inserted > 0)
}

fn insert_pause(transaction: &Transaction, pause: &Pause) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "insert into em_pause (system, at, actor, reason) values (?1, ?2, ?3, ?4)
             on conflict (system) do nothing",
        )?
        .execute(params![
            pause.system.as_str(),
            time(transaction, pause.at)?,
            clean(&pause.actor),
            pause.reason.as_deref().map(clean),
        ])?;
    Ok(())
}
