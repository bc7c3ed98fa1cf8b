//! One host of the gateway: its idle sessions, and whether it may be asked.

use crate::managers::breaker::Breaker;
use crate::wire::Secret;
use std::cell::RefCell;

/// A host, primary or secondary.
pub struct Host {
    pub url: String,
    pub breaker: Breaker,
    sessions: RefCell<Vec<Secret>>,
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

impl Host {
    /// One of `hosts` hosts, without sessions.
    pub fn new(url: &str, hosts: usize) -> Self {
        let breaker = Breaker::new("ema", &name(url), hosts);
        Host { url: url.to_owned(), breaker, sessions: RefCell::default() }
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
    fn a_host_is_told_by_its_address_and_not_by_its_url() {
        let check = |url: &str, expected: &str| assert_eq!(Host::new(url, 1).breaker.name(), expected);
        check("http://127.0.0.2:8080/CAI3G1.2/services/CAI3G1.2", "127.0.0.2:8080");
        check("https://u:p@ema1/x?y=z", "ema1:443");
        check("?", "ema");
    }
}
