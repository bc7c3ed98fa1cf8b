//! Deliveries to a hub: everything comes in its order, what came twice with the same id and number.

use crate::faults::{Between, ROWS, Row, Trial, check};
use crate::neighbour::{Neighbour, hand_on, peer, register};
use crate::place::Place;
use crate::receiver::Receiver;
use crate::support::daemon::{Site, eventually};
use std::collections::BTreeMap;
use std::time::Duration;

pub struct Deliveries {
    between: Between,
    receiver: Receiver,
    posted: i64,
    _site: Site,
}

impl Deliveries {
    pub fn start(place: &Place) -> Deliveries {
        let (receiver, neighbour) = (Receiver::start(), Neighbour::new());
        let proxy = place.proxy(receiver.address);
        let site = Site::new(&(neighbour.config() + &peer(&proxy.address)));
        let daemon = place.start(&site);
        register(&daemon, "order", &format!("http://{}/events", proxy.address));
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        Deliveries { between, receiver, posted: 0, _site: site }
    }
}

impl Trial for Deliveries {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        self.posted += 1;
        hand_on(&self.between.daemon, "order", self.posted as u64);
        std::thread::sleep(Duration::from_millis(10));
    }

    fn ends(&self) -> f64 {
        self.between.daemon.metric("eventmanager_hub_deliveries_total", "outcome=\"retried\"")
    }

    fn told(&self) -> &'static [&'static str] {
        &["an event cannot be delivered: trying again"]
    }

    fn check(&mut self, row: &Row) {
        let last = || self.receiver.latest().map_or(0, |request| request.n());
        eventually("the last is delivered", || (last() == self.posted).then_some(()));
        let mut ids = BTreeMap::new();
        let mut before = 0;
        for request in self.receiver.received() {
            let (n, number, id) = (request.n(), request.sequence(), request.header("webhook-id").to_owned());
            assert_eq!(n, number, "{}", row.name);
            assert!(n == before + 1 || n == before, "{}: {n} after {before}", row.name);
            assert!(n != before || !row.is_harmless(), "{}: {n} came twice", row.name);
            assert_eq!(*ids.entry(n).or_insert(id.clone()), id, "{}: {n} came with another id", row.name);
            before = n;
        }
    }
}

#[test]
fn a_hub_over_a_bad_network() {
    check(ROWS.iter(), || Deliveries::start(&Place::Here));
}
