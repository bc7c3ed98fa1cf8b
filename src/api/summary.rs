//! A line of a list of events.

use super::seconds;
use crate::event::Status;
use crate::store::EventSummary;
use serde::Serialize;
use utoipa::ToSchema;

/// An event in a list.
#[derive(Serialize, ToSchema)]
pub struct Summary {
    id: i64,
    /// `null` for rows that the Erlang release wrote.
    uuid: Option<String>,
    source: Option<String>,
    command: String,
    /// Who has clicked.
    user: String,
    /// `pending`, `completed`, `failed`, `ignored`; `unknown` for a foreign word.
    status: &'static str,
    /// Why it ended so, or what was noted when it was stored.
    reason: Option<String>,
    /// Seconds of the epoch.
    received: f64,
    /// The latest attempt; 0 where it was never run.
    attempt: u32,
    warnings: Vec<String>,
}

impl From<EventSummary> for Summary {
    fn from(event: EventSummary) -> Summary {
        Summary {
            id: event.id,
            uuid: event.uuid.map(|uuid| uuid.to_string()),
            source: event.source,
            command: event.command,
            user: event.user_id,
            status: event.status.map_or("unknown", Status::as_str),
            reason: event.note,
            received: seconds(event.received),
            attempt: event.attempt,
            warnings: event.warnings,
        }
    }
}
