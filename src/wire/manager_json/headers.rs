//! An object of plain values, in its order.

use super::{JsonError, LARGEST};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use std::fmt;

/// Headers of an object, at most; AMI writes 128.
const MOST: usize = 1_000;

/// Names and values in the order in which they came; the same name may come again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    name: String,
    value: String,
    /// It stands between quotes; else it is a number, `true`, `false` or `null`.
    is_text: bool,
}

impl Headers {
    /// No headers.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// With a text more.
    pub fn with(mut self, name: &str, value: &str) -> Headers {
        self.0.push(Header { name: name.to_owned(), value: value.to_owned(), is_text: true });
        self
    }

    /// With a number more, which agents write for points in time.
    pub fn with_number(mut self, name: &str, value: &serde_json::Number) -> Headers {
        self.0.push(Header { name: name.to_owned(), value: value.to_string(), is_text: false });
        self
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|header| (header.name.as_str(), header.value.as_str()))
    }

    /// The first value of this name, in whatever case it is written; numbers as they are.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The object, as it is written.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(128);
        self.write(&mut json);
        json
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the first one has this name.
    pub(super) fn begin_with(&self, name: &str) -> bool {
        self.iter().next().is_some_and(|(first, _)| first.eq_ignore_ascii_case(name))
    }

    /// Puts those of another object behind.
    pub(super) fn append(&mut self, mut others: Headers) {
        self.0.append(&mut others.0);
    }

    pub(super) fn are_texts(&self) -> bool {
        self.0.iter().all(|header| header.is_text)
    }

    /// Appends them as a JSON object.
    pub(super) fn write(&self, json: &mut String) {
        json.push('{');
        for (number, header) in self.0.iter().enumerate() {
            if number > 0 {
                json.push(',');
            }
            write_text(&header.name, json);
            json.push(':');
            if header.is_text { write_text(&header.value, json) } else { json.push_str(&header.value) }
        }
        json.push('}');
    }
}

/// Appends a text in quotes.
pub(super) fn write_text(text: &str, json: &mut String) {
    // serde_json writes every text.
    json.push_str(&serde_json::Value::from(text).to_string());
}

/// Reads the whole of a frame.
pub(super) fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, JsonError> {
    if json.len() > LARGEST {
        return Err(JsonError::TooLong);
    }
    serde_json::from_slice(json).map_err(|error| JsonError::Json(error.to_string()))
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Headers, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of plain values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            if headers.len() == MOST {
                return Err(A::Error::custom(format!("more than {MOST} members")));
            }
            let Plain { value, is_text } = members.next_value()?;
            headers.push(Header { name, value, is_text });
        }
        Ok(Headers(headers))
    }
}

struct Plain {
    value: String,
    is_text: bool,
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Plain, D::Error> {
        deserializer.deserialize_any(PlainValue)
    }
}

struct PlainValue;

impl Visitor<'_> for PlainValue {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain { value: text.to_owned(), is_text: true })
    }

    fn visit_string<E>(self, value: String) -> Result<Plain, E> {
        Ok(Plain { value, is_text: true })
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Plain, E> {
        Ok(raw(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Plain, E> {
        Ok(raw(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Plain, E> {
        Ok(raw(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Plain, E> {
        Ok(raw(number))
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(raw(serde_json::Value::Null))
    }
}

/// As JSON writes it.
fn raw(value: impl Into<serde_json::Value>) -> Plain {
    Plain { value: value.into().to_string(), is_text: false }
}
