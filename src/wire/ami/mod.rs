//! Asterisk's manager interface (AMI): messages of headers, one on a line.
//!
//! ```text
//! ← Asterisk Call Manager/13.0.0                     one line, once
//! → Action: Login                                    an action, answered by a response with its ActionID
//!   ActionID: 1
//!   …
//! ← Response: Success
//!   ActionID: 1
//! ← Event: DeviceStateChange                         events, whenever they happen
//!   Device: SIP/100
//!   State: INUSE
//! ```
//!
//! A message ends with an empty line. Values are bytes: names of devices need not be UTF-8. [`decoder`] cuts the stream into messages;
//! [`action`] writes actions, and refuses what would put headers of somebody else into them; [`escape`] reads the values that
//! Asterisk escapes. For who plays an Asterisk, [`request`] reads actions as it does, and [`mod@write`] has the parts of its messages.

pub mod action;
pub mod decoder;
pub mod escape;
pub mod message;
pub mod request;
pub mod write;

pub use action::{Action, ActionError};
pub use decoder::{AmiError, Decoder};
pub use escape::unescape;
pub use message::{Kind, Message};

/// Bytes of a line of an action, at most: Asterisk cuts longer ones, and takes what is left for a line of its own.
const LINE: usize = 1_022;
/// Headers of an action, at most: Asterisk forgets those behind.
const HEADERS: usize = 128;

/// How the one line begins that Asterisk sends first.
const BANNER: &str = "Asterisk Call Manager/";

/// Whether a line, without its end, is Asterisk's first: of any version. Something else is no AMI.
pub fn is_banner(line: &[u8]) -> bool {
    line.starts_with(BANNER.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asterisk_of_any_version_is_known_by_its_first_line() {
        for line in ["Asterisk Call Manager/13.0.0", "Asterisk Call Manager/1.1", "Asterisk Call Manager/"] {
            assert!(is_banner(line.as_bytes()), "{line}");
        }
        for line in ["", "HTTP/1.1 400 Bad Request", "asterisk call manager/1.1", " Asterisk Call Manager/1"]
        {
            assert!(!is_banner(line.as_bytes()), "{line}");
        }
    }
}
