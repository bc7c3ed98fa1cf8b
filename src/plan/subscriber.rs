//! A row of the table of subscribers, and what a step's success does to it.

use crate::wire::{Field, Secret};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of subscriber a row of `srd_user` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserType {
    User,
    /// A service: hunt group, auto attendant, call centre, conference, voice portal.
    Virtual,
    Pilot,
    Trunk,
}

impl UserType {
    /// The word in `srd_user.user_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            UserType::User => "user",
            UserType::Virtual => "virtual",
            UserType::Pilot => "pilot",
            UserType::Trunk => "trunk",
        }
    }

    /// The type that `word` names; `None` for any other word.
    pub fn parse(word: &str) -> Option<UserType> {
        [UserType::User, UserType::Virtual, UserType::Pilot, UserType::Trunk]
            .into_iter()
            .find(|user_type| user_type.as_str() == word)
    }
}

/// A row of `srd_user`: what we believe the core holds about a user. Operators edit it by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// Column `id`.
    pub user_id: String,
    pub group_id: Option<String>,
    /// Column `sipurl`: the SIP URI without `sip:`.
    pub public_identity: String,
    pub user_type: UserType,
    /// Column `phonecontext`.
    pub phone_context: Option<String>,
    pub association_id: String,
    /// Column `e164`: digits without country code.
    pub phone: Option<String>,
    /// Columns `vmail_user` and `vmail_password`.
    pub mail_account: Option<String>,
    pub mail_password: Option<Secret>,
    /// Column `blf_user`: URI of the busy lamp field list.
    pub blf_list: Option<String>,
}

/// A change of columns of one row; `Absent` leaves a column as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscriberChanges {
    pub public_identity: Field<String>,
    pub user_type: Field<UserType>,
    pub phone_context: Field<String>,
    pub phone: Field<String>,
    pub mail_account: Field<String>,
    pub mail_password: Field<Secret>,
    pub blf_list: Field<String>,
}

impl Subscriber {
    /// Applies changes of columns; removing identity or type, which a row must have, changes nothing.
    pub fn apply(&mut self, changes: &SubscriberChanges) {
        set_required(&mut self.public_identity, &changes.public_identity);
        set_required(&mut self.user_type, &changes.user_type);
        set(&mut self.phone_context, &changes.phone_context);
        set(&mut self.phone, &changes.phone);
        set(&mut self.mail_account, &changes.mail_account);
        set(&mut self.mail_password, &changes.mail_password);
        set(&mut self.blf_list, &changes.blf_list);
    }
}

fn set_required<T: Clone>(column: &mut T, change: &Field<T>) {
    if let Field::Value(value) = change {
        *column = value.clone();
    }
}

fn set<T: Clone>(column: &mut Option<T>, change: &Field<T>) {
    match change {
        Field::Absent => {}
        Field::Nil => *column = None,
        Field::Value(value) => *column = Some(value.clone()),
    }
}

/// What a step's success does to `srd_user`. Every one may be applied twice with the same result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriberEffect {
    Insert(Box<Subscriber>),
    Update { user_id: String, changes: SubscriberChanges },
    Delete { user_id: String },
}

impl SubscriberEffect {
    /// Whose row it changes.
    pub fn user_id(&self) -> &str {
        match self {
            SubscriberEffect::Insert(subscriber) => &subscriber.user_id,
            SubscriberEffect::Update { user_id, .. } | SubscriberEffect::Delete { user_id } => user_id,
        }
    }

    /// Does to a row what the table will get.
    pub fn apply(&self, row: &mut Option<Subscriber>) {
        match self {
            SubscriberEffect::Insert(new) => *row = Some((**new).clone()),
            SubscriberEffect::Update { changes, .. } => row.iter_mut().for_each(|row| row.apply(changes)),
            SubscriberEffect::Delete { .. } => *row = None,
        }
    }
}

/// What becomes of the row, in words; no secrets.
impl fmt::Display for SubscriberEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubscriberEffect::Insert(subscriber) => write!(f, "insert row {}", subscriber.user_id),
            SubscriberEffect::Update { user_id, changes } => write!(f, "update row {user_id}: {changes}"),
            SubscriberEffect::Delete { user_id } => write!(f, "delete row {user_id}"),
        }
    }
}

/// Columns and their values; no secrets.
impl fmt::Display for SubscriberChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user_type = match &self.user_type {
            Field::Value(user_type) => Field::Value(user_type.as_str().to_owned()),
            Field::Absent | Field::Nil => Field::Absent,
        };
        let password = match &self.mail_password {
            Field::Absent => Field::Absent,
            Field::Nil => Field::Nil,
            Field::Value(password) => Field::Value(password.to_string()),
        };
        let columns = [
            ("user_type", &user_type),
            ("sipurl", &self.public_identity),
            ("e164", &self.phone),
            ("phonecontext", &self.phone_context),
            ("vmail_user", &self.mail_account),
            ("vmail_password", &password),
            ("blf_user", &self.blf_list),
        ];
        let mut separator = "";
        for (column, change) in columns {
            match change {
                Field::Absent => continue,
                Field::Nil => write!(f, "{separator}{column} = null")?,
                Field::Value(value) => write!(f, "{separator}{column} = {value}")?,
            }
            separator = ", ";
        }
        Ok(())
    }
}
