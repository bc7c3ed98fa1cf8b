//! A server for programs that are written as consumers of Kamailio's EVAPI: they connect, and read netstrings of JSON.
//!
//! ```text
//! a program connects                                 TCP 8448
//! ← 215:{"event":"call_start","from":"anna","eventmanager":{"id":"0197…","sequence":17,"topics":["calls"],…}},
//! → 29:{"cmd":"tag","tag":"billing"},                may be sent: for multicast and unicast
//! → 39:{"cmd":"subscribe","topics":["calls*"]},      may be sent: from then on these topics alone
//! ← 42:{"event":"subscribed","topics":["calls*"]},
//! ```
//!
//! There is no acknowledgement and no replay, as with Kamailio. A client that does not read is disconnected, and nobody
//! waits for it. [`server`] accepts and hands on, [`session`] is one client, [`outbox`] what waits for it; [`receivers`]
//! chooses who gets an event, [`message`] writes it, [`command`] reads what clients send, all three purely.

mod actor;
mod clients;
pub mod command;
mod end;
mod message;
mod outbox;
mod receivers;
mod server;
mod session;

pub use actor::EvapiServer;

use super::Logged;
use super::tail::Tail;
use crate::sockets::{self, Bound};
use std::net::SocketAddr;

/// What the kernel holds for a client that does not read, in bytes.
const SEND_BUFFER: usize = 256 << 10;

/// Where the events come from.
pub trait Feed: 'static {
    /// Finds out where it begins, if that can be known soon: what happens from then on is given.
    fn begin(&mut self) -> impl Future<Output = ()> {
        std::future::ready(())
    }

    /// What has happened since; waits for it.
    fn next(&mut self) -> impl Future<Output = Vec<Logged>>;
}

impl Feed for Tail {
    fn begin(&mut self) -> impl Future<Output = ()> {
        self.begin()
    }

    fn next(&mut self) -> impl Future<Output = Vec<Logged>> {
        self.next()
    }
}

/// Takes the address of the configuration.
pub fn bind(listen: SocketAddr) -> anyhow::Result<Bound> {
    sockets::bind("evapi_server.listen", listen, Some(SEND_BUFFER))
}
