//! What is published, and who has subscribed to it: no sockets, and the time is told.

use super::destination::Destination;
use crate::wire::mi::{DEFAULT_EXPIRE, EventId, EventSubscribers, Subscriber};

/// Events with their subscriptions.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// An event's id is its place.
    events: Vec<Published>,
}

#[derive(Debug)]
struct Published {
    name: String,
    /// The newest first.
    subscriptions: Vec<Subscription>,
}

#[derive(Debug)]
struct Subscription {
    destination: Destination,
    /// In which second it was made or renewed.
    since: u64,
    expire: u32,
}

/// A subscription that is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alive {
    pub event: String,
    /// As it was first written.
    pub socket: String,
    /// Seconds. 0: it is unsubscribed, and lives to the end of this second.
    pub expire: u32,
}

/// No such event, or no such socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadParameter;

impl Subscription {
    /// Lives until the second in which it expires is over: longer than was asked for, by a second at most.
    fn is_alive(&self, now: u64) -> bool {
        now <= self.since + u64::from(self.expire)
    }

    fn listed(&self, now: u64) -> Subscriber {
        let left = (self.since + u64::from(self.expire)).saturating_sub(now);
        let ttl = u32::try_from(left).unwrap_or(u32::MAX);
        Subscriber { socket: self.destination.to_string(), expire: self.expire, ttl: Some(ttl) }
    }
}

impl Subscriptions {
    /// Publishes an event, where it is not published yet.
    pub fn publish(&mut self, name: &str) {
        if self.find(name).is_none() {
            self.events.push(Published { name: name.to_owned(), subscriptions: Vec::new() });
        }
    }

    /// Subscribes, or renews the first one that it seems to be.
    pub fn subscribe(
        &mut self,
        event: &str,
        destination: Option<Destination>,
        expire: Option<u32>,
        now: u64,
    ) -> Result<(), BadParameter> {
        let event = self.find(event).ok_or(BadParameter)?;
        let destination = destination.ok_or(BadParameter)?;
        let expire = expire.unwrap_or(DEFAULT_EXPIRE);
        let subscriptions = &mut self.events[event].subscriptions;
        match subscriptions.iter_mut().find(|existing| destination.refreshes(&existing.destination)) {
            Some(existing) => (existing.since, existing.expire) = (now, expire),
            None => subscriptions.insert(0, Subscription { destination, since: now, expire }),
        }
        Ok(())
    }

    /// All events.
    pub fn events(&self) -> Vec<EventId> {
        let id = |(id, event): (usize, &Published)| EventId { name: event.name.clone(), id: id as u32 };
        self.events.iter().enumerate().map(id).collect()
    }

    /// Whether there is such an event.
    pub fn is_published(&self, event: &str) -> bool {
        self.find(event).is_some()
    }

    /// Whether an event has subscribers, of whom some may have expired.
    pub fn has_subscribers(&self, event: &str) -> bool {
        self.find(event).is_some_and(|event| !self.events[event].subscriptions.is_empty())
    }

    /// All events that have subscribers. One that has expired is listed until its event is raised.
    pub fn list_all(&self, now: u64) -> Vec<EventSubscribers> {
        let all = 0..self.events.len();
        all.filter(|event| !self.events[*event].subscriptions.is_empty())
            .map(|event| self.listed(event, now, |_| true))
            .collect()
    }

    /// The subscribers of an event; `None` where it is not published.
    pub fn list(&self, event: &str, now: u64) -> Option<EventSubscribers> {
        Some(self.listed(self.find(event)?, now, |_| true))
    }

    /// The one subscriber of a published event that this socket seems to be, which may be another.
    pub fn list_one(&self, event: &str, destination: &Destination, now: u64) -> Option<EventSubscribers> {
        let event = self.find(event)?;
        let subscriptions = &self.events[event].subscriptions;
        let found = subscriptions.iter().find(|existing| destination.refreshes(&existing.destination))?;
        Some(self.listed(event, now, |subscription| std::ptr::eq(subscription, found)))
    }

