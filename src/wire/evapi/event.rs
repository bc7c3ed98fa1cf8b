//! A payload as fields.
//!
//! Nearly all payloads are plain, and [`flat`](super::flat) only looks where their fields stand. The text of any other is read as
//! JSON. Where that fails, it is read once more with what scripts get wrong set right: control
//! characters inside strings, and `<null>` where a value belongs. Everything else that is no JSON is refused whole: half
//! an event would be acted on as if it were one.
//!
//! What a caller puts into a SIP header can close a string and add keys (`x","event":"forged`). Of a key that comes twice
//! the first value counts, since scripts write their own keys first, and the key is flagged.

use super::flat::Flat;
use crate::wire::json;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// How Kamailio writes a variable that is not set.
const UNSET: &str = "<null>";

/// A JSON object, flat as a rule.
#[derive(Debug, Clone)]
pub struct Event {
    fields: Fields,
    /// Keys that came more than once, in whatever object.
    pub duplicates: Vec<String>,
}

#[derive(Debug, Clone)]
enum Fields {
    /// Where they stand in the payload.
    Flat(Bytes, Flat),
    /// Also their names in the order of the text.
    Read(Map<String, Value>, Vec<String>),
}

/// Why a payload is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEvent {
    #[error("not UTF-8 from byte {at} on")]
    Encoding { at: usize },
    #[error("no JSON: {0}")]
    Json(String),
    #[error("JSON, but no object")]
    NoObject,
}

impl NotAnEvent {
    /// One word for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            NotAnEvent::Encoding { .. } => "encoding",
            NotAnEvent::Json(_) => "json",
            NotAnEvent::NoObject => "no_object",
        }
    }
}

impl Event {
    /// Reads a payload, and keeps it.
    pub fn parse(payload: Bytes) -> Result<Event, NotAnEvent> {
        if let Some(mut flat) = Flat::read(&payload) {
            let duplicates = std::mem::take(&mut flat.duplicates);
            return Ok(Event { fields: Fields::Flat(payload, flat), duplicates });
        }
        let text = std::str::from_utf8(&payload)
            .map_err(|error| NotAnEvent::Encoding { at: error.valid_up_to() })?;
        read(text).or_else(|error| match set_right(text) {
            // The error of what was sent: places in the text set right would mislead.
            Some(text) => read(&text).map_err(|_| error),
            None => Err(error),
        })
    }

    /// A field as text, numbers as they are written; `None` where there is none, where it is null and where Kamailio had none to
    /// write.
    pub fn text(&self, key: &str) -> Option<String> {
        self.borrowed(key).map(Cow::into_owned)
    }

