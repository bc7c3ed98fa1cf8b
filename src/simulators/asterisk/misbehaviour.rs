//! How an Asterisk misbehaves, for as long as it is told to.

use bytes::Bytes;
use std::time::Duration;

/// What is wrong with it; connections that are open and new ones alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Misbehaviour {
    #[default]
    None,
    /// What was asked waits so long before anything of it is done. Events that come meanwhile wait too: the same thread tells them.
    Slow(Duration),
    /// Reads, does nothing and says nothing, not even who it is.
    Silent,
    /// Neither reads nor writes, as a stopped process: the kernel still accepts connections.
    Frozen,
    /// Closes a connection when it has written so many bytes to it; one that has had more, in the middle of what comes next.
    Truncating { after: usize },
    /// Answers to whoever is logged in are wrong.
    Lying(Lie),
    /// Says this in place of who it is, and closes.
    Banner(Bytes),
}

/// What is wrong about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// It has the ActionID of the action before it.
    OtherIds,
    /// It has an ActionID that nobody has sent.
    UnknownIds,
    /// It has no ActionID.
    NoIds,
    /// It comes twice; items of lists do not.
    Twice,
    /// Lists say that they have one item more.
    WrongCount,
    /// It has more headers: a second Response, ActionID and Event, and a line without a colon.
    MoreHeaders,
}

impl Misbehaviour {
    /// The beginning of an HTTP server's answer.
    pub fn http() -> Misbehaviour {
        Misbehaviour::Banner(Bytes::from_static(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
    }

    pub(super) fn lie(&self) -> Option<Lie> {
        match self {
            Misbehaviour::Lying(lie) => Some(*lie),
            _ => None,
        }
    }
}
