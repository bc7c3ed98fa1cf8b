//! REP: requests of many peers, each to be answered. A REQ waits for its reply; a DEALER may have asked more meanwhile.

use super::Full;
use super::server::{Happening, Seat, Server, ServerSettings};
use crate::wire::zmtp::SocketType;
use bytes::Bytes;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::TcpListener;

/// See the module.
pub struct Replier(Server);

/// A request. One that is dropped is never answered, and a REQ then waits for ever: answer each, in the order in which
/// they came.
#[derive(Debug)]
pub struct Question {
    /// Without the envelope; empty where nothing stands behind that.
    pub frames: Vec<Bytes>,
    envelope: Vec<Bytes>,
    seat: Rc<Seat>,
}

impl Replier {
    /// Takes requests that come to this listener.
    pub fn new(listener: TcpListener, settings: ServerSettings) -> Replier {
        Replier(Server::new(listener, SocketType::Rep, settings))
    }

    /// What happens next. Where it is not called peers wait. May be cancelled.
    pub async fn next(&mut self) -> Happening<Question> {
        self.0.next().await.map(|(seat, message)| Question::of(seat, message.into_frames()))
    }
}

impl Question {
    /// The envelope ends with the first empty frame; the server lets none through that has no such frame.
    fn of(seat: Rc<Seat>, mut envelope: Vec<Bytes>) -> Question {
        let end = envelope.iter().position(Bytes::is_empty).map_or(0, |empty| empty + 1);
        let frames = envelope.split_off(end);
        Question { frames, envelope, seat }
    }

    /// Who asks.
    pub fn peer(&self) -> SocketAddr {
        self.seat.peer
    }

    /// Answers; nobody gets it where the peer is gone.
    pub fn reply(self, frames: &[impl AsRef<[u8]>]) -> Result<(), Full> {
        let envelope = self.envelope.iter().map(AsRef::as_ref);
        let frames: Vec<&[u8]> = envelope.chain(frames.iter().map(AsRef::as_ref)).collect();
        self.seat.outbox.push(&frames)
    }
}