    /// Those who are to be told an event. Whoever has expired is forgotten now.
    pub fn receivers(&mut self, event: &str, now: u64) -> impl Iterator<Item = &Destination> {
        let event = self.find(event);
        let event = event.map(|event| &mut self.events[event]);
        event.into_iter().flat_map(move |event| {
            event.subscriptions.retain(|subscription| subscription.is_alive(now));
            event.subscriptions.iter().map(|subscription| &subscription.destination)
        })
    }

    /// Those that live.
    pub fn alive(&self, now: u64) -> Vec<Alive> {
        let of = |event: &Published| {
            let alive = event.subscriptions.iter().filter(|subscription| subscription.is_alive(now));
            let alive = alive.map(|subscription| Alive {
                event: event.name.clone(),
                socket: subscription.destination.to_string(),
                expire: subscription.expire,
            });
            alive.collect::<Vec<_>>()
        };
        self.events.iter().flat_map(of).collect()
    }

    /// Forgets the subscription of exactly this socket; says whether there was one.
    pub fn forget(&mut self, event: &str, socket: &str) -> bool {
        let Some(event) = self.find(event) else { return false };
        let subscriptions = &mut self.events[event].subscriptions;
        let before = subscriptions.len();
        subscriptions.retain(|subscription| subscription.destination.to_string() != socket);
        subscriptions.len() < before
    }

    /// Forgets every subscription; events stay published.
    pub fn forget_all(&mut self) {
        self.events.iter_mut().for_each(|event| event.subscriptions.clear());
    }

    fn find(&self, event: &str) -> Option<usize> {
        self.events.iter().position(|published| published.name == event)
    }

