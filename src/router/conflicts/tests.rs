//! Cases, and two properties: whatever conflicts runs in order, and no phone is given before it is taken.

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
fn the_deletion_of_a_large_group_inherits_like_any_other_event() {
    let mut conflicts = Conflicts::default();
    assert!(conflicts.enter(event(1), Some(key("anna")), alone(&["anna", "phone"])));
    let members: Vec<String> = (0..2 * HERITAGE).map(|n| n.to_string()).chain(["anna".to_owned()]).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    assert!(!conflicts.enter(event(2), None, alone(&members)));
    assert!(!conflicts.enter(event(3), Some(key("bo")), alone(&["bo", "phone"])));
    assert_eq!(conflicts.leave(event(1)), [event(2)]);
    assert_eq!(conflicts.leave(event(2)), [event(3)]);
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
                let is_free = phone.and_then(|phone| self.holder(phone)).is_none_or(|holder| holder == user);
                is_free && self.rows[user].replace(phone).is_some()
            }
            Act::Other(user) => self.rows[user].is_some(),
            Act::DeleteGroup(group) => {
                self.members(group).collect::<Vec<_>>().into_iter().for_each(|user| self.rows[user] = None);
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
                (None, each_once([(group_key(group), Exclusive)].into_iter().chain(members).chain(pending)))
            }
        }
    }
}
