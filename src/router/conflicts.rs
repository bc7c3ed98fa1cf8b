//! The table of who waits for whom.
//!
//! An event enters with its keys, in the order of arrival. It may start when no earlier unfinished event holds one of
//! them. A key is held exclusively, or shared with others that share it: the members of a group share the group's key,
//! its deletion holds it alone.

use super::keys::{Key, each_once};
use std::collections::{HashMap, VecDeque};
use uuid::Uuid;

/// Keys that an event takes over from the one before it.
const PASSED_ON: usize = 16;

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
}

#[derive(Debug)]
struct Entry {
    turn: u64,
    keys: Vec<(Key, Hold)>,
    /// Whether it holds a collective key alone: then its keys are those of many, and it leaves none of them anything.
    is_whole: bool,
    /// In how many of its keys' queues somebody stands in its way; none: it may start, or has.
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
}

impl Conflicts {
    /// Whether the event has entered and not left.
    pub fn contains(&self, event: Uuid) -> bool {
        self.events.contains_key(&event)
    }

    /// The keys of the last event that holds `key` or waits for it, which has those of the ones before it.
    ///
    /// Only so many are passed on: a user with a long row of unfinished events would pass all their phones from one to
    /// the next. What falls out is found when the event starts, if the subscriber still holds it. One that takes a whole
    /// group away passes on nothing: it leaves nothing of `key`, and holds all that anybody may want to have of it.
    pub fn keys_beside(&self, key: Key) -> Vec<(Key, Hold)> {
        let last = self.queues.get(&key).and_then(|queue| self.events.get(&queue.places.back()?.event));
        let last = last.filter(|entry| !entry.is_whole);
        let keys = last.into_iter().flat_map(|entry| entry.keys.iter().take(PASSED_ON));
        keys.map(|(key, _)| (*key, key.hold())).collect()
    }

    /// The keys of all events that hold `key` or wait for it: what the whole of a group will touch.
    pub fn all_keys_beside(&self, key: Key) -> Vec<(Key, Hold)> {
        let places = self.queues.get(&key).into_iter().flat_map(|queue| &queue.places);
        let entries = places.filter_map(|place| self.events.get(&place.event));
        entries.flat_map(|entry| &entry.keys).map(|(key, _)| (*key, key.hold())).collect()
    }

