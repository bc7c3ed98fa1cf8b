//! What waits to be written to one peer: bounded, and small messages are written together.
//!
//! A message leaves the outbox when its last byte is written. An outbox may outlive its connection: what was not written whole goes to the
//! next one, from its first byte, since a peer drops what it has of a message when the connection ends.

use crate::wire::zmtp::encode;
use bytes::{Buf, Bytes, BytesMut};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

/// Small messages are written together up to so many bytes.
const TOGETHER: usize = 64 << 10;
/// Bytes of commands that may wait: a peer that asks for pongs and does not read them is sent away.
const COMMANDS: usize = 64 << 10;

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much waits to be sent already")]
pub struct Full;

/// See the module. Clones are of the same one.
#[derive(Debug, Clone)]
pub struct Outbox(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    waiting: RefCell<Waiting>,
    came: Notify,
    /// How many messages may wait, and how many bytes of them.
    messages: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    /// As they are written. The first ones are those of the batch, until they are written.
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// Pings and the like; they go between two messages.
    commands: BytesMut,
    /// What is written next: commands, then messages.
    batch: Bytes,
    /// Bytes of the batch that are commands, and are not written yet.
    batch_commands: usize,
    /// Bytes of the first message that are written.
    written: usize,
}

impl Outbox {
    /// An outbox for so many messages, and for so many bytes of them; one message always has room in an empty one.
    pub fn new(messages: usize, bytes: usize) -> Outbox {
        Outbox(Rc::new(Inner { waiting: RefCell::default(), came: Notify::new(), messages, bytes }))
    }

    /// Puts a message of these frames behind those that wait.
    pub fn push(&self, frames: &[impl AsRef<[u8]>]) -> Result<(), Full> {
        let mut message = BytesMut::new();
        encode::message(frames, &mut message);
        self.push_encoded(message.freeze())
    }

    /// The same for one that is encoded, which others may share.
    pub(super) fn push_encoded(&self, message: Bytes) -> Result<(), Full> {
        let mut waiting = self.0.waiting.borrow_mut();
        let bytes = waiting.bytes + message.len();
        if !waiting.messages.is_empty() && (waiting.messages.len() >= self.0.messages || bytes > self.0.bytes)
        {
            return Err(Full);
        }
        waiting.bytes = bytes;
        waiting.messages.push_back(message);
        self.0.came.notify_one();
        Ok(())
    }

    /// Messages that wait or are not written whole.
    pub fn len(&self) -> usize {
        self.0.waiting.borrow().messages.len()
    }

    /// Whether half of the room is taken.
    pub(super) fn is_half_full(&self) -> bool {
        let waiting = self.0.waiting.borrow();
        let is_half = waiting.messages.len() * 2 >= self.0.messages || waiting.bytes * 2 >= self.0.bytes;
        is_half && !waiting.messages.is_empty()
    }

    /// Whether all is written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Has a command written before the next message.
    pub(super) fn command(&self, write: impl FnOnce(&mut BytesMut)) -> Result<(), Full> {
        let mut waiting = self.0.waiting.borrow_mut();
        if waiting.commands.len() >= COMMANDS {
            return Err(Full);
        }
        write(&mut waiting.commands);
        self.0.came.notify_one();
        Ok(())
    }

    /// A connection begins: nothing of what was meant for another one is written, and messages from their first byte.
    pub(super) fn begin(&self) {
        let mut waiting = self.0.waiting.borrow_mut();
        waiting.commands.clear();
        waiting.batch = Bytes::new();
        (waiting.batch_commands, waiting.written) = (0, 0);
    }

    /// Writes some of what waits, as soon as there is something; how many bytes of messages that were. May be cancelled.
    pub(super) async fn write(&self, stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<usize> {
        let batch = loop {
            let batch = self.0.waiting.borrow_mut().batch();
            if !batch.is_empty() {
                break batch;
            }
            self.0.came.notified().await;
        };
        let written = stream.write(&batch).await?;
        if written == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        Ok(self.0.waiting.borrow_mut().wrote(written))
    }
}

impl Waiting {
    fn batch(&mut self) -> Bytes {
        if self.batch.is_empty() {
            self.gather();
        }
        self.batch.clone()
    }

