//! How a hub is, as its delivery tells it, for whoever asks.

use super::messages::{Failing, HubStatus};
use crate::store::{Cursor, Hub};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module.
pub struct Progress(Mutex<Now>);

/// The latest that is known.
pub struct Now {
    pub hub: Hub,
    pub cursor: Cursor,
    pub failing: Option<Failing>,
    pub behind: Behind,
}

/// How many rows of its topic a hub has not passed, without counting them again and again.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// How many they were when they were counted,
    pub counted: u64,
    /// how many rows the topic had had by then,
    pub total: u64,
    /// and how many it has passed since.
    pub passed: u64,
}

impl Behind {
    /// How many they are, where the topic has had so many.
    pub fn now(&self, total: u64) -> u64 {
        (self.counted + total.saturating_sub(self.total)).saturating_sub(self.passed)
    }
}

impl Progress {
    /// Of a hub that has not begun.
    pub fn new(hub: Hub, cursor: Cursor) -> Progress {
        Progress(Mutex::new(Now { hub, cursor, failing: None, behind: Behind::default() }))
    }

    /// To read or change it.
    pub fn lock(&self) -> MutexGuard<'_, Now> {
        // Nothing panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its topic has had so many rows.
    pub fn status(&self, total: u64) -> HubStatus {
        let Now { hub, cursor, failing, behind } = &*self.lock();
        HubStatus { hub: hub.clone(), cursor: *cursor, backlog: behind.now(total), failing: failing.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_and_what_is_passed_changes_how_many_wait() {
        let behind = Behind { counted: 5, total: 100, passed: 0 };
        assert_eq!((behind.now(100), behind.now(103)), (5, 8));
        let later = Behind { passed: 7, ..behind };
        assert_eq!((later.now(103), later.now(101)), (1, 0));
    }
}
