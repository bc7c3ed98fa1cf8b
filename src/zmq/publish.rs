//! PUB: messages for whoever has subscribed to how they begin.
//!
//! Nobody waits for a subscriber: what finds no room in its queue is dropped for it alone, and counted.

use super::Full;
use super::server::{Happening, Seat, Seats, Server, ServerSettings};
use crate::wire::zmtp::{SocketType, encode};
use bytes::{Bytes, BytesMut};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::TcpListener;

/// Accepts and serves subscribers. See the module.
pub struct PublishServer(Server);

/// Publishes to the subscribers of a server. Clones are of the same one.
#[derive(Clone)]
pub struct Publisher(Seats);

/// What became of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// So many subscribers get it.
    pub queued: usize,
    /// So many wanted it, and had no room.
    pub dropped: usize,
}

/// What became of a message for one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    Taken,
    Full,
    Gone,
}

/// A connection, also one that has subscribed to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriberState {
    pub peer: SocketAddr,
    /// Messages that wait for it.
    pub waiting: usize,
    /// Messages for which it had no room, since it came.
    pub dropped: u64,
}

impl PublishServer {
    /// Serves those who come to this listener.
    pub fn new(listener: TcpListener, settings: ServerSettings) -> PublishServer {
        PublishServer(Server::new(listener, SocketType::Pub, settings))
    }

    /// For those who publish.
    pub fn publisher(&self) -> Publisher {
        Publisher(self.0.seats())
    }

    /// What happens next. Has to be called for subscribers to be accepted. May be cancelled.
    pub async fn next(&mut self) -> Happening<Infallible> {
        loop {
            match self.0.next().await {
                // Subscriptions are no messages, and others are passed over.
                Happening::Brought(_) => {}
                Happening::Came(peer) => return Happening::Came(peer),
                Happening::Subscribed { peer, prefix } => return Happening::Subscribed { peer, prefix },
                Happening::Gone { peer, reason, dropped } => {
                    return Happening::Gone { peer, reason, dropped };
                }
                Happening::Refused { peer, reason } => return Happening::Refused { peer, reason },
                Happening::NotAccepted(error) => return Happening::NotAccepted(error),
            }
        }
    }
}

impl Publisher {
    /// Queues a message of these frames for every subscriber that wants it, by the first of them.
    pub fn publish(&self, frames: &[impl AsRef<[u8]>]) -> Published {
        let (mut published, mut encoded) = (Published::default(), None::<Bytes>);
        let Some(first) = frames.first() else { return published };
        let seats = self.0.borrow();
        for seat in seats.iter().filter(|seat| seat.wants.borrow().want(first.as_ref())) {
            let message = encoded.get_or_insert_with(|| {
                let mut message = BytesMut::new();
                encode::message(frames, &mut message);
                message.freeze()
            });
            if seat.outbox.push_encoded(message.clone()).is_ok() {
                published.queued += 1;
            } else {
                published.dropped += 1;
                seat.drop_one();
            }
        }
        published
    }

    /// Queues a message for one subscriber alone, if less than half of its room is taken: the other half is for what happens meanwhile. One
    /// that has none has not missed it.
    pub fn offer(&self, peer: SocketAddr, frames: &[impl AsRef<[u8]>]) -> Offered {
        let seats = self.0.borrow();
        let offer = |seat: &Rc<Seat>| match seat.outbox.is_half_full() {
            true => Err(Full),
            false => seat.outbox.push(frames),
        };
        match seats.iter().find(|seat| seat.peer == peer).map(offer) {
            Some(Ok(())) => Offered::Taken,
            Some(Err(Full)) => Offered::Full,
            None => Offered::Gone,
        }
    }

    /// Those for whom something was dropped and who have taken everything since, with the prefixes that they want: they may be told anew what they
    /// have missed. Each is named once for what was dropped until now.
    pub fn caught_up(&self) -> Vec<(SocketAddr, Vec<Bytes>)> {
        let seats = self.0.borrow();
        let caught_up = seats.iter().filter(|seat| seat.outbox.is_empty() && seat.is_behind.replace(false));
        caught_up.map(|seat| (seat.peer, seat.wants.borrow().prefixes())).collect()
    }

    /// How its subscribers are, for those who show it.
    pub fn subscribers(&self) -> Vec<SubscriberState> {
        let state = |seat: &Rc<Seat>| SubscriberState {
            peer: seat.peer,
            waiting: seat.outbox.len(),
            dropped: seat.dropped.get(),
        };
        self.0.borrow().iter().map(state).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zmq::{Settings, Subscriber};
    use std::time::Duration;
    use tokio::net::TcpStream;

    #[actix::test]
    async fn what_is_offered_leaves_room_for_what_happens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let settings = ServerSettings { queue: 10, ..ServerSettings::default() };
        let mut server = PublishServer::new(listener, settings);
        let publisher = server.publisher();
        let stream = TcpStream::connect(address).await.expect("connected");
        let subscribe = async {
            let subscriber = Subscriber::open(stream, &["a"], &Settings::default()).await;
            subscriber.expect("a subscriber").next().await
        };
        let came = async {
            loop {
                if let Happening::Subscribed { peer, .. } = server.next().await {
                    return peer;
                }
            }
        };
        let peer = tokio::select! {
            peer = came => peer,
            message = subscribe => panic!("nothing is published yet: {message:?}"),
            () = tokio::time::sleep(Duration::from_secs(10)) => panic!("nobody subscribes"),
        };
        // Nothing is written meanwhile: nobody gives way.
        let offered: Vec<_> = (0..7).map(|_| publisher.offer(peer, &["a"])).collect();
        assert_eq!(offered, [[Offered::Taken; 5].as_slice(), &[Offered::Full; 2]].concat());
        let published: Vec<_> = (0..6).map(|_| publisher.publish(&["a"]).queued).collect();
        assert_eq!(published, [1, 1, 1, 1, 1, 0]);
    }
}
