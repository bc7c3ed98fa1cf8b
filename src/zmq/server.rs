//! What all server sockets have in common: they accept peers, and serve each until it ends.

use super::connection::{Connection, Turn};
use super::outbox::Outbox;
use super::subscriptions::Subscriptions;
use super::{Settings, ZmqError};
use crate::sockets::may_stay;
use crate::wire::zmtp::{Message, SocketType, Subscription};
use bytes::Bytes;
use ipnet::IpNet;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// After a failure to accept, of descriptors say.
const PAUSE: Duration = Duration::from_millis(200);
/// What has come and is not taken yet, at most: then peers are not read.
const ARRIVED: usize = 64;

/// What holds for a server socket.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// For each of its connections.
    pub connection: Settings,
    /// Connections, at most.
    pub peers: usize,
    /// From where peers may come; empty: from everywhere.
    pub networks: Vec<IpNet>,
    /// Messages that may wait for one peer, and bytes of them.
    pub queue: usize,
    pub queue_bytes: usize,
}

impl Default for ServerSettings {
    /// A server does not ask its peers for signs of life: a slow subscriber gives none while it does not read, and what waits for one
    /// that hangs is bounded.
    fn default() -> Self {
        let connection = Settings { ping: None, ..Settings::default() };
        let networks = Vec::new();
        ServerSettings { connection, peers: 256, networks, queue: 10_000, queue_bytes: 16 << 20 }
    }
}

impl ServerSettings {
    fn allows(&self, address: IpAddr) -> bool {
        self.networks.is_empty()
            || self.networks.iter().any(|network| network.contains(&address.to_canonical()))
    }
}

/// What happens at a server socket, for whoever logs and counts it.
#[derive(Debug)]
pub enum Happening<T> {
    /// A peer has shaken hands.
    Came(SocketAddr),
    /// A peer has sent this.
    Brought(T),
    /// A subscriber wants messages that begin with this, too.
    Subscribed { peer: SocketAddr, prefix: Bytes },
    /// The connection to a peer has ended, or did not come about. `dropped`: messages for which there was no room.
    Gone { peer: SocketAddr, reason: ZmqError, dropped: u64 },
    /// A peer was sent away at once: it may not come, or there are enough.
    Refused { peer: SocketAddr, reason: &'static str },
    /// Nobody could be accepted; it is tried again.
    NotAccepted(io::Error),
}

impl<T> Happening<T> {
    /// The same, with what was brought as `read` gives it.
    pub(super) fn map<U>(self, read: impl FnOnce(T) -> U) -> Happening<U> {
        match self {
            Happening::Brought(brought) => Happening::Brought(read(brought)),
            Happening::Came(peer) => Happening::Came(peer),
            Happening::Subscribed { peer, prefix } => Happening::Subscribed { peer, prefix },
            Happening::Gone { peer, reason, dropped } => Happening::Gone { peer, reason, dropped },
            Happening::Refused { peer, reason } => Happening::Refused { peer, reason },
            Happening::NotAccepted(error) => Happening::NotAccepted(error),
        }
    }
}

/// A connection, for those who send to it.
#[derive(Debug)]
pub(super) struct Seat {
    pub peer: SocketAddr,
    pub outbox: Outbox,
    pub wants: RefCell<Subscriptions>,
    pub dropped: Cell<u64>,
    /// Something was dropped that it has not been told of since.
    pub is_behind: Cell<bool>,
}

impl Seat {
    /// A message found no room.
    pub fn drop_one(&self) {
        self.dropped.set(self.dropped.get() + 1);
        self.is_behind.set(true);
    }
}

/// The seats that are taken.
pub(super) type Seats = Rc<RefCell<Vec<Rc<Seat>>>>;

/// What a task tells.
type Arrived = Happening<(Rc<Seat>, Message)>;

/// See the module.
pub(super) struct Server {
    listener: TcpListener,
    ours: SocketType,
    settings: ServerSettings,
    seats: Seats,
    /// The connections; they end with it.
    tasks: JoinSet<()>,
    arrived: mpsc::Receiver<Arrived>,
    tell: mpsc::Sender<Arrived>,
}

/// A seat for as long as its connection is served, however that ends.
struct Taken {
    seat: Rc<Seat>,
    seats: Seats,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.seats.borrow_mut().retain(|other| !Rc::ptr_eq(other, &self.seat));
    }
}

impl Server {
    pub fn new(listener: TcpListener, ours: SocketType, settings: ServerSettings) -> Server {
        let (tell, arrived) = mpsc::channel(ARRIVED);
        let (seats, tasks) = (Seats::default(), JoinSet::new());
        Server { listener, ours, settings, seats, tasks, arrived, tell }
    }

