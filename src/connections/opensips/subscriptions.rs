//! Which of our subscriptions is to be looked after next: pure, with the time as a parameter.
//!
//! Nothing tells us that a subscription is lost: OpenSIPS forgets all of them when it restarts, and takes one whose socket begins as
//! another's for that one. So each is asked for right after it was made, and again and again; and it is renewed at a third of its time.

use std::time::{Duration, Instant};

/// The subscriptions of one OpenSIPS.
pub struct Subscriptions {
    events: Vec<Subscription>,
    renew: Duration,
    verify: Duration,
}

struct Subscription {
    event: String,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be made at this time.
    Missing { at: Instant },
    /// It was answered; whether it is there is to be seen at `verify_at`.
    Made { renew_at: Instant, verify_at: Instant, seen: Seen },
}

/// Whether a subscription that was made was seen in the list of OpenSIPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    NotYet,
    Yes,
    /// There is no list to be seen.
    Refused,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Subscribe, or renew.
    Subscribe(&'a str),
    /// Ask whether it is there.
    Verify(&'a str),
    Wait(Instant),
}

/// How many there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// They were seen there.
    pub held: usize,
    /// OpenSIPS says that they were made, and does not show its list.
    pub unverified: usize,
    pub missing: usize,
}

impl Subscriptions {
    /// Of these events those may still be there that `before` says. They last `expire`, and are verified each `verify`, but never less
    /// often than renewed.
    pub fn new(
        events: &[String],
        before: impl Fn(&str) -> bool,
        (expire, verify): (Duration, Duration),
        now: Instant,
    ) -> Subscriptions {
        let state = |event: &str| match before(event) {
            true => State::Made { renew_at: now, verify_at: now, seen: Seen::Yes },
            false => State::Missing { at: now },
        };
        let subscription = |event: &String| Subscription { event: event.clone(), state: state(event) };
        let renew = expire / 3;
        Subscriptions { events: events.iter().map(subscription).collect(), renew, verify: verify.min(renew) }
    }

    /// The most urgent step.
    pub fn step(&self, now: Instant) -> Step<'_> {
        let next = self.events.iter().min_by_key(|it| it.due());
        match next {
            None => Step::Wait(now + self.verify),
            Some(subscription) if subscription.due() > now => Step::Wait(subscription.due()),
            Some(Subscription { event, state }) => match *state {
                State::Missing { .. } => Step::Subscribe(event),
                // First, since a renewal makes one that was lost anew, and nobody would know.
                State::Made { verify_at, .. } if verify_at <= now => Step::Verify(event),
                State::Made { .. } => Step::Subscribe(event),
            },
        }
    }

    /// The subscription to `event` was made or renewed.
    pub fn made(&mut self, event: &str, now: Instant) {
        let renew_at = now + self.renew;
        self.change(event, |state| match state {
            // A renewal says nothing of whether it was ours that was renewed: that is seen when it was to be seen.
            State::Made { verify_at, seen, .. } => State::Made { renew_at, verify_at, seen },
            State::Missing { .. } => State::Made { renew_at, verify_at: now, seen: Seen::NotYet },
        });
    }

    /// It was refused: it is asked for again when the others are verified.
    pub fn refused(&mut self, event: &str, now: Instant) {
        let at = now + self.verify;
        self.change(event, |_| State::Missing { at });
    }

    /// It was there.
    pub fn seen(&mut self, event: &str, now: Instant) {
        self.look_later(event, now, Seen::Yes);
    }

    /// Whether it was there was not to be found out.
    pub fn not_shown(&mut self, event: &str, now: Instant) {
        self.look_later(event, now, Seen::Refused);
    }

    fn look_later(&mut self, event: &str, now: Instant, seen: Seen) {
        let verify_at = now + self.verify;
        self.change(event, |state| match state {
            State::Made { renew_at, .. } => State::Made { renew_at, verify_at, seen },
            missing => missing,
        });
    }

    /// It was not there. One that was there before is made anew at once; whether it was.
    pub fn not_seen(&mut self, event: &str, now: Instant) -> bool {
        let mut was_there = false;
        let later = now + self.verify;
        self.change(event, |state| {
            was_there = matches!(state, State::Made { seen: Seen::Yes, .. });
            // One that was made just now and is not there will not be there the next time either.
            State::Missing { at: if was_there { now } else { later } }
        });
        was_there
    }

    /// How many there are of each kind.
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for subscription in &self.events {
            match subscription.state {
                State::Made { seen: Seen::Yes, .. } => count.held += 1,
                State::Made { seen: Seen::Refused, .. } => count.unverified += 1,
                State::Made { seen: Seen::NotYet, .. } | State::Missing { .. } => count.missing += 1,
            }
        }
        count
    }

    fn change(&mut self, event: &str, change: impl FnOnce(State) -> State) {
        if let Some(subscription) = self.events.iter_mut().find(|it| it.event == event) {
            subscription.state = change(subscription.state);
        }
    }
}

