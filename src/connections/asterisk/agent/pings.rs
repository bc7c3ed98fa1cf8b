//! What an agent sends to itself through the server. It shows that the server works, and whether another agent has the same name: what that
//! sends to itself comes here as well.

use crate::telemetry::Seldom;
use std::collections::VecDeque;
use uuid::Uuid;

/// So many may be on their way; those of before are forgotten.
const REMEMBERED: usize = 100;

/// See the module.
#[derive(Default)]
pub struct Pings {
    /// The ids of the latest.
    sent: VecDeque<String>,
    /// One has come back: what this agent sent before it was started anew came in front of that.
    has_come_back: bool,
    /// It is told of this connection already.
    is_told: bool,
    strange: Seldom,
}

impl Pings {
    /// The id of the next one.
    pub fn next(&mut self) -> String {
        if self.sent.len() >= REMEMBERED {
            self.sent.pop_front();
        }
        let id = Uuid::now_v7().to_string();
        self.sent.push_back(id.clone());
        id
    }

    /// There is another connection to the server.
    pub fn connected(&mut self) {
        self.is_told = false;
    }

    /// Whether another agent of our name was heard in this connection.
    pub fn are_strange(&self) -> bool {
        self.is_told
    }

    /// One has come from our own name. How many have come that are another's, where that is to be told: once in a connection.
    pub fn came(&mut self, id: &str) -> Option<u64> {
        if self.sent.iter().any(|ours| ours == id) {
            self.has_come_back = true;
            return None;
        }
        if !self.has_come_back || std::mem::replace(&mut self.is_told, true) {
            return None;
        }
        self.strange.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_of_our_name_is_told_once_in_a_connection() {
        let mut pings = Pings::default();
        let first = pings.next();
        assert_eq!(pings.came("of before a restart"), None);
        assert_eq!((pings.came(&first), pings.came(&first)), (None, None));
        assert_eq!((pings.came("another's"), pings.came("another's")), (Some(1), None));
        assert!(pings.are_strange());
        pings.connected();
        assert!(!pings.are_strange());
        assert_eq!((pings.came(&first), pings.came("another's")), (None, Some(2)));
    }

    #[test]
    fn ours_are_known_however_many_are_on_their_way() {
        let mut pings = Pings::default();
        let sent: Vec<String> = (0..2 * REMEMBERED).map(|_| pings.next()).collect();
        assert!(sent[REMEMBERED..].iter().all(|id| pings.came(id).is_none()));
        assert_eq!(pings.sent.len(), REMEMBERED);
        assert_eq!(pings.came(&sent[0]), Some(1), "nobody knows any more");
    }
}