    pub fn seats(&self) -> Seats {
        Rc::clone(&self.seats)
    }

    /// What happens next. May be cancelled. Only on a thread that runs local tasks, as those of actors do.
    pub async fn next(&mut self) -> Arrived {
        loop {
            tokio::select! {
                Some(arrived) = self.arrived.recv() => return arrived,
                Some(ended) = self.tasks.join_next() => if let Err(error) = ended {
                    // It has cost this peer alone.
                    tracing::error!(%error, "serving a zmq peer failed");
                },
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        if let Err(reason) = self.admit(stream, peer) {
                            return Happening::Refused { peer, reason };
                        }
                    }
                    Err(error) => {
                        tokio::time::sleep(PAUSE).await;
                        return Happening::NotAccepted(error);
                    }
                },
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) -> Result<(), &'static str> {
        if !self.settings.allows(peer.ip()) {
            return Err("address");
        }
        if self.tasks.len() >= self.settings.peers {
            return Err("full");
        }
        if !may_stay(&stream) {
            return Err("descriptors");
        }
        let seat = Rc::new(Seat {
            peer,
            outbox: Outbox::new(self.settings.queue, self.settings.queue_bytes),
            wants: RefCell::default(),
            dropped: Cell::default(),
            is_behind: Cell::default(),
        });
        self.seats.borrow_mut().push(Rc::clone(&seat));
        let taken = Taken { seat, seats: self.seats() };
        let (ours, settings, tell) = (self.ours, self.settings.connection.clone(), self.tell.clone());
        self.tasks.spawn_local(async move {
            let reason = serve(stream, ours, &taken.seat, &settings, &tell).await;
            let dropped = taken.seat.dropped.get();
            drop(taken);
            // Behind what it has brought. The receiver lives longer than the tasks.
            let _ = tell.send(Happening::Gone { peer, reason, dropped }).await;
        });
        Ok(())
    }
}

/// Serves one peer; why it ended.
async fn serve(
    stream: TcpStream,
    ours: SocketType,
    seat: &Rc<Seat>,
    settings: &Settings,
    tell: &mpsc::Sender<Arrived>,
) -> ZmqError {
    match Connection::open(stream, ours, seat.outbox.clone(), settings).await {
        Ok(connection) => read(connection, ours, seat, tell).await,
        Err(error) => error,
    }
}

async fn read(
    mut connection: Connection,
    ours: SocketType,
    seat: &Rc<Seat>,
    tell: &mpsc::Sender<Arrived>,
) -> ZmqError {
    if let Err(end) = bring(&mut connection, Happening::Came(seat.peer), tell).await {
        return end;
    }
    loop {
        let turn = match connection.turn().await {
            Ok(turn) => turn,
            Err(error) => return error,
        };
        let end = match (turn, ours) {
            (Turn::Wrote, _) => Ok(()),
            (Turn::Subscription(change), SocketType::Pub) => {
                subscribe(&mut connection, seat, change, tell).await
            }
            (Turn::Subscription(_), _) => {
                Err(ZmqError::Unexpected("a subscription where nothing is published"))
            }
            (Turn::Message(message), SocketType::Pub) => match message.subscription() {
                Some(change) => subscribe(&mut connection, seat, change, tell).await,
                // An XSUB may send others, which are no business of a publisher.
                None => Ok(()),
            },
            (Turn::Message(message), SocketType::Rep) if !message.frames().iter().any(Bytes::is_empty) => {
                Err(ZmqError::Unexpected("a request without an envelope"))
            }
            (Turn::Message(message), _) => {
                bring(&mut connection, Happening::Brought((Rc::clone(seat), message)), tell).await
            }
        };
        if let Err(error) = end {
            return error;
        }
    }
}

async fn subscribe(
    connection: &mut Connection,
    seat: &Rc<Seat>,
    change: Subscription,
    tell: &mpsc::Sender<Arrived>,
) -> Result<(), ZmqError> {
    seat.wants.borrow_mut().change(&change)?;
    match change {
        Subscription::Add(prefix) => {
            bring(connection, Happening::Subscribed { peer: seat.peer, prefix }, tell).await
        }
        Subscription::Remove(_) => Ok(()),
    }
}

/// Tells it as soon as there is room, and writes what is to be written until then.
async fn bring(
    connection: &mut Connection,
    arrived: Arrived,
    tell: &mpsc::Sender<Arrived>,
) -> Result<(), ZmqError> {
    tokio::select! {
        _ = tell.send(arrived) => Ok(()),
        error = connection.only_write() => Err(error),
    }
}
