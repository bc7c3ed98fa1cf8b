//! CAI3G sessions: opened by a login, closed by a logout, by their age, or by the EMA itself.

use super::faults::{self, Fault};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The sessions that are open.
#[derive(Debug)]
pub(super) struct Sessions {
    limit: Option<usize>,
    /// A session that was not used for so long is closed.
    lifetime: Option<Duration>,
    /// Session to its last use.
    open: HashMap<String, Instant>,
    opened: u64,
}

impl Sessions {
    pub fn new(limit: Option<usize>, lifetime: Option<Duration>) -> Sessions {
        Sessions { limit, lifetime, open: HashMap::new(), opened: 0 }
    }

    /// Opens a session and returns its id.
    pub fn open(&mut self) -> Result<String, Fault> {
        self.close_unused();
        if self.limit.is_some_and(|limit| self.open.len() >= limit) {
            return Err(Fault::own(faults::TOO_MANY_SESSIONS, "TOO MANY SESSIONS"));
        }
        self.opened += 1;
        let id = format!("{:016x}{:016x}", fastrand::u64(..), self.opened);
        self.open.insert(id.clone(), Instant::now());
        Ok(id)
    }

    /// Notes a use of the session; refuses one that is not open.
    pub fn enter(&mut self, session: Option<&str>) -> Result<(), Fault> {
        self.close_unused();
        match session.and_then(|id| self.open.get_mut(id)) {
            Some(last_use) => {
                *last_use = Instant::now();
                Ok(())
            }
            None => Err(Fault::unauthenticated(faults::INVALID_SESSION, "INVALID SESSION")),
        }
    }

    /// Closes a session; refuses one that is not open.
    pub fn close(&mut self, session: &str) -> Result<(), Fault> {
        self.enter(Some(session))?;
        self.open.remove(session);
        Ok(())
    }

    /// Closes them all, as a restarted EMA has.
    pub fn expire(&mut self) {
        self.open.clear();
    }

    /// The ids of the open ones.
    pub fn ids(&mut self) -> Vec<String> {
        self.close_unused();
        self.open.keys().cloned().collect()
    }

    fn close_unused(&mut self) {
        if let Some(lifetime) = self.lifetime {
            self.open.retain(|_, last_use| last_use.elapsed() < lifetime);
        }
    }
}
