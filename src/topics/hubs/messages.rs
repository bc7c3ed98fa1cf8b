//! What is asked of the actor that keeps hubs.

use crate::store::{Cursor, Hub};
use actix::Message;
use std::time::SystemTime;
use uuid::Uuid;

/// Registers a callback for the events of a topic. What the same owner has registered already is answered as it is.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(Hub, bool), HubError>")]
pub struct Register {
    pub topic: String,
    /// As it was posted.
    pub callback: String,
    pub query: Option<String>,
    /// The name of the token that was shown; empty where nobody needs one.
    pub owner: String,
}

/// Ends a hub, and what is under way for it.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), HubError>")]
pub struct Remove {
    pub id: Uuid,
    /// Whose it must be; `None`: whoever's it is.
    pub owner: Option<String>,
    /// Who does it.
    pub actor: String,
}

/// All hubs, the oldest first.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<HubStatus>")]
pub struct List;

/// One hub; `None` where there is none.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Option<HubStatus>")]
pub struct Show(pub Uuid);

/// Delivers nothing more to a hub until somebody resumes it; the answer says since when, and why.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(SystemTime, String), HubError>")]
pub struct Halt {
    pub id: Uuid,
    /// Who does it.
    pub actor: String,
    pub reason: Option<String>,
}

/// Delivers again to a hub that is halted; the answer says whether an event was passed over.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<bool, HubError>")]
pub struct Resume {
    pub id: Uuid,
    /// Who does it.
    pub actor: String,
    /// Whether the event that could not be delivered is kept as a dead letter and passed over.
    pub skip: bool,
    pub reason: Option<String>,
}

/// Delivers what was received in this time once more, before anything new.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Replaying, HubError>")]
pub struct Replay {
    pub id: Uuid,
    pub since: SystemTime,
    pub until: SystemTime,
    /// Who does it.
    pub actor: String,
}

/// What is delivered once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaying {
    /// Events of the topic; of these the hub gets those that its filter wants and that it has not posted itself.
    pub events: u64,
    /// Whether it is halted, so that nothing is sent before it is resumed.
    pub is_halted: bool,
}

/// A hub, and how it is.
#[derive(Debug, Clone, PartialEq)]
pub struct HubStatus {
    pub hub: Hub,
    pub cursor: Cursor,
    /// Rows of its topic behind its cursor, whether or not its filter wants them.
    pub backlog: u64,
    /// `None` where the last delivery has succeeded, or none was begun.
    pub failing: Option<Failing>,
}

/// A delivery that has failed and is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// When its first attempt failed.
    pub since: SystemTime,
    /// So many have failed.
    pub attempts: u32,
    /// When it is tried again.
    pub next_attempt: SystemTime,
    /// Why the last one failed.
    pub last: String,
    /// What is to be delivered.
    pub event: Uuid,
}

/// Why something was not done; nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    #[error("there is no topic {0:?}")]
    UnknownTopic(String),
    #[error("{0}")]
    BadCallback(String),
    #[error("{0}")]
    BadQuery(String),
    /// The configuration does not let events go there.
    #[error("{0}")]
    NotAllowed(String),
    #[error("there are {0} hubs already, and no more are allowed")]
    TooMany(usize),
    #[error("there are {0} hubs of this owner already, and no more are allowed")]
    TooManyOfOwner(usize),
    #[error("there is no such hub")]
    NoSuchHub,
    #[error(
        "the hub is not halted: what fails is tried again by itself; halt it first where an event is to be skipped"
    )]
    NotHalted,
    #[error("the hub is halted already")]
    AlreadyHalted,
    #[error("nothing was received in that time, or the log has it no longer")]
    NothingThere,
    /// The store is.
    #[error("{0}")]
    Away(String),
}