    /// The text of that of these fields which stands first in the payload: scripts name the same things differently, and what a
    /// caller adds stands behind what the script writes.
    pub fn first_text(&self, names: &[String]) -> Option<Cow<'_, str>> {
        self.among(names, |keys| keys.filter_map(|key| self.borrowed(key)).next())
    }

    /// Whether it has more than one of these fields, with whatever values.
    pub fn has_several(&self, names: &[String]) -> bool {
        names.len() > 1 && self.among(names, |keys| keys.take(2).count() > 1)
    }

    /// Those of these names that it has, in the order of the payload.
    fn among<T>(&self, names: &[String], look: impl FnOnce(&mut dyn Iterator<Item = &str>) -> T) -> T {
        let is_one = |key: &&str| names.iter().any(|name| name == key);
        match &self.fields {
            Fields::Flat(payload, flat) => look(&mut flat.keys(payload).filter(is_one)),
            Fields::Read(_, keys) => look(&mut keys.iter().map(String::as_str).filter(is_one)),
        }
    }

    fn borrowed(&self, key: &str) -> Option<Cow<'_, str>> {
        let text = match &self.fields {
            Fields::Flat(payload, flat) => Cow::Borrowed(flat.text(payload, key)?),
            Fields::Read(fields, _) => text(fields.get(key)?)?,
        };
        (text != UNSET).then_some(text)
    }

    /// Whether this key came more than once: its value may be somebody else's.
    pub fn is_doubtful(&self, key: &str) -> bool {
        self.duplicates.iter().any(|duplicate| duplicate == key)
    }

    /// Bytes of memory that it takes, about, without the payload that it was read of. What is small to send may be large.
    pub fn weight(&self) -> usize {
        let names = |names: &[String]| names.iter().map(|name| size_of::<String>() + name.capacity()).sum();
        let duplicates: usize = names(&self.duplicates);
        duplicates
            + match &self.fields {
                Fields::Flat(_, flat) => flat.weight(),
                Fields::Read(fields, keys) => weight_of(fields) + names(keys),
            }
    }

    /// The event as a JSON object: `payload`, of which it was read, where that is one as it is.
    pub fn to_json(&self, payload: &[u8]) -> String {
        let is_one = match self.fields {
            Fields::Flat(..) => true,
            // Something may have been set right.
            Fields::Read(..) => serde_json::from_slice::<IgnoredAny>(payload).is_ok(),
        };
        match std::str::from_utf8(payload) {
            Ok(text) if is_one && self.duplicates.is_empty() => text.trim().to_owned(),
            _ => Value::Object(self.fields()).to_string(),
        }
    }

    /// All fields, the first value of each.
    pub fn fields(&self) -> Map<String, Value> {
        match &self.fields {
            Fields::Flat(payload, flat) => flat.to_map(payload),
            Fields::Read(fields, _) => fields.clone(),
        }
    }
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(flag) => Some(flag.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A node of the tree has room for twice what is in it.
const NODE: usize = 2 * size_of::<String>() + size_of::<Value>();

fn weight_of(fields: &Map<String, Value>) -> usize {
    fields.iter().map(|(name, value)| NODE + name.capacity() + weight(value)).sum()
}

fn weight(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.capacity(),
            Value::Array(list) => list.iter().map(weight).sum(),
            Value::Object(fields) => weight_of(fields),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

fn read(text: &str) -> Result<Event, NotAnEvent> {
    let read = json::flagged(text).map_err(|error| NotAnEvent::Json(error.to_string()))?;
    match read.value {
        Value::Object(fields) => {
            Ok(Event { fields: Fields::Read(fields, read.names), duplicates: read.again })
        }
        _ => Err(NotAnEvent::NoObject),
    }
}

/// The text with control characters in strings escaped, and with `null` where `<null>` stands outside them; `None` where
/// it has neither.
fn set_right(text: &str) -> Option<String> {
    let mut right = String::with_capacity(text.len() + 16);
    let (mut in_string, mut escaped, mut changed) = (false, false, false);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if !in_string && let Some(after) = rest.strip_prefix(UNSET) {
            right.push_str("null");
            (rest, changed) = (after, true);
            continue;
        }
        match letter {
            _ if in_string && letter < ' ' => {
                // A backslash before it belongs to nothing that JSON knows.
                let letter = u32::from(letter);
                right.push_str(&format!("{}u{letter:04x}", if escaped { "" } else { "\\" }));
                (escaped, changed) = (false, true);
            }
            _ => {
                if letter == '"' && !escaped {
                    in_string = !in_string;
                }
                escaped = in_string && letter == '\\' && !escaped;
                right.push(letter);
            }
        }
        rest = &rest[letter.len_utf8()..];
    }
    changed.then_some(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parse(payload: &[u8]) -> Result<Event, NotAnEvent> {
        Event::parse(Bytes::copy_from_slice(payload))
    }

    /// The fields as JSON, and the keys that came twice.
    #[track_caller]
    fn check(payload: &str, fields: Value, duplicates: &[&str]) {
        let event = parse(payload.as_bytes()).unwrap_or_else(|error| panic!("{payload}: {error}"));
        assert_eq!(Value::Object(event.fields()), fields, "{payload}");
        assert_eq!(event.duplicates, duplicates, "{payload}");
    }

    #[test]
    fn objects_are_read() {
        check("{}", json!({}), &[]);
        check(
            r#" {"event":"bench","seq":7,"on":true,"x":null,"at":1.5} "#,
            json!({"event": "bench", "seq": 7, "on": true, "x": null, "at": 1.5}),
            &[],
        );
        check(r#"{"a":{"b":["é",{"c":-1}]}}"#, json!({"a": {"b": ["é", {"c": -1}]}}), &[]);
    }

    #[test]
    fn of_a_key_that_comes_twice_the_first_counts_and_it_is_flagged() {
        check(r#"{"event":"a","from":"x","event":"forged"}"#, json!({"event": "a", "from": "x"}), &["event"]);
        check(r#"{"a":1,"a":2,"a":3,"b":{"c":1,"c":2}}"#, json!({"a": 1, "b": {"c": 1}}), &["a", "c"]);
        let event = parse(br#"{"event":"a","event":"b","x":1}"#).expect("an event");
        assert!(event.is_doubtful("event") && !event.is_doubtful("x"));
    }

    #[test]
    fn what_scripts_get_wrong_is_set_right() {
        check(r#"{"a":<null>,"b":1}"#, json!({"a": null, "b": 1}), &[]);
        check(r#"{"a":[<null>,"<null>"]}"#, json!({"a": [null, "<null>"]}), &[]);
        check("{\"a\":\"one\ntwo\t\u{1}\"}", json!({"a": "one\ntwo\t\u{1}"}), &[]);
        check("{\"a\":\"\\\"\n\\\\\"}", json!({"a": "\"\n\\"}), &[]);
        check("{\"a\":\"x\\\ny\"}", json!({"a": "x\ny"}), &[]);
    }

    #[test]
    fn what_is_no_event_is_refused_with_the_reason() {
        let check = |payload: &[u8], label: &str, reason: &str| {
            let error = parse(payload).expect_err("no event");
            assert_eq!(error.label(), label, "{error}");
            assert!(error.to_string().contains(reason), "{error}");
        };
        check(b"", "json", "EOF");
        check(b"{\"a\":\"\xff\"}", "encoding", "byte 6");
        check(b"[1]", "no_object", "no object");
        check(b"\"x\"", "no_object", "no object");
        check(br#"{"a":x"y"}"#, "json", "line 1 column 6");
        check(br#"{"a":"b"} {"#, "json", "trailing");
        check(br#"{"a":<nul>}"#, "json", "column 6");
        check("[".repeat(100_000).as_bytes(), "json", "recursion");
        check(format!("{{\"a\":{}", "{\"a\":".repeat(100_000)).as_bytes(), "json", "recursion");
    }

    #[test]
    fn fields_are_read_as_text_under_whatever_name() {
        let event = parse(br#"{"Event":"X","tr_index":491,"from":"<null>","to":null,"list":[]}"#);
        let event = event.expect("an event");
        let names = ["event", "Event"].map(str::to_owned);
        assert_eq!(event.first_text(&names).as_deref(), Some("X"));
        assert_eq!(event.text("tr_index").as_deref(), Some("491"));
        for key in ["from", "to", "list", "none"] {
            assert_eq!(event.text(key), None, "{key}");
        }
        assert!(event.fields().contains_key("list"));
    }

    #[test]
    fn of_several_names_of_one_thing_the_first_in_the_payload_counts() {
        let names = ["event", "Event"].map(str::to_owned);
        let check = |payload: &str, expected: Option<&str>, several: bool| {
            let event = parse(payload.as_bytes()).expect("an event");
            assert_eq!(event.first_text(&names).as_deref(), expected, "{payload}");
            assert_eq!(event.has_several(&names), several, "{payload}");
        };
        check(r#"{"x":1}"#, None, false);
        check(r#"{"event":"a","event":"b"}"#, Some("a"), false);
        // To the quick reader and to the other.
        for more in ["1", "[]"] {
            check(&format!(r#"{{"Event":"a","event":"b","x":{more}}}"#), Some("a"), true);
            check(&format!(r#"{{"x":{more},"event":"b","Event":"a"}}"#), Some("b"), true);
            check(&format!(r#"{{"Event":null,"x":{more},"event":"b"}}"#), Some("b"), true);
        }
    }

    #[test]
    fn an_event_weighs_what_it_takes_in_memory() {
        let check = |payload: String, least: usize, most: usize| {
            let weight = parse(payload.as_bytes()).expect("an event").weight();
            assert!((least..=most).contains(&weight), "{weight}: {:.20}", payload);
        };
        let (many, value) = (1000, size_of::<Value>());
        check(format!("{{\"a\":\"{}\"}}", "x".repeat(many)), 1, many);
        check(format!("{{\"a\":[{}0]}}", "0,".repeat(many)), many * value, 2 * many * value);
        check(format!("{{\"a\":[{}{{}}]}}", "{\"b\":0},".repeat(many)), 3 * many * value, 10 * many * value);
        check(format!("{{\"a\":{{\"b\":\"{}\"}}}}", "x".repeat(many)), many, 2 * many);
    }

    proptest! {
        #[test]
        fn rubbish_ends_without_a_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&payload);
        }

        #[test]
        fn the_quick_way_gives_what_the_other_gives(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "\"", "\"a\"", "\"b\":", "\"a\":1", "\"\":\"x\"", ":", ",", " ", "\n", "null", "true",
                    "false", "-", "0", "12", "9999999999", ".5", "e1", "\\", "\\n", "é", "<null>", "[1]", "{}",
                ]),
                0..14,
            ),
            is_object: bool,
        ) {
            let mut payload = parts.concat();
            if is_object {
                payload = format!("{{{payload}}}");
            }
            if let Some(flat) = Flat::read(payload.as_bytes()) {
                let event = read(&payload).expect("an event to the other as well");
                prop_assert_eq!(flat.to_map(payload.as_bytes()), event.fields());
                prop_assert_eq!(&flat.duplicates, &event.duplicates);
                for key in ["a", "b", ""] {
                    let quick = flat.text(payload.as_bytes(), key).filter(|text| *text != UNSET);
                    prop_assert_eq!(quick.map(str::to_owned), event.text(key));
                }
            }
        }

        #[test]
        fn what_is_json_is_read_as_serde_json_reads_it(
            fields in prop::collection::btree_map("[a-z]{1,3}", "[\\PC\n\"\\\\<>{}]{0,12}", 0..6),
        ) {
            let payload = serde_json::to_vec(&fields).expect("JSON");
            let event = parse(&payload).expect("an event");
            prop_assert_eq!(Value::Object(event.fields()), json!(fields));
        }
    }
}
