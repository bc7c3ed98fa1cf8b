//! Events that come twice: a request that is sent again makes its script run again.

use super::queue::Arrived;
use crate::config::EventKeys;
use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// So many are remembered at most.
const REMEMBERED: usize = 200_000;

/// The events of the last while, as hashes of what makes them the same.
pub struct Duplicates {
    window: Duration,
    hasher: RandomState,
    seen: HashSet<u64>,
    /// In the order in which they came.
    order: VecDeque<(Instant, u64)>,
}

impl Duplicates {
    /// Remembers events for `window`; nothing where it is zero.
    pub fn new(window: Duration) -> Self {
        Duplicates { window, hasher: RandomState::new(), seen: HashSet::new(), order: VecDeque::new() }
    }

    /// Whether the same event came within the window before it; it has come from now on. One without a Call-ID is never the same
    /// as another.
    pub fn has_come(&mut self, arrived: &Arrived, keys: &EventKeys) -> bool {
        let Some(hash) = self.identity(arrived, keys).filter(|_| !self.window.is_zero()) else {
            return false;
        };
        let now = arrived.at;
        while self.order.front().is_some_and(|(at, _)| now - *at > self.window)
            || self.order.len() >= REMEMBERED
        {
            self.order.pop_front().map(|(_, old)| self.seen.remove(&old));
        }
        if !self.seen.insert(hash) {
            return true;
        }
        self.order.push_back((now, hash));
        false
    }

    /// Of event, Call-ID, transaction and whatever else the configuration names. An event that has none but the Call-ID of these
    /// may be another of the same call: it is the same where all of it is. `None` without a Call-ID.
    fn identity(&self, arrived: &Arrived, keys: &EventKeys) -> Option<u64> {
        let event = &arrived.event;
        let call_id = event.first_text(&keys.call_id)?;
        // Two transactions of one call are two questions.
        let transaction = [&keys.index, &keys.label].map(|names| event.first_text(names));
        let others = keys.identity.iter().map(|name| event.first_text(std::slice::from_ref(name)));
        let tells: Vec<Option<Cow<'_, str>>> = transaction.into_iter().chain(others).collect();
        if tells.iter().all(Option::is_none) {
            return Some(self.hasher.hash_one(&arrived.payload));
        }
        Some(self.hasher.hash_one((arrived.name(), call_id, tells)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::evapi::Event;
    use std::time::SystemTime;

    fn arrived(payload: &str, keys: &EventKeys, at: Instant) -> Arrived {
        let event = Event::parse(payload.to_owned().into()).expect("an event");
        Arrived::new(event, payload.to_owned().into(), keys, (SystemTime::UNIX_EPOCH, at))
    }

    #[test]
    fn an_event_that_is_the_same_within_the_window_has_come() {
        let mut duplicates = Duplicates::new(Duration::from_secs(32));
        let (keys, now) = (EventKeys::default(), Instant::now());
        let mut check = |payload: &str, seconds: u64, expected: bool| {
            let at = now + Duration::from_secs(seconds);
            let has_come = duplicates.has_come(&arrived(payload, &keys, at), &keys);
            assert_eq!(has_come, expected, "{payload} after {seconds} s");
        };
        let invite = r#"{"event":"sip_request","method":"INVITE","call_id":"a","cseq":"1","ts":7}"#;
        check(invite, 0, false);
        check(&invite.replace(":7", ":8"), 1, true);
        for other in [("INVITE", "BYE"), ("\"a\"", "\"b\""), ("\"1\"", "\"2\""), ("sip_", "x")] {
            check(&invite.replace(other.0, other.1), 2, false);
        }
        check(invite, 33, false);
        check(invite, 34, true);
        check(r#"{"event":"heartbeat","n":1}"#, 34, false);
        check(r#"{"event":"heartbeat","n":1}"#, 34, false);
        check(r#"{"event":"x","call_id":"<null>"}"#, 34, false);
        check(r#"{"event":"x","call_id":"<null>"}"#, 34, false);
        // Of one call, and nothing else tells them apart but what they say.
        let state = r#"{"event":"call_state","callid":"abc@h","state":"ringing"}"#;
        check(state, 34, false);
        check(&state.replace("ringing", "answered"), 34, false);
        check(state, 34, true);
        let asked = r#"{"event":"AUTH","call_id":"a","tr_index":1,"tr_label":2}"#;
        check(asked, 34, false);
        check(&asked.replace(":2", ":3"), 34, false);
        check(&asked.replace(":2", ":\"2\""), 34, true);
    }

    #[test]
    fn without_a_window_nothing_has_come_and_memory_is_bounded() {
        let mut off = Duplicates::new(Duration::ZERO);
        let (keys, now) = (EventKeys::default(), Instant::now());
        let event = arrived(r#"{"event":"x","call_id":"a"}"#, &keys, now);
        assert!(!off.has_come(&event, &keys) && !off.has_come(&event, &keys));
        let mut on = Duplicates::new(Duration::from_secs(32));
        for number in 0..REMEMBERED + 10 {
            let payload = format!("{{\"event\":\"x\",\"call_id\":\"{number}\"}}");
            assert!(!on.has_come(&arrived(&payload, &keys, now), &keys));
        }
        assert_eq!((on.seen.len(), on.order.len()), (REMEMBERED, REMEMBERED));
    }
}
