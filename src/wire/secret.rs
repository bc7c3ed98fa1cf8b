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
