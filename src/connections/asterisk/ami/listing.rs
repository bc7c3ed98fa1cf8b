//! The lists of what a server holds, as they are asked for and come.
//!
//! ```text
//! ← Response: Success      EventList: start
//! ← Event: DeviceStateChange      ActionID: 5      an item; events of something else may stand between items
//! ← Event: DeviceStateListComplete      EventList: Complete, ListItems: 1
//! ```
//!
//! A list whose count is wrong is asked for once more; then what it says counts, and nothing is taken back for what it does not say.

use super::super::reading::{DEVICE, NoChange, PRESENCE};
use crate::states::{Change, Key, Value};
use std::collections::HashMap;

/// Changes that may be kept while lists come; there are as many keys at most.
const KEPT: usize = 1_000_000;

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

type Listed = Result<Vec<Change>, String>;

/// What came of asking.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Lists are missing yet.
    Wait,
    /// A count was wrong: ask for both once more.
    Repeat,
    /// Both are there; and what was heard since they were asked for, which is newer.
    Done { devices: Listed, presences: Listed, since: Vec<Change> },
}

/// See the module.
#[derive(Default)]
pub struct Listing {
    under_way: bool,
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
    /// It says that there are others.
    has_wrong_count: bool,
    outcome: Option<Listed>,
}

impl Listing {
    /// They are wanted; whether they are to be asked for now. While they come, they are asked for afterwards.
    pub fn want(&mut self) -> bool {
        if self.under_way {
            self.again = true;
            return false;
        }
        self.begin();
        self.repeated = false;
        true
    }

    /// They are about to be asked for: nothing of before belongs to them.
    fn begin(&mut self) {
        self.under_way = true;
        self.has_wrong_count = false;
        self.parts = Default::default();
    }

    /// The server was ready only now: what has come so far may be of before. Nothing where it has not begun.
    pub fn doubt(&mut self) -> bool {
        let has_begun = self.parts.iter().any(|part| part.count > 0 || part.outcome.is_some());
        if self.under_way && !has_begun { false } else { self.want() }
    }

    /// A change was heard; whether it is told at once. Before the first list nothing is, since nobody knows of this session yet; later the manager
    /// knows itself what is newer than a list.
    pub fn heard(&mut self, change: &Change) -> bool {
        let has_room = self.since.len() < KEPT || self.since.contains_key(&change.key);
        if self.under_way && !self.has_listed && has_room {
            self.since.insert(change.key.clone(), change.value.clone());
        }
        self.has_listed
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
        part.has_wrong_count = !is_right;
        part.outcome = Some(Ok(std::mem::take(&mut part.items)));
        self.has_wrong_count |= !is_right;
        is_right
    }

    /// The lists that are asked for and not complete.
    pub fn missing(&self) -> Vec<List> {
        let is_missing = |list: &List| self.under_way && self.parts[*list as usize].outcome.is_none();
        List::ALL.into_iter().filter(is_missing).collect()
    }

    /// A list cannot be had.
    pub fn fail(&mut self, list: List, reason: String) {
        self.parts[list as usize].outcome = Some(Err(reason));
    }

    /// What comes next.
    pub fn step(&mut self) -> Step {
        if !self.under_way || self.parts.iter().any(|part| part.outcome.is_none()) {
            return Step::Wait;
        }
        if self.has_wrong_count && !self.repeated {
            self.begin();
            self.repeated = true;
            return Step::Repeat;
        }
        self.under_way = false;
        self.has_listed = true;
        let mut heard = Vec::new();
        let [devices, presences] = std::mem::take(&mut self.parts).map(|part| match part.outcome {
            // What is not in it may be there nevertheless: what it says counts, and nothing is taken back.
            Some(Ok(items)) if part.has_wrong_count => {
                heard.extend(items);
                Some(Err("its list has another count than it says".to_owned()))
            }
            outcome => outcome,
        });
        let change = |(key, value)| Change { key, value };
        let since = std::mem::take(&mut self.since).into_iter().map(change);
        let since = heard.into_iter().chain(since).collect();
        Step::Done {
            devices: devices.unwrap_or_else(|| Ok(Vec::new())),
            presences: presences.unwrap_or_else(|| Ok(Vec::new())),
            since,
        }
    }

    /// Whether they were wanted once more meanwhile.
    pub fn take_again(&mut self) -> bool {
        std::mem::take(&mut self.again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::DeviceState;

    fn device(name: &str) -> Change {
        Change::device(name, DeviceState::InUse)
    }

    fn done(devices: &[&str], since: &[&str]) -> Step {
        let changes = |names: &[&str]| names.iter().map(|name| device(name)).collect();
        Step::Done {
            devices: Ok(changes(devices)),
            presences: Err("missing".to_owned()),
            since: changes(since),
        }
    }

    #[test]
    fn what_is_heard_while_lists_come_is_newer() {
        let mut listing = Listing::default();
        assert!(!listing.heard(&device("early")), "the manager knows nothing of this server yet");
        assert!(listing.want());
        assert_eq!(listing.item(List::Devices, Ok(device("a"))), Ok(()));
        assert!(!listing.heard(&device("b")) && !listing.heard(&device("b")));
        assert!(listing.complete(List::Devices, Some(1)));
        assert_eq!(listing.step(), Step::Wait);
        listing.fail(List::Presences, "missing".to_owned());
        assert_eq!(listing.step(), done(&["a"], &["b"]));
        assert_eq!(listing.step(), Step::Wait);
        assert!(listing.heard(&device("c")), "at once from now on");
    }

    #[test]
    fn a_wrong_count_is_asked_for_once_more_and_then_taken() {
        let mut listing = Listing::default();
        listing.want();
        let turn = |listing: &mut Listing| {
            let bad = listing.item(List::Devices, Err(NoChange::UnknownState));
            assert_eq!(bad, Err(NoChange::UnknownState), "it counts, and is of no use");
            assert_eq!(listing.item(List::Devices, Ok(device("a"))), Ok(()));
            assert!(!listing.complete(List::Devices, Some(3)));
            listing.fail(List::Presences, "missing".to_owned());
            listing.step()
        };
        assert_eq!(turn(&mut listing), Step::Repeat);
        let Step::Done { devices, since, .. } = turn(&mut listing) else { panic!("it is taken") };
        assert!(devices.is_err(), "nothing is taken back for what it does not say");
        assert_eq!(since, [device("a")]);
        assert!(listing.want());
        assert_eq!(turn(&mut listing), Step::Repeat, "each listing has its own second chance");
    }

    #[test]
    fn lists_are_not_asked_for_while_they_come() {
        let mut listing = Listing::default();
        assert!(listing.want() && !listing.want());
        listing.complete(List::Devices, None);
        listing.fail(List::Presences, "missing".to_owned());
        assert_eq!(listing.step(), done(&[], &[]));
        assert!(listing.take_again() && !listing.take_again());
    }

    #[test]
    fn a_server_that_gets_ready_is_listed_again_unless_its_list_has_not_begun() {
        let mut listing = Listing::default();
        listing.want();
        assert!(!listing.doubt() && !listing.take_again(), "the list comes behind it");
        assert_eq!(listing.item(List::Devices, Ok(device("a"))), Ok(()));
        assert!(!listing.doubt() && listing.take_again());
        listing.complete(List::Devices, None);
        listing.fail(List::Presences, "missing".to_owned());
        listing.step();
        assert!(listing.doubt(), "at once where none comes");
    }
}
