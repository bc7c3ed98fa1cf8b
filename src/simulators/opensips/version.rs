//! Which OpenSIPS it is, and what follows from that.

use std::fmt;
use std::str::FromStr;

/// A release, such as 3.6.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u16, u16, u16);

/// What the management interface speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Text,
    Json,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    Text,
    /// With `"id":null`, and with params even where there are none.
    JsonWithNullId,
    Json,
}

/// What is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version from 1.7.0 on, such as 2.4.11, 3.0.4, 3.1.0 or 3.6.8")]
pub struct NoVersion(String);

impl Version {
    /// Speaks text, and tells text.
    pub const V2_4: Version = Version(2, 4, 11);
    /// Speaks JSON, and tells text.
    pub const V3_0: Version = Version(3, 0, 4);
    /// Tells JSON with an id that is null.
    pub const V3_1_0: Version = Version(3, 1, 0);
    pub const V3_6: Version = Version(3, 6, 8);

    /// What its management interface speaks.
    pub fn language(self) -> Language {
        if self < Version(3, 0, 0) { Language::Text } else { Language::Json }
    }

    /// How it writes events in datagrams.
    pub fn payload(self) -> Payload {
        match self {
            older if older < Version(3, 1, 0) => Payload::Text,
            Version::V3_1_0 => Payload::JsonWithNullId,
            _ => Payload::Json,
        }
    }

    /// Whether it has event_stream, which delivers over TCP.
    pub fn has_streams(self) -> bool {
        self >= Version(3, 1, 0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Version, NoVersion> {
        let wrong = || NoVersion(text.to_owned());
        let numbers: Result<Vec<u16>, _> = text.split('.').map(str::parse).collect();
        match numbers.map_err(|_| wrong())?[..] {
            [major, minor, patch] if (major, minor) >= (1, 7) => Ok(Version(major, minor, patch)),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_speaks() {
        let check = |text: &str, language, payload, has_streams| {
            let version: Version = text.parse().unwrap();
            assert_eq!((version.language(), version.payload()), (language, payload), "{text}");
            assert_eq!((version.has_streams(), version.to_string().as_str()), (has_streams, text));
        };
        check("1.7.0", Language::Text, Payload::Text, false);
        check("2.4.11", Language::Text, Payload::Text, false);
        check("3.0.4", Language::Json, Payload::Text, false);
        check("3.1.0", Language::Json, Payload::JsonWithNullId, true);
        check("3.1.1", Language::Json, Payload::Json, true);
        check("3.6.8", Language::Json, Payload::Json, true);
        check("4.0.0", Language::Json, Payload::Json, true);
        for wrong in ["", "3.6", "3.6.8.1", "1.6.9", "3.x.1", "v3.6.8"] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }
}
