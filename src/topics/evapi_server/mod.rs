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
mod command;
mod end;
mod message;
mod outbox;
mod receivers;
mod server;
mod session;
mod turn;

pub use actor::EvapiServer;

use super::Logged;
use super::tail::Tail;
use anyhow::Context as _;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// What the kernel holds for a client that does not read, in bytes; it doubles this for its own books.
const SEND_BUFFER: usize = 256 << 10;

/// Connections that wait to be accepted, at most: after a restart all clients come at once.
const BACKLOG: i32 = 1024;

/// Where the events come from.
pub trait Feed: 'static {
    /// What has happened since; waits for it.
    fn next(&mut self) -> impl Future<Output = Vec<Logged>>;
}

impl Feed for Tail {
    fn next(&mut self) -> impl Future<Output = Vec<Logged>> {
        self.next()
    }
}

/// A listener that a restarted server takes up again.
pub struct Bound(TcpListener);

/// Takes the address, so that one that is taken ends the start with a clear error.
pub fn bind(listen: SocketAddr) -> anyhow::Result<Bound> {
    let bound = open(listen).with_context(|| format!("evapi_server.listen {listen}"))?;
    Ok(Bound(bound))
}

fn open(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(listen), Type::STREAM, None)?;
    // A restart does not wait for the connections of the daemon before.
    socket.set_reuse_address(true)?;
    // Every accepted connection has it as well.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&listen.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Bound {
    /// Where it listens: with the port that was free where 0 is configured.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn listen(&self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.0.try_clone()?)
    }
}
