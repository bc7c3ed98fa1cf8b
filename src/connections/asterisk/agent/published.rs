//! What other agents are told of this one's Asterisk: each change as it happens, and everything whenever the server is reached anew or could
//! not take what came. They have no other way to find out.

use super::Household;
use crate::config::Asterisk;
use crate::lease::Lease;
use crate::states::{Change, DeviceState, Value, naming::CUSTOM};
use crate::wire::manager_json::agent::{AgentMessage, EVERYBODY, Kind};
use crate::wire::manager_json::{Event, Headers};
use crate::zmq::Outbox;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

/// Devices that are remembered, at most; of more the changes are told, and nothing else.
const DEVICES: usize = 200_000;
/// Devices that wait to be told, at most; more are counted and not told.
const UNTOLD: usize = 2 * DEVICES;

/// See the module.
pub struct Published {
    server: Arc<Asterisk>,
    system: String,
    outbox: Outbox,
    /// While it is not held another one tells, under the same name; what happens waits as if there were no room.
    lease: Lease,
    /// The last state of each device.
    known: RefCell<BTreeMap<String, DeviceState>>,
    /// What has to be told as soon as there is room: only what found none, so that each is told in the end however many there are.
    untold: RefCell<BTreeMap<String, DeviceState>>,
    /// What was known when everything was withdrawn: it holds where Asterisk is back and cannot list it.
    withdrawn: RefCell<BTreeMap<String, DeviceState>>,
    /// Devices that the server remembers of us and that are not known: of before a restart, perhaps.
    strays: RefCell<BTreeSet<String>>,
    /// Asterisk has listed everything.
    is_listed: Cell<bool>,
    /// Nobody else has our name: what the server remembers under it is ours.
    is_alone: Cell<bool>,
    /// The devices that were heard since a list was asked for, while it comes: what is known of them may be newer.
    since: RefCell<Option<BTreeSet<String>>>,
    /// There is a server; else nothing waits for one.
    is_connected: Cell<bool>,
    /// Since when there is no Asterisk, where something is known of it.
    lost: Cell<Option<Instant>>,
    has_changed: Notify,
    dropped: metrics::Counter,
}

