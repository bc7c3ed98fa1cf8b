//! What an agent sends to itself through the server. It shows that the server works, and whether another agent has the same name: what that
//! sends to itself comes here as well.

use crate::telemetry::Seldom;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// So many may be on their way; those of before are forgotten.
const REMEMBERED: usize = 100;

/// So many of ours come back one after the other before nobody else is taken to have our name: another one has sent at least one to itself by then.
const QUIET: u32 = 3;
/// The same once another one was heard, which may send them less often.
const WARY: u32 = 20;

/// See the module.
#[derive(Default)]
pub struct Pings {
    /// The ids of the latest.
    sent: VecDeque<String>,
    /// One has come back: what this agent sent before it was started anew came in front of that.
    has_come_back: bool,
    /// It is told of this connection already.
    is_told: bool,
    /// Another agent of our name was heard, in this connection or in one before.
    was_strange: bool,
    /// So many of ours have come back in this connection, and no other one since.
    quiet: u32,
    /// When the latest of ours has come back, or the connection was made.
    heard: Option<Instant>,
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

    /// There is another connection to the server. What it remembers of another agent of our name comes before any ping of that.
    pub fn connected(&mut self) {
        (self.is_told, self.quiet, self.heard) = (false, 0, Some(Instant::now()));
    }

    /// For how long none of ours has come back in this connection. What others say shows nothing of the way to the server.
    pub fn silence(&self) -> Duration {
        self.heard.map_or(Duration::ZERO, |heard| heard.elapsed())
    }

    /// Whether nobody else has our name, as far as can be told by what has come.
    pub fn are_alone(&self) -> bool {
        self.quiet >= if self.was_strange { WARY } else { QUIET }
    }

    /// One has come from our own name. How many have come that are another's, where that is to be told: once in a connection.
    pub fn came(&mut self, id: &str) -> Option<u64> {
        if self.sent.iter().any(|ours| ours == id) {
            (self.has_come_back, self.heard) = (true, Some(Instant::now()));
            self.quiet = self.quiet.saturating_add(1);
            return None;
        }
        if !self.has_come_back {
            return None;
        }
        (self.was_strange, self.quiet) = (true, 0);
        if std::mem::replace(&mut self.is_told, true) {
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
        pings.connected();
        assert_eq!((pings.came(&first), pings.came("another's")), (None, Some(2)));
    }

    /// So many of ours come back, and whether we are alone after each.
    fn come_back(pings: &mut Pings, times: u32) -> Vec<bool> {
        let come_back = |_| {
            let id = pings.next();
            assert_eq!(pings.came(&id), None);
            pings.are_alone()
        };
        (0..times).map(come_back).collect()
    }

    #[test]
    fn nobody_else_has_our_name_once_nothing_was_heard_of_another_for_a_while() {
        let mut pings = Pings::default();
        assert!(!pings.are_alone());
        assert_eq!(come_back(&mut pings, 3), [false, false, true]);
        pings.connected();
        assert!(!pings.are_alone(), "not before it is known of this connection");
        assert_eq!(come_back(&mut pings, 3), [false, false, true]);
    }

    #[test]
    fn another_that_was_heard_is_not_forgotten_in_the_next_connection() {
        let mut pings = Pings::default();
        come_back(&mut pings, QUIET);
        assert_eq!(pings.came("another's"), Some(1));
        assert!(!pings.are_alone());
        pings.connected();
        let alone = come_back(&mut pings, WARY);
        assert_eq!(alone.iter().position(|&is_alone| is_alone), Some(WARY as usize - 1));
        pings.came("another's");
        assert!(!pings.are_alone());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_silent_until_one_of_ours_comes_back_whatever_others_send() {
        let mut pings = Pings::default();
        assert_eq!(pings.silence(), Duration::ZERO);
        pings.connected();
        let (first, pause) = (pings.next(), Duration::from_secs(1));
        tokio::time::advance(pause).await;
        pings.came("another's");
        assert_eq!(pings.silence(), pause);
        pings.came(&first);
        assert_eq!(pings.silence(), Duration::ZERO);
        tokio::time::advance(pause).await;
        pings.connected();
        assert_eq!(pings.silence(), Duration::ZERO);
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
