//! What brings events to those who have subscribed: datagrams are sent at once by whoever raises the event, and what cannot be sent then
//! is lost; connections over TCP have a task each.

mod payload;
pub(super) mod stream;

use self::stream::Message;
use super::destination::{Destination, Target};
use super::version::Payload;
use crate::wire::evi::Event;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use tokio::sync::mpsc::Sender;

/// What is to be told.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    Event(&'a Event),
    /// These bytes, whatever they are.
    Bytes(&'a [u8]),
}

/// To how many it went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    pub sent: u64,
    /// Over TCP: it is on its way, and may still be lost.
    pub queued: u64,
    /// Whose queue was full, or who was not there.
    pub lost: u64,
}

impl std::ops::AddAssign for Told {
    fn add_assign(&mut self, more: Told) {
        self.sent += more.sent;
        self.queued += more.queued;
        self.lost += more.lost;
    }
}

/// The sockets from which events leave.
pub(super) struct Delivery {
    payload: Payload,
    reliable: bool,
    udp: UdpSocket,
    unix: UnixDatagram,
    /// Where the task of all connections takes what goes over TCP; `None` while OpenSIPS is away.
    pub streams: Option<Sender<(SocketAddr, Message)>>,
    last_id: u64,
}

impl Delivery {
    pub fn new(payload: Payload, reliable: bool) -> io::Result<Delivery> {
        let udp = UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0))?;
        let unix = UnixDatagram::unbound()?;
        udp.set_nonblocking(true)?;
        unix.set_nonblocking(true)?;
        Ok(Delivery { payload, reliable, udp, unix, streams: None, last_id: 0 })
    }

    /// Tells all of them, in this order.
    pub fn tell<'a>(&mut self, to: impl Iterator<Item = &'a Destination>, what: What<'_>) -> Told {
        let mut told = Told::default();
        let mut datagram = None;
        for destination in to {
            let bytes = || match what {
                What::Event(event) => payload::datagram(event, self.payload),
                What::Bytes(bytes) => bytes.to_vec(),
            };
            let is_sent = match &destination.target {
                Target::Udp(addr) => self.udp.send_to(datagram.get_or_insert_with(bytes), addr).is_ok(),
                Target::Unix(path) => self.unix.send_to(datagram.get_or_insert_with(bytes), path).is_ok(),
                Target::Tcp(addr) if self.stream(*addr, destination.method(), what) => {
                    told.queued += 1;
                    continue;
                }
                Target::Tcp(_) => false,
            };
            *(if is_sent { &mut told.sent } else { &mut told.lost }) += 1;
        }
        told
    }

    fn stream(&mut self, addr: SocketAddr, method: Option<&str>, what: What<'_>) -> bool {
        let Some(streams) = &self.streams else { return false };
        let message = match what {
            What::Bytes(bytes) => Message { bytes: bytes.to_vec(), id: None },
            What::Event(event) => {
                self.last_id += 1;
                let id = self.reliable.then_some(self.last_id);
                let renamed = method.map(|method| Event { name: method.to_owned(), ..event.clone() });
                let bytes = payload::object(renamed.as_ref().unwrap_or(event), self.payload, id);
                Message { bytes, id }
            }
        };
        streams.try_send((addr, message)).is_ok()
    }
}
