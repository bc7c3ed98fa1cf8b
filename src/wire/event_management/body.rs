//! Bodies that are posted: JSON objects whose members are of the types that they should be.

use crate::wire::json;
use serde_json::{Map, Value};

/// How deep objects and lists may stand in each other.
const DEEPEST: usize = 64;

/// Why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// No JSON, or a member that stands twice in its object.
    #[error("the body is no JSON: {0}")]
    Json(String),
    #[error("the body is {0}, and not an object")]
    NoObject(&'static str),
    #[error("{path} stands deeper than {DEEPEST} levels")]
    TooDeep { path: String },
    #[error("{path} is {is}, and not {wanted}")]
    Type { path: String, is: &'static str, wanted: &'static str },
    #[error("{path} is no time such as 2026-03-01T12:00:00Z (RFC 3339)")]
    NoTime { path: String },
    #[error("{path} is missing")]
    Missing { path: &'static str },
    #[error("{path} is not known here")]
    Unknown { path: String },
}

/// What a member must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    /// RFC 3339.
    Time,
    Object,
    /// A list of objects.
    Objects,
}

/// The members of a body that is an object; those of `types` that are null count as absent.
pub(super) fn object(body: &[u8], types: &[(&str, Type)]) -> Result<Map<String, Value>, BodyError> {
    let value = json::unique(body).map_err(|error| BodyError::Json(error.to_string()))?;
    let Value::Object(mut members) = value else { return Err(BodyError::NoObject(kind(&value))) };
    members.retain(|name, value| !value.is_null() || types.iter().all(|(known, _)| known != name));
    for (name, value) in &members {
        // The body and the member are the first two.
        if let Some(path) = too_deep(value, DEEPEST - 2) {
            return Err(BodyError::TooDeep { path: format!("{}{path}", shown(name)) });
        }
    }
    for (name, wanted) in types {
        if let Some(value) = members.get(*name) {
            wanted.check(name, value)?;
        }
    }
    Ok(members)
}

impl Type {
    fn check(self, path: &str, value: &Value) -> Result<(), BodyError> {
        let refuse = |path: String, value: &Value, wanted: &'static str| {
            Err(BodyError::Type { path, is: kind(value), wanted })
        };
        match (self, value) {
            (Type::Text, Value::String(_)) | (Type::Object, Value::Object(_)) => Ok(()),
            (Type::Time, Value::String(text)) if super::operand::moment(text).is_some() => Ok(()),
            (Type::Time, Value::String(_)) => Err(BodyError::NoTime { path: path.to_owned() }),
            (Type::Objects, Value::Array(items)) => {
                let other = items.iter().enumerate().find(|(_, item)| !item.is_object());
                other.map_or(Ok(()), |(at, item)| refuse(format!("{path}[{at}]"), item, "an object"))
            }
            (Type::Text | Type::Time, _) => refuse(path.to_owned(), value, "a text"),
            (Type::Object, _) => refuse(path.to_owned(), value, "an object"),
            (Type::Objects, _) => refuse(path.to_owned(), value, "a list"),
        }
    }
}

/// The path, within `value`, to what stands deeper in it than `levels`.
fn too_deep(value: &Value, levels: usize) -> Option<String> {
    let is_too_deep = |inner: &Value| levels == 0 && (inner.is_array() || inner.is_object());
    let below = |name: String, inner: &Value| {
        if is_too_deep(inner) {
            return Some(name);
        }
        too_deep(inner, levels.saturating_sub(1)).map(|path| name + &path)
    };
    match value {
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| below(format!("[{at}]"), item)),
        Value::Object(members) => {
            members.iter().find_map(|(name, member)| below(format!(".{}", shown(name)), member))
        }
        _ => None,
    }
}

/// A name as errors have it: whoever has sent it may have sent anything.
pub(super) fn shown(name: &str) -> String {
    const LONGEST: usize = 40;
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "@_-".contains(letter);
    if !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_plain) {
        return name.to_owned();
    }
    let beginning: String = name.chars().take(LONGEST).collect();
    format!("{beginning:?}")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
