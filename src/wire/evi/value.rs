//! Values in JSON: integers, texts and nulls, and the text of whatever else there is.

use super::Value;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Plain)
    }
}

struct Plain;

/// What a list or an object is, as text.
fn text<E>(write: impl FnOnce(Compact) -> Result<(), E>) -> Result<Value, E> {
    let mut json = String::new();
    write(Compact(&mut json))?;
    Ok(Value::Text(json))
}

impl<'de> Visitor<'de> for Plain {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Text(flag.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Text(serde_json::Value::from(number).to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Value, A::Error> {
        text(|compact| compact.visit_seq(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value, A::Error> {
        text(|compact| compact.visit_map(members))
    }
}

/// Writes what it meets as JSON again, in its order and without blanks.
struct Compact<'j>(&'j mut String);

impl Compact<'_> {
    fn push<E>(self, value: impl Into<serde_json::Value>) -> Result<(), E> {
        self.0.push_str(&value.into().to_string());
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Compact<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Compact<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.push(flag)
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.push(number)
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.push(number)
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.push(number)
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.push(text)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.push(serde_json::Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.push('[');
        let start = self.0.len();
        while list.next_element_seed(Compact(self.0))?.is_some() {
            self.0.push(',');
        }
        close(self.0, start, ']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.0.push('{');
        let start = self.0.len();
        while members.next_key_seed(Compact(self.0))?.is_some() {
            self.0.push(':');
            members.next_value_seed(Compact(self.0))?;
            self.0.push(',');
        }
        close(self.0, start, '}');
        Ok(())
    }
}

/// Ends what began there; behind its last element is a comma.
fn close(json: &mut String, start: usize, end: char) {
    if json.len() > start {
        json.pop();
    }
    json.push(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_integers_texts_and_nulls() {
        let check = |json: &str, expected: Value| {
            assert_eq!(serde_json::from_str::<Value>(json).ok(), Some(expected), "{json}");
        };
        let text = |text: &str| Value::Text(text.to_owned());
        check("-7", Value::Integer(-7));
        check("9223372036854775807", Value::Integer(i64::MAX));
        check("9223372036854775808", text("9223372036854775808"));
        check(r#""a\n\u00e9""#, text("a\né"));
        check("null", Value::Null);
        check("true", text("true"));
        check("1.5", text("1.5"));
        check("[ ]", text("[]"));
        check(r#"{ }"#, text("{}"));
        check(
            r#"[1, {"b": null, "a": [-2, 0.5, "x\"y"], "a": false}]"#,
            text(r#"[1,{"b":null,"a":[-2,0.5,"x\"y"],"a":false}]"#),
        );
    }
}
