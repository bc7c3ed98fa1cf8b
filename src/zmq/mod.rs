//! ZeroMQ's sockets over TCP, of our own: connections that are supervised, bounded and made anew by whoever uses them.
//!
//! A client socket takes a connected stream, and is one connection: it ends with an error that says why, and is then made anew with the
//! next stream. [`Subscriber`] is a SUB, [`Requester`] speaks to a REP, [`Pusher`] is a PUSH. A server socket takes a listener, and has
//! many connections: [`PullServer`], [`PublishServer`] and [`Replier`]. Nothing runs by itself but the connections of a server, which end with it; whatever else
//! happens does in the methods `next` and `run`, which may be cancelled and called again, on one thread.
//!
//! Every queue has its bounds, and what finds no room is told to whoever brought it. A peer of ZMTP 3.1 that says nothing is asked for a
//! sign of life, so that one that hangs is found out though its kernel acknowledges everything; one of 3.0 is believed to live. The bytes
//! are those of [`wire::zmtp`](crate::wire::zmtp).

mod connection;
mod error;
mod outbox;
mod publish;
mod pull;
mod pusher;
mod replier;
mod requester;
mod server;
mod subscriber;
mod subscriptions;

pub use error::ZmqError;
pub use outbox::{Full, Outbox};
pub use publish::{Offered, PublishServer, Published, Publisher, SubscriberState};
pub use pull::PullServer;
pub use pusher::Pusher;
pub use replier::{Question, Replier};
pub use requester::{Reply, Requester};
pub use server::{Happening, ServerSettings};
pub use subscriber::Subscriber;

use std::time::Duration;

/// What holds for a connection.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of a frame, at most.
    pub largest: usize,
    /// Greeting and READY have come by then.
    pub handshake: Duration,
    /// After so long without a word the peer is asked for one; `None`: never. [`Settings::silence`] counts only then.
    pub ping: Option<Duration>,
    /// After so long without a word, though one was asked for, it is gone.
    pub silence: Duration,
    /// What has begun to come is whole by then.
    pub whole: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            largest: crate::wire::zmtp::LARGEST,
            handshake: Duration::from_secs(5),
            ping: Some(Duration::from_secs(2)),
            silence: Duration::from_secs(6),
            whole: Duration::from_secs(30),
        }
    }
}
