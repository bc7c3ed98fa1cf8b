//! Whether a host may be asked: a circuit breaker.
//!
//! A host that cannot be reached, does not let us in or leaves requests unanswered is left alone. It is probed at growing
//! distances, and asked again once a probe gets through. How to probe is known to whoever speaks to the host.

use super::hosts::{BreakerState, Failing, Report};
use crate::supervision::Backoff;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant, SystemTime};

/// Distance of the probes of a host that is left alone.
const PROBES: Backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(10) };
/// Answers that did not come, in a row, after which the only host is left alone.
const SILENCES: u32 = 3;

/// What is known about one host.
pub struct Breaker {
    /// What the host is, for log and metrics.
    system: &'static str,
    /// Host and port.
    name: String,
    /// So many answers that did not come, in a row, and it is left alone.
    patience: u32,
    silences: Cell<u32>,
    /// Begun since it last answered a request.
    probes: Cell<u32>,
    /// Set while it is left alone.
    next_probe: Cell<Option<Instant>>,
    reason: RefCell<String>,
    /// Since when it is left alone.
    since: Cell<SystemTime>,
    /// `breaker_open`: 1 while it is left alone.
    open: metrics::Gauge,
    report: Report,
    /// Another one speaks for the host, or it is not configured any more: what is still under way is no news.
    retired: Cell<bool>,
}

impl Breaker {
    /// A host called `name`, one of `hosts` of its system, that is believed to be there.
    pub fn new(system: &'static str, name: &str, hosts: usize, report: Report) -> Self {
        let open =
            metrics::gauge!("eventmanager_breaker_open", "system" => system, "host" => name.to_owned());
        open.set(0);
        Breaker {
            system,
            name: name.to_owned(),
            // With another host to go to, one answer that does not come is enough to go there.
            patience: if hosts > 1 { 1 } else { SILENCES },
            silences: Cell::new(0),
            probes: Cell::new(0),
            next_probe: Cell::new(None),
            reason: RefCell::default(),
            since: Cell::new(SystemTime::UNIX_EPOCH),
            open,
            report,
            retired: Cell::new(false),
        }
    }

    /// Host and port, for messages and metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether requests may go to the host.
    pub fn may_be_asked(&self) -> bool {
        self.next_probe.get().is_none()
    }

    /// Why it is left alone.
    pub fn reason(&self) -> String {
        format!("{}: {}", self.name, self.reason.borrow())
    }

    /// Whether a probe is due; if so it counts as begun.
    pub fn begin_probe(&self, now: Instant) -> bool {
        if self.next_probe.get().is_none_or(|next| next > now) {
            return false;
        }
        self.probes.set(self.probes.get() + 1);
        // Whatever becomes of the probe, the next one comes later.
        self.wait_for_probe(now);
        self.report(BreakerState::HalfOpen);
        true
    }

    /// It has answered a request, or let us in: all is well.
    pub fn answered(&self) {
        self.silences.set(0);
        self.probes.set(0);
        self.seen();
    }

    /// It has answered a probe that says nothing about requests: it may be asked again, but if it falls silent at once it
    /// is left alone for longer than before.
    pub fn seen(&self) {
        // Also where it was not away: the breaker of an actor that was restarted may have been the last to say so.
        self.show_open(false);
        if self.next_probe.take().is_some() && !self.retired.get() {
            tracing::info!(system = self.system, host = self.name, "host is back");
            self.report(BreakerState::Closed);
        }
    }

    /// A request went unanswered.
    pub fn fell_silent(&self, reason: &str) {
        self.silences.set(self.silences.get() + 1);
        // One that was left alone for another reason has not answered its probe.
        if self.silences.get() >= self.patience || !self.may_be_asked() {
            self.leave_alone(reason);
        }
    }

    /// It cannot be reached or does not let us in: nobody asks it until a probe gets through.
    pub fn leave_alone(&self, reason: &str) {
        self.reason.replace(reason.to_owned());
        if self.may_be_asked() {
            if !self.retired.get() {
                tracing::warn!(system = self.system, host = self.name, reason, "host is away");
            }
            self.show_open(true);
            self.since.set(SystemTime::now());
            self.wait_for_probe(Instant::now());
        }
        self.report(BreakerState::Open);
    }

    /// The host's line for sessions and whatever else is not the breaker's.
    pub fn line(&self) -> &Report {
        &self.report
    }

    fn show_open(&self, is_open: bool) {
        if !self.retired.get() {
            self.open.set(f64::from(u8::from(is_open)));
        }
    }

