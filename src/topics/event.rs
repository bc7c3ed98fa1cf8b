//! What is handed on.

use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// An event that is handed on.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicEvent {
    /// A stable id.
    pub uuid: Uuid,
    pub topic: String,
    /// The name of the endpoint.
    pub source: Arc<str>,
    /// Of the event.
    pub name: String,
    pub at: SystemTime,
    /// A JSON object: the event's own fields.
    pub payload: String,
}

/// One that stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    pub sequence: i64,
    pub event: TopicEvent,
}
