//! States as they are set: `Setvar`, many at once.
//!
//! By far most of what is written is this, so it goes into the stream's buffer straight away.

use crate::managers::device_state::messages::Write;
use bytes::BytesMut;

/// Bytes of a line, at most: Asterisk cuts longer ones, and takes what is left for a line of its own.
const LINE: usize = 1_022;

/// Why a write cannot be put into lines; `None`: it can.
pub fn obstacle(write: &Write, value: &str) -> Option<String> {
    for (name, text) in [("Variable", &*write.variable), ("Value", value.as_bytes())] {
        if text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Some(format!("{name} has a byte that no line may have"));
        }
        if name.len() + 2 + text.len() > LINE {
            return Some(format!("{name} makes a line of more than {LINE} bytes"));
        }
    }
    if value.is_empty() {
        return Some("there is no value that Asterisk takes".to_owned());
    }
    None
}

/// Appends the action with the id of this prefix and number.
pub fn setvar(stream: &mut BytesMut, prefix: &str, number: u64, write: &Write, value: &str) {
    let mut digits = [0; 20];
    let parts: [&[u8]; 8] = [
        b"Action: Setvar\r\nActionID: ",
        prefix.as_bytes(),
        decimal(number, &mut digits),
        b"\r\nVariable: ",
        &write.variable,
        b"\r\nValue: ",
        value.as_bytes(),
        b"\r\n\r\n",
    ];
    stream.reserve(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| stream.extend_from_slice(part));
}

fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::{DeviceState, Presence, PresenceState, Value};
    use crate::wire::ami::Action;
    use std::sync::Arc;

    fn write(variable: &[u8], value: Value) -> Write {
        Write { entry: 7, variable: variable.into(), value }
    }

    #[test]
    fn a_state_is_set_as_any_action_is_written() {
        let presence = Presence { subtype: b"sub".to_vec(), ..Presence::plain(PresenceState::Xa) };
        let writes = [
            (write(b"DEVICE_STATE(Custom:SIP/\xff)", Value::Device(DeviceState::RingInUse)), "RINGINUSE"),
            (write(b"PRESENCE_STATE(CustomPresence:3)", Value::Presence(Arc::new(presence))), "xa,c3Vi,,e"),
        ];
        for (number, (write, value)) in (9_999_999_999..).zip(&writes) {
            assert_eq!(write.setting(), *value);
            assert_eq!(obstacle(write, value), None);
            let (mut stream, mut expected) = (BytesMut::new(), BytesMut::new());
            setvar(&mut stream, "em7-", number, write, value);
            let action = Action::new("Setvar", &format!("em7-{number}")).expect("an action");
            let action =
                action.header("Variable", &write.variable).and_then(|action| action.header("Value", value));
            action.expect("fits").encode(&mut expected);
            assert_eq!(stream, expected);
        }
        assert_eq!(decimal(0, &mut [0; 20]), b"0");
        assert_eq!(decimal(u64::MAX, &mut [0; 20]), u64::MAX.to_string().as_bytes());
    }

    #[test]
    fn what_would_be_read_as_something_else_is_not_written() {
        let check = |variable: &[u8], value: &str, says: Option<&str>| {
            let write = write(variable, Value::Device(DeviceState::InUse));
            let obstacle = obstacle(&write, value);
            assert_eq!(obstacle.is_some(), says.is_some(), "{obstacle:?}");
            assert!(obstacle.unwrap_or_default().contains(says.unwrap_or_default()));
        };
        check(b"X(Custom:a)", "INUSE", None);
        check(b"X(Custom:a\r\nAction: Command)", "INUSE", Some("Variable"));
        check(b"X(Custom:a)", "IN\nUSE", Some("Value"));
        check(&[b'x'; LINE], "INUSE", Some("Variable"));
        check(b"X(Custom:a)", "", Some("no value"));
    }
}
