//! Changes of states, as events tell them.

use crate::states::{Change, DeviceState, Presence, PresenceState};
use std::borrow::Cow;

/// Events of these names tell changes.
pub const DEVICE: &str = "DeviceStateChange";
pub const PRESENCE: &str = "PresenceStateChange";

/// An event that tells none, though its name says so. One word each, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoChange {
    /// It does not say of whom.
    NoName,
    /// A word that is no state.
    UnknownState,
}

impl NoChange {
    /// For metrics.
    pub fn label(self) -> &'static str {
        match self {
            NoChange::NoName => "no_device",
            NoChange::UnknownState => "unknown_state",
        }
    }
}

/// Reads `Device` and `State`, whose values `field` gives.
pub fn device<'f>(field: impl Fn(&str) -> Option<&'f [u8]>) -> Result<Change, NoChange> {
    let device = field("Device").filter(|name| !name.is_empty()).ok_or(NoChange::NoName)?;
    let state = field("State").and_then(|word| DeviceState::parse(word.trim_ascii()));
    Ok(Change::device(device, state.ok_or(NoChange::UnknownState)?))
}

/// Reads `Presentity`, `Status`, `Subtype` and `Message`, whose values `field` gives as they were meant.
pub fn presence<'f>(field: impl Fn(&str) -> Option<Cow<'f, [u8]>>) -> Result<Change, NoChange> {
    let presentity = field("Presentity").filter(|name| !name.is_empty()).ok_or(NoChange::NoName)?;
    let state = field("Status").and_then(|word| PresenceState::parse(word.trim_ascii()));
    let text = |name: &str| field(name).unwrap_or_default().into_owned();
    let presence = Presence {
        state: state.ok_or(NoChange::UnknownState)?,
        subtype: text("Subtype"),
        message: text("Message"),
    };
    Ok(Change::presence(presentity, presence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'f>(headers: &'f [(&str, &'f [u8])]) -> impl Fn(&str) -> Option<&'f [u8]> {
        move |name| headers.iter().find(|(it, _)| *it == name).map(|(_, value)| *value)
    }

    #[test]
    fn a_device_is_in_a_state_in_whatever_case_it_is_written() {
        let check = |headers: &[(&str, &[u8])], expected: Result<Change, NoChange>| {
            assert_eq!(device(field(headers)), expected, "{headers:?}");
        };
        let in_use = Change::device("SIP/100", DeviceState::InUse);
        check(&[("Device", b"SIP/100"), ("State", b"Inuse")], Ok(in_use.clone()));
        check(&[("Device", b"SIP/100"), ("State", b" INUSE ")], Ok(in_use));
        check(
            &[("Device", b"\xff"), ("State", b"UNKNOWN")],
            Ok(Change::device(b"\xff", DeviceState::Unknown)),
        );
        check(&[("Device", b"SIP/100"), ("State", b"NEWSTATE")], Err(NoChange::UnknownState));
        check(&[("Device", b"SIP/100")], Err(NoChange::UnknownState));
        check(&[("State", b"INUSE")], Err(NoChange::NoName));
        check(&[("Device", b""), ("State", b"INUSE")], Err(NoChange::NoName));
    }

    #[test]
    fn presence_has_texts_beside_it() {
        let read = |headers: &[(&str, &[u8])]| presence(|name| field(headers)(name).map(Cow::Borrowed));
        let full = read(&[
            ("Presentity", b"CustomPresence:300"),
            ("Status", b"Away"),
            ("Subtype", b"sub"),
            ("Message", b"hello"),
        ]);
        let expected =
            Presence { state: PresenceState::Away, subtype: b"sub".to_vec(), message: b"hello".to_vec() };
        assert_eq!(full, Ok(Change::presence("CustomPresence:300", expected)));
        let plain = read(&[("Presentity", b"CustomPresence:300"), ("Status", b"xa")]);
        assert_eq!(plain, Ok(Change::presence("CustomPresence:300", Presence::plain(PresenceState::Xa))));
        assert_eq!(read(&[("Status", b"xa")]), Err(NoChange::NoName));
        assert_eq!(read(&[("Presentity", b"x"), ("Status", b"online")]), Err(NoChange::UnknownState));
    }
}
