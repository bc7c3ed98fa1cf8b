//! A subscription as it is asked for: where events go, and which.

use super::BodyError;
use super::body::{Type, object, shown};
use serde_json::Value;

/// What is asked for, its texts as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRequest {
    pub callback: String,
    pub query: Option<String>,
}

const TYPES: [(&str, Type); 7] = [
    ("callback", Type::Text),
    ("query", Type::Text),
    // What we give out ourselves; whoever sends it back may.
    ("id", Type::Text),
    ("href", Type::Text),
    ("@type", Type::Text),
    ("@baseType", Type::Text),
    ("@schemaLocation", Type::Text),
];

/// Reads a subscription that somebody posts. A member that is not known is refused: a misspelt filter would be none.
pub fn hub_request(body: &[u8]) -> Result<HubRequest, BodyError> {
    let mut members = object(body, &TYPES)?;
    let is_known = |name: &str| name.starts_with('@') || TYPES.iter().any(|(known, _)| *known == name);
    if let Some(name) = members.keys().find(|name| !is_known(name)) {
        return Err(BodyError::Unknown { path: shown(name) });
    }
    let mut text = |name| match members.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let callback = text("callback").ok_or(BodyError::Missing { path: "callback" })?;
    Ok(HubRequest { callback, query: text("query") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_has_a_callback_and_perhaps_a_filter() {
        let check = |body: &str, expected: Result<(&str, Option<&str>), &str>| {
            let read = hub_request(body.as_bytes());
            let read = read.as_ref().map(|hub| (hub.callback.as_str(), hub.query.as_deref()));
            assert_eq!(read.map_err(ToString::to_string), expected.map_err(str::to_owned), "{body}");
        };
        check(r#"{"callback":"https://a/"}"#, Ok(("https://a/", None)));
        check(r#"{"callback":"https://a/","query":null}"#, Ok(("https://a/", None)));
        check(r#"{"callback":"https://a/","query":""}"#, Ok(("https://a/", Some(""))));
        check(
            r#"{"@type":"Hub","@x":1,"id":"7","href":"/","callback":"x","query":"a=b"}"#,
            Ok(("x", Some("a=b"))),
        );
        check("{}", Err("callback is missing"));
        check(r#"{"callback":null}"#, Err("callback is missing"));
        check(r#"{"callback":["x"]}"#, Err("callback is a list, and not a text"));
        check(r#"{"callback":"x","query":5}"#, Err("query is a number, and not a text"));
        check(r#"{"callback":"x","querry":"a=b"}"#, Err("querry is not known here"));
        check(r#"{"callback":"x","a b":1}"#, Err("\"a b\" is not known here"));
        check("7", Err("the body is a number, and not an object"));
    }
}
