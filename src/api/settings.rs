//! What of HTTP can change while it serves: tokens, what is open without them, and certificates.

use super::access::Access;
use super::tls::{Pair, Tls};
use crate::config::Http;

/// A handle on the server's settings; its clones are one.
#[derive(Clone)]
pub struct Settings {
    pub(super) access: Access,
    pub(super) tls: Option<Tls>,
}

/// Settings that have been read and can be taken.
pub struct Change {
    http: Http,
    pair: Option<Pair>,
}

impl Settings {
    /// Reads what `http` of a new configuration names; nothing has changed yet. Fails where a certificate cannot be used,
    /// and where other hosts can reach the listener that is open, whatever `http.listen` says now, and no token is left.
    ///
    /// Not among the settings, so that it needs a new start: where it listens, and whether with TLS.
    pub fn prepare(&self, http: &Http) -> anyhow::Result<Change> {
        if let Some(objection) = self.access.object(&http.tokens) {
            anyhow::bail!(objection);
        }
        let pair = match (&self.tls, &http.tls_cert, &http.tls_key) {
            (Some(_), Some(certificate), Some(key)) => Some(Pair::read(certificate, key)?),
            _ => None,
        };
        Ok(Change { http: http.clone(), pair })
    }

    /// Takes them. Sessions of a token that is gone, or has another role or digest, end; says how many.
    pub fn apply(&self, change: Change) -> usize {
        if let (Some(tls), Some(pair)) = (&self.tls, change.pair) {
            tls.replace(pair);
        }
        self.access.configure(&change.http)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Role, Token};

    fn http(listen: &str, names: &[&str]) -> Http {
        let token = |name: &&str| Token { name: (*name).into(), role: Role::Viewer, sha256: name.repeat(8) };
        let listen = listen.parse().expect("an address");
        Http { listen, tokens: names.iter().map(token).collect(), ..Http::default() }
    }

    #[test]
    fn tokens_change_while_it_serves_but_never_to_none_beyond_loopback() {
        let settings = |listen| Settings { access: Access::new(&http(listen, &["one"])), tls: None };
        let inside = settings("127.0.0.1:1");
        assert!(!inside.access.is_open());
        let change = inside.prepare(&http("127.0.0.1:1", &[])).expect("good");
        assert!(!inside.access.is_open(), "nothing has changed yet");
        inside.apply(change);
        assert!(inside.access.is_open());
        let outside = settings("0.0.0.0:1");
        // It listens where it did until it is started anew.
        let refused = outside.prepare(&http("127.0.0.1:1", &[])).err().expect("refused");
        assert!(refused.to_string().contains("[[http.token]]"), "{refused}");
        assert!(outside.prepare(&http("0.0.0.0:1", &["two"])).is_ok());
    }
}
