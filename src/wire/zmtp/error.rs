//! What breaks the rules of the protocol.

use super::{FRAMES, LARGEST_COMMAND, Version};

/// What no peer of ZMTP 3 with the mechanism NULL sends. Nothing of the stream behind it means anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZmtpError {
    /// ZMTP 1.0 begins so, or something else altogether.
    #[error("no ZMTP of version 3: the stream begins with the byte {0:#04x}")]
    NotZmtp(u8),
    #[error("ZMTP of revision {0}, which is older than version {min}", min = Version::LEAST)]
    Old(u8),
    /// It wants a login or encryption.
    #[error("the mechanism {0}, where only NULL is spoken")]
    Mechanism(String),
    #[error("the flags {0:#04x}, which no frame has")]
    Flags(u8),
    #[error("a frame of more than {max} bytes")]
    LongFrame { max: usize },
    #[error("a message of more than {FRAMES} frames")]
    ManyFrames,
    #[error("a command of more than {LARGEST_COMMAND} bytes")]
    LongCommand,
    /// It stands within a message, or is not built as commands are.
    #[error("a command that cannot be read")]
    BadCommand,
    #[error("metadata that cannot be read")]
    BadMetadata,
    #[error("more metadata than any peer has")]
    ManyProperties,
    #[error("no type of socket")]
    NoSocketType,
    #[error("the type of socket {0}, which nobody knows")]
    SocketType(String),
    /// Something else stands where READY belongs, or READY where it does not.
    #[error("{0} at a place where it does not belong")]
    Unexpected(String),
}

/// What a peer has written, for a message.
pub(super) fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(64)].escape_ascii().to_string()
}
