//! Presence: what somebody says of himself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a subtype or message, at most: Asterisk cuts longer ones.
pub const LONGEST_TEXT: usize = 255;

/// The word of a presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PresenceState {
    NotSet,
    Unavailable,
    Available,
    Away,
    /// Away for long.
    Xa,
    Chat,
    Dnd,
}

use PresenceState::*;

const WORDS: [(PresenceState, &str); 7] = [
    (NotSet, "not_set"),
    (Unavailable, "unavailable"),
    (Available, "available"),
    (Away, "away"),
    (Xa, "xa"),
    (Chat, "chat"),
    (Dnd, "dnd"),
];

impl PresenceState {
    /// The state of this word, in whatever case it is written; `None` where there is none.
    pub fn parse(word: &[u8]) -> Option<PresenceState> {
        let is_it = |&&(_, it): &&(PresenceState, &str)| word.eq_ignore_ascii_case(it.as_bytes());
        WORDS.iter().find(is_it).map(|&(state, _)| state)
    }

    /// The word of AMI.
    pub fn as_str(self) -> &'static str {
        WORDS[self as usize].1
    }
}

/// A presence with what is said beside it. Texts are the bytes that were meant: of an event they have been unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    pub state: PresenceState,
    pub subtype: Vec<u8>,
    pub message: Vec<u8>,
}

/// Why a presence cannot be set on an Asterisk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresenceError {
    #[error("{what} has {length} bytes, of which Asterisk keeps {LONGEST_TEXT}")]
    TooLong { what: &'static str, length: usize },
    #[error("{what} has a zero byte, at which Asterisk ends it")]
    Zero { what: &'static str },
}

impl Presence {
    /// A presence and nothing beside it.
    pub fn plain(state: PresenceState) -> Presence {
        Presence { state, subtype: Vec::new(), message: Vec::new() }
    }

    /// The value of `PRESENCE_STATE(…)` that sets it: `state,base64(subtype),base64(message),e`. Plain text with commas would be
    /// misread.
    pub fn to_setting(&self) -> Result<String, PresenceError> {
        for (what, text) in [("the subtype", &self.subtype), ("the message", &self.message)] {
            if text.len() > LONGEST_TEXT {
                return Err(PresenceError::TooLong { what, length: text.len() });
            }
            if text.contains(&0) {
                return Err(PresenceError::Zero { what });
            }
        }
        let (subtype, message) = (STANDARD.encode(&self.subtype), STANDARD.encode(&self.message));
        Ok(format!("{},{subtype},{message},e", self.state.as_str()))
    }

    /// Whether a text of it would end a line.
    pub fn has_line_ends(&self) -> bool {
        self.subtype.iter().chain(&self.message).any(|byte| matches!(byte, b'\r' | b'\n'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_ami_in_any_case() {
        for (at, (state, word)) in WORDS.into_iter().enumerate() {
            assert_eq!(PresenceState::parse(word.to_uppercase().as_bytes()), Some(state));
            assert_eq!(state as usize, at, "the table is in the order of the states");
        }
        assert_eq!(PresenceState::parse(b"online"), None);
    }

    #[test]
    fn texts_are_set_in_base64() {
        let presence = |subtype: &str, message: &[u8]| Presence {
            state: Xa,
            subtype: subtype.as_bytes().to_vec(),
            message: message.to_vec(),
        };
        assert_eq!(presence("sub", b"hello").to_setting().as_deref(), Ok("xa,c3Vi,aGVsbG8=,e"));
        assert_eq!(Presence::plain(NotSet).to_setting().as_deref(), Ok("not_set,,,e"));
        assert!(presence("", &[b','; LONGEST_TEXT]).to_setting().is_ok());
        let too_long = PresenceError::TooLong { what: "the message", length: LONGEST_TEXT + 1 };
        assert_eq!(presence("", &[b'x'; LONGEST_TEXT + 1]).to_setting(), Err(too_long));
        assert_eq!(presence("a\0", b"").to_setting(), Err(PresenceError::Zero { what: "the subtype" }));
        assert!(presence("", b"a\nb").has_line_ends() && !presence("a", b"b").has_line_ends());
    }
}
