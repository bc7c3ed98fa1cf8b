//! A list of everything that a server holds, in two parts.

use crate::states::Change;
use std::time::Instant;

/// All of one kind, or why they could not be listed.
pub type Part = Result<Vec<Change>, String>;

/// A whole list.
#[derive(Debug, PartialEq)]
pub struct Listed {
    /// When it was asked for.
    pub asked: Instant,
    pub devices: Part,
    pub presences: Part,
    /// What was heard since, which may be newer.
    pub since: Vec<Change>,
}

/// See the module.
#[derive(Default)]
pub struct Listing {
    /// Since when one is under way.
    asked: Option<Instant>,
    /// It was asked for while one was under way, which may not have what has happened since.
    again: bool,
    devices: Option<Part>,
    presences: Option<Part>,
    /// What was heard since both were asked for: it may be newer than what they say, and is told behind them.
    since: Vec<Change>,
}

/// Changes that are kept while a list is under way; of more another list says what they have said.
const KEPT: usize = 1_000_000;

/// What becomes of a change.
#[derive(Debug, PartialEq)]
pub enum Passed {
    /// It is to be told at once.
    Now(Change),
    /// It is told behind the list.
    Later,
    /// There is no room.
    Dropped,
}

impl Listing {
    /// Whether both parts are to be asked for now; else they will be when what is under way has ended.
    pub fn begin(&mut self) -> bool {
        self.again |= self.asked.is_some();
        let is_first = self.asked.is_none();
        self.asked.get_or_insert_with(Instant::now);
        is_first
    }

    /// A part is there.
    pub fn devices(&mut self, part: Part) {
        self.devices = Some(part);
    }

    /// The other part is there.
    pub fn presences(&mut self, part: Part) {
        self.presences = Some(part);
    }

    /// A change that was heard.
    pub fn pass(&mut self, change: Change) -> Passed {
        if self.asked.is_none() {
            return Passed::Now(change);
        }
        if self.since.len() >= KEPT {
            // The list under way may be older than it; the next one is not.
            self.again = true;
            return Passed::Dropped;
        }
        self.since.push(change);
        Passed::Later
    }

    /// Both parts, once they are there.
    pub fn take(&mut self) -> Option<Listed> {
        if self.devices.is_none() || self.presences.is_none() {
            return None;
        }
        let (devices, presences) = self.devices.take().zip(self.presences.take())?;
        Some(Listed { asked: self.asked.take()?, devices, presences, since: std::mem::take(&mut self.since) })
    }

    /// Whether it is to begin once more.
    pub fn is_wanted(&mut self) -> bool {
        self.asked.is_none() && std::mem::take(&mut self.again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::DeviceState;

    #[test]
    fn a_list_that_is_wanted_meanwhile_comes_after_the_one_under_way() {
        let mut listing = Listing::default();
        assert!(listing.begin() && !listing.begin() && !listing.begin());
        listing.devices(Ok(Vec::new()));
        let change = || Change::device("SIP/1", DeviceState::Busy);
        assert!(listing.take().is_none() && !listing.is_wanted() && listing.pass(change()) == Passed::Later);
        listing.presences(Err("no module".to_owned()));
        let Listed { devices, presences, since, .. } = listing.take().expect("both parts");
        assert_eq!((devices, presences), (Ok(Vec::new()), Err("no module".to_owned())));
        assert_eq!(since, [change()]);
        assert_eq!(listing.pass(change()), Passed::Now(change()));
        assert!(listing.is_wanted() && !listing.is_wanted() && listing.begin());
    }

    #[test]
    fn what_there_is_no_room_for_is_listed_anew() {
        let mut listing = Listing::default();
        assert!(listing.begin());
        listing.since = vec![Change::device("SIP/1", DeviceState::Busy); KEPT];
        assert_eq!(listing.pass(Change::device("SIP/2", DeviceState::Busy)), Passed::Dropped);
        listing.devices(Ok(Vec::new()));
        listing.presences(Ok(Vec::new()));
        assert!(listing.take().is_some() && listing.is_wanted());
    }
}
