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

/// More keys than these are not left to the next event of a user. What falls out of a row of hundreds of unfinished
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
    /// What it touches.
    keys: Vec<(Key, Hold)>,
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
        self.events.insert(event, Entry { turn, user, keys: keys.clone(), blocked: keys.len() });
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
        for key in heritage.into_iter().take(HERITAGE.saturating_sub(known.len())) {
            heir.keys.push((key, key.hold()));
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
        assert!(conflicts.enter(event(1), None, alone(&["a"])));
        assert!(conflicts.enter(event(2), None, alone(&["b"])));
        assert!(conflicts.enter(event(3), None, vec![]));
    }

    #[test]
    fn a_phone_is_taken_away_before_it_is_given() {
        let mut conflicts = Conflicts::default();
        assert!(conflicts.enter(event(1), None, alone(&["anna", "phone"])));
        assert!(!conflicts.enter(event(2), None, alone(&["bo", "phone"])));
        assert!(!conflicts.enter(event(3), None, alone(&["bo"])));
        assert_eq!(conflicts.leave(event(1)), [event(2)]);
        assert_eq!(conflicts.leave(event(2)), [event(3)]);
        assert!(conflicts.leave(event(3)).is_empty());
        assert!(conflicts.events.is_empty() && conflicts.queues.is_empty());
    }

    #[test]
    fn members_of_a_group_run_beside_each_other_and_its_deletion_runs_alone() {
        let mut conflicts = Conflicts::default();
        let group = key("group");
        assert!(conflicts.enter(event(1), None, vec![(group, Shared)]));
        assert!(conflicts.enter(event(2), None, vec![(group, Shared)]));
        assert!(!conflicts.enter(event(3), None, vec![(group, Exclusive)]));
        assert!(!conflicts.enter(event(4), None, vec![(group, Shared)]));
        assert!(conflicts.leave(event(2)).is_empty());
        assert_eq!(conflicts.leave(event(1)), [event(3)]);
        assert_eq!(conflicts.leave(event(3)), [event(4)]);
    }

    #[test]
    fn an_event_that_learns_of_a_key_goes_before_those_that_came_later() {
        let mut conflicts = Conflicts::default();
        assert!(conflicts.enter(event(1), None, alone(&["a"])));
        assert!(!conflicts.enter(event(2), None, alone(&["a", "b"])));
        assert_eq!(conflicts.extend(event(1), alone(&["b"])), [event(1)]);
        assert_eq!(conflicts.leave(event(1)), [event(2)]);
    }

    #[test]
    fn an_event_that_learns_of_a_key_waits_for_who_has_started() {
        let mut conflicts = Conflicts::default();
        assert!(conflicts.enter(event(1), None, alone(&["a"])));
        assert!(conflicts.enter(event(2), None, alone(&["b"])));
        assert!(conflicts.extend(event(1), alone(&["b"])).is_empty());
        assert_eq!(conflicts.leave(event(2)), [event(1)]);
    }

    #[test]
    fn two_events_that_learn_of_each_others_keys_do_not_wait_for_each_other() {
        let mut conflicts = Conflicts::default();
        assert!(conflicts.enter(event(1), None, alone(&["a"])));
        assert!(conflicts.enter(event(2), None, alone(&["b"])));
        assert!(conflicts.extend(event(1), alone(&["b"])).is_empty());
        assert_eq!(conflicts.extend(event(2), alone(&["a"])), [event(1)]);
        assert_eq!(conflicts.leave(event(1)), [event(2)]);
    }

    #[test]
    fn an_event_leaves_its_keys_to_the_next_of_its_user() {
        let (mut conflicts, anna) = (Conflicts::default(), Some(key("anna")));
        // Anna is given the phone, does something else, and loses it; then Bo gets it, and after him Carl.
        assert!(conflicts.enter(event(1), anna, alone(&["anna", "phone"])));
        assert!(!conflicts.enter(event(2), anna, alone(&["anna"])));
        assert_eq!(conflicts.leave(event(1)), [event(2)]);
        assert!(!conflicts.enter(event(3), anna, alone(&["anna"])));
        assert!(!conflicts.enter(event(4), Some(key("bo")), alone(&["bo", "phone"])));
        assert_eq!(conflicts.leave(event(2)), [event(3)]);
        assert!(!conflicts.enter(event(5), Some(key("carl")), alone(&["carl", "phone"])));
        assert_eq!(conflicts.leave(event(3)), [event(4)]);
        assert_eq!(conflicts.leave(event(4)), [event(5)]);
        assert!(conflicts.leave(event(5)).is_empty());
        assert!(conflicts.events.is_empty() && conflicts.queues.is_empty());
    }

    #[test]
    fn who_wants_the_phone_of_a_user_waits_for_all_its_events() {
        let (mut conflicts, anna) = (Conflicts::default(), Some(key("anna")));
        assert!(conflicts.enter(event(1), anna, alone(&["anna", "phone"])));
        for n in 2..50 {
            assert!(!conflicts.enter(event(n), anna, alone(&["anna", &n.to_string()])));
        }
        assert!(!conflicts.enter(event(99), Some(key("bo")), alone(&["bo", "phone"])));
        for n in 1..49 {
            assert_eq!(conflicts.leave(event(n)), [event(n + 1)]);
        }
        assert_eq!(conflicts.leave(event(49)), [event(99)]);
    }

    #[test]
    fn what_leaves_while_rows_are_read_is_remembered() {
        let (mut conflicts, anna, group) = (Conflicts::default(), key("anna"), Key::group("KNI"));
        conflicts.enter(event(1), Some(anna), vec![(anna, Exclusive), (group, Shared)]);
        conflicts.remember_left();
        conflicts.leave(event(1));
        let expected = [(anna, Exclusive), (group, Shared)];
        assert_eq!(conflicts.left(anna).collect::<Vec<_>>(), expected);
        assert_eq!(conflicts.left(group).collect::<Vec<_>>(), expected);
        conflicts.forget_left();
        assert_eq!(conflicts.left(anna).count(), 0);
    }

    #[test]
    fn the_deletion_of_a_group_knows_what_all_events_of_its_members_hold() {
        let (mut conflicts, group) = (Conflicts::default(), Key::group("KNI"));
        conflicts.enter(
            event(1),
            None,
            vec![(key("anna"), Exclusive), (key("phone"), Exclusive), (group, Shared)],
        );
        conflicts.enter(event(2), None, vec![(key("bo"), Exclusive), (group, Shared)]);
        let expected =
            [(key("anna"), Exclusive), (key("phone"), Exclusive), (group, Shared), (key("bo"), Exclusive)];
        assert_eq!(conflicts.all_keys_beside(group), expected);
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
                .filter_map(|(event, keys)| conflicts.enter(event, None, keys.clone()).then_some(event))
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
                if conflicts.enter(event(n as u128), None, keys.clone()) {
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

        /// Whatever a portal does with users, phones and groups, and in whatever order events end that may run beside
        /// each other: no phone is given to a user while another one has it, and nothing to a user that is not there.
        #[test]
        fn a_phone_is_never_given_before_it_is_taken(acts in acts(), picks in picks()) {
            let mut conflicts = Conflicts::default();
            let (acts, mut core) = (portal(&acts), Core::default());
            let (mut running, mut arrived, mut picks) = (Vec::<usize>::new(), 0, picks.into_iter().cycle());
            while arrived < acts.len() || !running.is_empty() {
                let pick = picks.next().expect("endless").index(running.len() + 1);
                if pick == running.len() && arrived < acts.len() {
                    let (user, keys) = core.keys(acts[arrived], &conflicts);
                    if conflicts.enter(event(arrived as u128), user, keys) {
                        running.push(arrived);
                    }
                    arrived += 1;
                } else if !running.is_empty() {
                    let act = running.swap_remove(pick % running.len());
                    prop_assert!(core.takes(acts[act]), "{:?} of {:?}", act, acts);
                    running.extend(conflicts.leave(event(act as u128)).iter().map(|event| event.as_u128() as usize));
                }
            }
            prop_assert!(conflicts.events.is_empty() && conflicts.queues.is_empty());
        }
    }

    const USERS: usize = 6;
    const GROUPS: usize = 2;

    /// What a portal does.
    #[derive(Debug, Clone, Copy)]
    enum Act {
        Add(usize),
        /// A user gets a phone, or loses it.
        Phone(usize, Option<u8>),
        Other(usize),
        DeleteGroup(usize),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let phone =
            (0..USERS, prop::option::weighted(0.7, 0u8..4)).prop_map(|(user, phone)| Act::Phone(user, phone));
        let group = (0..GROUPS).prop_map(Act::DeleteGroup);
        let act = prop_oneof![6 => phone, 3 => (0..USERS).prop_map(Act::Other), 1 => group];
        prop::collection::vec(act, 1..60)
    }

    /// The same with users added before anything else, and every phone taken before it is given.
    fn portal(acts: &[Act]) -> Vec<Act> {
        let (mut valid, mut portal) = (Vec::new(), Core::default());
        for &act in acts {
            if let Act::Phone(user, _) | Act::Other(user) = act
                && portal.rows[user].is_none()
            {
                valid.push(Act::Add(user));
                portal.takes(Act::Add(user));
            }
            if let Act::Phone(user, Some(phone)) = act
                && let Some(holder) = portal.holder(phone).filter(|holder| *holder != user)
            {
                valid.push(Act::Phone(holder, None));
                portal.takes(Act::Phone(holder, None));
            }
            valid.push(act);
            assert!(portal.takes(act));
        }
        valid
    }

    /// Who there is, with which phone.
    #[derive(Default)]
    struct Core {
        rows: [Option<Option<u8>>; USERS],
    }

    impl Core {
        fn holder(&self, phone: u8) -> Option<usize> {
            self.rows.iter().position(|row| *row == Some(Some(phone)))
        }

        fn members(&self, group: usize) -> impl Iterator<Item = usize> {
            (0..USERS).filter(move |user| user % GROUPS == group && self.rows[*user].is_some())
        }

        /// Does it, or says that it cannot be.
        fn takes(&mut self, act: Act) -> bool {
            match act {
                Act::Add(user) => self.rows[user].replace(None).is_none(),
                Act::Phone(user, phone) => {
                    let is_free =
                        phone.and_then(|phone| self.holder(phone)).is_none_or(|holder| holder == user);
                    is_free && self.rows[user].replace(phone).is_some()
                }
                Act::Other(user) => self.rows[user].is_some(),
                Act::DeleteGroup(group) => {
                    self.members(group)
                        .collect::<Vec<_>>()
                        .into_iter()
                        .for_each(|user| self.rows[user] = None);
                    true
                }
            }
        }

        /// The user and the keys with which an act arrives.
        fn keys(&self, act: Act, conflicts: &Conflicts) -> (Option<Key>, Vec<(Key, Hold)>) {
            let user_key = |user: usize| Key::user(&user.to_string());
            let group_key = |group: usize| Key::group(&group.to_string());
            let phone_key = |phone: u8| key(&format!("phone {phone}"));
            let row = |user: usize| {
                let phone = self.rows[user].flatten().map(phone_key);
                let group = self.rows[user].map(|_| group_key(user % GROUPS));
                [user_key(user)].into_iter().chain(phone).chain(group).map(|key| (key, key.hold()))
            };
            match act {
                Act::Add(user) => {
                    let group = group_key(user % GROUPS);
                    (Some(user_key(user)), each_once(row(user).chain([(group, Shared)])))
                }
                Act::Phone(user, phone) => {
                    let phone = phone.map(|phone| (phone_key(phone), Exclusive));
                    (Some(user_key(user)), each_once(row(user).chain(phone)))
                }
                Act::Other(user) => (Some(user_key(user)), each_once(row(user))),
                Act::DeleteGroup(group) => {
                    let members = self.members(group).flat_map(row);
                    let pending = conflicts.all_keys_beside(group_key(group));
                    (
                        None,
                        each_once([(group_key(group), Exclusive)].into_iter().chain(members).chain(pending)),
                    )
                }
            }
        }
    }
}
