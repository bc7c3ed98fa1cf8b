//! Actions as they are written.

use super::{HEADERS, LINE};
use bytes::BytesMut;

/// An action, header by header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    bytes: BytesMut,
    headers: usize,
}

/// Why a header cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// It would end the line, and what follows would be a header of its own.
    #[error("{name} has the byte {byte:#04x}, which no line may have")]
    Forbidden { name: String, byte: u8 },
    #[error("{name} makes a line of {length} bytes, of which Asterisk reads {LINE}")]
    TooLong { name: String, length: usize },
    #[error("more than {HEADERS} headers, of which Asterisk reads no more")]
    TooMany,
    #[error("a header without a name, or with a colon in it")]
    NoName,
}

impl Action {
    /// An action of this name, with an id by which its response is known.
    pub fn new(name: &str, id: &str) -> Result<Action, ActionError> {
        let action = Action { bytes: BytesMut::with_capacity(256), headers: 0 };
        action.header("Action", name)?.header("ActionID", id)
    }

    /// With a header more.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Action, ActionError> {
        let value = value.as_ref();
        if name.is_empty() || name.contains(':') {
            return Err(ActionError::NoName);
        }
        let forbidden = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        if let Some(&byte) = name.as_bytes().iter().chain(value).find(|byte| forbidden(byte)) {
            return Err(ActionError::Forbidden { name: plain(name), byte });
        }
        let length = name.len() + 2 + value.len();
        if length > LINE {
            return Err(ActionError::TooLong { name: plain(name), length });
        }
        if self.headers == HEADERS {
            return Err(ActionError::TooMany);
        }
        self.headers += 1;
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            self.bytes.extend_from_slice(part);
        }
        Ok(self)
    }

    /// The action as it is sent.
    pub fn encode(&self, stream: &mut BytesMut) {
        stream.reserve(self.bytes.len() + 2);
        stream.extend_from_slice(&self.bytes);
        stream.extend_from_slice(b"\r\n");
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
        Action::new("Setvar", "7")?.header("Variable", "DEVICE_STATE(Custom:SIP/100)")?.header("Value", value)
    }

    #[test]
    fn an_action_is_its_headers_and_an_empty_line() {
        let mut stream = BytesMut::new();
        setvar(b"INUSE").expect("an action").encode(&mut stream);
        setvar(b"\xff: x").expect("an action").encode(&mut stream);
        let one = "Action: Setvar\r\nActionID: 7\r\nVariable: DEVICE_STATE(Custom:SIP/100)\r\nValue: ";
        let expected = [one.as_bytes(), b"INUSE\r\n\r\n", one.as_bytes(), b"\xff: x\r\n\r\n"].concat();
        assert_eq!(stream, expected);
    }

    #[test]
    fn no_value_gets_out_of_its_line() {
        for (value, byte) in [("x\r\nAction: Command", b'\r'), ("x\nEvents: on", b'\n'), ("x\0", 0)] {
            let forbidden = ActionError::Forbidden { name: "Value".to_owned(), byte };
            assert_eq!(setvar(value.as_bytes()), Err(forbidden), "{value:?}");
        }
        let action = || Action::new("Setvar", "7").expect("an action");
        assert!(matches!(action().header("X\nY", "z"), Err(ActionError::Forbidden { .. })));
        assert_eq!(action().header("X:Y", "z"), Err(ActionError::NoName));
        assert_eq!(action().header("", "z"), Err(ActionError::NoName));
    }

    #[test]
    fn what_asterisk_would_cut_is_not_written() {
        let fits = LINE - "Value: ".len();
        assert!(setvar(&vec![b'x'; fits]).is_ok());
        let too_long = ActionError::TooLong { name: "Value".to_owned(), length: LINE + 1 };
        assert_eq!(setvar(&vec![b'x'; fits + 1]), Err(too_long));
        let mut action = Action::new("UserEvent", "7").expect("an action");
        for number in 2..HEADERS {
            action = action.header(&format!("H{number}"), "x").expect("room");
        }
        assert_eq!(action.header("One more", "x"), Err(ActionError::TooMany));
    }
}
