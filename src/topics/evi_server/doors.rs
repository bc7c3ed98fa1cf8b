//! Commands that come as datagrams, and their answers.

use super::answering::count_request;
use super::dialogue::Question;
use super::server::Server;
use crate::sockets::give_way;
use crate::telemetry::count_bad_frame;
use futures_util::future::join_all;
use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::time::sleep;

/// Bytes of a datagram, at most: as much as UDP has.
const LARGEST: usize = 64 << 10;
/// Commands that are under way, at most: what comes beyond is not carried out.
const UNDER_WAY: usize = 100;
/// After a failure to read.
const PAUSE: Duration = Duration::from_millis(20);

/// A socket that takes commands.
pub enum Door {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

/// Whom an answer goes to.
enum Peer {
    Udp(SocketAddr),
    /// `None`: it has no address.
    Unix(Option<PathBuf>),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Udp(address) => write!(f, "{address}"),
            Peer::Unix(Some(path)) => write!(f, "{}", path.display()),
            Peer::Unix(None) => f.write_str("(unnamed)"),
        }
    }
}

/// All of them.
pub struct Doors {
    doors: Vec<Rc<Door>>,
    under_way: Rc<Cell<usize>>,
}

impl Doors {
    /// These.
    pub fn new(doors: Vec<Door>) -> Doors {
        Doors { doors: doors.into_iter().map(Rc::new).collect(), under_way: Rc::default() }
    }

    /// Has what comes carried out and answered.
    pub async fn serve(&self, server: &Rc<Server>) -> Infallible {
        join_all(self.doors.iter().map(|door| self.read(door, server))).await;
        std::future::pending().await
    }

    async fn read(&self, door: &Rc<Door>, server: &Rc<Server>) -> Infallible {
        let mut buffer = vec![0; LARGEST];
        loop {
            match door.receive(&mut buffer).await {
                Ok((length, peer)) => self.take(&buffer[..length], peer, door, server),
                // Such as that an answer has reached nobody.
                Err(error) => {
                    tracing::debug!(%error, "reading commands failed");
                    sleep(PAUSE).await;
                }
            }
            give_way().await;
        }
    }

    /// Begins to answer. Whoever may not send gets no answer.
    fn take(&self, bytes: &[u8], peer: Peer, door: &Rc<Door>, server: &Rc<Server>) {
        if let Peer::Udp(from) = &peer
            && !server.config.get().allows(from.ip())
        {
            return refuse(server, "address", &peer);
        }
        let question = Question::of_datagram(bytes);
        for _ in 0..question.unreadable() {
            refuse(server, "unreadable", &peer);
        }
        if self.under_way.get() >= UNDER_WAY {
            return count_request("other", "failed", 1);
        }
        let busy = Busy::begin(&self.under_way);
        let (asked, door) = (Rc::clone(server), Rc::clone(door));
        let mut tasks = server.tasks.borrow_mut();
        while tasks.try_join_next().is_some() {}
        tasks.spawn_local(async move {
            let _busy = busy;
            let answer = question.answer(true, async |request| {
                let mut answered = asked.answer(request, None).await;
                // A datagram is short: those who want to know more ask over HTTP.
                answered.details.clear();
                answered
            });
            if let Some(answer) = answer.await {
                door.send(&answer, &peer).await;
            }
        });
    }
}

fn refuse(server: &Server, reason: &'static str, peer: &Peer) {
    count_bad_frame("evi", reason);
    if let Some(so_far) = server.bad.count() {
        tracing::warn!(%peer, reason, so_far, "evi command refused");
    }
}

/// One more is under way as long as this lives.
struct Busy(Rc<Cell<usize>>);

impl Busy {
    fn begin(count: &Rc<Cell<usize>>) -> Busy {
        count.set(count.get() + 1);
        Busy(Rc::clone(count))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Door {
    async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Peer)> {
        match self {
            Door::Udp(socket) => {
                socket.recv_from(buffer).await.map(|(length, from)| (length, Peer::Udp(from)))
            }
            Door::Unix(socket) => {
                let (length, from) = socket.recv_from(buffer).await?;
                Ok((length, Peer::Unix(from.as_pathname().map(Into::into))))
            }
        }
    }

    /// Who does not read, or has gone, gets no answer.
    async fn send(&self, answer: &[u8], peer: &Peer) {
        let sent = match (self, peer) {
            (Door::Udp(socket), Peer::Udp(to)) => socket.send_to(answer, to).await,
            (Door::Unix(socket), Peer::Unix(Some(path))) => socket.try_send_to(answer, path),
            _ => return,
        };
        if let Err(error) = sent {
            tracing::debug!(%peer, %error, "evi command could not be answered");
        }
    }
}
