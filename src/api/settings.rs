//! What of HTTP can change while it serves: tokens and certificates.

use super::access::Access;
use super::tls::{Pair, Tls};
use crate::config::{Http, Token};

/// A handle on the server's settings; its clones are one.
#[derive(Clone)]
pub struct Settings {
    pub(super) access: Access,
    pub(super) tls: Option<Tls>,
}

/// Settings that have been read and can be taken.
pub struct Change {
    tokens: Vec<Token>,
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
        Ok(Change { tokens: http.tokens.clone(), pair })
    }

    /// Takes them. Sessions of a token that is gone, or has another role or digest, end; says how many.
    pub fn apply(&self, change: Change) -> usize {
        if let (Some(tls), Some(pair)) = (&self.tls, change.pair) {
            tls.replace(pair);
        }
        self.access.configure(&change.tokens)
    }
}
