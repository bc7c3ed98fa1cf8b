//! What values are compared with: a text that may be a number, a time, or true or false.

use serde_json::{Number, Value};
use std::cmp::Ordering;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A value of a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Operand {
    text: String,
    number: Option<Number>,
    moment: Option<OffsetDateTime>,
}

impl Operand {
    pub fn new(text: String) -> Operand {
        Operand { number: number(&text), moment: moment(&text), text }
    }

    /// Whether a value is this one: texts as a whole, numbers as numbers. Null, objects and lists never are.
    pub fn equals(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => *text == self.text,
            Value::Number(value) => {
                self.number.as_ref().is_some_and(|number| order(value, number) == Some(Ordering::Equal))
            }
            Value::Bool(flag) => self.text == if *flag { "true" } else { "false" },
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }

    /// How a value stands to this one: numbers are compared with numbers, times with times, and other texts with texts, letter by letter.
    pub fn compared(&self, value: &Value) -> Option<Ordering> {
        match (&self.number, self.moment, value) {
            (Some(operand), _, Value::Number(value)) => order(value, operand),
            (Some(operand), _, Value::String(text)) => order(&number(text)?, operand),
            (None, Some(operand), Value::String(text)) => Some(moment(text)?.cmp(&operand)),
            (None, None, Value::String(text)) => Some(text.as_str().cmp(&self.text)),
            _ => None,
        }
    }
}

/// The number that a text is, written as JSON writes them.
fn number(text: &str) -> Option<Number> {
    // JSON lets white space stand around a value.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if is_plain { serde_json::from_str(text).ok() } else { None }
}

/// The time that a text is, as RFC 3339 has them.
pub fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// Whole numbers are compared as such: a double has no room for all of them.
fn order(one: &Number, other: &Number) -> Option<Ordering> {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}