    /// Only called between two messages.
    fn gather(&mut self) {
        self.batch_commands = self.commands.len();
        match self.messages.front() {
            // A large one is shared with others, not copied.
            Some(first) if self.commands.is_empty() && first.len() >= TOGETHER => self.batch = first.clone(),
            _ => {
                let mut together = self.commands.split();
                for message in &self.messages {
                    if !together.is_empty() && together.len() + message.len() > TOGETHER {
                        break;
                    }
                    together.extend_from_slice(message);
                }
                self.batch = together.freeze();
            }
        }
    }

    fn wrote(&mut self, bytes: usize) -> usize {
        self.batch.advance(bytes);
        let commands = bytes.min(self.batch_commands);
        self.batch_commands -= commands;
        self.written += bytes - commands;
        while let Some(first) = self.messages.front()
            && first.len() <= self.written
        {
            self.written -= first.len();
            self.bytes -= first.len();
            self.messages.pop_front();
        }
        bytes - commands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what is written, so many bytes at once.
    async fn written(outbox: &Outbox, at_once: usize) -> Vec<u8> {
        let (mut near, mut far) = tokio::io::duplex(at_once);
        let mut all = Vec::new();
        while !outbox.is_empty() {
            outbox.write(&mut near).await.expect("written");
            let mut some = vec![0; at_once];
            let length = tokio::io::AsyncReadExt::read(&mut far, &mut some).await.expect("read");
            all.extend_from_slice(&some[..length]);
        }
        all
    }

    #[actix::test]
    async fn messages_are_written_together_in_their_order_and_commands_before_the_next() {
        let outbox = Outbox::new(10, 1 << 20);
        for message in ["a", "b", "c"] {
            outbox.push(&[message]).expect("room");
        }
        outbox.command(|stream| encode::pong(b"", stream)).expect("room");
        assert_eq!(written(&outbox, 1 << 20).await, b"\x04\x05\x04PONG\x00\x01a\x00\x01b\x00\x01c");
        let large = vec![b'x'; TOGETHER];
        for message in [&large, &large, &b"y".to_vec(), &b"z".to_vec()] {
            outbox.push(&[message]).expect("room");
        }
        let mut sizes = Vec::new();
        while !outbox.is_empty() {
            sizes.push(outbox.write(&mut tokio::io::sink()).await.expect("written"));
        }
        assert_eq!(sizes, [9 + TOGETHER, 9 + TOGETHER, 6]);
        assert_eq!(outbox.0.waiting.borrow().bytes, 0);
    }

    #[actix::test]
    async fn no_command_gets_into_a_message_however_little_is_written_at_once() {
        let outbox = Outbox::new(10, 1 << 20);
        outbox.push(&["aaaa"]).expect("room");
        assert_eq!(outbox.write(&mut tokio::io::duplex(3).0).await.expect("written"), 3);
        outbox.command(|stream| encode::pong(b"", stream)).expect("room");
        outbox.push(&["b"]).expect("room");
        assert_eq!(written(&outbox, 2).await, b"aaa\x04\x05\x04PONG\x00\x01b");
    }

    #[actix::test]
    async fn what_was_not_written_whole_goes_to_the_next_connection() {
        let outbox = Outbox::new(10, 1 << 20);
        for message in ["aa", "bb", "cc"] {
            outbox.push(&[message]).expect("room");
        }
        outbox.command(|stream| encode::pong(b"", stream)).expect("room");
        // The pong, one message and a half.
        assert_eq!(outbox.write(&mut tokio::io::duplex(7 + 6).0).await.expect("written"), 6);
        outbox.command(|stream| encode::pong(b"", stream)).expect("room");
        outbox.begin();
        assert_eq!(outbox.len(), 2);
        assert_eq!(written(&outbox, 1 << 20).await, b"\x00\x02bb\x00\x02cc");
    }

    #[test]
    fn so_much_waits_and_no_more() {
        let outbox = Outbox::new(2, 1 << 20);
        assert_eq!(["a"; 3].map(|message| outbox.push(&[message])), [Ok(()), Ok(()), Err(Full)]);
        let outbox = Outbox::new(10, 10);
        assert_eq!([20, 1].map(|size| outbox.push(&[vec![0; size]])), [Ok(()), Err(Full)]);
        let ping = |_| outbox.command(|stream| encode::pong(&[0; 16], stream)).is_ok();
        assert!((0..10_000).filter(|number| ping(*number)).count() < 10_000);
    }
}
