//! One host of the gateway: its idle sessions, and whether it may be asked.

use crate::managers::breaker::Breaker;
use crate::managers::hosts::Publisher;
use crate::wire::Secret;
use std::cell::{Cell, RefCell};

/// A host, primary or secondary.
pub struct Host {
    pub url: String,
    pub breaker: Breaker,
    sessions: RefCell<Vec<Secret>>,
    /// Sessions that are open: idle or in use.
    open: Cell<usize>,
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
        if self.session.take().is_some() {
            self.host.count(self.host.open.get().saturating_sub(1));
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.host.sessions.borrow_mut().extend(self.session.take());
    }
}

impl Host {
    /// The host of this rank among `hosts`, without sessions.
    pub fn new(url: &str, rank: usize, hosts: usize, board: &Publisher) -> Self {
        let name = name(url);
        let breaker = Breaker::new("ema", &name, hosts, board.report("ema", &name, rank));
        Host { url: url.to_owned(), breaker, sessions: RefCell::default(), open: Cell::new(0) }
    }

    fn count(&self, open: usize) {
        self.open.set(open);
        self.breaker.line().sessions(open);
    }

    /// A session that nobody uses.
    pub fn take_session(&self) -> Option<Session<'_>> {
        let session = self.sessions.borrow_mut().pop()?;
        Some(Session { host: self, session: Some(session) })
    }

    /// A session that has just been opened.
    pub fn session(&self, session: Secret) -> Session<'_> {
        self.count(self.open.get() + 1);
        Session { host: self, session: Some(session) }
    }

    /// All idle sessions, to log them out.
    pub fn take_sessions(&self) -> Vec<Secret> {
        let idle = self.sessions.take();
        self.count(self.open.get().saturating_sub(idle.len()));
        idle
    }
}

/// Host and port of a URL, which may carry credentials.
fn name(url: &str) -> String {
    let parts = |url: reqwest::Url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?));
    reqwest::Url::parse(url).ok().and_then(parts).unwrap_or_else(|| "ema".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_sessions_are_counted() {
        let (board, hosts) = crate::managers::hosts::hosts();
        let host = Host::new("http://ema1:8080/", 0, 1, &board);
        let shown = || hosts.read()[0].sessions;
        let (first, second) = (host.session(Secret::new("a")), host.session(Secret::new("b")));
        assert_eq!(shown(), 2);
        drop(first);
        assert_eq!(shown(), 2, "it is idle");
        let again = host.take_session().unwrap();
        again.forget();
        assert_eq!(shown(), 1);
        drop(second);
        assert_eq!(host.take_sessions().len(), 1);
        assert_eq!(shown(), 0);
    }

    #[test]
    fn a_host_is_told_by_its_address_and_not_by_its_url() {
        let (board, _) = crate::managers::hosts::hosts();
        let check =
            |url: &str, expected: &str| assert_eq!(Host::new(url, 0, 1, &board).breaker.name(), expected);
        check("http://127.0.0.2:8080/CAI3G1.2/services/CAI3G1.2", "127.0.0.2:8080");
        check("https://u:p@ema1/x?y=z", "ema1:443");
        check("?", "ema");
    }
}
