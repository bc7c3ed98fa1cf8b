//! Requests to a REP, several on their way at a time.
//!
//! This is a DEALER that writes what a REQ does: an empty frame before the request. A REQ may have one request on its way and waits for ever
//! where its reply is lost; a REP answers whoever asks one request after the other and in order, so that a DEALER may send the next ones
//! before the first is answered. The n-th reply belongs to the n-th request of the connection, and of a reply that does not come in time
//! neither it nor those behind it can be told apart from then on: the connection ends.

use super::connection::{Connection, Turn};
use super::{Full, Outbox, Settings, ZmqError};
use crate::sockets;
use crate::wire::zmtp::SocketType;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// See the module.
pub struct Requester {
    connection: Connection,
    outbox: Outbox,
    /// When each request was made that is not answered yet.
    asked: VecDeque<Instant>,
    /// When the peer began with the first of them, as far as we know.
    begun: Instant,
    window: usize,
    timeout: Duration,
}

/// The answer to the oldest request.
#[derive(Debug)]
pub struct Reply {
    /// Without the envelope.
    pub frames: Vec<Bytes>,
    /// Since it was asked for.
    pub took: Duration,
}

impl Requester {
    /// Asks on a stream that has just been connected: at most `window` requests are on their way, each of which is answered within
    /// `timeout` from when it is the oldest.
    pub async fn open(
        stream: TcpStream,
        window: usize,
        timeout: Duration,
        settings: &Settings,
    ) -> Result<Requester, ZmqError> {
        let outbox = Outbox::new(window, usize::MAX);
        let connection = Connection::open(stream, SocketType::Dealer, outbox.clone(), settings).await?;
        Ok(Requester { connection, outbox, asked: VecDeque::new(), begun: Instant::now(), window, timeout })
    }

    /// Whether another request may be made.
    pub fn has_room(&self) -> bool {
        self.asked.len() < self.window
    }

    /// Requests that are not answered.
    pub fn unanswered(&self) -> usize {
        self.asked.len()
    }

    /// Makes a request; it leaves in [`Requester::next`]. Those made before that is called leave together.
    pub fn ask(&mut self, frames: &[impl AsRef<[u8]>]) -> Result<(), Full> {
        if !self.has_room() {
            return Err(Full);
        }
        let envelope = std::iter::once(&[][..]);
        let frames: Vec<&[u8]> = envelope.chain(frames.iter().map(AsRef::as_ref)).collect();
        self.outbox.push(&frames)?;
        let now = Instant::now();
        if self.asked.is_empty() {
            self.begun = now;
        }
        self.asked.push_back(now);
        Ok(())
    }

    /// The next reply; the error ends the connection, and what was asked and not answered may have been done or not. Never resolves while
    /// nothing is asked and the peer lives. May be cancelled, and has to be called again soon.
    pub async fn next(&mut self) -> Result<Reply, ZmqError> {
        loop {
            let late = (!self.asked.is_empty()).then(|| self.begun + self.timeout);
            let turn = tokio::select! {
                turn = self.connection.turn() => turn?,
                () = sockets::until(late) => {
                    if !self.connection.has_come()? {
                        return Err(ZmqError::NoReply(self.timeout));
                    }
                    // If it is no reply, the time is over once more.
                    continue;
                }
            };
            match turn {
                Turn::Message(message) => return self.reply(message.into_frames()),
                Turn::Wrote => {}
                Turn::Subscription(_) => return Err(ZmqError::Unexpected("a subscription for a requester")),
            }
        }
    }

    fn reply(&mut self, mut frames: Vec<Bytes>) -> Result<Reply, ZmqError> {
        if frames.len() < 2 || !frames.remove(0).is_empty() {
            return Err(ZmqError::Unexpected("a reply without an envelope"));
        }
        let asked =
            self.asked.pop_front().ok_or(ZmqError::Unexpected("a reply that nobody has asked for"))?;
        self.begun = Instant::now();
        Ok(Reply { frames, took: asked.elapsed() })
    }
}