    /// Enters an event behind all that are here; true if it may start at once.
    ///
    /// An event that is here already keeps its place, and the answer is false.
    pub fn enter(&mut self, event: Uuid, keys: Vec<(Key, Hold)>) -> bool {
        if self.contains(event) {
            return false;
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        let is_whole = keys.iter().any(|(key, hold)| *hold == Hold::Exclusive && key.hold() == Hold::Shared);
        self.events.insert(event, Entry { turn, keys: keys.clone(), is_whole, blocked: keys.len() });
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
        let at = waiting.partition_point(|other: &Place| other.turn < place.turn);
        waiting.insert(at, place);
        queue.free = started.len();
        started.append(&mut waiting);
        queue.places = started;
    }

    /// Takes a finished event out; returns those that may start now, in order of arrival.
    pub fn leave(&mut self, event: Uuid) -> Vec<Uuid> {
        let Some(entry) = self.events.remove(&event) else { return Vec::new() };
        let mut startable = Vec::new();
        for (key, _) in entry.keys {
            let queue = self.queues.get_mut(&key).expect("whoever holds a key stands in its queue");
            let at = queue.places.iter().position(|place| place.event == event);
            let at = at.expect("whoever holds a key stands in its queue");
            queue.places.remove(at);
            queue.free -= usize::from(at < queue.free);
            if queue.places.is_empty() {
                self.queues.remove(&key);
            } else {
                startable.extend(self.settle(key));
            }
        }
        startable.sort_by_key(|event| self.events[event].turn);
        startable
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
mod tests {
    use super::Hold::{Exclusive, Shared};
    use super::*;
    use proptest::prelude::*;

    fn event(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn key(name: &str) -> Key {
        Key::user(name)
    }

    fn alone(names: &[&str]) -> Vec<(Key, Hold)> {
        names.iter().map(|name| (key(name), Exclusive)).collect()
    }

    #[test]
    fn events_that_share_no_key_start_at_once() {
        let mut conflicts = Conflicts::default();
        assert!(conflicts.enter(event(1), alone(&["a"])));
        assert!(conflicts.enter(event(2), alone(&["b"])));
        assert!(conflicts.enter(event(3), vec![]));
    }

    #[test]
    fn a_phone_is_taken_away_before_it_is_given() {
        let mut conflicts = Conflicts::default();
        assert!(conflicts.enter(event(1), alone(&["anna", "phone"])));
        assert!(!conflicts.enter(event(2), alone(&["bo", "phone"])));
        assert!(!conflicts.enter(event(3), alone(&["bo"])));
        assert_eq!(conflicts.leave(event(1)), [event(2)]);
        assert_eq!(conflicts.leave(event(2)), [event(3)]);
        assert!(conflicts.leave(event(3)).is_empty());
        assert!(conflicts.events.is_empty() && conflicts.queues.is_empty());
    }

    #[test]
    fn members_of_a_group_run_beside_each_other_and_its_deletion_runs_alone() {
        let mut conflicts = Conflicts::default();
        let group = key("group");
        assert!(conflicts.enter(event(1), vec![(group, Shared)]));
        assert!(conflicts.enter(event(2), vec![(group, Shared)]));
        assert!(!conflicts.enter(event(3), vec![(group, Exclusive)]));
        assert!(!conflicts.enter(event(4), vec![(group, Shared)]));
        assert!(conflicts.leave(event(2)).is_empty());
        assert_eq!(conflicts.leave(event(1)), [event(3)]);
        assert_eq!(conflicts.leave(event(3)), [event(4)]);
    }

    #[test]
    fn an_event_that_learns_of_a_key_goes_before_those_that_came_later() {
        let mut conflicts = Conflicts::default();
        assert!(conflicts.enter(event(1), alone(&["a"])));
        assert!(!conflicts.enter(event(2), alone(&["a", "b"])));
        assert_eq!(conflicts.extend(event(1), alone(&["b"])), [event(1)]);
        assert_eq!(conflicts.leave(event(1)), [event(2)]);
    }

    #[test]
    fn an_event_that_learns_of_a_key_waits_for_who_has_started() {
        let mut conflicts = Conflicts::default();
        assert!(conflicts.enter(event(1), alone(&["a"])));
        assert!(conflicts.enter(event(2), alone(&["b"])));
        assert!(conflicts.extend(event(1), alone(&["b"])).is_empty());
        assert_eq!(conflicts.leave(event(2)), [event(1)]);
    }

    #[test]
    fn two_events_that_learn_of_each_others_keys_do_not_wait_for_each_other() {
        let mut conflicts = Conflicts::default();
        assert!(conflicts.enter(event(1), alone(&["a"])));
        assert!(conflicts.enter(event(2), alone(&["b"])));
        assert!(conflicts.extend(event(1), alone(&["b"])).is_empty());
        assert_eq!(conflicts.extend(event(2), alone(&["a"])), [event(1)]);
        assert_eq!(conflicts.leave(event(1)), [event(2)]);
    }

    #[test]
    fn the_keys_beside_an_event_are_those_of_its_users_other_events() {
        let mut conflicts = Conflicts::default();
        conflicts.enter(event(1), alone(&["anna", "phone"]));
        conflicts.enter(event(2), alone(&["bo"]));
        let beside: Vec<Key> = conflicts.keys_beside(key("anna")).into_iter().map(|(key, _)| key).collect();
        assert_eq!(beside, [key("anna"), key("phone")]);
    }

    #[test]
    fn the_deletion_of_a_group_knows_what_all_events_of_its_members_hold() {
        let (mut conflicts, group) = (Conflicts::default(), Key::group("KNI"));
        conflicts.enter(event(1), vec![(key("anna"), Exclusive), (key("phone"), Exclusive), (group, Shared)]);
        conflicts.enter(event(2), vec![(key("bo"), Exclusive), (group, Shared)]);
        let expected = [(key("anna"), Exclusive), (key("phone"), Exclusive), (group, Shared)];
        let bo = [(key("bo"), Exclusive), (group, Shared)];
        assert_eq!(conflicts.all_keys_beside(group), [&expected[..], &bo[..]].concat());
        conflicts.enter(event(3), [vec![(group, Exclusive)], alone(&["anna", "phone", "bo"])].concat());
        // Whoever of them comes later finds nothing left of the others, or of itself.
        assert!(conflicts.keys_beside(key("anna")).is_empty());
    }

    /// Events with keys (a number, and whether it is shared).
    fn events() -> impl Strategy<Value = Vec<Vec<(u8, bool)>>> {
        prop::collection::vec(prop::collection::vec((0u8..6, any::<bool>()), 0..4), 1..40)
    }

    fn picks() -> impl Strategy<Value = Vec<prop::sample::Index>> {
        prop::collection::vec(any::<prop::sample::Index>(), 200)
    }

    fn holds(keys: &[(u8, bool)]) -> Vec<(Key, Hold)> {
        let hold = |(k, shared): &(u8, bool)| (key(&k.to_string()), if *shared { Shared } else { Exclusive });
        let mut keys: Vec<(Key, Hold)> = keys.iter().map(hold).collect();
        keys.sort_by_key(|(key, _)| *key);
        keys.dedup_by_key(|(key, _)| *key);
        keys
    }

    fn conflict(a: &[(Key, Hold)], b: &[(Key, Hold)]) -> bool {
        let shares = |(key, hold): &(Key, Hold), (other, other_hold): &(Key, Hold)| {
            key == other && (*hold == Exclusive || *other_hold == Exclusive)
        };
        a.iter().any(|one| b.iter().any(|other| shares(one, other)))
    }

    proptest! {
        /// Whatever comes and ends in whatever order: two events that conflict never run together, the earlier one
        /// runs first, and every event runs.
        #[test]
        fn conflicting_events_run_in_order_of_arrival_and_all_run(events in events(), picks in picks()) {
            let mut conflicts = Conflicts::default();
            let held: Vec<Vec<(Key, Hold)>> = events.iter().map(|keys| holds(keys)).collect();
            let numbered = || held.iter().enumerate().map(|(n, keys)| (event(n as u128), keys));
            let mut running: Vec<Uuid> = numbered()
                .filter_map(|(event, keys)| conflicts.enter(event, keys.clone()).then_some(event))
                .collect();
            let of = |event: &Uuid| &held[event.as_u128() as usize];
            let mut ended = Vec::new();
            let mut picks = picks.into_iter();
            while !running.is_empty() {
                for (n, a) in running.iter().enumerate() {
                    prop_assert!(running[n + 1..].iter().all(|b| !conflict(of(a), of(b))));
                    let earlier = (0..a.as_u128()).map(event).filter(|b| conflict(of(a), of(b)));
                    prop_assert!(earlier.into_iter().all(|b| ended.contains(&b)));
                }
                let end = running.swap_remove(picks.next().expect("enough picks").index(running.len()));
                ended.push(end);
                running.extend(conflicts.leave(end));
            }
            prop_assert_eq!(ended.len(), held.len());
            prop_assert!(conflicts.events.is_empty() && conflicts.queues.is_empty());
        }

        /// Events that learn of further keys when they are about to start: no two that conflict run together, and
        /// every event runs, whatever they learn in whatever order.
        #[test]
        fn events_that_learn_of_keys_never_block_each_other(
            events in events(), learned in events(), picks in picks(),
        ) {
            let mut conflicts = Conflicts::default();
            let mut held: Vec<Vec<(Key, Hold)>> = events.iter().map(|keys| holds(keys)).collect();
            let mut startable: Vec<Uuid> = Vec::new();
            for (n, keys) in held.iter().enumerate() {
                if conflicts.enter(event(n as u128), keys.clone()) {
                    startable.push(event(n as u128));
                }
            }
            let mut to_learn: HashMap<Uuid, Vec<(Key, Hold)>> =
                learned.iter().take(held.len()).enumerate().map(|(n, keys)| (event(n as u128), holds(keys))).collect();
            let (mut running, mut ended) = (Vec::<Uuid>::new(), 0);
            for pick in picks {
                if startable.is_empty() && running.is_empty() {
                    break;
                }
                let which = pick.index(startable.len() + running.len());
                if which < startable.len() {
                    let next = startable.swap_remove(which);
                    match to_learn.remove(&next) {
                        Some(more) => {
                            let known = &mut held[next.as_u128() as usize];
                            let new: Vec<_> = more.into_iter()
                                .filter(|(key, _)| known.iter().all(|(held, _)| held != key)).collect();
                            known.extend(new.clone());
                            startable.extend(conflicts.extend(next, new));
                        }
                        None => running.push(next),
                    }
                } else {
                    let end = running.swap_remove(which - startable.len());
                    ended += 1;
                    startable.extend(conflicts.leave(end));
                }
                for (n, a) in running.iter().enumerate() {
                    let of = |event: &Uuid| &held[event.as_u128() as usize];
                    prop_assert!(running[n + 1..].iter().all(|b| !conflict(of(a), of(b))));
                }
            }
            prop_assert_eq!(ended, held.len());
            prop_assert!(conflicts.events.is_empty() && conflicts.queues.is_empty());
        }
    }
}
