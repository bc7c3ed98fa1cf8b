//! XML as peers may send it, over quick-xml, with what a daemon needs beyond well-formedness.
//!
//! A document may be at most `max_bytes` long and [`MAX_DEPTH`] deep. A DOCTYPE is refused, so that no entity can be
//! declared; references are the five of XML and characters, and any other is an error. Characters that XML 1.0
//! (section 2.2) does not allow are errors too, written as such or as a reference. Names are compared without their
//! prefix, because every sender chooses its own; namespaces are not resolved.
//!
//! Errors carry the byte position and never text of the document, which may be part of a password.
//!
//! [`Walker`] gives the steps of one document, [`Tree`] keeps its elements, [`escape`] writes, [`decode()`] comes first.

pub mod decode;
pub mod escape;
pub mod tag;
pub mod tree;
pub mod walk;

pub use decode::{Decoded, EncodingError, Fallback, decode};
pub use tag::Tag;
pub use tree::{Element, Tree};
pub use walk::{Step, Walker};

/// How deep elements may nest. The documents of BroadWorks and of the EMA stay below ten.
pub const MAX_DEPTH: usize = 64;

/// Why a document was refused; positions are bytes of the decoded text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("not well-formed at byte {at}: {reason}")]
    NotWellFormed { at: usize, reason: &'static str },
    #[error("DOCTYPE at byte {at} is refused")]
    Doctype { at: usize },
    #[error("unknown entity at byte {at}")]
    UnknownEntity { at: usize },
    #[error("a reference at byte {at} names no character that XML allows")]
    InvalidReference { at: usize },
    #[error("U+{character:04X} at byte {at} is not allowed in XML")]
    IllegalCharacter { at: usize, character: u32 },
    #[error("elements nest deeper than {MAX_DEPTH} at byte {at}")]
    TooDeep { at: usize },
    #[error("{size} bytes, more than the {max} that are allowed")]
    TooLarge { size: usize, max: usize },
    #[error("the document ends at byte {at} with {open} elements open")]
    Unfinished { at: usize, open: usize },
    #[error("there is no element")]
    Empty,
}

impl XmlError {
    /// Whether only a character or reference is wrong, so that a [`Walker`] can go on behind it.
    pub fn is_character(&self) -> bool {
        use XmlError::{IllegalCharacter, InvalidReference, UnknownEntity};
        matches!(self, IllegalCharacter { .. } | InvalidReference { .. } | UnknownEntity { .. })
    }
}

/// Whether XML 1.0 allows the character at all (section 2.2, `Char`).
pub fn is_allowed(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// The part of a name after its prefix.
pub fn local(name: &str) -> &str {
    name.bytes().rposition(|b| b == b':').map_or(name, |colon| &name[colon + 1..])
}
