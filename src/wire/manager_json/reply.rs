//! Replies of the module: a list of objects.

use super::headers::read;
use super::{Headers, JsonError};
use bytes::Bytes;

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    headers: Headers,
    events: Vec<Headers>,
}

impl Reply {
    /// Reads a message. The module may spread one response over several objects; those that begin with `Event` are items of a list.
    pub fn read(frames: &[Bytes]) -> Result<Reply, JsonError> {
        let [frame] = frames else { return Err(JsonError::Frames(frames.len())) };
        let objects: Vec<Headers> = read(frame)?;
        let mut reply = Reply { headers: Headers::new(), events: Vec::new() };
        for object in objects {
            if !object.are_texts() {
                return Err(JsonError::Json("a value that is no text".to_owned()));
            }
            if object.begin_with("Event") {
                reply.events.push(object);
            } else {
                reply.headers.append(object);
            }
        }
        if reply.headers.get("Response").is_none() { Err(JsonError::NoResponse) } else { Ok(reply) }
    }

    /// Whether the action was carried out.
    pub fn is_success(&self) -> bool {
        self.headers.get("Response").is_some_and(|response| response.eq_ignore_ascii_case("Success"))
    }

    /// What Asterisk says of it.
    pub fn message(&self) -> Option<&str> {
        self.headers.get("Message")
    }

    /// The id of its action; it is missing where the request could not be read.
    pub fn action_id(&self) -> Option<&str> {
        self.headers.get("ActionID")
    }

    /// All headers of the response.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The items of a list, and what ends it.
    pub fn events(&self) -> &[Headers] {
        &self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(json: &str) -> Result<Reply, JsonError> {
        Reply::read(&[Bytes::copy_from_slice(json.as_bytes())])
    }

    #[test]
    fn a_reply_tells_what_came_of_its_action() {
        let success =
            reply(r#"[{"Response":"Success","ActionID":"2","Message":"Variable Set"}]"#).expect("a reply");
        assert_eq!((success.is_success(), success.action_id()), (true, Some("2")));
        assert_eq!(success.message(), Some("Variable Set"));
        let error = reply(r#"[{"Response":"Error"},{"Message":"Internal error."}]"#).expect("a reply");
        assert_eq!((error.is_success(), error.action_id()), (false, None));
        assert_eq!(error.message(), Some("Internal error."));
    }

    #[test]
    fn items_of_a_list_are_kept_apart() {
        let json = r#"[{"Response":"Success","ActionID":"4","EventList":"start"},
            {"Event":"DeviceStateChange","ActionID":"5","Response":"Error","Device":"SIP/1","State":"INUSE"},
            {"Event":"DeviceStateListComplete","EventList":"Complete","ListItems":"1"}]"#;
        let list = reply(json).expect("a reply");
        assert_eq!((list.is_success(), list.action_id()), (true, Some("4")));
        let devices: Vec<_> = list.events().iter().map(|event| event.get("Device")).collect();
        assert_eq!(devices, [Some("SIP/1"), None]);
    }

    #[test]
    fn what_is_no_reply_is_one_error() {
        let check =
            |json: &str, label: &str| assert_eq!(reply(json).expect_err(json).label(), label, "{json}");
        for json in [
            "",
            "null",
            "{}",
            r#"{"Response":"Success"}"#,
            "[1]",
            "[[]]",
            "[null]",
            r#"[{"Response":1}]"#,
            "[{}",
        ] {
            check(json, "json");
        }
        check("[]", "kind");
        check("[{}]", "kind");
        check(r#"[{"Event":"X","Response":"Success"}]"#, "kind");
        check(&"[".repeat(1_000_000), "json");
        check(&" ".repeat(10_000_000), "oversize");
        assert_eq!(Reply::read(&[Bytes::from_static(b"\xff")]).expect_err("no JSON").label(), "json");
        assert_eq!(Reply::read(&[Bytes::new(), Bytes::new()]), Err(JsonError::Frames(2)));
    }
}
