//! What a sweep deletes.

use super::commit::time;
use crate::store::records::Swept;
use crate::store::writes::{EXPIRES, OURS_BESIDE, Outcome};
use rusqlite::{OptionalExtension, Transaction, params};
use std::time::SystemTime;
use uuid::Uuid;

/// Deletes those of the events that are past their retention, with what is ours of them.
pub(super) fn expire(
    transaction: &Transaction,
    ids: &[i64],
    older_than: SystemTime,
) -> rusqlite::Result<Outcome> {
    let older_than = time(transaction, older_than)?;
    let sql = format!(
        "delete from em_event where id = ?1 and inserted < ?2 and {EXPIRES} returning cast(uuid as text)"
    );
    let mut swept = Swept::default();
    for id in ids {
        let gone: Option<Option<String>> = transaction
            .prepare_cached(&sql)?
            .query_row(params![id, older_than], |row| row.get(0))
            .optional()?;
        swept.events += u64::from(gone.is_some());
        if let Some(uuid) = gone.flatten() {
            delete_beside(transaction, &uuid)?;
        }
    }
    Ok(Outcome::Swept(swept))
}

/// Deletes what is ours of events that are gone.
pub(super) fn forget(transaction: &Transaction, events: &[Uuid]) -> rusqlite::Result<Outcome> {
    let mut swept = Swept::default();
    for event in events {
        let uuid = event.to_string();
        let is_there: bool = transaction
            .prepare_cached("select exists (select 1 from em_event where uuid = ?1)")?
            .query_row([&uuid], |row| row.get(0))?;
        if !is_there {
            swept.orphans += delete_beside(transaction, &uuid)?;
        }
    }
    Ok(Outcome::Swept(swept))
}

fn delete_beside(transaction: &Transaction, uuid: &str) -> rusqlite::Result<u64> {
    let mut deleted = 0;
    for (table, column) in OURS_BESIDE {
        let sql = format!("delete from {table} where {column} = ?1");
        deleted += transaction.prepare_cached(&sql)?.execute([uuid])? as u64;
    }
    Ok(deleted)
}

/// Deletes these rows of the topic log.
pub(super) fn shorten(transaction: &Transaction, sequences: &[i64]) -> rusqlite::Result<Outcome> {
    let mut swept = Swept::default();
    for sequence in sequences {
        let sql = "delete from em_topic_log where sequence = ?1";
        swept.handed_on += transaction.prepare_cached(sql)?.execute([sequence])? as u64;
    }
    Ok(Outcome::Swept(swept))
}
