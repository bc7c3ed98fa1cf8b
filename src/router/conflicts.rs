//! The table of who waits for whom.
//!
//! An event enters with its keys, in the order of arrival. It may start when no earlier unfinished event holds one of
//! them. A key is held exclusively, or shared with others that share it: the members of a group share the group's key,
//! its deletion holds it alone.
//!
//! A phone must be taken from one user before it is given to another, and what a user holds depends on its unfinished
//! events. So an event that has ended leaves its keys to the next one of its user, in front of whoever came later:
//! whichever event of the user takes the phone away, who wants it waits for that one.

use super::keys::{Key, each_once};
use std::collections::{HashMap, HashSet, VecDeque};
use uuid::Uuid;

/// More keys than these an event does not inherit. What falls out of a row of hundreds of unfinished
/// events is found when the event starts, if the subscriber still holds it.
const HERITAGE: usize = 1000;

/// How an event holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    Shared,
    Exclusive,
}

/// Every unfinished event with its keys.
#[derive(Debug, Default)]
pub struct Conflicts {
    /// Grows by one for every event: the order of arrival.
    next_turn: u64,
    events: HashMap<Uuid, Entry>,
    queues: HashMap<Key, Queue>,
    /// While rows are being read: the keys of those who have left since, by user and group.
    left: Option<HashMap<Key, Vec<Key>>>,
}

#[derive(Debug)]
struct Entry {
    turn: u64,
    /// The user whose event it is; none for one that is about a whole group.
    user: Option<Key>,
    /// What it touches, and then what it has inherited.
    keys: Vec<(Key, Hold)>,
    inherited: usize,
    /// In how many queues somebody stands in its way; none: it may start, or has.
    blocked: usize,
}

/// Those who hold a key or wait for it.
#[derive(Debug, Default)]
struct Queue {
    places: VecDeque<Place>,
    /// So many in front may go: one that holds the key alone, or several that share it.
    free: usize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    turn: u64,
    event: Uuid,
    hold: Hold,
}

impl Queue {
    /// Whether the first of those who wait may go too.
    fn may_free_another(&self) -> bool {
        let (Some(first), Some(next)) = (self.places.front(), self.places.get(self.free)) else {
            return false;
        };
        self.free == 0 || (first.hold == Hold::Shared && next.hold == Hold::Shared)
    }

    /// Puts a place among those that wait, by its turn.
    fn insert_waiting(&mut self, place: Place) {
        let waiting = self.places.range(self.free..);
        let at = self.free + waiting.take_while(|other| other.turn < place.turn).count();
        self.places.insert(at, place);
    }
}

impl Conflicts {
    /// Whether the event has entered and not left.
    pub fn contains(&self, event: Uuid) -> bool {
        self.events.contains_key(&event)
    }

    /// The keys that the event holds or waits for.
    pub fn keys(&self, event: Uuid) -> Vec<Key> {
        let entry = self.events.get(&event);
        entry.into_iter().flat_map(|entry| &entry.keys).map(|(key, _)| *key).collect()
    }

    /// The keys of all events that hold `key` or wait for it: what the whole of a group will touch.
    pub fn all_keys_beside(&self, key: Key) -> Vec<(Key, Hold)> {
        let places = self.queues.get(&key).into_iter().flat_map(|queue| &queue.places);
        let entries = places.filter_map(|place| self.events.get(&place.event));
        each_once(entries.flat_map(|entry| &entry.keys).map(|(key, _)| (*key, key.hold())))
    }

    /// From now on those who leave are remembered: rows are being read, and they may have changed them.
    pub fn remember_left(&mut self) {
        self.left = Some(HashMap::new());
    }

    /// The keys of events of this user, or of this group, that have left since [`Conflicts::remember_left`].
    pub fn left(&self, whose: Key) -> impl Iterator<Item = (Key, Hold)> {
        let keys = self.left.as_ref().and_then(|left| left.get(&whose));
        keys.into_iter().flatten().map(|key| (*key, key.hold()))
    }

    /// The rows are read.
    pub fn forget_left(&mut self) {
        self.left = None;
    }