    fn report(&self, state: BreakerState) {
        if self.retired.get() {
            return;
        }
        let failing = || Failing { since: self.since.get(), reason: self.reason.borrow().clone() };
        self.report.breaker(state, (state != BreakerState::Closed).then(failing));
    }

    /// Another one speaks for the host from now on: what is still under way to it is nobody's business any more.
    pub fn retire(&self) {
        self.retired.set(true);
    }

    /// It is not configured any more: nobody is to be told that it is away.
    pub fn forget(&self) {
        self.retire();
        self.open.set(0);
        self.report.end();
    }

    fn wait_for_probe(&self, now: Instant) {
        self.next_probe.set(Some(now + PROBES.delay(self.probes.get())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any distance of probes.
    const LATER: Duration = Duration::from_secs(60);

    fn breaker(hosts: usize) -> Breaker {
        let report = crate::managers::hosts::hosts().0.report("mail", "127.0.0.2:7026", 0);
        Breaker::new("mail", "127.0.0.2:7026", hosts, report)
    }

    #[test]
    fn the_board_shows_what_the_breaker_does() {
        let (publisher, hosts) = crate::managers::hosts::hosts();
        let breaker = Breaker::new("mail", "m:7026", 2, publisher.report("mail", "m:7026", 0));
        let shown = || hosts.read().remove(0);
        assert_eq!(shown().breaker, BreakerState::Closed);
        breaker.leave_alone("refused");
        let since = shown().failing.expect("it is away").since;
        assert_eq!(shown().breaker, BreakerState::Open);
        assert!(breaker.begin_probe(Instant::now() + LATER));
        assert_eq!(shown().breaker, BreakerState::HalfOpen);
        breaker.fell_silent("timed out");
        let failing = shown().failing.expect("it is still away");
        assert_eq!(
            (shown().breaker, failing.since, failing.reason.as_str()),
            (BreakerState::Open, since, "timed out")
        );
        breaker.answered();
        assert_eq!((shown().breaker, shown().failing), (BreakerState::Closed, None));
    }

    #[test]
    fn what_comes_of_a_request_of_before_a_reload_is_not_shown_of_the_host() {
        let (publisher, hosts) = crate::managers::hosts::hosts();
        let make = || Breaker::new("mail", "m:7026", 1, publisher.report("mail", "m:7026", 0));
        let before = make();
        let now = make();
        before.retire();
        before.leave_alone("timed out");
        assert_eq!(hosts.read()[0].breaker, BreakerState::Closed);
        now.leave_alone("refused");
        assert!(before.begin_probe(Instant::now() + LATER));
        before.answered();
        assert_eq!(hosts.read()[0].breaker, BreakerState::Open, "it is the new one's to say");
        // One that is gone says nothing either of a host that comes back.
        now.forget();
        let _again = make();
        now.leave_alone("refused");
        assert_eq!(hosts.read()[0].breaker, BreakerState::Closed);
    }

    #[test]
    fn the_only_host_is_left_alone_after_three_silences_and_comes_back_with_an_answer() {
        let breaker = breaker(1);
        for _ in 0..2 {
            breaker.fell_silent("timed out");
        }
        assert!(breaker.may_be_asked());
        breaker.fell_silent("timed out");
        assert!(!breaker.may_be_asked());
        assert_eq!(breaker.reason(), "127.0.0.2:7026: timed out");
        assert!(!breaker.begin_probe(Instant::now()));
        assert!(breaker.begin_probe(Instant::now() + LATER));
        breaker.answered();
        assert!(breaker.may_be_asked());
        breaker.fell_silent("timed out");
        assert!(breaker.may_be_asked(), "silences count anew");
    }

    #[test]
    fn with_another_host_to_go_to_one_silence_is_enough() {
        let breaker = breaker(2);
        breaker.fell_silent("timed out");
        assert!(!breaker.may_be_asked());
    }

    #[test]
    fn a_host_that_is_seen_but_answers_nothing_is_left_alone_ever_longer() {
        let breaker = breaker(2);
        let mut waits = Vec::new();
        for _ in 0..7 {
            breaker.fell_silent("timed out");
            let now = Instant::now();
            waits.push(breaker.next_probe.get().expect("it is away") - now);
            assert!(breaker.begin_probe(now + LATER));
            breaker.seen();
            assert!(breaker.may_be_asked());
        }
        assert!(waits[0] <= Duration::from_millis(500), "{waits:?}");
        assert!(waits[6] > Duration::from_secs(4), "{waits:?}");
        breaker.answered();
        breaker.fell_silent("timed out");
        assert!(!breaker.begin_probe(Instant::now()));
        assert!(breaker.begin_probe(Instant::now() + Duration::from_millis(500)), "forgotten with an answer");
    }
}
