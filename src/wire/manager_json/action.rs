//! Actions as they are sent to the module.

use super::headers::write_text;
use bytes::Bytes;

/// Bytes of a request, at most: the module reads 2 KB.
pub const LARGEST_REQUEST: usize = 2_047;
/// Headers, at most: Asterisk forgets those behind.
const HEADERS: usize = 128;

/// An action, header by header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// All but the end of the object.
    json: String,
    headers: usize,
}

/// Why a header cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The module makes lines of the members: what follows would be a header of its own, or crash that Asterisk.
    #[error("{name} has the byte {byte:#04x}, which no line may have")]
    Forbidden { name: String, byte: u8 },
    #[error("{name} is not UTF-8, which JSON has to be")]
    Encoding { name: String },
    #[error("with {name} it has more than {LARGEST_REQUEST} bytes, of which the module reads no more")]
    TooLong { name: String },
    #[error("more than {HEADERS} headers, of which Asterisk reads no more")]
    TooMany,
    #[error("a header without a name, or with a colon in it")]
    NoName,
}

impl Action {
    /// An action of this name, with an id that its reply repeats.
    pub fn new(name: &str, id: &str) -> Result<Action, ActionError> {
        Action { json: String::with_capacity(256), headers: 0 }.header("Action", name)?.header("ActionID", id)
    }

    /// With a header more.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Action, ActionError> {
        if name.is_empty() || name.contains(':') {
            return Err(ActionError::NoName);
        }
        let value = value.as_ref();
        let forbidden = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        if let Some(&byte) = name.as_bytes().iter().chain(value).find(|byte| forbidden(byte)) {
            return Err(ActionError::Forbidden { name: plain(name), byte });
        }
        let value = std::str::from_utf8(value).map_err(|_| ActionError::Encoding { name: plain(name) })?;
        // Before it is escaped, which makes it longer: nothing is built of what is too long as it is.
        if self.headers == HEADERS {
            return Err(ActionError::TooMany);
        }
        self.headers += 1;
        let too_long = || ActionError::TooLong { name: plain(name) };
        if self.json.len() + name.len() + value.len() > LARGEST_REQUEST {
            return Err(too_long());
        }
        self.json.push(if self.json.is_empty() { '{' } else { ',' });
        write_text(name, &mut self.json);
        self.json.push(':');
        write_text(value, &mut self.json);
        // And the brace that is missing.
        if self.json.len() >= LARGEST_REQUEST { Err(too_long()) } else { Ok(self) }
    }

    /// The action as it is sent.
    pub fn to_json(&self) -> Bytes {
        Bytes::from(format!("{}}}", self.json))
    }
}

/// A name for a message.
fn plain(name: &str) -> String {
    name.chars().take(100).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setvar(value: &[u8]) -> Result<Action, ActionError> {
        Action::new("Setvar", "2")?.header("Variable", "DEVICE_STATE(Custom:SIP/100)")?.header("Value", value)
    }

    #[test]
    fn an_action_is_the_object_of_its_headers() {
        let expected =
            r#"{"Action":"Setvar","ActionID":"2","Variable":"DEVICE_STATE(Custom:SIP/100)","Value":"INUSE"}"#;
        assert_eq!(setvar(b"INUSE").expect("an action").to_json(), expected);
        let twice =
            Action::new("Originate", "3").and_then(|it| it.header("Variable", "b")).expect("an action");
        let twice = twice.header("Variable", "a").expect("an action").to_json();
        assert_eq!(twice, r#"{"Action":"Originate","ActionID":"3","Variable":"b","Variable":"a"}"#);
    }

    #[test]
    fn every_value_comes_back_as_it_was() {
        for value in [r#"","Action":"Command"#, r"\", "\t\u{1}\u{7f}", "é🐎", "</x>", ""] {
            let json = setvar(value.as_bytes()).expect("an action").to_json();
            let read: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
            assert_eq!((read["Value"].as_str(), read["Action"].as_str()), (Some(value), Some("Setvar")));
        }
    }

    #[test]
    fn no_value_becomes_a_header_of_its_own() {
        for (value, byte) in [("x\r\nAction: Command", b'\r'), ("x\nEvents: on", b'\n'), ("x\0", 0)] {
            let forbidden = ActionError::Forbidden { name: "Value".to_owned(), byte };
            assert_eq!(setvar(value.as_bytes()), Err(forbidden), "{value:?}");
        }
        let action = || Action::new("Setvar", "7").expect("an action");
        assert!(matches!(action().header("X\nY", "z"), Err(ActionError::Forbidden { .. })));
        assert_eq!(action().header("X:Y", "z"), Err(ActionError::NoName));
        assert_eq!(action().header("", "z"), Err(ActionError::NoName));
        assert_eq!(setvar(b"\xff"), Err(ActionError::Encoding { name: "Value".to_owned() }));
    }

    #[test]
    fn what_the_module_would_not_read_is_not_written() {
        let others = setvar(b"").expect("an action").to_json().len();
        let longest = setvar(&vec![b'x'; LARGEST_REQUEST - others]).expect("room").to_json();
        assert_eq!(longest.len(), LARGEST_REQUEST);
        let too_long = || Err(ActionError::TooLong { name: "Value".to_owned() });
        assert_eq!(setvar(&vec![b'x'; LARGEST_REQUEST - others + 1]), too_long());
        assert_eq!(setvar(&vec![b'"'; (LARGEST_REQUEST - others) / 2 + 1]), too_long());
        assert_eq!(setvar(&vec![b'x'; 10_000_000]), too_long());
        let mut action = Action::new("X", "7").expect("an action");
        for _ in 2..HEADERS {
            action = action.header("H", "x").expect("room");
        }
        assert_eq!(action.header("H", "x"), Err(ActionError::TooMany));
    }
}
