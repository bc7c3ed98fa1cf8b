//! Commands: frames that are no messages.

use super::error::shown;
use super::{Metadata, ZmtpError};
use bytes::{Buf, Bytes};

/// Bytes of what a ping carries, at most.
const CONTEXT: usize = 16;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The peer is ready for messages; the last of the handshake.
    Ready(Metadata),
    /// The peer will not talk to us, for this reason.
    Error(String),
    Subscription(Subscription),
    /// Is to be answered with a PONG of the same context. `ttl`, in tenths of a second: the peer takes us for gone when it hears nothing for
    /// so long; 0 where it does not.
    Ping {
        ttl: u16,
        context: Bytes,
    },
    Pong(Bytes),
    /// Of this name, which we do not know.
    Other(String),
}

/// What a subscriber wants from now on, or does not want any more: messages whose first frame begins so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    Add(Bytes),
    Remove(Bytes),
}

impl Subscription {
    /// As a message, which is how subscribers of 3.0 write it; `None` where a message of this one frame is none.
    pub(super) fn of(frame: &Bytes) -> Option<Subscription> {
        match frame.first() {
            Some(1) => Some(Subscription::Add(frame.slice(1..))),
            Some(0) => Some(Subscription::Remove(frame.slice(1..))),
            _ => None,
        }
    }
}

impl Command {
    /// Reads the body of a frame.
    pub(super) fn read(mut body: Bytes) -> Result<Command, ZmtpError> {
        let length = usize::from(body.try_get_u8().map_err(|_| ZmtpError::BadCommand)?);
        if length == 0 || length > body.len() {
            return Err(ZmtpError::BadCommand);
        }
        let name = body.split_to(length);
        match name.as_ref() {
            b"READY" => Metadata::read(body).map(Command::Ready),
            b"ERROR" => reason(&body).map(Command::Error),
            b"SUBSCRIBE" => Ok(Command::Subscription(Subscription::Add(body))),
            b"CANCEL" => Ok(Command::Subscription(Subscription::Remove(body))),
            b"PING" => ping(body),
            b"PONG" => context(body).map(Command::Pong),
            _ => Ok(Command::Other(shown(&name))),
        }
    }

    /// How it is called in messages.
    pub(super) fn name(&self) -> String {
        match self {
            Command::Ready(_) => "READY".to_owned(),
            Command::Error(_) => "ERROR".to_owned(),
            Command::Subscription(_) => "a subscription".to_owned(),
            Command::Ping { .. } => "PING".to_owned(),
            Command::Pong(_) => "PONG".to_owned(),
            Command::Other(name) => format!("the command {name}"),
        }
    }
}

fn reason(body: &[u8]) -> Result<String, ZmtpError> {
    match body {
        [length, text @ ..] if usize::from(*length) <= text.len() => Ok(shown(&text[..usize::from(*length)])),
        _ => Err(ZmtpError::BadCommand),
    }
}

fn ping(mut body: Bytes) -> Result<Command, ZmtpError> {
    let ttl = body.try_get_u16().map_err(|_| ZmtpError::BadCommand)?;
    Ok(Command::Ping { ttl, context: context(body)? })
}

fn context(body: Bytes) -> Result<Bytes, ZmtpError> {
    if body.len() > CONTEXT { Err(ZmtpError::BadCommand) } else { Ok(body) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &'static [u8]) -> Result<Command, ZmtpError> {
        Command::read(Bytes::from_static(body))
    }

    #[test]
    fn commands_are_known_by_their_names() {
        let check = |body, expected| assert_eq!(read(body), Ok(expected));
        let text = Bytes::from_static;
        check(b"\x09SUBSCRIBE{", Command::Subscription(Subscription::Add(text(b"{"))));
        check(b"\x09SUBSCRIBE", Command::Subscription(Subscription::Add(text(b""))));
        check(b"\x06CANCEL{", Command::Subscription(Subscription::Remove(text(b"{"))));
        check(b"\x04PING\x01\x02abc", Command::Ping { ttl: 258, context: text(b"abc") });
        check(b"\x04PONGabc", Command::Pong(text(b"abc")));
        check(b"\x05ERROR\x02no!", Command::Error("no".to_owned()));
        check(b"\x05ERROR\x03\r\n\xff", Command::Error(r"\r\n\xff".to_owned()));
        check(b"\x05HELLO\x00", Command::Other("HELLO".to_owned()));
        check(b"\x04ping\x00\x00", Command::Other("ping".to_owned()));
    }

    #[test]
    fn what_is_built_otherwise_is_none() {
        let bodies: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x05PING",
            b"\x04PING",
            b"\x04PING\x00",
            b"\x04PING\x00\x000123456789abcdefX",
            b"\x05ERROR",
            b"\x05ERROR\x05no",
        ];
        for body in bodies {
            assert_eq!(read(body), Err(ZmtpError::BadCommand), "{body:?}");
        }
        assert_eq!(read(b"\x04PONG0123456789abcdefX"), Err(ZmtpError::BadCommand));
    }
}
