//! What is mirrored between Asterisk servers: the states of devices, and presence. Pure values.
//!
//! A server says what state each of its own devices is in ([`DeviceState`]), and every other server is told the aggregate of what all
//! others say. Presence ([`Presence`]) has one value for everybody. Names are bytes, as Asterisk has them.

pub mod device;
pub mod naming;
pub mod presence;

pub use device::DeviceState;
pub use naming::NameTemplate;
pub use presence::{Presence, PresenceState};

use std::fmt;
use std::sync::Arc;

/// What a state is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Device,
    /// A presentity, such as `CustomPresence:300`.
    Presence,
}

/// Of whom a state is: kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub kind: Kind,
    /// As Asterisk has it: `SIP/100`, `CustomPresence:300`. Need not be UTF-8.
    pub name: Arc<[u8]>,
}

impl Key {
    /// A device of this name.
    pub fn device(name: impl AsRef<[u8]>) -> Key {
        Key { kind: Kind::Device, name: name.as_ref().into() }
    }

    /// A presentity of this name.
    pub fn presence(name: impl AsRef<[u8]>) -> Key {
        Key { kind: Kind::Presence, name: name.as_ref().into() }
    }
}

/// The name, readable whatever its bytes are.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(&self.name);
        name.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => write!(f, "{c}"),
        })
    }
}

/// The state of a key of the same kind. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Device(DeviceState),
    Presence(Arc<Presence>),
}

/// What a server says of one of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub key: Key,
    pub value: Value,
}

impl Change {
    /// A device is in this state.
    pub fn device(name: impl AsRef<[u8]>, state: DeviceState) -> Change {
        Change { key: Key::device(name), value: Value::Device(state) }
    }

    /// A presentity has this presence.
    pub fn presence(name: impl AsRef<[u8]>, presence: Presence) -> Change {
        Change { key: Key::presence(name), value: Value::Presence(Arc::new(presence)) }
    }
}
