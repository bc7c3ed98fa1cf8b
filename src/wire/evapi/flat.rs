//! The quick way through the payloads that nearly all are: one object of plain texts, whole numbers, `true`, `false` and `null`.
//!
//! Nothing is copied: a field is where its key and its value stand. Whatever is less plain (an escape, an object within, a
//! fraction, an error) is left to the reader of [`event`](super::event), which says what it is.

use memchr::memchr2;
use serde_json::{Map, Value};
use std::ops::Range;

/// Keys are compared one by one, so an object of more is left to the other reader.
const MOST: usize = 32;
/// Digits of a number that fits for certain.
const DIGITS: usize = 18;

/// An object.
#[derive(Debug, Clone, Default)]
pub struct Flat {
    fields: Vec<Field>,
    /// Keys that came more than once.
    pub duplicates: Vec<String>,
}

/// Where it stands in the payload, without quotes.
#[derive(Debug, Clone)]
struct Field {
    key: Range<usize>,
    value: Range<usize>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Bool,
    Null,
}

impl Flat {
    /// Reads a payload; `None` where it is not so plain.
    pub fn read(payload: &[u8]) -> Option<Flat> {
        let mut walk = Walk { bytes: payload, at: 0 };
        let mut flat = Flat::default();
        walk.blanks();
        walk.take(b'{')?;
        walk.blanks();
        if walk.take(b'}').is_none() {
            flat.fields.reserve(8);
            loop {
                flat.add(walk.field()?, payload)?;
                if walk.take(b',').is_none() {
                    walk.take(b'}')?;
                    break;
                }
                walk.blanks();
            }
        }
        walk.blanks();
        walk.is_at_end().then_some(flat)
    }

    /// Of a key that comes twice the first value counts.
    fn add(&mut self, field: Field, payload: &[u8]) -> Option<()> {
        let key = &payload[field.key.clone()];
        if self.fields.iter().any(|other| &payload[other.key.clone()] == key) {
            let key = text(payload, &field.key);
            if !self.duplicates.iter().any(|duplicate| duplicate == key) {
                self.duplicates.push(key.to_owned());
            }
        } else {
            (self.fields.len() < MOST).then(|| self.fields.push(field))?;
        }
        Some(())
    }

    /// A value as it is written, texts without their quotes; `None` where there is none or it is null.
    pub fn text<'p>(&self, payload: &'p [u8], key: &str) -> Option<&'p str> {
        let field = self.fields.iter().find(|field| &payload[field.key.clone()] == key.as_bytes())?;
        (field.kind != Kind::Null).then(|| text(payload, &field.value))
    }

    /// Its keys, in the order of the text.
    pub fn keys<'p>(&self, payload: &'p [u8]) -> impl Iterator<Item = &'p str> {
        self.fields.iter().map(move |field| text(payload, &field.key))
    }

    /// Bytes that it takes, without the payload.
    pub fn weight(&self) -> usize {
        self.fields.capacity() * size_of::<Field>()
    }

    /// The same as the other reader gives.
    pub fn to_map(&self, payload: &[u8]) -> Map<String, Value> {
        let value = |field: &Field| {
            let text = text(payload, &field.value);
            match field.kind {
                Kind::Text => Value::from(text),
                Kind::Number => text.parse::<i64>().map_or(Value::Null, Value::from),
                Kind::Bool => Value::Bool(text == "true"),
                Kind::Null => Value::Null,
            }
        };
        self.fields.iter().map(|field| (text(payload, &field.key).to_owned(), value(field))).collect()
    }
}

/// What was found to be UTF-8 when it was read.
fn text<'p>(payload: &'p [u8], range: &Range<usize>) -> &'p str {
    std::str::from_utf8(&payload[range.clone()]).unwrap_or_default()
}

struct Walk<'p> {
    bytes: &'p [u8],
    at: usize,
}

