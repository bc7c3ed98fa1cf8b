//! Changes of `srd_user`.

use super::script::{Param, Script};
use super::statements::{DELETE_SUBSCRIBER, INSERT_SUBSCRIBER, UPDATE_SUBSCRIBER};
use crate::plan::{Subscriber, SubscriberChanges, SubscriberEffect};
use crate::store::limits::clean;
use crate::wire::{Field, Secret};
use std::borrow::Cow;

/// Adds what an answered request has changed of a subscriber.
pub(super) fn add_effect<'a>(script: &mut Script<'a>, effect: &'a SubscriberEffect) -> usize {
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
