//! `[[kamailio]]`: how its script is heard, and how it is answered.

use crate::matching::{Conditions, Pattern, Template, Text};
use crate::wire::Secret;
use std::time::Duration;

/// One Kamailio.
#[derive(Debug, Clone, PartialEq)]
pub struct Kamailio {
    pub name: String,
    /// HOST:PORT of its EVAPI.
    pub address: String,
    pub framing: Framing,
    /// Sent after each connect.
    pub tag_command: Option<String>,
    /// A connection that brings nothing for so long is dead; `None`: its script sends no heartbeat.
    pub heartbeat_timeout: Option<Duration>,
    /// A frame that has begun must be whole by then.
    pub frame_timeout: Duration,
    /// Bytes of a frame, at most.
    pub max_frame: usize,
    /// Events that wait to be handled, at most.
    pub queue: usize,
    pub on_overflow: Overflow,
    /// So many payloads of a connection that are no events, one after the other, mean that its place in the stream is lost.
    pub max_bad: usize,
    /// Within this time an event that is the same is a duplicate.
    pub duplicate_window: Duration,
    pub keys: EventKeys,
    pub answers: Vec<Answer>,
}

/// How a Kamailio tells its events apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Netstring,
    /// JSON objects that run together (`netstring_format=0`).
    None,
}

/// What happens where events come faster than they are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest are dropped, and counted.
    DropOldest,
    /// The connection is closed and made anew; what waits is still handled.
    Disconnect,
}

/// What a script calls the fields that mean something to us; of several names the first counts that an event has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKeys {
    pub event: Vec<String>,
    /// Index and label of a suspended transaction.
    pub index: Vec<String>,
    pub label: Vec<String>,
    /// An event without one is never a duplicate.
    pub call_id: Vec<String>,
    /// What must be the same besides source, event and Call-ID.
    pub identity: Vec<String>,
}

/// How suspended transactions are answered: the first whose event and conditions fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub event: Pattern,
    pub when: Conditions,
    pub by: AnswerBy,
    pub reply: Template,
    /// What is answered where `by` says no, fails, or is late; there wherever somebody is asked.
    pub default: Option<Template>,
    pub deadline: Duration,
}

/// Whom an answer depends on.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerBy {
    /// Nobody else.
    Rule,
    /// The row of a subscriber, by its id.
    Subscriber { user: Text, when: Conditions },
    /// A service of our own: the event is posted to this URL, which may hold a token, and its answer may be quoted as
    /// `{webhook.KEY}`.
    Webhook(Secret),
}

/// The columns of a subscriber that conditions and templates may look at.
pub const SUBSCRIBER_COLUMNS: [&str; 8] =
    ["id", "group_id", "sipurl", "user_type", "phonecontext", "association_id", "e164", "blf_user"];
