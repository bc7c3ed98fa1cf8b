//! The states of everything, as lists of events.
//!
//! ```text
//! ← Response: Success
//!   ActionID: 5
//!   EventList: start
//!   Message: Device State Changes will follow
//!
//!   Event: DeviceStateChange
//!   ActionID: 5
//!   Device: SIP/100
//!   State: INUSE
//!
//!   Event: DeviceStateListComplete
//!   ActionID: 5
//!   EventList: Complete
//!   ListItems: 1
//! ```

use super::actions::{Call, Next};
use super::events::{self, DEVICE_STATE_CHANGE, PRESENCE_STATE_CHANGE};
use crate::simulators::asterisk::misbehaviour::Lie;
use crate::simulators::asterisk::options::AsteriskOptions;
use crate::wire::ami::write::{end, header};

pub(super) const DEVICES: &str = "DeviceStateList";
pub(super) const PRESENCES: &str = "PresenceStateList";

/// Whether what answers an action of this name is loaded.
pub(super) fn is_loaded(action: &str, options: &AsteriskOptions) -> bool {
    match action {
        DEVICES => options.has_devices,
        PRESENCES => options.has_presences,
        _ => true,
    }
}

/// The devices that Asterisk keeps.
pub(super) fn devices(call: &mut Call<'_>) -> Next {
    begin(call, "Device State Changes will follow");
    let devices = call.core.pbx.listed();
    for (name, state) in &devices {
        item(call, DEVICE_STATE_CHANGE, |out| events::device(out, "", name, *state));
    }
    complete(call, "DeviceStateListComplete", devices.len())
}

/// All presentities.
pub(super) fn presences(call: &mut Call<'_>) -> Next {
    begin(call, "Presence State Changes will follow");
    let presences = call.core.pbx.presences();
    for (name, presence) in &presences {
        item(call, PRESENCE_STATE_CHANGE, |out| events::presence_of(out, "", name, presence));
    }
    complete(call, "PresenceStateListComplete", presences.len())
}

fn begin(call: &mut Call<'_>, message: &str) {
    call.respond("Success", &[("EventList", b"start"), ("Message", message.as_bytes())]);
}

fn item(call: &mut Call<'_>, event: &str, write: impl FnOnce(&mut Vec<u8>)) {
    if call.options.events_within_lists {
        call.core.ami.interleave(call.session);
    }
    header(call.out(), "Event", event);
    call.write_id();
    write(call.out());
    end(call.out());
}

fn complete(call: &mut Call<'_>, event: &str, items: usize) -> Next {
    let items = items + usize::from(call.lie == Some(Lie::WrongCount));
    header(call.out(), "Event", event);
    call.write_id();
    header(call.out(), "EventList", "Complete");
    header(call.out(), "ListItems", items.to_string());
    end(call.out());
    Next::Go
}
