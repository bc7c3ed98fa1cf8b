//! A line of a list of events, as the API shows it.

use super::seconds;
use crate::event::Status;
use crate::store::EventSummary;
use serde::Serialize;
use utoipa::ToSchema;

/// A line of a list of events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Summary {
    id: i64,
    /// `null` for rows that the Erlang release wrote.
    uuid: Option<String>,
    source: Option<String>,
    command: String,
    /// Who has clicked.
    user: String,
    /// `pending`, `completed`, `failed`, `ignored`; `unknown` where somebody wrote another word.
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
    fn from(row: EventSummary) -> Summary {
        Summary {
            id: row.id,
            uuid: row.uuid.map(|uuid| uuid.to_string()),
            source: row.source,
            command: row.command,
            user: row.user_id,
            status: row.status.map_or("unknown", Status::as_str),
            reason: row.note,
            received: seconds(row.received),
            attempt: row.attempt,
            warnings: row.warnings,
        }
    }
}
