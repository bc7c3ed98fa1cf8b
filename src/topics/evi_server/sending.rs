//! Sending what waits in a lane, until it is closed and empty.

use super::lane::{Lane, Parcel};
use super::target::Target;
use super::{stream, unix};
use crate::failpoints;
use crate::sockets::give_way;
use crate::telemetry::Seldom;
use socket2::{Domain, Socket, Type};
use std::cell::OnceCell;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use tokio::net::UdpSocket;

/// What the kernel holds of what leaves: a burst to all subscribers.
const SEND_BUFFER: usize = 8 << 20;
/// Datagrams that are sent before others have their turn.
const TURN: usize = 32;

/// What an event may have come to.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    Sent,
    /// The system has not taken it.
    Failed,
    /// It does not fit into a datagram.
    TooLarge,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 3] = [Outcome::Sent, Outcome::Failed, Outcome::TooLarge];

    /// Counts so many more.
    pub fn count(self, by: u64) {
        let outcome = match self {
            Outcome::Sent => "sent",
            Outcome::Failed => "failed",
            Outcome::TooLarge => "too_large",
        };
        metrics::counter!("eventmanager_evi_sent_total", "outcome" => outcome).increment(by);
    }
}

/// What lanes send with.
#[derive(Default)]
pub struct Senders {
    ipv4: OnceCell<Rc<UdpSocket>>,
    ipv6: OnceCell<Rc<UdpSocket>>,
    refused: Rc<Seldom>,
    /// Subscribers that are not there, over all lanes.
    away: Rc<Seldom>,
}

/// With what one lane sends.
#[derive(Clone)]
pub enum Sender {
    Udp { socket: Rc<UdpSocket>, to: SocketAddr, refused: Rc<Seldom> },
    Unix { away: Rc<Seldom> },
    Tcp { to: SocketAddr, away: Rc<Seldom> },
}

impl Senders {
    /// For this target. There is one socket of UDP for each family.
    pub fn sender(&self, target: &Target) -> io::Result<Sender> {
        Ok(match target {
            Target::Udp(to) => {
                let cell = if to.is_ipv4() { &self.ipv4 } else { &self.ipv6 };
                let socket = match cell.get() {
                    Some(socket) => socket,
                    None => {
                        let socket = Rc::new(open(*to)?);
                        cell.get_or_init(|| socket)
                    }
                };
                Sender::Udp { socket: Rc::clone(socket), to: *to, refused: Rc::clone(&self.refused) }
            }
            Target::Unix(_) => Sender::Unix { away: Rc::clone(&self.away) },
            Target::Tcp(to) => Sender::Tcp { to: *to, away: Rc::clone(&self.away) },
        })
    }
}

fn open(like: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(like), Type::DGRAM, None)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_nonblocking(true)?;
    let any: SocketAddr = match like {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    socket.bind(&any.into())?;
    UdpSocket::from_std(socket.into())
}

/// Sends what waits in the lane.
pub async fn send(lane: Rc<Lane>, sender: Sender) {
    match sender {
        Sender::Udp { socket, to, refused } => send_udp(&lane, &socket, to, &refused).await,
        Sender::Unix { away } => unix::send(&lane, &away).await,
        Sender::Tcp { to, away } => stream::send(&lane, to, &away).await,
    }
}

async fn send_udp(lane: &Lane, socket: &UdpSocket, to: SocketAddr, refused: &Seldom) {
    let mut sent = 0;
    while let Some(parcel) = lane.next().await {
        // What comes back by ICMP is for nobody: the socket is connected to none.
        failpoints::pass("evi.send.before").await;
        let done = socket.send_to(&parcel.bytes, to).await;
        failpoints::pass("evi.send.after").await;
        note(&parcel, done.as_ref().err());
        if let Err(error) = done
            && let Some(so_far) = refused.count()
        {
            tracing::warn!(%to, %error, so_far, "an event could not be sent to a subscriber");
        }
        lane.put_down();
        sent += 1;
        if sent % TURN == 0 {
            give_way().await;
        }
    }
}

/// What became of an event that was to leave now.
pub fn note(parcel: &Parcel, error: Option<&io::Error>) {
    match error {
        None => {
            parcel.was_sent();
            Outcome::Sent.count(1);
        }
        Some(_) => {
            parcel.was_dropped();
            Outcome::Failed.count(1);
        }
    }
}
