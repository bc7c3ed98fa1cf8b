//! TCP connections that last: what is set on all of them, timers that may be off, giving way to others of the same thread; and listeners that
//! outlive those who accept.

pub mod coalescing;
pub mod files;

use rustix::process::{Resource, getrlimit};
use socket2::{Domain, Socket, Type};
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Connections that wait to be accepted, at most: after a restart all clients come at once.
const BACKLOG: i32 = 1024;

/// Descriptors that those who connect to us do not get: they are for the store, for peers and for files.
const RESERVED: u64 = 48;

/// A listener that a restarted server takes up again.
pub struct Bound(TcpListener);

/// Takes an address, so that one that is taken ends the start with an error that names its key. `send_buffer`: what the kernel holds for a
/// client that does not read, in bytes, of which it has twice as many for its own books.
pub fn bind(key: &str, listen: SocketAddr, send_buffer: Option<usize>) -> anyhow::Result<Bound> {
    let bound = open(listen, send_buffer).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => ": another daemon, perhaps, listens there",
            _ => "",
        };
        anyhow::Error::new(error).context(format!("{key} {listen}{hint}"))
    })?;
    Ok(Bound(bound))
}

fn open(listen: SocketAddr, send_buffer: Option<usize>) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(listen), Type::STREAM, None)?;
    // A restart does not wait for the connections of the daemon before.
    socket.set_reuse_address(true)?;
    if let Some(bytes) = send_buffer {
        // Every accepted connection has it as well.
        socket.set_send_buffer_size(bytes)?;
    }
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

    /// It, for who accepts now.
    pub fn listener(&self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.0.try_clone()?)
    }
}

/// Has what is written leave at once, and finds out within half a minute that the other side is gone.
pub fn keep(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(10));
    let keepalive = keepalive.with_interval(Duration::from_secs(5)).with_retries(3);
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Resolves then; never where there is no such moment.
pub async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Whether a connection that was just accepted may stay: a crowd must not take the descriptors with which events are stored and peers are
/// reached. The kernel gives the lowest number that is free, so a high one says that nearly all others are taken.
pub fn may_stay(accepted: &impl AsRawFd) -> bool {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return true };
    let number = u64::try_from(accepted.as_raw_fd()).unwrap_or_default();
    number + RESERVED.min(limit / 4) < limit
}

/// Lets what has been read be handled before more is: else a socket that always has something would fill the queue. Not by way
/// of the runtime's `yield_now`, which looks for IO first.
pub async fn give_way() {
    let mut has_given_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_given_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
