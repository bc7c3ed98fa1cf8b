//! What a client sends: `{"cmd":"tag","tag":"X"}`, `{"cmd":"subscribe","topics":["calls*"]}`, or what a script of Kamailio
//! would understand, which means nothing here.

use crate::matching::Pattern;
use serde_json::{Map, Value};

/// Patterns of one subscription, at most: every event is compared with them.
const PATTERNS: usize = 100;
/// Bytes of a tag or a pattern, at most.
const LONGEST: usize = 255;

/// A payload that is well-formed.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// How it wants to be called; `None`: not at all any more.
    Tag(Option<String>),
    /// The topics that it wants from now on.
    Subscribe(Vec<Pattern>),
    Other,
}

impl Command {
    /// One word for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Command::Tag(_) => "tag",
            Command::Subscribe(_) => "subscribe",
            Command::Other => "other",
        }
    }
}

/// Why a payload is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPayload {
    #[error("not UTF-8 from byte {0} on")]
    Encoding(usize),
    #[error("no JSON: {0}")]
    Json(String),
    #[error("JSON, but no object")]
    NoObject,
    /// One of ours, with something that cannot be meant.
    #[error("{command}: {reason}")]
    Command { command: &'static str, reason: String },
}

impl BadPayload {
    /// One word for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            BadPayload::Encoding(_) => "encoding",
            BadPayload::Json(_) => "json",
            BadPayload::NoObject => "no_object",
            BadPayload::Command { .. } => "command",
        }
    }
}

/// Reads a payload.
pub fn read(payload: &[u8]) -> Result<Command, BadPayload> {
    let text = std::str::from_utf8(payload).map_err(|error| BadPayload::Encoding(error.valid_up_to()))?;
    // Nested deeper than 128 it is refused before it is read.
    let value: Value = serde_json::from_str(text).map_err(|error| BadPayload::Json(error.to_string()))?;
    let Value::Object(fields) = value else { return Err(BadPayload::NoObject) };
    let wrong = |command| move |reason: String| BadPayload::Command { command, reason };
    match fields.get("cmd").and_then(Value::as_str) {
        Some("tag") => tag(&fields).map(Command::Tag).map_err(wrong("tag")),
        Some("subscribe") => topics(&fields).map(Command::Subscribe).map_err(wrong("subscribe")),
        _ => Ok(Command::Other),
    }
}

fn tag(fields: &Map<String, Value>) -> Result<Option<String>, String> {
    let tag = match fields.get("tag") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(tag)) => tag.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err("the tag is no text".to_owned()),
    };
    if tag.len() > LONGEST {
        return Err(format!("the tag is longer than {LONGEST} bytes"));
    }
    Ok(Some(tag).filter(|tag| !tag.is_empty()))
}

fn topics(fields: &Map<String, Value>) -> Result<Vec<Pattern>, String> {
    let Some(Value::Array(list)) = fields.get("topics") else {
        return Err("\"topics\" is no list of patterns".to_owned());
    };
    if list.len() > PATTERNS {
        return Err(format!("more than {PATTERNS} patterns"));
    }
    list.iter().map(pattern).collect()
}

fn pattern(value: &Value) -> Result<Pattern, String> {
    let text = value.as_str().ok_or("\"topics\" is no list of patterns")?;
    if text.len() > LONGEST {
        return Err(format!("a pattern is longer than {LONGEST} bytes"));
    }
    Pattern::parse(text).map_err(|error| format!("{text:?} {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn good(payload: &str, expected: Command) {
        assert_eq!(read(payload.as_bytes()), Ok(expected), "{payload}");
    }

    #[track_caller]
    fn bad(payload: &[u8], label: &str, reason: &str) {
        let error = read(payload).expect_err("no command");
        assert_eq!(error.label(), label, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }

    #[test]
    fn a_client_says_its_tag_and_its_topics() {
        let tag = |tag: &str| Command::Tag(Some(tag.to_owned()));
        good(r#"{"cmd":"tag","tag":"cgr"}"#, tag("cgr"));
        good(r#" {"tag":7, "cmd":"tag"} "#, tag("7"));
        good(r#"{"cmd":"tag","tag":""}"#, Command::Tag(None));
        good(r#"{"cmd":"tag","tag":null}"#, Command::Tag(None));
        good(r#"{"cmd":"tag"}"#, Command::Tag(None));
        let pattern = |text| Pattern::parse(text).expect("a pattern");
        let both = vec![pattern("calls*"), pattern("!alarms")];
        good(r#"{"cmd":"subscribe","topics":["calls*","!alarms"]}"#, Command::Subscribe(both));
        good(r#"{"cmd":"subscribe","topics":[]}"#, Command::Subscribe(Vec::new()));
    }

    #[test]
    fn what_is_meant_for_the_script_of_a_kamailio_means_nothing() {
        good("{}", Command::Other);
        good(r#"{"cmd":"reply","tr_index":"491","code":"202"}"#, Command::Other);
        good(r#"{"Event":"CGR_AUTH_REPLY","cmd":{"tag":"x"}}"#, Command::Other);
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        bad(b"", "json", "EOF");
        bad(b"{\"a\":\"\xff\"}", "encoding", "byte 6");
        bad(b"[1]", "no_object", "no object");
        bad(br#"{"a":1} x"#, "json", "trailing");
        bad("[".repeat(60_000).as_bytes(), "json", "recursion");
        bad(format!("{{\"a\":{}", "{\"a\":".repeat(10_000)).as_bytes(), "json", "recursion");
        bad(br#"{"cmd":"tag","tag":["x"]}"#, "command", "tag: the tag is no text");
        bad(
            format!(r#"{{"cmd":"tag","tag":"{}"}}"#, "x".repeat(256)).as_bytes(),
            "command",
            "longer than 255",
        );
        bad(br#"{"cmd":"subscribe"}"#, "command", "subscribe: \"topics\" is no list");
        bad(br#"{"cmd":"subscribe","topics":"calls"}"#, "command", "no list");
        bad(br#"{"cmd":"subscribe","topics":["a",1]}"#, "command", "no list");
        bad(br#"{"cmd":"subscribe","topics":["a||b"]}"#, "command", "\"a||b\" is no pattern");
        let many = format!(r#"{{"cmd":"subscribe","topics":["a"{}]}}"#, ",\"a\"".repeat(100));
        bad(many.as_bytes(), "command", "more than 100");
        let long = format!(r#"{{"cmd":"subscribe","topics":["{}"]}}"#, "*".repeat(256));
        bad(long.as_bytes(), "command", "longer than 255");
    }

    proptest! {
        #[test]
        fn rubbish_ends_without_a_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&payload);
        }
    }
}
