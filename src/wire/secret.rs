//! A string that never shows itself by accident.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A password or token. `Debug` and `Display` print `***`; only [`Secret::expose`] gives the text.
///
/// It serialises in clear, because a stored plan must send the same password again after a crash: whoever
/// serialises one must know where it goes. Nothing that leaves through logs, HTTP or pages may.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A text of a peer, which may say back what it was sent, with `***` for every occurrence of this one. Before the text is cut or
    /// escaped: a piece of a secret, or one that is written otherwise, is not found.
    pub fn take_out(&self, text: &str) -> String {
        match self.0.is_empty() {
            true => text.to_owned(),
            false => text.replace(&self.0, "***"),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_of_what_quotes_it() {
        let check = |secret: &str, text: &str, expected: &str| {
            assert_eq!(Secret::new(secret).take_out(text), expected, "{secret} {text}");
        };
        check("hunter2", "hunter2 is not hunter22", "*** is not ***2");
        check("hunter2", "hunter", "hunter");
        check("", "nothing", "nothing");
        check("p\"s\\s", "no p\"s\\s!", "no ***!");
    }
}
