//! The lists of what a server holds, as they are asked for and come: purely, whatever they come by.
//!
//! ```text
//! ← Response: Success      EventList: start
//! ← Event: DeviceStateChange      ActionID: 5      an item; events of something else may stand between items
//! ← Event: DeviceStateListComplete      EventList: Complete, ListItems: 1
//! ```
//!
//! A list whose count is wrong is asked for once more; then what it says counts, and nothing is taken back for what it does not say. The
//! same is true of one that does not get complete. What is heard while lists come is told with them, for whoever knows of the session by
//! them alone. While the first lists of a session come that is everybody; later changes are told at once as well, and the manager
//! knows by the time at which lists were asked for what is newer than they are.

use super::reading::{DEVICE, NoChange, PRESENCE};
use crate::managers::device_state::messages::Inventory;
use crate::states::{Change, Key, Value};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Changes that may be kept while lists come; there are as many keys at most.
const KEPT: usize = 1_000_000;
/// Lists are complete by then, however long they are: one that drips would keep a server out for ever.
const LIMIT: Duration = Duration::from_secs(60);

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    Devices,
    Presences,
}

impl List {
    /// Both.
    pub const ALL: [List; 2] = [List::Devices, List::Presences];

    /// The action that asks for it.
    pub fn action(self) -> &'static str {
        match self {
            List::Devices => "DeviceStateList",
            List::Presences => "PresenceStateList",
        }
    }

    /// The events that are its items.
    pub fn event(self) -> &'static str {
        match self {
            List::Devices => DEVICE,
            List::Presences => PRESENCE,
        }
    }
}

type Listed = Result<Inventory, String>;

/// What came of asking.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Lists are missing yet.
    Wait,
    /// A count was wrong: ask for both once more.
    Repeat,
    /// They are there.
    Done(Lists),
}

/// Both lists, or why they are not there.
#[derive(Debug, PartialEq)]
pub struct Lists {
    pub asked: Instant,
    pub devices: Listed,
    pub presences: Listed,
    /// What was heard while they came, and holds where nobody knew of the session.
    pub since: Vec<Change>,
}

/// What becomes of a change that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is to be told at once.
    Now,
    /// It is told with the lists, and not before.
    Later,
    /// There is no room: the lists are wanted once more, which are newer than it.
    Dropped,
}

/// See the module.
#[derive(Default)]
pub struct Listing {
    /// Since when they are asked for, while they come.
    asked: Option<Instant>,
    /// They are wanted once more when these are there.
    again: bool,
    repeated: bool,
    has_wrong_count: bool,
    /// At least one listing of this session is done.
    has_listed: bool,
    parts: [Part; 2],
    since: HashMap<Key, Value>,
}

#[derive(Default)]
struct Part {
    items: Vec<Change>,
    /// Items that came, of whatever use.
    count: usize,
    outcome: Option<Listed>,
}

impl Listing {
    /// They are wanted; whether they are to be asked for now. While they come, they are asked for afterwards.
    pub fn want(&mut self, now: Instant) -> bool {
        if self.asked.is_some() {
            self.again = true;
            return false;
        }
        self.begin(now);
        self.repeated = false;
        true
    }

    /// They are about to be asked for: nothing of before belongs to them.
    fn begin(&mut self, now: Instant) {
        self.asked = Some(now);
        self.has_wrong_count = false;
        self.parts = Default::default();
    }

    /// The server was ready only now: what has come so far may be of before. Nothing where it has not begun.
    pub fn doubt(&mut self, now: Instant) -> bool {
        let has_begun = self.parts.iter().any(|part| part.count > 0 || part.outcome.is_some());
        if self.asked.is_some() && !has_begun { false } else { self.want(now) }
    }

    /// A change was heard.
    pub fn heard(&mut self, change: &Change) -> Heard {
        if self.has_listed && self.asked.is_none() {
            return Heard::Now;
        }
        // A manager that fails while lists come knows nothing of what it was told: it is told once more with them.
        let has_room = self.since.len() < KEPT || self.since.contains_key(&change.key);
        match has_room {
            true => drop(self.since.insert(change.key.clone(), change.value.clone())),
            false => self.again = true,
        }
        match has_room {
            _ if self.has_listed => Heard::Now,
            true => Heard::Later,
            false => Heard::Dropped,
        }
    }

