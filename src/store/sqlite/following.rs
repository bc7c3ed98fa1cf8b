//! Who follows the topic log, in a transaction of a SQLite writer.

use super::commit::time;
use crate::store::followers::{EviChange, EviSubscription};
use crate::store::limits::clean;
use crate::store::writes::Outcome;
use rusqlite::{Transaction, params};

/// A subscription that is made, renewed or ended.
pub(super) fn change_evi(transaction: &Transaction, change: &EviChange) -> rusqlite::Result<Outcome> {
    match change {
        EviChange::Subscribe(subscription) => subscribe(transaction, subscription)?,
        EviChange::Unsubscribe { event, socket } => {
            transaction
                .prepare_cached("delete from em_evi_subscription where event = ?1 and socket = ?2")?
                .execute([clean(event), clean(socket)])?;
        }
    }
    Ok(Outcome::Applied)
}

fn subscribe(transaction: &Transaction, subscription: &EviSubscription) -> rusqlite::Result<()> {
    let EviSubscription { event, socket, address, format, expire, expires } = subscription;
    transaction
        .prepare_cached(
            "insert or replace into em_evi_subscription (event, socket, address, format, expire, expires)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            clean(event),
            clean(socket),
            address,
            format,
            expire,
            time(transaction, *expires)?
        ])?;
    Ok(())
}

/// How far a reader has come.
pub(super) fn keep_place(
    transaction: &Transaction,
    reader: &str,
    sequence: i64,
) -> rusqlite::Result<Outcome> {
    transaction
        .prepare_cached(
            "insert into em_cursor (reader, sequence) values (?1, ?2)
             on conflict (reader) do update set sequence = max(sequence, excluded.sequence)",
        )?
        .execute(params![reader, sequence])?;
    Ok(Outcome::Applied)
}
