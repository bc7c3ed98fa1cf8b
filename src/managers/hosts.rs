//! Where everybody can see how the hosts of the gateway and of the mail server are.
//!
//! Each host's circuit breaker writes its own line ([`Report`]); nobody acts on what stands here.

use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::watch;

/// What is known of a host at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostState {
    /// `ema` or `mail`.
    pub system: &'static str,
    /// Host and port.
    pub host: String,
    /// Its place in the configuration: 0 is the primary.
    pub rank: usize,
    pub breaker: BreakerState,
    /// Sessions that are open with it; a mail server has none.
    pub sessions: usize,
    /// Since when it is left alone, and why.
    pub failing: Option<Failing>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    pub since: SystemTime,
    pub reason: String,
}

/// Whether a host may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    Open,
    /// It is being probed.
    HalfOpen,
}

impl BreakerState {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
    }
}

impl HostState {
    /// The word in the API.
    pub fn role(&self) -> &'static str {
        if self.rank == 0 { "primary" } else { "secondary" }
    }
}

/// Where the hosts can be seen: those of the gateway first, each primary before its secondary.
#[derive(Debug, Clone)]
pub struct Hosts(watch::Receiver<Vec<HostState>>);

/// The writing side; it lives as long as the daemon.
#[derive(Debug, Clone)]
pub struct Publisher(Arc<watch::Sender<Vec<HostState>>>);

/// A board without hosts.
pub fn hosts() -> (Publisher, Hosts) {
    let (publisher, hosts) = watch::channel(Vec::new());
    (Publisher(Arc::new(publisher)), Hosts(hosts))
}

impl Hosts {
    /// What is known now.
    pub fn read(&self) -> Vec<HostState> {
        self.0.borrow().clone()
    }

    /// Resolves when something has changed; `false` when nothing can change any more.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// The line of one host.
#[derive(Debug, Clone)]
pub struct Report {
    publisher: Publisher,
    system: &'static str,
    host: String,
}

impl Publisher {
    /// Begins the line of a host, of which nothing bad is known yet: also of one that was there before.
    pub fn report(&self, system: &'static str, host: &str, rank: usize) -> Report {
        let breaker = BreakerState::Closed;
        let state = HostState { system, host: host.to_owned(), rank, breaker, sessions: 0, failing: None };
        self.0.send_modify(|hosts| {
            // One that has changed its place is told once.
            hosts.retain(|known| known.system != system || (known.rank != rank && known.host != host));
            hosts.push(state);
            hosts.sort_by_key(|known| (known.system, known.rank));
        });
        Report { publisher: self.clone(), system, host: host.to_owned() }
    }
}

impl Report {
    /// It may be asked, or not.
    pub fn breaker(&self, breaker: BreakerState, failing: Option<Failing>) {
        self.change(|state| (state.breaker, state.failing) = (breaker, failing));
    }

    /// So many sessions are open.
    pub fn sessions(&self, sessions: usize) {
        self.change(|state| state.sessions = sessions);
    }

    /// The host is not configured any more.
    pub fn end(&self) {
        let own = |state: &HostState| state.system == self.system && state.host == self.host;
        self.publisher.0.send_modify(|hosts| hosts.retain(|state| !own(state)));
    }

    fn change(&self, change: impl FnOnce(&mut HostState)) {
        self.publisher.0.send_if_modified(|hosts| {
            let own = hosts.iter_mut().find(|state| state.system == self.system && state.host == self.host);
            let Some(state) = own else { return false };
            let before = state.clone();
            change(state);
            *state != before
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_that_of_the_latest_incarnation() {
        let (publisher, mut hosts) = hosts();
        publisher.report("mail", "m:7026", 0);
        let second = publisher.report("ema", "b:8080", 1);
        publisher.report("ema", "a:8080", 0).sessions(3);
        let failing = Failing { since: SystemTime::UNIX_EPOCH, reason: "refused".to_owned() };
        second.breaker(BreakerState::Open, Some(failing.clone()));
        let shown = hosts.read();
        let names: Vec<_> = shown.iter().map(|state| (state.host.as_str(), state.role())).collect();
        assert_eq!(names, [("a:8080", "primary"), ("b:8080", "secondary"), ("m:7026", "primary")]);
        assert_eq!((shown[0].sessions, shown[1].breaker), (3, BreakerState::Open));
        hosts.0.mark_unchanged();
        second.breaker(BreakerState::Open, Some(failing));
        assert!(!hosts.0.has_changed().unwrap(), "nothing new");
        publisher.report("ema", "b:8080", 1);
        assert_eq!(hosts.read()[1].failing, None);
    }
}
