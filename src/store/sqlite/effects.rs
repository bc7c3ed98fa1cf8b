//! Changes of `srd_user`.

use super::commit::time;
use crate::plan::{Subscriber, SubscriberChanges, SubscriberEffect};
use crate::store::limits::clean;
use crate::wire::{Field, Secret};
use rusqlite::{ToSql, Transaction, params};
use std::borrow::Cow;
use std::time::SystemTime;

/// Writes what an answered request has changed of a subscriber.
pub(super) fn apply_effect(transaction: &Transaction, effect: &SubscriberEffect) -> rusqlite::Result<()> {
    let now = time(transaction, SystemTime::now())?;
    match effect {
        SubscriberEffect::Insert(subscriber) => insert_subscriber(transaction, subscriber, &now),
        SubscriberEffect::Update { user_id, changes } => {
            update_subscriber(transaction, user_id, changes, &now)
        }
        SubscriberEffect::Delete { user_id } => transaction
            .prepare_cached("delete from srd_user where id = ?1")?
            .execute([clean(user_id)])
            .map(drop),
    }
}

/// Writes the whole row over the one that is there, without help of a primary key, which may be missing.
fn insert_subscriber(transaction: &Transaction, subscriber: &Subscriber, now: &str) -> rusqlite::Result<()> {
    let optional = |text: &Option<String>| text.as_deref().map(|text| clean(text).into_owned());
    let values: [&dyn ToSql; 11] = [
        &clean(&subscriber.user_id),
        &optional(&subscriber.group_id),
        &clean(&subscriber.public_identity),
        &subscriber.user_type.as_str(),
        &optional(&subscriber.phone_context),
        &clean(&subscriber.association_id),
        &optional(&subscriber.phone),
        &optional(&subscriber.mail_account),
        &subscriber.mail_password.as_ref().map(|secret| clean(secret.expose())),
        &optional(&subscriber.blf_list),
        &now,
    ];
    let updated = transaction
        .prepare_cached(
            "update srd_user set group_id = ?2, sipurl = ?3, user_type = ?4, phonecontext = ?5,
                association_id = ?6, e164 = ?7, vmail_user = ?8, vmail_password = ?9, blf_user = ?10,
                updated = ?11
             where id = ?1",
        )?
        .execute(values)?;
    if updated == 0 {
        transaction
            .prepare_cached(
                "insert into srd_user (id, group_id, sipurl, user_type, phonecontext, association_id, e164,
                    vmail_user, vmail_password, blf_user, created, updated)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
            )?
            .execute(values)?;
    }
    Ok(())
}

fn update_subscriber(
    transaction: &Transaction,
    user_id: &str,
    changes: &SubscriberChanges,
    now: &str,
) -> rusqlite::Result<()> {
    let user_type = match changes.user_type {
        Field::Absent => None,
        Field::Nil => Some(None),
        Field::Value(user_type) => Some(Some(Cow::Borrowed(user_type.as_str()))),
    };
    let columns = [
        ("sipurl", text(&changes.public_identity)),
        ("user_type", user_type),
        ("phonecontext", text(&changes.phone_context)),
        ("e164", text(&changes.phone)),
        ("vmail_user", text(&changes.mail_account)),
        ("vmail_password", secret(&changes.mail_password)),
        ("blf_user", text(&changes.blf_list)),
    ];
    for (column, value) in columns {
        let Some(value) = value else { continue };
        transaction
            .prepare_cached(&format!("update srd_user set {column} = ?2, updated = ?3 where id = ?1"))?
            .execute(params![clean(user_id), value, now])?;
    }
    Ok(())
}

/// The value that a change writes; `None` where it leaves the column alone.
fn text(field: &Field<String>) -> Option<Option<Cow<'_, str>>> {
    match field {
        Field::Absent => None,
        Field::Nil => Some(None),
        Field::Value(text) => Some(Some(clean(text))),
    }
}

fn secret(field: &Field<Secret>) -> Option<Option<Cow<'_, str>>> {
    match field {
        Field::Absent => None,
        Field::Nil => Some(None),
        Field::Value(secret) => Some(Some(clean(secret.expose()))),
    }
}
