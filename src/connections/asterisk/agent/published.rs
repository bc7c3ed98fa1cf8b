//! What other agents are told of this one's Asterisk: each change as it happens, and everything whenever the server is reached anew or could
//! not take what came. They have no other way to find out.

use crate::states::{Change, DeviceState, Value, naming::CUSTOM};
use crate::wire::manager_json::agent::{AgentMessage, EVERYBODY, Kind};
use crate::wire::manager_json::{Event, Headers};
use crate::zmq::Outbox;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Devices that are remembered, at most; of more the changes are told, and nothing else.
const DEVICES: usize = 200_000;

/// See the module.
pub struct Published {
    system: String,
    outbox: Outbox,
    /// The last state of each device.
    known: RefCell<BTreeMap<String, DeviceState>>,
    /// There is a server; else nothing waits for one.
    is_connected: Cell<bool>,
    /// Something found no room, so that everything has to be told once there is.
    is_behind: Cell<bool>,
}

impl Published {
    /// What `system` tells, through this outbox.
    pub fn new(system: &str, outbox: Outbox) -> Published {
        Published {
            system: system.to_owned(),
            outbox,
            known: RefCell::default(),
            is_connected: Cell::default(),
            is_behind: Cell::default(),
        }
    }

    /// An event of Asterisk, of which some are told.
    pub fn event(&self, event: &Event) {
        match event.name() {
            "DeviceStateChange" => {
                let state = event.get("State").and_then(|word| DeviceState::parse(word.as_bytes()));
                if let (Some(device), Some(state)) = (event.get("Device"), state) {
                    self.device(device, state);
                }
            }
            "Reload" => {
                let value = |name: &str| event.get(name).unwrap_or_default().to_owned();
                let data = Headers::new().with("Event", "Reload").with("Status", &value("Status"));
                self.put(EVERYBODY, Kind::Event, data.with("Module", &value("Module")));
            }
            _ => {}
        }
    }

    /// Everything that Asterisk has listed; what it does not list any more is forgotten.
    pub fn devices(&self, devices: &[Change]) {
        let mut listed = BTreeMap::new();
        for change in devices {
            let (Ok(device), Value::Device(state)) = (std::str::from_utf8(&change.key.name), &change.value)
            else {
                continue;
            };
            listed.insert(device.to_owned(), *state);
        }
        self.known.borrow_mut().retain(|device, _| listed.contains_key(device));
        for (device, state) in listed {
            if self.known.borrow().get(&device) != Some(&state) {
                self.device(&device, state);
            }
        }
    }

    /// Mirrored ones, and states that nobody knows, are told to nobody.
    fn device(&self, device: &str, state: DeviceState) {
        if device.is_empty() || device.starts_with(CUSTOM) || state == DeviceState::Unknown {
            return;
        }
        let mut known = self.known.borrow_mut();
        if known.len() < DEVICES || known.contains_key(device) {
            known.insert(device.to_owned(), state);
        }
        drop(known);
        self.put(EVERYBODY, Kind::Event, of_device(device, state));
    }

    /// The server is there, and is told everything; or it is not any more.
    pub fn connected(&self, is_connected: bool) {
        self.is_connected.set(is_connected);
        self.is_behind.set(is_connected);
        self.catch_up();
    }

    /// Tells everything, where something was not told and there is room again.
    pub fn catch_up(&self) {
        if !self.outbox.is_empty() || !self.is_behind.replace(false) {
            return;
        }
        let known = self.known.borrow().clone();
        for (device, state) in known {
            if !self.put(EVERYBODY, Kind::Event, of_device(&device, state)) {
                return;
            }
        }
    }

    /// Tells something; whether there was a server, and room.
    pub fn put(&self, topic: &str, kind: Kind, data: Headers) -> bool {
        self.put_as(Uuid::now_v7().to_string(), topic, kind, data)
    }

    /// The same of a message that answers another, and has its id.
    pub fn put_as(&self, uuid: String, topic: &str, kind: Kind, data: Headers) -> bool {
        if !self.is_connected.get() {
            return false;
        }
        let message = AgentMessage { topic: topic.to_owned(), kind, uuid, origin: self.system.clone(), data };
        let has_room = self.outbox.push(&message.frames()).is_ok();
        if !has_room {
            self.is_behind.set(true);
        }
        has_room
    }
}

fn of_device(device: &str, state: DeviceState) -> Headers {
    Headers::new().with("Event", "DeviceStateChange").with("Device", device).with("State", state.as_str())
}
