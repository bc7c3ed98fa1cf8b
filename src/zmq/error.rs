//! Why a connection ended.

use crate::wire::zmtp::{SocketType, ZmtpError};
use std::io;
use std::time::Duration;

/// An end. Each of them is one of this connection alone: another may be made.
#[derive(Debug, thiserror::Error)]
pub enum ZmqError {
    #[error("closed by the peer")]
    Closed,
    #[error("closed by the peer within a message")]
    Truncated,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("no handshake within {0:?}")]
    Handshake(Duration),
    #[error("{0}: what follows cannot be understood")]
    Protocol(#[from] ZmtpError),
    /// So one ends that wants another type of socket or another mechanism, and says nothing.
    #[error("closed by the peer within the handshake: it may be of another type, or want a login")]
    Unwelcome,
    /// In the words of the peer.
    #[error("refused: {0}")]
    Refused(String),
    #[error("the peer is a {}, which does not talk to a {}", .theirs.name(), .ours.name())]
    Incompatible { ours: SocketType, theirs: SocketType },
    #[error("nothing heard for {0:?}")]
    Silent(Duration),
    #[error("a message that was not whole after {0:?}")]
    Unfinished(Duration),
    #[error("a request that was not answered within {0:?}")]
    NoReply(Duration),
    /// Such a peer has nothing to say at this place, or something else.
    #[error("{0}")]
    Unexpected(&'static str),
    /// It asks for more than anybody needs.
    #[error("the peer wants too much: {0}")]
    Flood(&'static str),
}

impl ZmqError {
    /// Whether the peer has closed the connection, in whatever way.
    pub(super) fn is_closed(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        match self {
            ZmqError::Closed | ZmqError::Truncated => true,
            ZmqError::Io(error) => matches!(error.kind(), ConnectionReset | BrokenPipe),
            _ => false,
        }
    }

    /// One word for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            ZmqError::Closed => "closed",
            ZmqError::Truncated => "truncated",
            ZmqError::Io(_) => "failed",
            ZmqError::Handshake(_) => "handshake",
            ZmqError::Protocol(_) => "protocol",
            ZmqError::Refused(_) | ZmqError::Unwelcome => "refused",
            ZmqError::Incompatible { .. } => "incompatible",
            ZmqError::Silent(_) => "silent",
            ZmqError::Unfinished(_) => "unfinished",
            ZmqError::NoReply(_) => "no_reply",
            ZmqError::Unexpected(_) => "unexpected",
            ZmqError::Flood(_) => "flood",
        }
    }
}
