//! Who follows the topic log, what is wrong, and where we are registered, in a transaction of a SQLite writer.

use super::commit::time;
use crate::store::alarms::{Alarm, AlarmChange};
use crate::store::followers::{EviChange, EviSubscription};
use crate::store::hubs::hub_of;
use crate::store::limits::clean;
use crate::store::registrations::{Registration, RegistrationChange};
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

/// How far a reader has come. A hub that there is not has no place.
pub(super) fn keep_place(
    transaction: &Transaction,
    reader: &str,
    sequence: i64,
    number: Option<i64>,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "insert into em_cursor (reader, sequence, number)
             select ?1, ?2, ?3 where ?4 is null or exists (select 1 from em_hub where id = ?4)
             on conflict (reader) do update set sequence = max(sequence, excluded.sequence),
                number = case when excluded.number > coalesce(number, -1) then excluded.number else number end",
        )?
        .execute(params![reader, sequence, number, hub_of(reader).map(|hub| hub.to_string())])?;
    Ok(())
}

/// What is wrong from now on, or not any more.
pub(super) fn change_alarm(transaction: &Transaction, change: &AlarmChange) -> rusqlite::Result<Outcome> {
    match change {
        AlarmChange::Raise(Alarm { kind, object, uuid, raised }) => transaction
            .prepare_cached(
                "insert into em_alarm (kind, object, uuid, raised) values (?1, ?2, ?3, ?4)
                 on conflict (kind, object) do nothing",
            )?
            .execute(params![clean(kind), clean(object), uuid.to_string(), time(transaction, *raised)?])?,
        AlarmChange::Clear { kind, object } => transaction
            .prepare_cached("delete from em_alarm where kind = ?1 and object = ?2")?
            .execute([clean(kind), clean(object)])?,
    };
    Ok(Outcome::Applied)
}

/// Where we are registered from now on, or not any more.
pub(super) fn change_registration(
    transaction: &Transaction,
    change: &RegistrationChange,
) -> rusqlite::Result<Outcome> {
    match change {
        RegistrationChange::Keep(Registration { peer, url, topic, callback, hub, created }) => transaction
            .prepare_cached(
                "insert or replace into em_registration (peer, url, topic, callback, hub, created)
                 values (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                clean(peer),
                clean(url),
                clean(topic),
                clean(callback),
                clean(hub),
                time(transaction, *created)?
            ])?,
        RegistrationChange::Forget { url, topic } => transaction
            .prepare_cached("delete from em_registration where url = ?1 and topic = ?2")?
            .execute([clean(url), clean(topic)])?,
    };
    Ok(Outcome::Applied)
}
