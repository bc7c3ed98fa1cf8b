//! Why an act is not done.

use super::Later;
use crate::event::Status;
use crate::store::{ReadError, StoreError, Verb};

/// Why an act was not done to an event. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no such event")]
    Gone,
    #[error("{}", status(*.0, *.1))]
    Status(Verb, Option<Status>),
    #[error("nothing is provisioned: [ema] is not configured, so a retry would wait for ever")]
    NothingProvisioned,
    #[error("its document holds no command that is acted on: it can be resolved, a retry would end the same")]
    NotActedOn,
    #[error("{0}")]
    Later(Later),
    #[error(
        "event {0} does the same already, and has not ended: look at it, and ask again when it has ended"
    )]
    UnderWay(i64),
    #[error("too many acts are under way: try again in a moment")]
    TooMany,
    #[error("the store is away: {0}")]
    StoreAway(String),
    #[error("{0}")]
    Unreadable(String),
    #[error("the database refuses it: {0}")]
    Rejected(String),
}

impl Refusal {
    /// Whether it says nothing about the event: the store could not be asked.
    pub fn is_store_away(&self) -> bool {
        matches!(self, Refusal::StoreAway(_))
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Refusal {
        match error {
            ReadError::Row { .. } => Refusal::Unreadable(error.to_string()),
            _ => Refusal::StoreAway(error.to_string()),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        match error {
            StoreError::Rejected(reason) => Refusal::Rejected(reason),
            StoreError::Closed => Refusal::StoreAway(error.to_string()),
        }
    }
}

fn status(verb: Verb, status: Option<Status>) -> String {
    let status = status.map_or("of no status that we know", Status::as_str);
    match verb {
        Verb::Retry => format!("it is {status}: only a failed event is retried"),
        Verb::Resolve => format!("it is {status}: only a failed or pending event is resolved"),
    }
}

/// How many ids an error names.
const NAMED: usize = 5;

pub(super) fn list(ids: &[i64]) -> String {
    let named: Vec<String> = ids.iter().take(NAMED).map(i64::to_string).collect();
    let rest = if ids.len() > NAMED { ", …" } else { "" };
    format!("{}{rest}", named.join(", "))
}
