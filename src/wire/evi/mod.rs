//! Events as OpenSIPS' Event Notification Interface carries them, one in a datagram.
//!
//! ```text
//! text, up to 3.0   E_UL_AOR_INSERT\ndomain::location\naor::anna\n\n
//! JSON, since 3.1   {"jsonrpc":"2.0","method":"E_UL_AOR_INSERT","params":{"domain":"location","aor":"anna"}}
//! ```
//!
//! Which of the two a payload is shows its first byte. Parameters have an order, may have no name, and one name may come again:
//! they are a list of pairs, never a map. Over TCP the objects run together, and in reliable mode each has an id that is to be answered.
//!
//! OpenSIPS passes on the bytes that it has met in SIP, so payloads are not always UTF-8: what is none becomes U+FFFD.
//! A name is not empty, has no control characters and at most 255 bytes.

mod call;
mod json;
mod name;
mod object;
mod text;
mod value;

pub(in crate::wire) use call::{Call, CallError};
pub(in crate::wire) use json::{ListOrObject, write_json, write_values};
pub use json::{Message, acknowledge};
pub(in crate::wire) use text::{read_params, write_params};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Such as `E_UL_AOR_INSERT`; never empty.
    pub name: String,
    /// In their order.
    pub params: Vec<Param>,
    /// A quoted value of the text format has no certain end: it was taken to end at its first `\"` before a line's end.
    pub is_ambiguous: bool,
}

/// One parameter of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// `None`: known by its place alone.
    pub name: Option<String>,
    pub value: Value,
}

/// What a parameter is. The text format has texts alone; what JSON has besides is the text of its JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Integer(i64),
    Text(String),
    Null,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Json,
    Text,
}

/// Why a payload is no event. What it says holds nothing of the payload but names of members.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEvent {
    #[error("an empty datagram")]
    Empty,
    #[error("{0}")]
    Text(String),
    #[error("no JSON: {0}")]
    Json(String),
    #[error("JSON, but no event: {0}")]
    Shape(String),
}

impl NotAnEvent {
    /// One word for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            NotAnEvent::Empty => "empty",
            NotAnEvent::Text(_) => "text",
            NotAnEvent::Json(_) => "json",
            NotAnEvent::Shape(_) => "shape",
        }
    }
}

impl Event {
    /// Reads a datagram, of either format.
    pub fn parse(payload: &[u8]) -> Result<Event, NotAnEvent> {
        match payload.first() {
            None => Err(NotAnEvent::Empty),
            Some(b'{') => Message::parse(payload).map(|message| message.event),
            Some(_) => text::read(&String::from_utf8_lossy(payload)),
        }
    }

    /// As a datagram. It reads back the same, but for what the format has no place for:
    ///
    /// * a name that is none is written with `_` for what names do not have;
    /// * in text, where all values are texts, nulls are empty ones, and names have no colon, and no quote as their first letter, either;
    ///   a value that would be read as another parameter is changed as little as keeps it one (see `text.rs`).
    pub fn to_bytes(&self, format: Format) -> Vec<u8> {
        match format {
            Format::Json => json::write(self, None),
            Format::Text => text::write(self),
        }
    }
}
