//! Which notifications have come before: a cluster of application servers tells the same over each of its connections.

use super::prints::Print;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// So many notifications are remembered at most for every server or cluster.
const REMEMBERED: usize = 100_000;
/// So much longer than its window a notification is remembered: what was read within it waits for as long as the store was away, and comes
/// at the latest then.
pub const LATE: Duration = Duration::from_secs(60);

/// A notification that was read.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub event: Uuid,
    pub connection: Uuid,
    pub at: SystemTime,
}

impl Seen {
    /// This event, where it makes `now` a duplicate: another connection has brought it inside the window.
    pub fn original(&self, now: &Seen, window: Duration) -> Option<Uuid> {
        let other = self.connection != now.connection && self.event != now.event;
        (apart(now.at, self.at) <= window && other).then_some(self.event)
    }
}

/// Two connections do not deliver in the order in which they read: either may be the earlier.
pub fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|ahead| ahead.duration())
}

/// The notifications of the last minutes.
#[derive(Debug, Default)]
pub struct Recent {
    seen: HashMap<Print, Seen>,
    /// When each came here. By that they are forgotten: where the store was away, one connection brings all that it has read meanwhile
    /// before another one does.
    order: VecDeque<(Print, Uuid, SystemTime)>,
}

impl Recent {
    /// The event that another connection has brought with the same notification inside the window.
    pub fn original(&self, print: Print, now: &Seen, window: Duration) -> Option<Uuid> {
        self.seen.get(&print)?.original(now, window)
    }

    /// Remembers one that came at `now`.
    pub fn add(&mut self, print: Print, seen: Seen, (now, window): (SystemTime, Duration)) {
        while let Some((oldest, event, came)) = self.order.front().copied() {
            let expired = now.duration_since(came).is_ok_and(|age| age > window + LATE);
            if !expired && self.order.len() < REMEMBERED {
                break;
            }
            self.order.pop_front();
            if self.seen.get(&oldest).is_some_and(|entry| entry.event == event) {
                self.seen.remove(&oldest);
            }
        }
        self.order.push_back((print, seen.event, now));
        self.seen.insert(print, seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_a_duplicate_on_another_connection_inside_the_window() {
        let window = Duration::from_secs(60);
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let print = |number: u128| Print::of(Uuid::from_u128(number));
        let (print, others) = (print(1), [print(2), print(3)]);
        let mut recent = Recent::default();
        recent.add(print, Seen { event: first, connection: first, at: at(100) }, (at(100), window));
        let check = |print, event, connection, seconds, expected: Option<Uuid>| {
            let seen = Seen { event, connection, at: at(seconds) };
            assert_eq!(recent.original(print, &seen, window), expected);
        };
        check(print, second, second, 110, Some(first));
        check(print, second, first, 110, None);
        check(print, first, second, 110, None);
        check(print, second, second, 161, None);
        check(print, second, second, 99, Some(first));
        check(print, second, second, 39, None);
        for other in others {
            check(other, second, second, 110, None);
        }
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let window = Duration::from_secs(60);
        let mut recent = Recent::default();
        for seconds in 0..1000 {
            let event = Uuid::from_u128(seconds);
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds as u64);
            recent.add(Print::of(event), Seen { event, connection: event, at }, (at, window));
        }
        let most = (window + LATE).as_secs() as usize + 2;
        assert!(recent.seen.len() <= most && recent.order.len() <= most);
    }

    #[test]
    fn what_waited_with_its_repeats_for_the_store_is_recognised_however_long_that_was_away() {
        let (window, hour) = (Duration::from_secs(60), 3600);
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let (one, other) = (Uuid::from_u128(1 << 64), Uuid::from_u128(2 << 64));
        let mut recent = Recent::default();
        let seen = |n: u64, connection: Uuid| {
            let event = Uuid::from_u128(connection.as_u128() + u128::from(n));
            (Print::of(event), Seen { event, connection, at: at(n) })
        };
        for n in (0..hour).step_by(10) {
            let (print, seen) = seen(n, one);
            recent.add(print, seen, (at(hour), window));
        }
        for n in (0..hour).step_by(10) {
            let (print, seen) = seen(n, other);
            assert!(recent.original(print, &seen, window).is_some(), "{n}");
        }
    }
}
