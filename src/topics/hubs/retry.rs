//! When an event is tried again that a hub has not taken, and when it is given up: purely.

use crate::config::EventManagement;
use crate::store::HubAttempt;
use std::time::{Duration, SystemTime};

/// A pause is longer or shorter than it should be by up to so much, so that hubs that failed together do not come back together.
const JITTER: f64 = 0.2;
/// The outcome of an attempt behind which there is another.
pub const RETRIED: &str = "retried";

/// How often, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    pub initial: Duration,
    pub max: Duration,
    pub give_up_after: Duration,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another attempt after this pause.
    Again(Duration),
    GiveUp,
}

/// The attempts of one event so far that have all failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    pub attempts: u32,
    /// When the first of them was.
    pub since: SystemTime,
}

impl Retries {
    /// What is configured.
    pub fn of(config: &EventManagement) -> Retries {
        let EventManagement { retry_initial, retry_max, give_up_after, .. } = *config;
        Retries { initial: retry_initial, max: retry_max.max(retry_initial), give_up_after }
    }

    /// What follows from these failures, the last of which was just now. `wanted`: how long the peer wants to be left alone;
    /// `chance`: of 0 to 1.
    pub fn next(&self, failures: Failures, wanted: Option<Duration>, now: SystemTime, chance: f64) -> Next {
        let passed = now.duration_since(failures.since).unwrap_or_default();
        let left = self.give_up_after.saturating_sub(passed);
        if left.is_zero() {
            return Next::GiveUp;
        }
        let own = self.pause(failures.attempts).mul_f64(1.0 - JITTER + 2.0 * JITTER * chance);
        // The last attempt is when the time is over, however long the pause would be.
        let own = own.min(self.max).min(left);
        Next::Again(own.max(wanted.unwrap_or_default().min(self.max)))
    }

    /// The pause after so many attempts, but for chance.
    fn pause(&self, attempts: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.initial.saturating_mul(doubled).min(self.max)
    }

    /// The failures of an event, as the attempts that are stored tell, the latest first. The first ones may not be stored any more:
    /// when they were follows from their number.
    pub fn remembered(&self, attempts: &[HubAttempt], sequence: i64) -> Option<Failures> {
        let of_it = attempts.iter().take_while(|attempt| attempt.sequence == sequence);
        let (mut latest, mut oldest): (Option<&HubAttempt>, Option<&HubAttempt>) = (None, None);
        for attempt in of_it {
            // A hub that was halted and resumed has begun to count anew; so has one that sends it again.
            if attempt.outcome != RETRIED || oldest.is_some_and(|later| later.attempt != attempt.attempt + 1)
            {
                break;
            }
            latest = latest.or(Some(attempt));
            oldest = Some(attempt);
        }
        let (latest, oldest) = (latest?, oldest?);
        let before: Duration = (1..oldest.attempt).map(|attempt| self.pause(attempt)).sum();
        let since = oldest.at.checked_sub(before).unwrap_or(SystemTime::UNIX_EPOCH);
        Some(Failures { attempts: latest.attempt, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const RETRIES: Retries = Retries {
        initial: Duration::from_secs(1),
        max: Duration::from_secs(900),
        give_up_after: Duration::from_secs(72 * 3_600),
    };

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn next(attempts: u32, passed: u64, wanted: Option<u64>) -> Next {
        let wanted = wanted.map(Duration::from_secs);
        RETRIES.next(Failures { attempts, since: at(1_000) }, wanted, at(1_000 + passed), 0.5)
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end_when_it_is_given_up() {
        let check = |attempts, passed, expected: u64| {
            assert_eq!(
                next(attempts, passed, None),
                Next::Again(Duration::from_secs(expected)),
                "{attempts}"
            );
        };
        check(1, 0, 1);
        check(2, 1, 2);
        check(3, 3, 4);
        check(10, 511, 512);
        check(11, 1_023, 900);
        check(40, 20_000, 900);
        check(u32::MAX, 20_000, 900);
        check(300, 72 * 3_600 - 5, 5);
        assert_eq!(next(300, 72 * 3_600, None), Next::GiveUp);
    }

    #[test]
    fn a_peer_that_wants_to_be_left_alone_is_up_to_the_longest_pause() {
        assert_eq!(next(1, 0, Some(30)), Next::Again(Duration::from_secs(30)));
        assert_eq!(next(6, 31, Some(3)), Next::Again(Duration::from_secs(32)));
        assert_eq!(next(1, 0, Some(u64::MAX)), Next::Again(Duration::from_secs(900)));
    }

    fn attempt(sequence: i64, attempt: u32, seconds: u64) -> HubAttempt {
        HubAttempt {
            hub: Uuid::nil(),
            event: Uuid::nil(),
            sequence,
            attempt,
            at: at(seconds),
            outcome: "retried".to_owned(),
            status: None,
            millis: 1,
            detail: None,
        }
    }

    #[test]
    fn a_restart_goes_on_counting_where_it_was() {
        let stored = [attempt(7, 3, 103), attempt(7, 2, 101), attempt(7, 1, 100), attempt(6, 1, 50)];
        let check = |from: usize, upto: usize, expected: Option<(u32, u64)>| {
            let expected = expected.map(|(attempts, since)| Failures { attempts, since: at(since) });
            assert_eq!(RETRIES.remembered(&stored[from..upto], 7), expected, "{from}..{upto}");
        };
        check(0, 4, Some((3, 100)));
        // The first one is not there any more: it was a second before the second.
        check(0, 2, Some((3, 100)));
        check(0, 1, Some((3, 100)));
        check(3, 4, None);
        check(0, 0, None);
    }

    #[test]
    fn what_was_before_it_was_resumed_does_not_count() {
        let stored = [attempt(7, 2, 901), attempt(7, 1, 900), attempt(7, 9, 700), attempt(7, 8, 600)];
        let expected = Failures { attempts: 2, since: at(900) };
        assert_eq!(RETRIES.remembered(&stored, 7), Some(expected));
    }

    #[test]
    fn what_was_before_it_was_halted_does_not_count() {
        let halted =
            |number, seconds| HubAttempt { outcome: "halted".to_owned(), ..attempt(7, number, seconds) };
        assert_eq!(RETRIES.remembered(&[halted(3, 103), attempt(7, 2, 101), attempt(7, 1, 100)], 7), None);
        let resumed = [attempt(7, 1, 900), halted(2, 101), attempt(7, 1, 100)];
        let expected = Failures { attempts: 1, since: at(900) };
        assert_eq!(RETRIES.remembered(&resumed, 7), Some(expected));
    }

    proptest! {
        #[test]
        fn no_pause_is_longer_than_the_longest(attempts: u32, passed in 0_u64..300_000, wanted: Option<u32>, chance in 0.0..=1.0) {
            let failures = Failures { attempts, since: at(1_000) };
            let wanted = wanted.map(|seconds| Duration::from_secs(seconds.into()));
            match RETRIES.next(failures, wanted, at(1_000 + passed), chance) {
                Next::Again(pause) => prop_assert!(pause <= RETRIES.max && passed < 72 * 3_600),
                Next::GiveUp => prop_assert!(passed >= 72 * 3_600),
            }
        }
    }
}
