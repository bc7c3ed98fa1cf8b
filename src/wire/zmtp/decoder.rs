//! Cuts a stream into its greeting, commands and messages.

use super::greeting;
use super::{
    COMMAND, Command, FRAMES, LARGEST_COMMAND, LONG, MORE, Metadata, Subscription, Version, ZmtpError,
};
use bytes::{Buf, Bytes, BytesMut};

/// Frames. Their bytes are shared with whatever was read at the same time: copy what is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    frames: Vec<Bytes>,
}

impl Message {
    /// One at least.
    pub fn frames(&self) -> &[Bytes] {
        &self.frames
    }

    /// The same, to be kept or taken apart.
    pub fn into_frames(self) -> Vec<Bytes> {
        self.frames
    }

    /// The only frame; `None` where there are more.
    pub fn single(&self) -> Option<&Bytes> {
        if let [frame] = self.frames.as_slice() { Some(frame) } else { None }
    }

    /// The subscription that a subscriber of 3.0 writes as a message; `None` where it is none.
    pub fn subscription(&self) -> Option<Subscription> {
        self.single().and_then(Subscription::of)
    }
}

/// What comes next in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The peer's greeting: this version is spoken.
    Greeting(Version),
    /// The peer is ready; messages may come and go.
    Ready(Metadata),
    Message(Message),
    /// One behind the handshake, or [`Command::Error`] in place of READY.
    Command(Command),
}

/// Collects bytes and yields items. Holds one message of the largest size at most, and what was read last; nothing is allocated for a
/// length that is only declared.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    max: usize,
    stage: Stage,
    /// Of the message that has begun.
    frames: Vec<Bytes>,
    failed: Option<ZmtpError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Greeting,
    Handshake,
    Traffic,
}

/// The beginning of a frame.
struct Head {
    flags: u8,
    /// Where its body begins.
    start: usize,
    length: usize,
}

impl Decoder {
    /// A decoder for frames of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Decoder { buffer: BytesMut::new(), max, stage: Stage::Greeting, frames: Vec::new(), failed: None }
    }

    /// The buffer to read into, at its end. Call [`Decoder::next_item`] until it has nothing before reading more.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether something has begun that is not whole yet.
    pub fn is_inside(&self) -> bool {
        !self.buffer.is_empty() || !self.frames.is_empty()
    }

    /// The next item; `Ok(None)` where more bytes are needed. After an error it is the same error for ever.
    pub fn next_item(&mut self) -> Result<Option<Item>, ZmtpError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let item = self.cut();
        self.failed = item.as_ref().err().cloned();
        item
    }

    fn cut(&mut self) -> Result<Option<Item>, ZmtpError> {
        if self.stage == Stage::Greeting {
            let Some(version) = greeting::read(&self.buffer)? else { return Ok(None) };
            self.buffer.advance(greeting::LENGTH);
            self.stage = Stage::Handshake;
            return Ok(Some(Item::Greeting(version)));
        }
        while let Some(head) = self.head()? {
            if self.buffer.len() < head.start + head.length {
                return Ok(None);
            }
            self.buffer.advance(head.start);
            let body = self.buffer.split_to(head.length).freeze();
            if head.flags & COMMAND != 0 {
                return self.command(body).map(Some);
            }
            self.frames.push(body);
            if head.flags & MORE == 0 {
                return Ok(Some(Item::Message(Message { frames: std::mem::take(&mut self.frames) })));
            }
        }
        Ok(None)
    }

    /// Flags and length of the next frame, as soon as it can be seen whether they are good.
    fn head(&self) -> Result<Option<Head>, ZmtpError> {
        let Some(&flags) = self.buffer.first() else { return Ok(None) };
        self.check(flags)?;
        let (start, length) = if flags & LONG != 0 {
            let Some(length) = self.buffer.get(1..9) else { return Ok(None) };
            (9, length.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte)))
        } else {
            let Some(&length) = self.buffer.get(1) else { return Ok(None) };
            (2, u64::from(length))
        };
        let is_command = flags & COMMAND != 0;
        let max = if is_command { LARGEST_COMMAND } else { self.max };
        match usize::try_from(length) {
            Ok(length) if length <= max => Ok(Some(Head { flags, start, length })),
            _ if is_command => Err(ZmtpError::LongCommand),
            _ => Err(ZmtpError::LongFrame { max }),
        }
    }

    fn check(&self, flags: u8) -> Result<(), ZmtpError> {
        if flags & !(MORE | LONG | COMMAND) != 0 || flags & (MORE | COMMAND) == MORE | COMMAND {
            return Err(ZmtpError::Flags(flags));
        }
        if flags & COMMAND != 0 {
            // Between two frames of a message there is none.
            return if self.frames.is_empty() { Ok(()) } else { Err(ZmtpError::BadCommand) };
        }
        if self.stage == Stage::Handshake {
            return Err(ZmtpError::Unexpected("a message".to_owned()));
        }
        if self.frames.len() == FRAMES { Err(ZmtpError::ManyFrames) } else { Ok(()) }
    }

    fn command(&mut self, body: Bytes) -> Result<Item, ZmtpError> {
        match (self.stage, Command::read(body)?) {
            (Stage::Handshake, Command::Ready(metadata)) => {
                self.stage = Stage::Traffic;
                Ok(Item::Ready(metadata))
            }
            (_, command @ Command::Error(_)) => Ok(Item::Command(command)),
            (Stage::Handshake, command) | (_, command @ Command::Ready(_)) => {
                Err(ZmtpError::Unexpected(command.name()))
            }
            (_, command) => Ok(Item::Command(command)),
        }
    }
}

#[cfg(test)]
mod tests;