    /// An item has come.
    pub fn item(&mut self, list: List, change: Result<Change, NoChange>) -> Result<(), NoChange> {
        let part = &mut self.parts[list as usize];
        part.count += 1;
        if part.items.len() < KEPT {
            part.items.push(change?);
        }
        Ok(())
    }

    /// A list is complete and says how many items it has; whether that is so.
    pub fn complete(&mut self, list: List, items: Option<usize>) -> bool {
        let part = &mut self.parts[list as usize];
        let is_right = items.is_none_or(|items| items == part.count);
        let flaw = (!is_right).then(|| "its list has another count than it says".to_owned());
        part.outcome = Some(Ok(Inventory { items: std::mem::take(&mut part.items), flaw }));
        self.has_wrong_count |= !is_right;
        is_right
    }

    /// Gives up the lists that should be complete by now; which these are. What has come of them counts.
    pub fn give_up(&mut self, now: Instant) -> Vec<List> {
        if self.asked.is_none_or(|asked| now < asked + LIMIT) {
            return Vec::new();
        }
        let is_missing = |list: &List| self.parts[*list as usize].outcome.is_none();
        let missing: Vec<List> = List::ALL.into_iter().filter(is_missing).collect();
        missing
            .iter()
            .for_each(|&list| self.break_off(list, format!("its list is not complete after {LIMIT:?}")));
        missing
    }

    /// A list does not get complete this time.
    pub fn break_off(&mut self, list: List, reason: String) {
        let part = &mut self.parts[list as usize];
        part.outcome = Some(Ok(Inventory { items: std::mem::take(&mut part.items), flaw: Some(reason) }));
    }

    /// The server has no such list.
    pub fn fail(&mut self, list: List, reason: String) {
        self.parts[list as usize].outcome = Some(Err(reason));
    }

    /// What comes next.
    pub fn step(&mut self, now: Instant) -> Step {
        let Some(asked) = self.asked.filter(|_| self.parts.iter().all(|part| part.outcome.is_some())) else {
            return Step::Wait;
        };
        if self.has_wrong_count && !self.repeated {
            self.begin(now);
            self.repeated = true;
            return Step::Repeat;
        }
        self.asked = None;
        self.has_listed = true;
        let none = || Err("nothing came of it".to_owned());
        let [devices, presences] =
            std::mem::take(&mut self.parts).map(|part| part.outcome.unwrap_or_else(none));
        let change = |(key, value)| Change { key, value };
        let since = std::mem::take(&mut self.since).into_iter().map(change).collect();
        Step::Done(Lists { asked, devices, presences, since })
    }

