//! Who has subscribed to what: a subscription is known by its event and its socket, as both are written.

use super::lane::{Lane, Tally};
use crate::store::EviSubscription;
use crate::topics::turn::ReceiverId;
use crate::wire::evi::Format;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

/// A subscription.
#[derive(Clone)]
pub struct Subscription {
    pub id: ReceiverId,
    /// As it is stored.
    pub stored: EviSubscription,
    /// When it ends, by the server's own clock, which nobody sets.
    pub until: SystemTime,
    pub format: Format,
    /// Where its events wait to be sent.
    pub lane: Rc<Lane>,
    pub tally: Rc<Tally>,
}

impl Subscription {
    /// Whole seconds that are left of it.
    pub fn ttl(&self, now: SystemTime) -> u32 {
        let left = self.until.duration_since(now).unwrap_or_default();
        let whole = left.as_secs() + u64::from(left > Duration::from_secs(left.as_secs()));
        u32::try_from(whole).unwrap_or(u32::MAX)
    }

    /// Event and socket.
    pub fn key(&self) -> (&str, &str) {
        (&self.stored.event, &self.stored.socket)
    }
}

/// See the module.
#[derive(Default)]
pub struct Registry {
    by_event: BTreeMap<String, BTreeMap<String, Subscription>>,
    count: usize,
}

impl Registry {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Adds one, or puts it in the place of the one that is the same.
    pub fn put(&mut self, subscription: Subscription) {
        let (event, socket) = subscription.key();
        let (event, socket) = (event.to_owned(), socket.to_owned());
        let before = self.by_event.entry(event).or_default().insert(socket, subscription);
        self.count += usize::from(before.is_none());
    }

    /// The one for this socket.
    pub fn get(&self, event: &str, socket: &str) -> Option<&Subscription> {
        self.by_event.get(event)?.get(socket)
    }

    /// Takes it out.
    pub fn remove(&mut self, event: &str, socket: &str) -> Option<Subscription> {
        let sockets = self.by_event.get_mut(event)?;
        let removed = sockets.remove(socket)?;
        if sockets.is_empty() {
            self.by_event.remove(event);
        }
        self.count -= 1;
        Some(removed)
    }

    /// Those to an event, by their sockets.
    pub fn of(&self, event: &str) -> impl Iterator<Item = &Subscription> {
        self.by_event.get(event).into_iter().flat_map(BTreeMap::values)
    }

    /// The events to which somebody has subscribed.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.by_event.keys().map(String::as_str)
    }

    /// All of them, by event and socket.
    pub fn all(&self) -> impl Iterator<Item = &Subscription> {
        self.by_event.values().flat_map(BTreeMap::values)
    }

    /// Takes out those for which this holds.
    pub fn take(&mut self, is_meant: impl Fn(&Subscription) -> bool) -> Vec<Subscription> {
        let meant: Vec<Subscription> = self.all().filter(|it| is_meant(it)).cloned().collect();
        for subscription in &meant {
            let (event, socket) = subscription.key();
            self.remove(event, socket);
        }
        meant
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::evi_server::target::Target;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn subscription(id: u64, event: &str, socket: &str, expires: u64) -> Subscription {
        let stored = EviSubscription {
            event: event.to_owned(),
            socket: socket.to_owned(),
            address: None,
            format: "json".to_owned(),
            expire: 60,
            expires: at(expires),
        };
        let lane = Rc::new(Lane::new(id, Target::Unix("/x".into()), Rc::default(), Rc::default()));
        Subscription { id, stored, until: at(expires), format: Format::Json, lane, tally: Rc::default() }
    }

    fn ids<'a>(found: impl Iterator<Item = &'a Subscription>) -> Vec<u64> {
        found.map(|it| it.id).collect()
    }

    #[test]
    fn one_socket_is_not_another_that_begins_as_it_does() {
        let mut registry = Registry::default();
        registry.put(subscription(1, "E_A", "udp:127.0.0.1:9001", 10));
        registry.put(subscription(2, "E_A", "udp:127.0.0.1:900", 10));
        registry.put(subscription(3, "E_A", "udp:127.0.0.11:9001", 10));
        registry.put(subscription(4, "E_B", "udp:127.0.0.1:9001", 10));
        assert_eq!(registry.len(), 4);
        assert_eq!(ids(registry.get("E_A", "udp:127.0.0.1:900").into_iter()), [2]);
        assert!(registry.get("E_A", "udp:127.0.0.1:90").is_none() && registry.get("E_", "x").is_none());
        registry.put(subscription(5, "E_A", "udp:127.0.0.1:900", 20));
        assert_eq!((registry.len(), ids(registry.of("E_A"))), (4, vec![3, 5, 1]));
        assert!(registry.remove("E_A", "udp:127.0.0.1:9").is_none());
        assert_eq!(registry.remove("E_B", "udp:127.0.0.1:9001").map(|it| it.id), Some(4));
        assert_eq!((registry.len(), registry.events().collect::<Vec<_>>()), (3, vec!["E_A"]));
    }

    #[test]
    fn what_is_over_goes_and_the_rest_tells_what_is_left() {
        let mut registry = Registry::default();
        registry.put(subscription(1, "E_A", "a", 10));
        registry.put(subscription(2, "E_B", "a", 11));
        let half = at(9) + Duration::from_millis(500);
        assert_eq!(registry.all().map(|it| it.ttl(half)).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(registry.all().map(|it| it.ttl(at(10))).collect::<Vec<_>>(), [0, 1]);
        assert!(registry.take(|it| it.until <= half).is_empty());
        assert_eq!(ids(registry.take(|it| it.until <= at(10)).iter()), [1]);
        assert_eq!((registry.len(), ids(registry.all())), (1, vec![2]));
    }
}