    fn listed(&self, id: usize, now: u64, which: impl Fn(&Subscription) -> bool) -> EventSubscribers {
        let event = &self.events[id];
        let subscribers =
            event.subscriptions.iter().filter(|one| which(one)).map(|one| one.listed(now)).collect();
        EventSubscribers { name: event.name.clone(), id: id as u32, subscribers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Trial(Subscriptions);

    impl Trial {
        fn new() -> Trial {
            let mut subscriptions = Subscriptions::default();
            for event in ["E_A", "E_B", "E_A"] {
                subscriptions.publish(event);
            }
            Trial(subscriptions)
        }

        fn subscribe(&mut self, event: &str, socket: &str, expire: Option<u32>, now: u64) {
            let destination = Destination::parse(socket, true);
            self.0.subscribe(event, destination, expire, now).expect("subscribed");
        }

        fn receivers(&mut self, event: &str, now: u64) -> Vec<String> {
            self.0.receivers(event, now).map(Destination::to_string).collect()
        }
    }

    #[test]
    fn a_subscription_lives_at_most_a_second_longer_than_was_asked_for() {
        let mut trial = Trial::new();
        trial.subscribe("E_A", "udp:127.0.0.1:9", Some(60), 100);
        assert_eq!(trial.receivers("E_A", 160).len(), 1);
        assert_eq!(trial.receivers("E_A", 161), Vec::<String>::new());
        trial.subscribe("E_A", "udp:127.0.0.1:9", None, 200);
        assert_eq!(trial.receivers("E_A", 3800).len(), 1);
        assert_eq!(trial.receivers("E_A", 3801).len(), 0);
    }

    #[test]
    fn a_renewal_replaces_the_expiry_and_makes_no_second_one() {
        let mut trial = Trial::new();
        trial.subscribe("E_A", "udp:127.0.0.1:9", Some(3600), 100);
        trial.subscribe("E_A", "udp:127.0.0.1:9", Some(10), 120);
        let alive = |expire| Alive { event: "E_A".to_owned(), socket: "udp:127.0.0.1:9".to_owned(), expire };
        assert_eq!(trial.0.alive(130), [alive(10)]);
        assert_eq!(trial.0.alive(131), []);
    }

    #[test]
    fn what_is_unsubscribed_is_told_to_the_end_of_the_second() {
        let mut trial = Trial::new();
        trial.subscribe("E_A", "udp:127.0.0.1:9", Some(3600), 100);
        trial.subscribe("E_A", "udp:127.0.0.1:9", Some(0), 120);
        assert_eq!(trial.receivers("E_A", 120).len(), 1);
        assert_eq!(trial.receivers("E_A", 121).len(), 0);
    }

    #[test]
    fn a_prefix_refreshes_the_other_one_and_is_never_made() {
        let mut trial = Trial::new();
        trial.subscribe("E_A", "udp:127.0.0.11:9", Some(60), 100);
        trial.subscribe("E_A", "udp:127.0.0.1:9", Some(600), 110);
        assert_eq!(trial.receivers("E_A", 500), ["udp:127.0.0.11:9"]);
        let asked = Destination::parse("udp:127.0.0.1:9", true).unwrap();
        let listed = trial.0.list_one("E_A", &asked, 200).unwrap();
        let other = Subscriber { socket: "udp:127.0.0.11:9".to_owned(), expire: 600, ttl: Some(510) };
        assert_eq!(listed.subscribers, [other]);
    }

    #[test]
    fn the_expired_are_listed_until_their_event_is_raised() {
        let mut trial = Trial::new();
        trial.subscribe("E_B", "udp:127.0.0.1:9", Some(60), 100);
        trial.subscribe("E_B", "udp:127.0.0.1:8", Some(600), 100);
        let listed = trial.0.list("E_B", 161).unwrap();
        let sockets = |listed: &EventSubscribers| -> Vec<(String, Option<u32>)> {
            listed.subscribers.iter().map(|one| (one.socket.clone(), one.ttl)).collect()
        };
        assert_eq!(listed.id, 1);
        assert_eq!(
            sockets(&listed),
            [("udp:127.0.0.1:8".to_owned(), Some(539)), ("udp:127.0.0.1:9".to_owned(), Some(0))]
        );
        assert_eq!(trial.0.alive(161).len(), 1);
        assert_eq!(trial.receivers("E_B", 161), ["udp:127.0.0.1:8"]);
        assert_eq!(trial.0.list("E_B", 161).unwrap().subscribers.len(), 1);
    }

    #[test]
    fn what_is_published_keeps_its_id_and_what_is_not_is_refused() {
        let mut trial = Trial::new();
        let ids: Vec<_> = trial.0.events().into_iter().map(|event| (event.name, event.id)).collect();
        assert_eq!(ids, [("E_A".to_owned(), 0), ("E_B".to_owned(), 1)]);
        let socket = Destination::parse("udp:127.0.0.1:9", true);
        assert_eq!(trial.0.subscribe("E_C", socket, None, 0), Err(BadParameter));
        assert_eq!(trial.0.subscribe("E_A", None, None, 0), Err(BadParameter));
        assert_eq!(trial.0.list("E_C", 0), None);
        assert_eq!(trial.0.list("E_A", 0).unwrap().subscribers, []);
        assert_eq!(trial.0.list_all(0), []);
    }

    #[test]
    fn one_or_all_are_forgotten() {
        let mut trial = Trial::new();
        trial.subscribe("E_A", "udp:127.0.0.1:9", None, 0);
        trial.subscribe("E_A", "unix:/a", None, 0);
        trial.subscribe("E_B", "unix:/a", None, 0);
        assert!(trial.0.forget("E_A", "unix:/a"));
        assert!(!trial.0.forget("E_A", "unix:/a"));
        assert_eq!(trial.0.alive(0).len(), 2);
        trial.0.forget_all();
        assert_eq!((trial.0.alive(0).len(), trial.0.events().len()), (0, 2));
    }
}
