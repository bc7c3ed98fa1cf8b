//! The pure part of supervision: who is restarted, with whom, after how long, and when it is too much.

use super::Exit;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;
use tokio::time::Instant;

/// Who is restarted when one child fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The child that failed.
    OneForOne,
    /// It and all that stand after it in the list: they may depend on it.
    RestForOne,
    /// All children: they depend on one another.
    OneForAll,
}

impl Strategy {
    /// The positions that restart when the child at `failed` does, out of `count` children.
    pub(super) fn group(self, failed: usize, count: usize) -> Range<usize> {
        match self {
            Strategy::OneForOne => failed..failed + 1,
            Strategy::RestForOne => failed..count,
            Strategy::OneForAll => 0..count,
        }
    }
}

/// Whether a child is started again after it ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Always, after a normal exit too.
    Permanent,
    /// Only after a failure. After a normal exit its mailbox closes and it stays in the tree as stopped; its name
    /// may be taken again.
    Transient,
    /// Never, not even with its group: it leaves the tree and its mailbox closes.
    Temporary,
}

impl Restart {
    pub(super) fn is_due_after(self, exit: &Exit) -> bool {
        match self {
            Restart::Permanent => true,
            Restart::Transient => exit.is_failure(),
            Restart::Temporary => false,
        }
    }
}

/// How many restarts a supervisor bears: more than `max` of its children's exits `within` this time make it fail.
/// A group that restarts together counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    pub max: usize,
    pub within: Duration,
}

/// How long a child waits before its restart: doubling from `first` to `max`, and from `first` again once it ran
/// well for twice `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first: Duration,
    pub max: Duration,
}

impl Backoff {
    /// The delay before the restart after `nth` failures in a row before this one. It lies between one half and
    /// the whole of the doubled value, so that children which failed together do not come back together.
    pub fn delay(&self, nth: u32) -> Duration {
        let whole = self.first.saturating_mul(1 << nth.min(20)).min(self.max);
        whole / 2 + whole.mul_f64(fastrand::f64() / 2.0)
    }

    /// Whether a child that ran for so long has left its earlier failures behind.
    pub(super) fn is_forgiven_after(&self, ran: Duration) -> bool {
        ran > self.max.saturating_mul(2)
    }
}

/// The restarts of the last while, against an [`Intensity`].
pub(super) struct RestartWindow {
    intensity: Intensity,
    restarts: VecDeque<Instant>,
}

impl RestartWindow {
    pub(super) fn new(intensity: Intensity) -> Self {
        RestartWindow { intensity, restarts: VecDeque::new() }
    }

    /// Counts a restart; false if it is one too many.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        while self.restarts.front().is_some_and(|at| now - *at > self.intensity.within) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
        self.restarts.len() <= self.intensity.max
    }

    pub(super) fn clear(&mut self) {
        self.restarts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_strategy_decides_who_restarts() {
        assert_eq!(Strategy::OneForOne.group(1, 4), 1..2);
        assert_eq!(Strategy::RestForOne.group(1, 4), 1..4);
        assert_eq!(Strategy::OneForAll.group(1, 4), 0..4);
    }

    #[test]
    fn the_restart_type_decides_whether() {
        let panic = Exit::Panic("boom".into());
        let check = |restart: Restart, after_normal, after_panic| {
            assert_eq!(restart.is_due_after(&Exit::Normal), after_normal, "{restart:?}");
            assert_eq!(restart.is_due_after(&panic), after_panic, "{restart:?}");
            assert_eq!(restart.is_due_after(&Exit::Killed), after_panic, "{restart:?}");
        };
        check(Restart::Permanent, true, true);
        check(Restart::Transient, false, true);
        check(Restart::Temporary, false, false);
    }

    #[test]
    fn the_delay_doubles_with_jitter_up_to_its_maximum() {
        let backoff = Backoff { first: ms(100), max: ms(1500) };
        let check = |nth, whole| {
            for _ in 0..200 {
                let delay = backoff.delay(nth);
                assert!(delay >= whole / 2 && delay <= whole, "{nth}: {delay:?}");
            }
        };
        check(0, ms(100));
        check(1, ms(200));
        check(3, ms(800));
        check(4, ms(1500));
        check(u32::MAX, ms(1500));
        let different: std::collections::HashSet<_> = (0..20).map(|_| backoff.delay(4)).collect();
        assert!(different.len() > 10, "jittered");
    }

    #[test]
    fn no_backoff_is_possible() {
        let backoff = Backoff { first: Duration::ZERO, max: Duration::ZERO };
        assert_eq!(backoff.delay(7), Duration::ZERO);
    }

    #[test]
    fn failures_are_forgiven_after_twice_the_longest_delay() {
        let backoff = Backoff { first: ms(1), max: ms(40) };
        assert!(!backoff.is_forgiven_after(ms(80)));
        assert!(backoff.is_forgiven_after(ms(81)));
        assert!(!Backoff { first: ms(1), max: Duration::MAX }.is_forgiven_after(ms(81)));
    }

    #[test]
    fn one_restart_more_than_the_intensity_is_too_many_and_old_ones_are_forgotten() {
        let start = Instant::now();
        let mut window = RestartWindow::new(Intensity { max: 2, within: ms(1000) });
        let mut check = |at, allowed| assert_eq!(window.allows(start + ms(at)), allowed, "at {at} ms");
        check(0, true);
        check(500, true);
        check(1000, false);
        check(2600, true);
        check(2700, true);
        check(2800, false);
    }

    #[test]
    fn no_restart_is_possible() {
        let mut window = RestartWindow::new(Intensity { max: 0, within: ms(1000) });
        assert!(!window.allows(Instant::now()));
    }
}