    /// Whether they were wanted once more meanwhile, and are to be asked for now.
    pub fn again(&mut self, now: Instant) -> bool {
        std::mem::take(&mut self.again) && self.want(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::DeviceState;

    fn device(name: &str) -> Change {
        Change::device(name, DeviceState::InUse)
    }

    #[track_caller]
    fn check(step: Step, expected_devices: &[&str], expected_since: &[&str]) {
        let Step::Done(Lists { devices, presences, since, .. }) = step else { panic!("{step:?}") };
        let changes = |names: &[&str]| names.iter().map(|name| device(name)).collect::<Vec<_>>();
        assert_eq!(devices, Ok(changes(expected_devices).into()));
        assert_eq!((presences, since), (Err("missing".to_owned()), changes(expected_since)));
    }

    #[test]
    fn what_is_heard_while_the_first_lists_come_is_told_behind_them() {
        let (mut listing, now) = (Listing::default(), Instant::now());
        assert!(listing.want(now));
        assert_eq!(listing.item(List::Devices, Ok(device("a"))), Ok(()));
        assert_eq!([listing.heard(&device("b")), listing.heard(&device("b"))], [Heard::Later; 2]);
        assert!(listing.complete(List::Devices, Some(1)));
        assert_eq!(listing.step(now), Step::Wait);
        listing.fail(List::Presences, "missing".to_owned());
        check(listing.step(now), &["a"], &["b"]);
        assert_eq!(listing.step(now), Step::Wait);
        assert!(listing.want(now));
        assert_eq!(listing.heard(&device("c")), Heard::Now, "also while they come anew");
        listing.complete(List::Devices, None);
        listing.fail(List::Presences, "missing".to_owned());
        check(listing.step(now), &[], &["c"]);
        assert_eq!(listing.heard(&device("d")), Heard::Now);
        listing.want(now);
        listing.complete(List::Devices, None);
        listing.fail(List::Presences, "missing".to_owned());
        check(listing.step(now), &[], &[]);
    }

    #[test]
    fn a_wrong_count_is_asked_for_once_more_and_then_taken() {
        let (mut listing, now) = (Listing::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        listing.want(now);
        let turn = |listing: &mut Listing| {
            let bad = listing.item(List::Devices, Err(NoChange::UnknownState));
            assert_eq!(bad, Err(NoChange::UnknownState), "it counts, and is of no use");
            assert_eq!(listing.item(List::Devices, Ok(device("a"))), Ok(()));
            assert!(!listing.complete(List::Devices, Some(3)));
            listing.fail(List::Presences, "missing".to_owned());
            listing.step(later)
        };
        assert_eq!(turn(&mut listing), Step::Repeat);
        let Step::Done(Lists { asked, devices, since, .. }) = turn(&mut listing) else {
            panic!("it is taken")
        };
        let Inventory { items, flaw } = devices.expect("a list");
        assert_eq!((items, since, asked), (vec![device("a")], Vec::new(), later));
        assert!(flaw.is_some(), "nothing is taken back for what it does not say");
        assert!(listing.want(now));
        assert_eq!(turn(&mut listing), Step::Repeat, "each listing has its own second chance");
    }

    #[test]
    fn lists_are_not_asked_for_while_they_come() {
        let (mut listing, now) = (Listing::default(), Instant::now());
        assert!(listing.want(now) && !listing.want(now));
        listing.complete(List::Devices, None);
        listing.fail(List::Presences, "missing".to_owned());
        check(listing.step(now), &[], &[]);
        assert!(listing.again(now) && !listing.again(now));
    }

    #[test]
    fn a_server_that_gets_ready_is_listed_again_unless_its_list_has_not_begun() {
        let (mut listing, now) = (Listing::default(), Instant::now());
        listing.want(now);
        assert!(!listing.doubt(now) && !listing.again, "the list comes behind it");
        assert_eq!(listing.item(List::Devices, Ok(device("a"))), Ok(()));
        assert!(!listing.doubt(now) && listing.again);
        listing.complete(List::Devices, None);
        listing.fail(List::Presences, "missing".to_owned());
        listing.step(now);
        listing.again = false;
        assert!(listing.doubt(now), "at once where none comes");
    }

    #[test]
    fn a_list_that_drips_is_given_up() {
        let (mut listing, now) = (Listing::default(), Instant::now());
        assert!(listing.give_up(now + LIMIT).is_empty(), "none is asked for");
        listing.want(now);
        listing.complete(List::Presences, Some(0));
        assert_eq!(listing.item(List::Devices, Ok(device("a"))), Ok(()));
        assert!(listing.give_up(now + LIMIT / 2).is_empty());
        assert_eq!(listing.give_up(now + LIMIT), [List::Devices]);
        let Step::Done(Lists { devices, presences, .. }) = listing.step(now) else {
            panic!("it goes on without")
        };
        let devices = devices.expect("it has one");
        assert!(devices.flaw.is_some_and(|flaw| flaw.contains("60s")));
        assert_eq!((devices.items, presences), (vec![device("a")], Ok(Vec::new().into())));
        assert!(listing.give_up(now + LIMIT * 2).is_empty());
    }

    #[test]
    fn what_there_is_no_room_for_is_listed_anew() {
        let (mut listing, now) = (Listing::default(), Instant::now());
        listing.want(now);
        listing.since =
            (0..KEPT).map(|number| (device(&number.to_string()).key, device("x").value)).collect();
        assert_eq!(listing.heard(&device("1")), Heard::Later, "it is known");
        assert_eq!(listing.heard(&device("another")), Heard::Dropped);
        List::ALL.into_iter().for_each(|list| listing.fail(list, "missing".to_owned()));
        listing.step(now);
        assert!(listing.again(now));
    }
}
