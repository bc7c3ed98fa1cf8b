//! One host of the gateway: its idle sessions, and whether it may be asked (a circuit breaker).

use crate::supervision::Backoff;
use crate::wire::Secret;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Distance of the probes of a host that is left alone.
const PROBES: Backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(10) };

/// A host, primary or secondary.
pub struct Host {
    pub url: String,
    /// Host and port, for messages and metrics: a URL may carry credentials.
    pub name: String,
    sessions: RefCell<Vec<Secret>>,
    /// So many answers that did not come, in a row, and it is left alone.
    patience: u32,
    silences: Cell<u32>,
    away: Cell<Option<Away>>,
    reason: RefCell<String>,
}

/// A session in use. Dropping it gives it back, also where the request for which it was taken is given up: a gateway
/// allows only so many, and one that is forgotten stays open there.
pub struct Session<'a> {
    host: &'a Host,
    session: Option<Secret>,
}

impl Session<'_> {
    /// What goes into the header of a request.
    pub fn id(&self) -> &Secret {
        self.session.as_ref().expect("it is taken out only when it goes")
    }

    /// The host does not know it any more.
    pub fn forget(mut self) {
        self.session = None;
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.host.sessions.borrow_mut().extend(self.session.take());
    }
}

#[derive(Clone, Copy)]
struct Away {
    probes: u32,
    next_probe: Instant,
}

impl Host {
    /// A host that is believed to be there until `patience` answers in a row have not come.
    pub fn new(url: &str, patience: u32) -> Self {
        let name = reqwest::Url::parse(url)
            .ok()
            .and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
        Host {
            url: url.to_owned(),
            name: name.unwrap_or_else(|| "ema".to_owned()),
            sessions: RefCell::default(),
            patience,
            silences: Cell::new(0),
            away: Cell::new(None),
            reason: RefCell::default(),
        }
    }

    /// A session that nobody uses.
    pub fn take_session(&self) -> Option<Session<'_>> {
        let session = self.sessions.borrow_mut().pop()?;
        Some(self.session(session))
    }

    /// A session that has just been opened.
    pub fn session(&self, session: Secret) -> Session<'_> {
        Session { host: self, session: Some(session) }
    }

    /// All idle sessions, to log them out.
    pub fn take_sessions(&self) -> Vec<Secret> {
        self.sessions.take()
    }

    /// Whether requests may go to it.
    pub fn is_open(&self) -> bool {
        self.away.get().is_none()
    }

    /// Why it is left alone.
    pub fn reason(&self) -> String {
        format!("{}: {}", self.name, self.reason.borrow())
    }

    /// Whether a probe is due; if so it counts as begun.
    pub fn begin_probe(&self, now: Instant) -> bool {
        let Some(away) = self.away.get().filter(|away| away.next_probe <= now) else { return false };
        // Whatever becomes of the probe, the next one comes later.
        self.away
            .set(Some(Away { probes: away.probes + 1, next_probe: now + PROBES.delay(away.probes + 1) }));
        true
    }

    /// It has answered a request, or let us in: it is there.
    pub fn answered(&self) {
        self.silences.set(0);
        if self.away.take().is_some() {
            tracing::info!(host = self.name, "ema host is back");
        }
    }

    /// A request went unanswered.
    pub fn fell_silent(&self, reason: &str) {
        self.silences.set(self.silences.get() + 1);
        if self.silences.get() >= self.patience {
            self.leave_alone(reason);
        }
    }

    /// It cannot be reached or does not let us in: nobody asks it until a probe gets through.
    pub fn leave_alone(&self, reason: &str) {
        self.reason.replace(reason.to_owned());
        if self.away.get().is_none() {
            tracing::warn!(host = self.name, reason, "ema host is away");
            self.away.set(Some(Away { probes: 0, next_probe: Instant::now() + PROBES.delay(0) }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_left_alone_after_three_silences_and_comes_back_with_an_answer() {
        let host = Host::new("http://127.0.0.2:8080/CAI3G1.2/services/CAI3G1.2", 3);
        assert_eq!(host.name, "127.0.0.2:8080");
        for _ in 0..2 {
            host.fell_silent("timed out");
        }
        assert!(host.is_open());
        host.fell_silent("timed out");
        assert!(!host.is_open());
        assert!(!host.begin_probe(Instant::now()));
        assert!(host.begin_probe(Instant::now() + Duration::from_secs(60)));
        host.answered();
        assert!(host.is_open());
    }
}
