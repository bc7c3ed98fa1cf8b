//! The filter of a subscription: which events of a topic are delivered.
//!
//! ```text
//! state=pending                        event.state is not of the envelope, and so it is meant
//! eventType=created,updated            one of the two
//! event.items.price.gte=10&source.id=as1
//! ```
//!
//! Conditions are joined by `&` and must all hold, each for itself; of a list one item must fit. What is escaped with `%` is what it stands
//! for and no sign of the filter. Regular expressions and `;` are not understood, and refused.

use super::body::shown;
use super::operand::Operand;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Bytes of a filter, at most.
const LONGEST: usize = 2_048;
/// How conditions are written.
const WRITTEN: &str =
    "a condition is NAME=VALUE, or NAME.gt=VALUE, NAME.gte=VALUE, NAME.lt=VALUE or NAME.lte=VALUE";
/// Conditions, at most.
const MOST_CONDITIONS: usize = 32;
/// Names in a path, at most.
const DEEPEST: usize = 8;
/// Values of a condition, at most.
const MOST_ALTERNATIVES: usize = 64;

/// What begins with one of these is meant of the envelope, whether or not it has it; all else is looked for in `event`, too.
const OF_ENVELOPE: [&str; 14] = [
    "analyticCharacteristic",
    "correlationId",
    "description",
    "domain",
    "event",
    "eventId",
    "eventTime",
    "eventType",
    "priority",
    "relatedParty",
    "reportingSystem",
    "source",
    "timeOccurred",
    "title",
];

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    path: Vec<String>,
    test: Test,
    /// One of them must fit.
    operands: Vec<Operand>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// Why a filter is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("the query is longer than {LONGEST} bytes")]
    TooLong,
    #[error("the query has more than {MOST_CONDITIONS} conditions")]
    TooManyConditions,
    #[error("the query has more than {MOST_ALTERNATIVES} values for {0}")]
    TooManyValues(String),
    #[error("the query names {0}, which is deeper than {DEEPEST} names")]
    TooDeep(String),
    #[error("the query has a condition without a name")]
    NoName,
    #[error("the query has {0}, in which a name is empty")]
    EmptyName(String),
    #[error("the query has {0} without a =: {WRITTEN}")]
    NoValue(String),
    #[error(
        "the query has {0:?} in it, which is not understood here; as part of a value it is written escaped with %"
    )]
    NotUnderstood(char),
    #[error("the query has {0}, a regular expression or an operator that is not understood here: {WRITTEN}")]
    Operator(String),
    #[error("the query has an escape with % that is none")]
    Escape,
}

impl Filter {
    /// Reads a filter; an empty one wants everything.
    pub fn parse(query: &str) -> Result<Filter, FilterError> {
        if query.len() > LONGEST {
            return Err(FilterError::TooLong);
        }
        let query = query.strip_prefix('?').unwrap_or(query);
        if query.is_empty() {
            return Ok(Filter::default());
        }
        if let Some(odd) = query.chars().find(|letter| *letter == ';' || letter.is_control()) {
            return Err(FilterError::NotUnderstood(odd));
        }
        if query.split('&').count() > MOST_CONDITIONS {
            return Err(FilterError::TooManyConditions);
        }
        Ok(Filter { conditions: query.split('&').map(condition).collect::<Result<_, _>>()? })
    }

    /// Whether an event is wanted, as it is delivered.
    pub fn matches(&self, event: &Map<String, Value>) -> bool {
        self.conditions.iter().all(|condition| condition.matches(event))
    }

    /// Whether everything is wanted.
    pub fn matches_all(&self) -> bool {
        self.conditions.is_empty()
    }
}

fn condition(text: &str) -> Result<Condition, FilterError> {
    let (name, values) = text.split_once('=').unwrap_or((text, ""));
    if name.is_empty() {
        return Err(FilterError::NoName);
    }
    let is_operator = |letter: char| "<>*!~".contains(letter);
    if name.contains(is_operator) || name.ends_with(".regex") || values.starts_with(['~', '=']) {
        return Err(FilterError::Operator(shown(name)));
    }
    if !text.contains('=') {
        return Err(FilterError::NoValue(shown(name)));
    }
    let (attribute, test) = split_test(name);
    if values.split(',').count() > MOST_ALTERNATIVES {
        return Err(FilterError::TooManyValues(shown(name)));
    }
    let operands =
        values.split(',').map(|value| decode(value).map(Operand::new)).collect::<Result<_, _>>()?;
    Ok(Condition { path: path(attribute)?, test, operands })
}

/// `price.gt` is `price`, and how it is compared; a name alone is an attribute, whatever it is.
fn split_test(name: &str) -> (&str, Test) {
    let tests = [
        (".gt", Test::Greater),
        (".gte", Test::GreaterOrEqual),
        (".lt", Test::Less),
        (".lte", Test::LessOrEqual),
    ];
    let split = |(end, test)| name.strip_suffix(end).map(|attribute| (attribute, test));
    tests.into_iter().find_map(split).unwrap_or((name, Test::Equal))
}

fn path(attribute: &str) -> Result<Vec<String>, FilterError> {
    if attribute.split('.').any(str::is_empty) {
        return Err(FilterError::EmptyName(shown(attribute)));
    }
    if attribute.split('.').count() > DEEPEST {
        return Err(FilterError::TooDeep(shown(attribute)));
    }
    attribute.split('.').map(decode).collect()
}

fn decode(text: &str) -> Result<String, FilterError> {
    let is_escape =
        |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(is_escape) {
        return Err(FilterError::Escape);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| FilterError::Escape)?;
    Ok(decoded.into_owned())
}

impl Condition {
    fn matches(&self, event: &Map<String, Value>) -> bool {
        let Some(first) = self.path.first() else { return false };
        if OF_ENVELOPE.contains(&first.as_str()) || event.contains_key(first) {
            return self.holds_in(event, &self.path);
        }
        event.get("event").is_some_and(|entity| self.holds(entity, &self.path))
    }

    fn holds_in(&self, object: &Map<String, Value>, path: &[String]) -> bool {
        path.split_first()
            .is_some_and(|(name, rest)| object.get(name).is_some_and(|value| self.holds(value, rest)))
    }

    /// Whether it holds of what `path` leads to from `value`.
    fn holds(&self, value: &Value, path: &[String]) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| self.holds(item, path)),
            Value::Object(object) => self.holds_in(object, path),
            _ => path.is_empty() && self.operands.iter().any(|operand| self.test.holds(operand, value)),
        }
    }
}

impl Test {
    fn holds(self, operand: &Operand, value: &Value) -> bool {
        use Ordering::{Equal, Greater, Less};
        let order = || operand.compared(value);
        match self {
            Test::Equal => operand.equals(value),
            Test::Greater => order() == Some(Greater),
            Test::GreaterOrEqual => matches!(order(), Some(Greater | Equal)),
            Test::Less => order() == Some(Less),
            Test::LessOrEqual => matches!(order(), Some(Less | Equal)),
        }
    }
}

#[cfg(test)]
mod tests;
