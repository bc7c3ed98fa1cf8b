//! Events as they are written.
//!
//! ```text
//! Event: PresenceStateChange
//! Privilege: call,all
//! Presentity: CustomPresence:300
//! Status: away
//! Subtype: sub
//! Message: line1\r\nline2            escaped as C does
//! ```

use super::classes::Classes;
use crate::simulators::asterisk::pbx::Change;
use crate::states::naming::CUSTOM_PRESENCE;
use crate::states::{DeviceState, Presence};
use crate::wire::ami::write::{end, escaped_header, header};

pub(super) const DEVICE_STATE_CHANGE: &str = "DeviceStateChange";
pub(super) const PRESENCE_STATE_CHANGE: &str = "PresenceStateChange";

/// The begin of every event.
pub(super) fn begin(out: &mut Vec<u8>, name: &str, class: Classes, system_name: Option<&str>) {
    header(out, "Event", name);
    out.extend_from_slice(b"Privilege: ");
    class.write(out);
    end(out);
    if let Some(system_name) = system_name {
        header(out, "SystemName", system_name);
    }
}

/// An event of something different.
pub(super) fn change(out: &mut Vec<u8>, change: &Change<'_>, system_name: Option<&str>) {
    let name = match change {
        Change::Device { .. } => DEVICE_STATE_CHANGE,
        Change::Presence { .. } => PRESENCE_STATE_CHANGE,
    };
    begin(out, name, Classes::CALL, system_name);
    match change {
        Change::Device { prefix, name, state } => device(out, prefix, name, *state),
        Change::Presence { name, presence } => presence_of(out, CUSTOM_PRESENCE, name, presence),
    }
    end(out);
}

/// The event of a hint: its message is not escaped, and what stands behind a line end in it is a header, or an event, of its own.
pub(super) fn hint(out: &mut Vec<u8>, name: &[u8], presence: &Presence, system_name: Option<&str>) {
    begin(out, "PresenceStatus", Classes::CALL, system_name);
    header(out, "Exten", name);
    header(out, "Context", "default");
    header(out, "Hint", [CUSTOM_PRESENCE.as_bytes(), name].concat());
    header(out, "Status", presence.state.as_str());
    header(out, "Subtype", &presence.subtype);
    header(out, "Message", &presence.message);
    end(out);
}

/// The headers that an event and an item of a list have in common.
pub(super) fn device(out: &mut Vec<u8>, prefix: &str, name: &[u8], state: DeviceState) {
    for part in [b"Device: ", prefix.as_bytes(), name, b"\r\n"] {
        out.extend_from_slice(part);
    }
    header(out, "State", state.as_str());
}

/// The headers that an event and an item of a list have in common.
pub(super) fn presence_of(out: &mut Vec<u8>, prefix: &str, name: &[u8], presence: &Presence) {
    for part in [b"Presentity: ", prefix.as_bytes(), name, b"\r\n"] {
        out.extend_from_slice(part);
    }
    header(out, "Status", presence.state.as_str());
    escaped_header(out, "Subtype", &presence.subtype);
    escaped_header(out, "Message", &presence.message);
}

/// An event of a name that nobody knows; `number` tells it from others.
pub(super) fn unknown(out: &mut Vec<u8>, number: u64, system_name: Option<&str>) {
    begin(out, "Unheard", Classes::DIALPLAN, system_name);
    header(out, "Device", "SIP/unheard");
    header(out, "Number", number.to_string());
    end(out);
}

/// Everything is loaded.
pub(super) fn fully_booted(out: &mut Vec<u8>, uptime: u64, system_name: Option<&str>) {
    begin(out, "FullyBooted", Classes::SYSTEM, system_name);
    header(out, "Uptime", uptime.to_string());
    header(out, "LastReload", uptime.to_string());
    header(out, "Status", "Fully Booted");
    end(out);
}

/// A clean stop.
pub(super) fn shutdown(out: &mut Vec<u8>, system_name: Option<&str>) {
    begin(out, "Shutdown", Classes::SYSTEM, system_name);
    header(out, "Shutdown", "Cleanly");
    header(out, "Restart", "False");
    end(out);
}
