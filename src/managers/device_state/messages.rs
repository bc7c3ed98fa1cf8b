//! What connections to Asterisks and the manager say to each other.
//!
//! A connection that stands lists what its server holds ([`Listed`]), and from then on says what it hears ([`Heard`]), with one such
//! message under way at a time; what comes meanwhile replaces what waits for the same key, so that it always reads on. The
//! manager has it write ([`Tell`]), with so many writes unanswered at most, and is told what became of each ([`Told`]).

use crate::config::{Asterisk, Live};
use crate::states::{Change, Value};
use actix::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// The name of an endpoint.
pub type PeerName = Arc<str>;

/// One stretch of a connection, from its connect to its loss. What belongs to another one means nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session(Uuid);

impl Session {
    /// A new one.
    #[allow(clippy::new_without_default)] // each is another
    pub fn new() -> Session {
        Session(Uuid::now_v7())
    }
}

/// A server as the manager reaches it.
#[derive(Clone)]
pub struct AsteriskPeer {
    pub config: Arc<Asterisk>,
    pub tell: Recipient<Tell>,
    pub list: Recipient<List>,
}

/// All servers that are mirrored; a reload changes which they are.
pub type AsteriskPeers = Live<Vec<AsteriskPeer>>;

/// Manager to connection: these are to be written, in this order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Tell {
    pub session: Session,
    pub writes: Vec<Write>,
}

/// One variable to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// By which the manager knows it.
    pub entry: u32,
    /// `DEVICE_STATE(Custom:SIP/100)`: it fits a line and ends none.
    pub variable: Arc<[u8]>,
    pub value: Value,
}

impl Write {
    /// The value as Asterisk takes it. A presence that it does not take has not come so far, and is empty.
    pub fn setting(&self) -> Cow<'static, str> {
        match &self.value {
            Value::Device(state) => Cow::Borrowed(state.as_str()),
            Value::Presence(presence) => Cow::Owned(presence.to_setting().unwrap_or_default()),
        }
    }
}

/// Manager to connection: list anew what the server holds. Nothing comes of it where there is no connection.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct List;

/// What a server lists of one kind of key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    pub items: Vec<Change>,
    /// Why there may be others, or why none have come this time: what the items say counts, and nothing is taken back for what they do not.
    pub flaw: Option<String>,
}

impl From<Vec<Change>> for Inventory {
    /// That is all.
    fn from(items: Vec<Change>) -> Inventory {
        Inventory { items, flaw: None }
    }
}

/// Connection to manager: what a server holds, mirrored names and all. The first of a session begins it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Listed {
    pub peer: PeerName,
    pub session: Session,
    /// When the list was asked for: of what was heard or confirmed since, that is newer.
    pub asked: Instant,
    /// All devices; the error says why the server has no such list (a module that is missing, a peer that has no lists).
    pub devices: Result<Inventory, String>,
    /// All presentities.
    pub presences: Result<Inventory, String>,
    /// What was heard while the lists came, and is newer than they are. Whoever knew the session was told so as it happened.
    pub since: Vec<Change>,
}

/// Connection to manager: what has changed, in order. Of a key that stands in it twice the last counts.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Heard {
    pub peer: PeerName,
    pub session: Session,
    pub changes: Vec<Change>,
}

/// Connection to manager: what became of writes, in their order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Told {
    pub peer: PeerName,
    pub session: Session,
    /// The entry of each write.
    pub outcomes: Vec<(u32, Outcome)>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server has said so.
    Set,
    /// It does not take it, or the connection cannot write it; why.
    Refused(String),
}

/// Connection to manager: it stands no more. What was not answered may have been set or not.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Lost {
    pub peer: PeerName,
    /// `None`: whichever there was. A connection that has failed says so when it starts anew, also of those who were heard through it.
    pub session: Option<Session>,
}
