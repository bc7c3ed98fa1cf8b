//! What an event does: an ordered list of steps with all their values.
//!
//! A plan is made by a pure function of [`crate::processors`], stored before it is run, shown by the dry run, and
//! walked by [`crate::router::executor`].

use crate::wire::cai3g::{EnumRequest, HssRequest};
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

/// What a step's success does to `srd_user`. Every one may be applied twice with the same result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriberEffect {
    Insert(Box<Subscriber>),
    Update { user_id: String, changes: SubscriberChanges },
    Delete { user_id: String },
}

/// A system that requests go to: the names in plans, metrics, `pause` and `resume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    Hss,
    Enum,
}

impl System {
    /// Lower-case name for metrics and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            System::Hss => "hss",
            System::Enum => "enum",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One request to a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    Hss(HssRequest),
    Enum(EnumRequest),
}

/// A request, and what its success means for the subscriber's row: both are committed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub request: Request,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<SubscriberEffect>,
}

/// The steps of an event, in order, with what an operator should know about them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub steps: Vec<Step>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