impl Walk<'_> {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn blanks(&mut self) {
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.rest().iter().take_while(is_blank).count();
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.rest().first() == Some(&byte)).then(|| self.at += 1)
    }

    /// A key, a colon, a value, and the blanks around them.
    fn field(&mut self) -> Option<Field> {
        self.take(b'"')?;
        let key = self.string()?;
        self.blanks();
        self.take(b':')?;
        self.blanks();
        let (kind, value) = self.value()?;
        self.blanks();
        Some(Field { key, value, kind })
    }

    /// What follows a quote up to the next.
    fn string(&mut self) -> Option<Range<usize>> {
        let rest = self.rest();
        let length = memchr2(b'"', b'\\', rest).filter(|&at| rest[at] == b'"')?;
        let string = &rest[..length];
        // Without an early end, so that it is done with many bytes at a time: anything but plain ASCII.
        let is_special = string.iter().fold(false, |special, byte| special | !(0x20..0x80).contains(byte));
        if is_special && (string.iter().any(|&byte| byte < 0x20) || std::str::from_utf8(string).is_err()) {
            return None;
        }
        let start = self.at;
        self.at += length + 1;
        Some(start..start + length)
    }

    fn value(&mut self) -> Option<(Kind, Range<usize>)> {
        if self.take(b'"').is_some() {
            return Some((Kind::Text, self.string()?));
        }
        let (kind, length) = match self.rest() {
            [b't', b'r', b'u', b'e', ..] => (Kind::Bool, 4),
            [b'f', b'a', b'l', b's', b'e', ..] => (Kind::Bool, 5),
            [b'n', b'u', b'l', b'l', ..] => (Kind::Null, 4),
            rest => (Kind::Number, number(rest)?),
        };
        let start = self.at;
        self.at += length;
        Some((kind, start..self.at))
    }
}

/// How long the whole number is that this begins with. What follows it is looked at by whoever wants a comma or a brace.
fn number(bytes: &[u8]) -> Option<usize> {
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let digits = bytes[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    // -0 is a fraction to the other reader.
    let is_plain = match bytes.get(sign) {
        Some(b'0') => digits == 1 && sign == 0,
        _ => (1..=DIGITS).contains(&digits),
    };
    is_plain.then_some(sign + digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(payload: &str, expected: Option<Value>) {
        let read = Flat::read(payload.as_bytes()).map(|flat| Value::Object(flat.to_map(payload.as_bytes())));
        assert_eq!(read, expected, "{payload}");
    }

    #[test]
    fn plain_objects_are_read() {
        check("{}", Some(json!({})));
        check(" {\t} \r\n", Some(json!({})));
        check(r#"{"a":"b","é":"ö","n":-12,"z":0}"#, Some(json!({"a": "b", "é": "ö", "n": -12, "z": 0})));
        check(
            " { \"a\" : true , \"b\":false,\"c\" :null } ",
            Some(json!({"a": true, "b": false, "c": null})),
        );
        check(r#"{"a":1,"a":2}"#, Some(json!({"a": 1})));
        let long = "x".repeat(10_000);
        check(&format!("{{\"a\":\"{long}\"}}"), Some(json!({"a": long})));
    }

    #[test]
    fn what_is_less_plain_is_left_to_the_other_reader() {
        for payload in [
            "",
            "{",
            "{}}",
            "[]",
            "{,}",
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{"a":}"#,
            r#"{a:1}"#,
            r#"{"a":"b"#,
            r#"{"a":"\n"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":{}}"#,
            r#"{"a":[]}"#,
            r#"{"a":<null>}"#,
            r#"{"a":truex}"#,
            r#"{"a":1.5}"#,
            r#"{"a":1e3}"#,
            r#"{"a":01}"#,
            r#"{"a":-0}"#,
            r#"{"a":-}"#,
            r#"{"a":+1}"#,
            r#"{"a":1"b":2}"#,
            r#"{"a":1234567890123456789}"#,
        ] {
            check(payload, None);
        }
        assert!(Flat::read(b"{\"a\":\"\xff\"}").is_none());
        let many: Vec<String> = (0..=MOST).map(|n| format!("\"{n}\":1")).collect();
        check(&format!("{{{}}}", many.join(",")), None);
    }
}
