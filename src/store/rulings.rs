//! What operators decide about single events: to run one again, or to let it be.

use super::acts::Act;
use crate::event::{Status, TopicEvent};
use uuid::Uuid;

/// An act about one event: its line in the audit table and what it does are one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// `em_event.id`.
    pub event: i64,
    /// The uuid of the event that is meant, where it has one: ids may start anew.
    pub is: Option<Uuid>,
    /// For a row of the Erlang release, which has none and gets one.
    pub uuid: Uuid,
    pub verb: Verb,
    /// Ids of the subscribers that the event is about, under whom it is found once it is retried: an event of the Erlang
    /// release has not been stored with them.
    pub about: Vec<String>,
    /// Handed on with a resolution of an event that had failed: the end of the alarm that this has raised.
    pub over: Option<TopicEvent>,
    /// Its uuid makes the ruling: recorded again it changes nothing.
    pub act: Act,
}

/// What is to become of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// A failed event, or one that the Erlang release left pending, is pending again, as a new attempt.
    Retry,
    /// A failed or pending event is ignored; the act's detail stands in its reason.
    Resolve,
}

impl Verb {
    /// The word in the audit table.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Retry => "retry",
            Verb::Resolve => "resolve",
        }
    }

    /// The status that an event gets.
    pub fn status(self) -> Status {
        match self {
            Verb::Retry => Status::Pending,
            Verb::Resolve => Status::Ignored,
        }
    }

    /// Whether it can be done to an event with this status; `is_ours`: the Erlang release did not write it.
    pub fn takes(self, status: Option<Status>, is_ours: bool) -> bool {
        match (self, status) {
            (_, Some(Status::Failed)) => true,
            (Verb::Retry, Some(Status::Pending)) => !is_ours,
            (Verb::Resolve, Some(Status::Pending)) => true,
            _ => false,
        }
    }
}

/// What came of a ruling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    Done {
        uuid: Uuid,
        /// The latest attempt of the event; 0 where it was never run and is not to be.
        attempt: u32,
        /// The end of the alarm that the event had raised is in the topic log ([`Ruling::over`]).
        is_over: bool,
    },
    /// The event has a status of which the verb makes nothing; `None`: a foreign word.
    Refused(Option<Status>),
    /// There is no such event.
    Gone,
}
