//! JSON in which a member may stand twice: which of the two was meant nobody can know, and so it must not go unnoticed.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::de::Read;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

/// Reads a value of which no object, at whatever depth, has two members of one name.
pub fn unique(text: &[u8]) -> Result<Value, serde_json::Error> {
    read(serde_json::Deserializer::from_slice(text), Twice::Refused)
}

/// A value, of each member the first one.
#[derive(Debug)]
pub struct Flagged {
    pub value: Value,
    /// The names of its own members, in the order of the text.
    pub names: Vec<String>,
    /// The names, from whatever depth, that came again in their object.
    pub again: Vec<String>,
}

/// Reads a value, and tells what stands twice in it.
pub fn flagged(text: &str) -> Result<Flagged, serde_json::Error> {
    let met = RefCell::<Met>::default();
    let twice = Twice::Flagged { met: &met, is_inside: false };
    let value = read(serde_json::Deserializer::from_str(text), twice)?;
    let Met { names, again, .. } = met.into_inner();
    Ok(Flagged { value, names, again })
}

fn read<'de, R: Read<'de>>(
    mut deserializer: serde_json::Deserializer<R>,
    twice: Twice,
) -> Result<Value, serde_json::Error> {
    let value = twice.deserialize(&mut deserializer)?;
    deserializer.end().map(|()| value)
}

/// What becomes of a member that stands twice.
#[derive(Clone, Copy)]
enum Twice<'a> {
    Refused,
    Flagged { met: &'a RefCell<Met>, is_inside: bool },
}

/// Names that were met, in the order in which they came. Whoever sends them may send very many.
#[derive(Default)]
struct Met {
    names: Vec<String>,
    again: Vec<String>,
    /// Those that came again.
    seen: HashSet<String>,
}

impl Twice<'_> {
    /// For what stands within.
    fn inside(self) -> Self {
        match self {
            Twice::Refused => self,
            Twice::Flagged { met, .. } => Twice::Flagged { met, is_inside: true },
        }
    }

    fn first(self, name: &str) {
        if let Twice::Flagged { met, is_inside: false } = self {
            met.borrow_mut().names.push(name.to_owned());
        }
    }

    fn again<E: Error>(self, name: String) -> Result<(), E> {
        let Twice::Flagged { met, .. } = self else {
            return Err(E::custom(format!("{name:?} stands in it twice")));
        };
        let mut met = met.borrow_mut();
        if met.seen.insert(name.clone()) {
            met.again.push(name);
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Twice<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Twice<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.inside())? {
            values.push(value);
        }
        // It may be kept for a while, and half of it may be room.
        values.shrink_to_fit();
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.inside())?;
            if values.contains_key(&name) {
                self.again(name)?;
            } else {
                self.first(&name);
                values.insert(name, value);
            }
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// While one is read all Kamailios wait.
    #[test]
    fn an_object_of_very_many_members_that_stand_twice_takes_linear_time() {
        let fastest = |members: usize| {
            let text = (0..members).map(|n| format!("\"{n}\":0,\"{n}\":0")).collect::<Vec<_>>().join(",");
            let text = format!("{{{text}}}");
            let read = || {
                let started = std::time::Instant::now();
                assert_eq!(flagged(&text).expect("JSON").again.len(), members);
                started.elapsed()
            };
            (0..5).map(|_| read()).min().expect("a time")
        };
        // Sixteen times as many: linear would be 16, quadratic 256.
        let ratio = fastest(40_000).as_secs_f64() / fastest(2_500).as_secs_f64();
        assert!(ratio < 80.0, "{ratio}");
    }

    #[test]
    fn a_member_that_stands_twice_is_an_error_at_whatever_depth() {
        let check = |text: &str, is_good: bool| {
            let value = unique(text.as_bytes());
            match is_good {
                true => assert_eq!(value.ok(), serde_json::from_str(text).ok(), "{text}"),
                false => {
                    assert!(value.is_err_and(|error| error.to_string().contains("\"a\" stands")), "{text}")
                }
            }
        };
        check(r#"{"a": [1, -1, 1.5, null, true, "b", {"a": {}}], "b": 18446744073709551615}"#, true);
        check(r#"{"a": 1, "a": 1}"#, false);
        check(r#"{"a": 1, "\u0061": 2}"#, false);
        check(r#"{"b": {"a": 1, "a": 2}}"#, false);
        check(r#"[{"a": 1, "c": 2, "a": 3}]"#, false);
    }

    #[test]
    fn the_place_of_a_member_that_stands_twice_is_told() {
        let error = unique(b"{\"a\": 1,\n\"a\": 2}").expect_err("it stands twice").to_string();
        assert_eq!(error, "\"a\" stands in it twice at line 2 column 7");
    }

    #[test]
    fn members_that_stand_twice_are_flagged_once_and_their_first_value_is_kept() {
        let check = |text: &str, value: Value, names: &[&str]| {
            let read = flagged(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let again: Vec<&str> = read.again.iter().map(String::as_str).collect();
            assert_eq!((read.value, again), (value, names.to_vec()), "{text}");
        };
        check(r#"{"a": 1, "b": {"a": 2}}"#, json!({"a": 1, "b": {"a": 2}}), &[]);
        check(r#"{"a": 1, "\u0061": 2, "a": 3}"#, json!({"a": 1}), &["a"]);
        check(r#"[{"b": 1, "b": [{"c": 1, "c": 2}]}]"#, json!([{"b": 1}]), &["c", "b"]);
    }

    #[test]
    fn the_order_of_the_text_is_kept() {
        let read = flagged(r#"{"b": {"x": 1}, "a": [{"y": 1}], "b": 2, "0": 3}"#).expect("JSON");
        assert_eq!(read.names, ["b", "a", "0"]);
    }

    #[test]
    fn what_stands_behind_a_value_is_an_error() {
        assert!(unique(b"{} {").is_err_and(|error| error.to_string().starts_with("trailing")));
        assert!(flagged("1 2").is_err_and(|error| error.to_string().starts_with("trailing")));
    }
}