    /// Enters an event of `user` behind all that are here; true if it may start at once.
    ///
    /// An event that is here already keeps its place, and the answer is false.
    pub fn enter(&mut self, event: Uuid, user: Option<Key>, keys: Vec<(Key, Hold)>) -> bool {
        if self.contains(event) {
            return false;
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        self.events
            .insert(event, Entry { turn, user, keys: keys.clone(), inherited: 0, blocked: keys.len() });
        let mut startable = keys.is_empty();
        for (key, hold) in keys {
            self.queues.entry(key).or_default().places.push_back(Place { turn, event, hold });
            startable |= self.settle(key).contains(&event);
        }
        startable
    }

    /// Gives an event that has sent nothing more keys; returns all that may start now, itself among them or not.
    ///
    /// It leaves its places and takes new ones by its turn, behind those that have started meanwhile. So whoever waits
    /// waits for one that runs or came earlier, and never two for each other.
    pub fn extend(&mut self, event: Uuid, more: Vec<(Key, Hold)>) -> Vec<Uuid> {
        let Some(mut entry) = self.events.remove(&event) else { return Vec::new() };
        entry.keys = each_once(entry.keys.into_iter().chain(more));
        entry.blocked = entry.keys.len();
        let (turn, keys) = (entry.turn, entry.keys.clone());
        self.events.insert(event, entry);
        if keys.is_empty() {
            return vec![event];
        }
        for &(key, hold) in &keys {
            self.place_by_turn(key, Place { turn, event, hold });
        }
        keys.into_iter().flat_map(|(key, _)| self.settle(key)).collect()
    }

    /// Puts a place behind those of started events and among the others by its turn; who may go is to be settled.
    fn place_by_turn(&mut self, key: Key, place: Place) {
        let queue = self.queues.entry(key).or_default();
        let (mut started, mut waiting) = (VecDeque::new(), VecDeque::new());
        for (position, other) in queue.places.drain(..).enumerate() {
            if other.event == place.event {
                continue;
            }
            let entry = self.events.get_mut(&other.event).expect("whoever stands in a queue has entered");
            if entry.blocked == 0 {
                started.push_back(other);
                continue;
            }
            if position < queue.free {
                entry.blocked += 1;
            }
            waiting.push_back(other);
        }
        queue.free = started.len();
        started.append(&mut waiting);
        queue.places = started;
        queue.insert_waiting(place);
    }

    /// Takes a finished event out; returns those that may start now, in order of arrival.
    pub fn leave(&mut self, event: Uuid) -> Vec<Uuid> {
        let Some(entry) = self.events.remove(&event) else { return Vec::new() };
        for (key, _) in &entry.keys {
            let queue = self.queues.get_mut(key).expect("whoever holds a key stands in its queue");
            let at = queue.places.iter().position(|place| place.event == event);
            let at = at.expect("whoever holds a key stands in its queue");
            queue.places.remove(at);
            queue.free -= usize::from(at < queue.free);
        }
        self.bequeath(&entry);
        self.note_left(&entry);
        let mut startable = Vec::new();
        for (key, _) in entry.keys {
            startable.extend(self.settle(key));
            if self.queues.get(&key).is_some_and(|queue| queue.places.is_empty()) {
                self.queues.remove(&key);
            }
        }
        startable.sort_by_key(|event| self.events[event].turn);
        startable
    }

    fn note_left(&mut self, entry: &Entry) {
        let Some(left) = &mut self.left else { return };
        let groups = entry.keys.iter().map(|(key, _)| *key).filter(|key| key.hold() == Hold::Shared);
        for whose in entry.user.into_iter().chain(groups) {
            left.entry(whose).or_default().extend(entry.keys.iter().map(|(key, _)| *key));
        }
    }

    /// Leaves the keys of an event to the next one that holds its user: one of the user's own, or the deletion of its group.
    fn bequeath(&mut self, entry: &Entry) {
        let Some(user) = entry.user else { return };
        let next = self.queues.get(&user).and_then(|queue| queue.places.front());
        let Some(event) = next.map(|place| place.event) else { return };
        let heir = self.events.get_mut(&event).expect("whoever stands in a queue has entered");
        let known: HashSet<Key> = heir.keys.iter().map(|(key, _)| *key).collect();
        let heritage: Vec<Key> =
            entry.keys.iter().map(|(key, _)| *key).filter(|key| !known.contains(key)).collect();
        for key in heritage.into_iter().take(HERITAGE.saturating_sub(heir.inherited)) {
            heir.keys.push((key, key.hold()));
            heir.inherited += 1;
            heir.blocked += 1;
            let place = Place { turn: heir.turn, event, hold: key.hold() };
            self.queues.entry(key).or_default().insert_waiting(place);
        }
    }

    /// Lets those go who may: the first, and with one that shares the key all behind it that share it.
    ///
    /// Only those who wait are looked at, however many may go already. Returns the events that nothing blocks any more.
    fn settle(&mut self, key: Key) -> Vec<Uuid> {
        let mut startable = Vec::new();
        let Some(queue) = self.queues.get_mut(&key) else { return startable };
        while queue.may_free_another() {
            let event = queue.places[queue.free].event;
            queue.free += 1;
            let entry = self.events.get_mut(&event).expect("whoever stands in a queue has entered");
            entry.blocked -= 1;
            if entry.blocked == 0 {
                startable.push(event);
            }
        }
        startable
    }
}

#[cfg(test)]
mod tests;
