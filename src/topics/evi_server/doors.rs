//! Commands that come as datagrams, and their answers.

use super::answering::LIMIT;
use super::dialogue::Question;
use super::own::takes;
use super::server::Server;
use crate::sockets::give_way;
use crate::telemetry::count_bad_frame;
use futures_util::future::join_all;
use rustix::io::Errno;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

/// Bytes of a datagram, at most: as much as UDP has.
const LARGEST: usize = 64 << 10;
/// Datagrams of one socket that are under way, at most: what comes beyond waits in the kernel until one of them is done.
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
}

impl Doors {
    /// These.
    pub fn new(doors: Vec<Door>) -> Doors {
        Doors { doors: doors.into_iter().map(Rc::new).collect() }
    }

    /// Has what comes carried out and answered.
    pub async fn serve(&self, server: &Rc<Server>) -> Infallible {
        join_all(self.doors.iter().map(|door| self.read(door, server))).await;
        std::future::pending().await
    }

    async fn read(&self, door: &Rc<Door>, server: &Rc<Server>) -> Infallible {
        let mut buffer = vec![0; LARGEST];
        // Its own: who sends much to one keeps nobody from another.
        let room = Arc::new(Semaphore::new(UNDER_WAY));
        while let Ok(place) = Arc::clone(&room).acquire_owned().await {
            match door.receive(&mut buffer).await {
                Ok((length, peer)) => take(&buffer[..length], peer, door, server, place),
                // Such as that an answer has reached nobody.
                Err(error) => {
                    tracing::debug!(%error, "reading commands failed");
                    sleep(PAUSE).await;
                }
            }
            give_way().await;
        }
        // Nobody closes the room.
        std::future::pending().await
    }
}

/// Begins to answer. Whoever may not send gets no answer, and neither do we: it would be answered, too.
fn take(bytes: &[u8], peer: Peer, door: &Rc<Door>, server: &Rc<Server>, place: OwnedSemaphorePermit) {
    if !may_send(&peer, door, server) {
        return refuse(server, "address", &peer);
    }
    let question = Question::of_datagram(bytes);
    for _ in 0..question.unreadable() {
        refuse(server, "unreadable", &peer);
    }
    let (asked, door) = (Rc::clone(server), Rc::clone(door));
    // Of all its requests together.
    let until = Instant::now() + LIMIT;
    let mut tasks = server.tasks.borrow_mut();
    while tasks.try_join_next().is_some() {}
    tasks.spawn_local(async move {
        let _place = place;
        let answer = question.answer(true, async |request| {
            let mut answered = asked.answer(request, None, until).await;
            // A datagram is short: those who want to know more ask over HTTP.
            answered.details.clear();
            answered
        });
        if let Some(answer) = answer.await {
            door.answer(&answer, &peer, &question).await;
        }
    });
}

fn may_send(peer: &Peer, door: &Door, server: &Server) -> bool {
    let is_allowed = match peer {
        Peer::Udp(from) => server.config.get().allows(from.ip()),
        Peer::Unix(_) => true,
    };
    is_allowed && !door.is_at(peer)
}

fn refuse(server: &Server, reason: &'static str, peer: &Peer) {
    count_bad_frame("evi", reason);
    if let Some(so_far) = server.bad.count() {
        tracing::warn!(%peer, reason, so_far, "evi command refused");
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

    /// Whether this is where it listens itself.
    fn is_at(&self, peer: &Peer) -> bool {
        match (self, peer) {
            (Door::Udp(socket), Peer::Udp(peer)) => socket.local_addr().is_ok_and(|own| takes(own, *peer)),
            (Door::Unix(socket), Peer::Unix(Some(path))) => {
                socket.local_addr().is_ok_and(|own| own.as_pathname() == Some(path))
            }
            _ => false,
        }
    }

    /// Who does not read, or has gone, gets no answer.
    async fn answer(&self, answer: &[u8], peer: &Peer, question: &Question) {
        let mut sent = self.send(answer, peer).await;
        if sent.as_ref().is_err_and(|error| error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()))
            && let Some(shorter) = question.too_long()
        {
            sent = self.send(&shorter, peer).await;
        }
        if let Err(error) = sent {
            tracing::debug!(%peer, %error, "evi command could not be answered");
        }
    }

    async fn send(&self, answer: &[u8], peer: &Peer) -> io::Result<usize> {
        match (self, peer) {
            (Door::Udp(socket), Peer::Udp(to)) => socket.send_to(answer, to).await,
            (Door::Unix(socket), Peer::Unix(Some(path))) => socket.try_send_to(answer, path),
            // It has no address.
            _ => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::evi_server::trial::Trial;
    use serde_json::{Value, json};

    async fn udp() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("an address");
        (socket, address)
    }

    fn raise() -> Value {
        json!({"jsonrpc": "2.0", "method": "raise_event", "id": 1, "params": {"event": "E_TEST", "params": {}}})
    }

    async fn answer(asking: &UdpSocket) -> Value {
        let mut buffer = vec![0; LARGEST];
        let length = asking.recv(&mut buffer).await.expect("an answer");
        serde_json::from_slice(&buffer[..length]).expect("JSON")
    }

    #[actix::test]
    async fn a_list_is_answered_in_time_however_long_each_of_it_takes() {
        let trial = Trial::hanging().await;
        let ((door, to), (asking, _)) = (udp().await, udp().await);
        let doors = Doors::new(vec![Door::Udp(door)]);
        tokio::time::pause();
        let since = Instant::now();
        asking.send_to(json!([raise(), raise(), raise()]).to_string().as_bytes(), to).await.expect("sent");
        let answer = tokio::select! {
            never = doors.serve(&trial.server) => match never {},
            answer = answer(&asking) => answer,
        };
        let codes = answer.as_array().expect("a list").iter().map(|it| it["error"]["code"].as_i64());
        assert_eq!(codes.collect::<Vec<_>>(), [Some(503); 3], "{answer}");
        assert!(since.elapsed() < LIMIT + Duration::from_secs(1), "{:?}", since.elapsed());
    }

    #[actix::test]
    async fn a_door_at_which_all_wait_holds_up_no_other() {
        let trial = Trial::hanging().await;
        let ((one, to_one), (other, to_other), (asking, _)) = (udp().await, udp().await, udp().await);
        let doors = Doors::new(vec![Door::Udp(one), Door::Udp(other)]);
        tokio::time::pause();
        let since = Instant::now();
        let asked = async {
            for _ in 0..UNDER_WAY {
                asking.send_to(raise().to_string().as_bytes(), to_one).await.expect("sent");
            }
            // Each has one that is to answer it, and one that waits to be stored.
            while trial.server.tasks.borrow().len() < 2 * (UNDER_WAY - 1) {
                tokio::task::yield_now().await;
            }
            let (asking, _) = udp().await;
            for _ in 0..3 {
                let request = br#"{"jsonrpc":"2.0","method":"events_list","id":1}"#;
                asking.send_to(request, to_other).await.expect("sent");
                assert!(answer(&asking).await["result"].is_object());
            }
        };
        tokio::select! {
            never = doors.serve(&trial.server) => match never {},
            () = asked => {}
        }
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    }
}