impl Published {
    /// What `system` tells of its server, through this outbox and while it holds this lease.
    pub fn new(server: &Arc<Asterisk>, system: &str, outbox: Outbox, lease: Lease) -> Published {
        Published {
            server: Arc::clone(server),
            system: system.to_owned(),
            outbox,
            lease,
            known: RefCell::default(),
            untold: RefCell::default(),
            withdrawn: RefCell::default(),
            strays: RefCell::default(),
            is_listed: Cell::default(),
            is_alone: Cell::default(),
            since: RefCell::default(),
            is_connected: Cell::default(),
            lost: Cell::default(),
            has_changed: Notify::new(),
            dropped: metrics::counter!("eventmanager_dropped_total", "connection" => server.name.clone()),
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

    /// A list of everything is about to be asked for.
    pub fn list_begins(&self) {
        *self.since.borrow_mut() = Some(BTreeSet::new());
    }

    /// What Asterisk has listed. What it does not list any more is withdrawn where that is all; what was heard since the list was asked for
    /// may be newer, and stays.
    pub fn listed(&self, devices: &[Change], is_complete: bool) {
        let since = self.since.take().unwrap_or_default();
        let mut listed: BTreeMap<String, DeviceState> = BTreeMap::new();
        for change in devices {
            let (Ok(device), Value::Device(state)) = (std::str::from_utf8(&change.key.name), &change.value)
            else {
                continue;
            };
            listed.insert(device.to_owned(), *state);
        }
        for device in since {
            match self.known.borrow().get(&device) {
                Some(state) => listed.insert(device, *state),
                // There was no room for it, and it is told already.
                None => listed.remove(&device),
            };
        }
        let gone: Vec<_> = self
            .known
            .borrow_mut()
            .extract_if(.., |device, _| is_complete && !listed.contains_key(device))
            .collect();
        for (device, _) in gone {
            self.tell(device, DeviceState::Invalid);
        }
        for (device, state) in listed {
            if self.known.borrow().get(&device) != Some(&state) {
                self.device(&device, state);
            }
        }
        for (device, state) in self.withdrawn.take() {
            if !is_complete && !self.known.borrow().contains_key(&device) {
                self.device(&device, state);
            }
        }
        if is_complete {
            self.is_listed.set(true);
            self.withdraw_strays();
        }
    }

    /// The server says this under our name: it comes back, or is what the server remembers of before. What Asterisk does not have is
    /// withdrawn, as soon as that is known, and that nobody else has said it: two of one name would withdraw what the other one says.
    pub fn remembered(&self, event: &Headers) {
        let state = event.get("State").and_then(|word| DeviceState::parse(word.as_bytes()));
        let (Some("DeviceStateChange"), Some(device), Some(state)) =
            (event.get("Event"), event.get("Device"), state)
        else {
            return;
        };
        let known = self.known.borrow();
        let is_stray = state != DeviceState::Invalid && known.len() < DEVICES && !known.contains_key(device);
        drop(known);
        let mut strays = self.strays.borrow_mut();
        if !is_stray {
            strays.remove(device);
        } else if strays.len() < DEVICES {
            strays.insert(device.to_owned());
        }
        drop(strays);
        self.withdraw_strays();
    }

    /// Whether anybody else has our name, as far as is known by now.
    pub fn alone(&self, is_alone: bool) {
        self.is_alone.set(is_alone);
        self.withdraw_strays();
    }

    fn withdraw_strays(&self) {
        if !self.is_listed.get() || !self.is_alone.get() {
            return;
        }
        for device in self.strays.take() {
            if !self.known.borrow().contains_key(&device) {
                self.tell(device, DeviceState::Invalid);
            }
        }
    }

    /// Mirrored ones, those that the patterns leave out, and states that nobody knows, are told to nobody.
    fn device(&self, device: &str, state: DeviceState) {
        let is_own = !device.is_empty() && !device.starts_with(CUSTOM) && self.server.includes(device);
        if !is_own || state == DeviceState::Unknown {
            return;
        }
        if let Some(since) = &mut *self.since.borrow_mut()
            && since.len() < DEVICES
        {
            since.insert(device.to_owned());
        }
        let mut known = self.known.borrow_mut();
        if known.len() < DEVICES || known.contains_key(device) {
            known.insert(device.to_owned(), state);
        }
        drop(known);
        self.tell(device.to_owned(), state);
    }

    /// Tells a state at once, or else as soon as there is room.
    fn tell(&self, device: String, state: DeviceState) {
        let mut untold = self.untold.borrow_mut();
        if self.push(new_id(), EVERYBODY, Kind::Event, of_device(&device, state)) {
            untold.remove(&device);
        } else if untold.len() < UNTOLD || untold.contains_key(&device) {
            untold.insert(device, state);
        } else {
            self.dropped.increment(1);
        }
    }

    /// The server is there, and is told everything; or it is not any more.
    pub fn connected(&self, is_connected: bool) {
        self.is_connected.set(is_connected);
        self.is_alone.set(false);
        if is_connected {
            let known = self.known.borrow();
            self.untold.borrow_mut().extend(known.iter().map(|(device, state)| (device.clone(), *state)));
        }
        self.catch_up();
    }

    /// Tells what was not told, once all that waits is written: as much as there is room for.
    pub fn catch_up(&self) {
        if !self.is_connected.get() || !self.lease.is_valid() || !self.outbox.is_empty() {
            return;
        }
        let mut untold = self.untold.borrow_mut();
        while let Some(first) = untold.first_entry() {
            if !self.push(new_id(), EVERYBODY, Kind::Event, of_device(first.key(), *first.get())) {
                return;
            }
            first.remove();
        }
    }

    /// Asterisk is reached.
    pub fn asterisk_is_there(&self) {
        self.lost.set(None);
        self.has_changed.notify_one();
    }

    /// It is not any more.
    pub fn asterisk_is_lost(&self) {
        self.lost.set(Some(Instant::now()));
        self.has_changed.notify_one();
    }

    /// Resolves when Asterisk is lost for so long that it has no say any more. May be cancelled.
    pub async fn is_lost_for(&self, household: &Household) {
        loop {
            let changed = self.has_changed.notified();
            let Some(lost) = self.lost.get() else {
                changed.await;
                continue;
            };
            tokio::select! {
                () = sleep_until(lost + household.lost_origin_grace()) => return,
                () = changed => {}
            }
        }
    }

    /// Withdraws everything; it is told anew when Asterisk is back and says so.
    pub fn withdraw(&self) {
        self.lost.set(None);
        self.is_listed.set(false);
        let known = self.known.take();
        tracing::warn!(
            agent = self.system,
            devices = known.len(),
            "an asterisk that is lost has no say any more"
        );
        for device in known.keys() {
            self.tell(device.clone(), DeviceState::Invalid);
        }
        self.withdrawn.borrow_mut().extend(known);
    }

    /// Tells something. What there is no server or no room for is counted.
    pub fn put(&self, topic: &str, kind: Kind, data: Headers) {
        self.put_as(new_id(), topic, kind, data);
    }

    /// The same of a message that answers another, and has its id.
    pub fn put_as(&self, uuid: String, topic: &str, kind: Kind, data: Headers) {
        if !self.push(uuid, topic, kind, data) {
            self.dropped.increment(1);
        }
    }

    /// Whether there is a server, and room; and the lease, for what is told of Asterisk.
    fn push(&self, uuid: String, topic: &str, kind: Kind, data: Headers) -> bool {
        if kind == Kind::Event && !self.lease.allows("request") {
            return false;
        }
        let message = AgentMessage { topic: topic.to_owned(), kind, uuid, origin: self.system.clone(), data };
        self.is_connected.get() && self.outbox.push(&message.frames()).is_ok()
    }
}

fn new_id() -> String {
    Uuid::now_v7().to_string()
}

fn of_device(device: &str, state: DeviceState) -> Headers {
    Headers::new().with("Event", "DeviceStateChange").with("Device", device).with("State", state.as_str())
}

#[cfg(test)]
mod tests;
