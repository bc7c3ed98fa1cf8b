//! The clients that are connected.

use super::end::End;
use super::outbox::{Full, Outbox};
use super::receivers::{ClientId, Wants, receivers};
use crate::config::EvapiTopic;
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use tokio::sync::Notify;

/// See the module. Clones are of the same ones.
#[derive(Clone)]
pub struct Clients(Rc<Inner>);

struct Inner {
    /// In the order in which they have connected.
    seats: RefCell<BTreeMap<ClientId, Client>>,
    next: Cell<ClientId>,
    /// One of them has taken what waited for it, or has gone.
    moved: Notify,
    gauge: metrics::Gauge,
    lost: metrics::Counter,
}

struct Client {
    address: IpAddr,
    wants: Wants,
    outbox: Outbox,
}

impl Clients {
    /// None yet.
    pub fn new() -> Clients {
        let gauge = metrics::gauge!("eventmanager_evapi_clients");
        gauge.set(0.0);
        Clients(Rc::new(Inner {
            seats: RefCell::default(),
            next: Cell::new(1),
            moved: Notify::new(),
            gauge,
            lost: metrics::counter!("eventmanager_dropped_total", "connection" => "evapi_server"),
        }))
    }

    /// A client more. It is one of them until its seat is dropped.
    pub fn enter(&self, address: IpAddr) -> Seat {
        let (id, outbox) = (self.0.next.get(), Outbox::default());
        self.0.next.set(id + 1);
        let client = Client { address, wants: Wants::default(), outbox: outbox.clone() };
        self.0.seats.borrow_mut().insert(id, client);
        self.show();
        Seat { id, outbox, clients: self.clone() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.seats.borrow().len()
    }

    /// Who gets an event of these topics.
    pub fn receivers(&self, topics: &[String], rules: &[EvapiTopic]) -> Vec<ClientId> {
        let seats = self.0.seats.borrow();
        receivers(topics, rules, seats.iter().map(|(id, client)| (*id, &client.wants)))
    }

    /// Has a frame written to these. For whom `most` frames wait already is disconnected, and none of the others waits for it.
    pub fn send(&self, receivers: &[ClientId], frame: &Bytes, most: usize) {
        for id in receivers {
            let outbox = self.0.seats.borrow().get(id).map(|client| client.outbox.clone());
            if let Some(outbox) = outbox
                && outbox.push(frame.clone(), most) == Err(Full)
            {
                self.drop_slow(*id, &outbox);
            }
        }
    }

    fn drop_slow(&self, id: ClientId, outbox: &Outbox) {
        let lost = outbox.len() + 1;
        self.0.lost.increment(lost as u64);
        self.leave(id);
        outbox.cut(End::Slow { lost });
    }

    /// Disconnects those whose addresses are not allowed any more.
    pub fn end_others(&self, is_allowed: impl Fn(IpAddr) -> bool) {
        let seats = self.0.seats.borrow();
        let others = seats.values().filter(|client| !is_allowed(client.address));
        others.for_each(|client| client.outbox.cut(End::Address));
    }

    /// Nothing more comes for any of them; what waits is written.
    pub fn close(&self) {
        self.0.seats.borrow().values().for_each(|client| client.outbox.close());
    }

    /// Whether some of these are there, and for each of them more waits than half of what may.
    pub fn are_all_behind(&self, ids: &BTreeSet<ClientId>, most: usize) -> bool {
        let seats = self.0.seats.borrow();
        let mut there = ids.iter().filter_map(|id| seats.get(id)).peekable();
        there.peek().is_some() && there.all(|client| client.outbox.is_over_half(most))
    }

    /// Resolves when one of them has taken what waited for it, or has gone.
    pub async fn moved(&self) {
        self.0.moved.notified().await;
    }

    fn leave(&self, id: ClientId) {
        if self.0.seats.borrow_mut().remove(&id).is_some() {
            self.show();
            self.0.moved.notify_one();
        }
    }

    fn show(&self) {
        self.0.gauge.set(self.len() as f64);
    }
}

/// A client's place among the others.
pub struct Seat {
    id: ClientId,
    outbox: Outbox,
    clients: Clients,
}

impl Seat {
    /// What is to be written to it.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// It has taken something of what waited.
    pub fn has_taken(&self) {
        self.clients.0.moved.notify_one();
    }

    /// Changes what it wants.
    pub fn wants(&self, change: impl FnOnce(&mut Wants)) {
        if let Some(client) = self.clients.0.seats.borrow_mut().get_mut(&self.id) {
            change(&mut client.wants);
        }
    }

    /// Sends it a frame that nobody else gets.
    pub fn answer(&self, frame: Bytes, most: usize) {
        self.clients.send(&[self.id], &frame, most);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.clients.leave(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[actix::test]
    async fn a_client_that_is_full_goes_and_the_others_have_everything() {
        let clients = Clients::new();
        let (slow, other) = (clients.enter(HERE), clients.enter(HERE));
        let all = clients.receivers(&["x".to_owned()], &[]);
        for _ in 0..3 {
            clients.send(&all, &Bytes::from_static(b"1:a,"), 2);
            other.outbox().next().await.expect("a frame");
        }
        assert_eq!(slow.outbox().was_cut().await, End::Slow { lost: 3 });
        assert_eq!((clients.len(), clients.receivers(&["x".to_owned()], &[])), (1, vec![2]));
        drop((slow, other));
        assert_eq!(clients.len(), 0);
    }

    #[test]
    fn all_are_behind_where_the_fastest_is() {
        let clients = Clients::new();
        let are_behind = |ids: &[ClientId]| clients.are_all_behind(&ids.iter().copied().collect(), 2);
        assert!(!are_behind(&[]) && !are_behind(&[1]), "nobody is there");
        let (slow, other) = (clients.enter(HERE), clients.enter(HERE));
        let frame = Bytes::from_static(b"1:a,");
        slow.answer(frame.clone(), 2);
        slow.answer(frame.clone(), 2);
        assert!(are_behind(&[1]) && are_behind(&[1, 7]) && !are_behind(&[1, 2]));
        other.answer(frame.clone(), 2);
        other.answer(frame, 2);
        assert!(are_behind(&[1, 2]));
    }

    #[actix::test]
    async fn who_is_not_allowed_any_more_goes() {
        let clients = Clients::new();
        let (here, there) = (clients.enter(HERE), clients.enter(Ipv4Addr::new(10, 0, 0, 1).into()));
        clients.end_others(|address| address == HERE);
        assert_eq!(there.outbox().was_cut().await, End::Address);
        assert_eq!(here.outbox().was_cut().now_or_never(), None);
    }
}