impl Subscription {
    fn due(&self) -> Instant {
        match self.state {
            State::Missing { at } => at,
            State::Made { renew_at, verify_at, .. } => renew_at.min(verify_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn subscriptions(now: Instant) -> Subscriptions {
        Subscriptions::new(&["E_A".to_owned(), "E_B".to_owned()], |_| false, (90 * SECOND, 10 * SECOND), now)
    }

    fn begun(now: Instant) -> Subscriptions {
        let mut subscriptions = subscriptions(now);
        for event in ["E_A", "E_B"] {
            assert_eq!(subscriptions.step(now), Step::Subscribe(event));
            subscriptions.made(event, now);
            assert_eq!(subscriptions.step(now), Step::Verify(event), "it is seen at once that it is there");
            subscriptions.seen(event, now);
        }
        subscriptions
    }

    #[test]
    fn it_is_renewed_at_a_third_of_its_time_and_seen_in_between() {
        let now = Instant::now();
        let mut subscriptions = begun(now);
        let mut log = Vec::new();
        let mut at = now;
        while at < now + 31 * SECOND {
            match subscriptions.step(at) {
                Step::Wait(until) => at = until,
                Step::Verify("E_A") => {
                    log.push(("verify", (at - now).as_secs()));
                    subscriptions.seen("E_A", at);
                }
                Step::Subscribe("E_A") => {
                    log.push(("renew", (at - now).as_secs()));
                    subscriptions.made("E_A", at);
                }
                Step::Verify(event) => {
                    let event = event.to_owned();
                    subscriptions.seen(&event, at);
                }
                Step::Subscribe(event) => {
                    let event = event.to_owned();
                    subscriptions.made(&event, at);
                }
            }
        }
        assert_eq!(log, [("verify", 10), ("verify", 20), ("verify", 30), ("renew", 30)]);
    }

    #[test]
    fn one_that_is_lost_is_made_anew_at_once_and_the_other_stays() {
        let now = Instant::now();
        let mut subscriptions = begun(now);
        let later = now + 10 * SECOND;
        assert!(subscriptions.not_seen("E_A", later));
        assert_eq!(subscriptions.step(later), Step::Subscribe("E_A"));
        assert_eq!(subscriptions.count(), Count { held: 1, missing: 1, ..Count::default() });
    }

    #[test]
    fn one_that_is_taken_for_another_or_refused_is_tried_again_later() {
        let now = Instant::now();
        let mut subscriptions = subscriptions(now);
        subscriptions.made("E_A", now);
        assert!(!subscriptions.not_seen("E_A", now), "it never was there");
        subscriptions.refused("E_B", now);
        assert_eq!(subscriptions.step(now), Step::Wait(now + 10 * SECOND));
        assert_eq!(subscriptions.step(now + 10 * SECOND), Step::Subscribe("E_A"));
    }

    #[test]
    fn it_is_verified_no_less_often_than_renewed() {
        let now = Instant::now();
        let mut subscriptions =
            Subscriptions::new(&["E_A".to_owned()], |_| false, (3 * SECOND, 60 * SECOND), now);
        subscriptions.made("E_A", now);
        subscriptions.seen("E_A", now);
        assert_eq!(subscriptions.step(now), Step::Wait(now + SECOND));
    }

    #[test]
    fn what_was_there_before_is_looked_for_before_it_is_renewed() {
        let now = Instant::now();
        let events = ["E_A".to_owned(), "E_B".to_owned()];
        let times = (90 * SECOND, 10 * SECOND);
        let mut subscriptions = Subscriptions::new(&events, |event| event == "E_A", times, now);
        assert_eq!(subscriptions.step(now), Step::Verify("E_A"));
        assert!(subscriptions.not_seen("E_A", now), "it was lost meanwhile");
        assert_eq!(subscriptions.step(now), Step::Subscribe("E_A"));
        subscriptions.made("E_A", now);
        subscriptions.seen("E_A", now);
        assert_eq!(subscriptions.step(now), Step::Subscribe("E_B"));
    }

    #[test]
    fn what_is_not_shown_is_neither_held_nor_missing() {
        let now = Instant::now();
        let mut subscriptions = subscriptions(now);
        for event in ["E_A", "E_B"] {
            subscriptions.made(event, now);
            subscriptions.not_shown(event, now);
        }
        assert_eq!(subscriptions.count(), Count { unverified: 2, ..Count::default() });
        assert_eq!(subscriptions.step(now), Step::Wait(now + 10 * SECOND));
    }
}
