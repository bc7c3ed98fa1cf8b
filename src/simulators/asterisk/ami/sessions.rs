//! The open sessions: what waits to be written to each, and who is told which event.

use super::classes::Classes;
use super::events;
use super::filter::Filters;
use crate::simulators::asterisk::options::{AsteriskOptions, FullyBooted};
use crate::simulators::asterisk::pbx::Change;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// All sessions of one Asterisk.
pub(in super::super) struct Sessions {
    /// By number; one that has ended leaves its place to the next.
    slots: Vec<Option<Slot>>,
    system_name: Option<String>,
    has_devices: bool,
    has_presences: bool,
    has_hints: bool,
    is_booted: bool,
    started: Instant,
    events: u64,
    /// The event that is told.
    event: Vec<u8>,
}

/// One session.
pub(super) struct Slot {
    /// What is to be written.
    pub outbox: Vec<u8>,
    wake: Arc<Notify>,
    /// Was woken since it last looked.
    is_woken: bool,
    /// What it may do, once it is logged in.
    pub access: Option<Access>,
    pub filters: Filters,
    /// What its secret is to be hashed with.
    pub challenge: Option<String>,
    /// The ActionID of the action before.
    pub last_id: Vec<u8>,
    /// Ends when everything is written.
    is_closing: bool,
}

/// Of a session that is logged in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    pub read: Classes,
    pub write: Classes,
    /// What of `read` it wants.
    pub wanted: Classes,
}

impl Slot {
    fn is_told(&self, class: Classes) -> bool {
        self.access.is_some_and(|access| access.read.allows(class) && access.wanted.allows(class))
    }

    fn wake(&mut self) {
        if !std::mem::replace(&mut self.is_woken, true) {
            self.wake.notify_one();
        }
    }
}

impl Sessions {
    /// None yet.
    pub fn new(options: &AsteriskOptions) -> Sessions {
        Sessions {
            slots: Vec::new(),
            system_name: options.system_name.clone(),
            has_devices: options.has_devices,
            has_presences: options.has_presences,
            has_hints: options.has_hints,
            is_booted: options.fully_booted == FullyBooted::AtLogin,
            started: Instant::now(),
            events: 0,
            event: Vec::new(),
        }
    }

    /// A session more: its number, and what wakes it when there is something to write.
    pub fn enter(&mut self) -> (usize, Arc<Notify>) {
        let wake = Arc::new(Notify::new());
        let slot = Slot {
            outbox: Vec::new(),
            wake: wake.clone(),
            is_woken: false,
            access: None,
            filters: Filters::default(),
            challenge: None,
            last_id: Vec::new(),
            is_closing: false,
        };
        let number = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if number == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[number] = Some(slot);
        (number, wake)
    }

    /// A session has ended.
    pub fn leave(&mut self, number: usize) {
        self.slots[number] = None;
    }

    /// Sessions open now.
    pub fn open(&self) -> u64 {
        self.slots.iter().flatten().count() as u64
    }

    /// Sessions that are logged in now.
    pub fn logged_in(&self) -> u64 {
        self.slots.iter().flatten().filter(|slot| slot.access.is_some()).count() as u64
    }

    /// Events told so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A session that is open.
    pub(super) fn slot(&mut self, number: usize) -> &mut Slot {
        self.slots[number].as_mut().expect("a session leaves when its task has ended")
    }

    /// Takes what is to be written to a session into `out`, which is empty; says whether the session is to end then.
    pub fn take(&mut self, number: usize, out: &mut Vec<u8>) -> bool {
        let slot = self.slot(number);
        std::mem::swap(&mut slot.outbox, out);
        slot.is_woken = false;
        slot.is_closing
    }

    /// Tells everybody whom it concerns what has become different.
    pub fn tell_change(&mut self, change: &Change<'_>) {
        let is_loaded = match change {
            Change::Device { .. } => self.has_devices,
            Change::Presence { .. } => self.has_presences,
        };
        if is_loaded {
            self.tell(Classes::CALL, |out, system_name| events::change(out, change, system_name));
        }
        if let (Change::Presence { name, presence }, true) = (change, self.has_hints) {
            self.tell(Classes::CALL, |out, system_name| events::hint(out, name, presence, system_name));
        }
    }

    /// Tells an event of `class`, written once, to everybody who wants it.
    pub fn tell(&mut self, class: Classes, write: impl FnOnce(&mut Vec<u8>, Option<&str>)) {
        self.event.clear();
        write(&mut self.event, self.system_name.as_deref());
        self.events += 1;
        for slot in self.slots.iter_mut().flatten() {
            if slot.is_told(class) && slot.filters.pass(&self.event) {
                slot.outbox.extend_from_slice(&self.event);
                slot.wake();
            }
        }
    }

    /// Tells events of a name that nobody knows.
    pub fn tell_unknown(&mut self, count: u64) {
        for _ in 0..count {
            let number = self.events;
            self.tell(Classes::DIALPLAN, |out, system_name| events::unknown(out, number, system_name));
        }
    }

    /// An event of something else, to this session alone, past its filters.
    pub(super) fn interleave(&mut self, number: usize) {
        let mut event = Vec::new();
        events::unknown(&mut event, self.events, self.system_name.as_deref());
        self.slot(number).outbox.extend_from_slice(&event);
    }

    /// From now on it is fully booted, which whoever wants it is told.
    pub fn boot(&mut self) {
        self.is_booted = true;
        let uptime = self.started.elapsed().as_secs();
        self.tell(Classes::SYSTEM, |out, system_name| events::fully_booted(out, uptime, system_name));
    }

    /// It starts anew, fully booted or not yet.
    pub fn start(&mut self, is_booted: bool) {
        self.started = Instant::now();
        self.is_booted = is_booted;
    }

    /// Tells a session that has just logged in what it is told then.
    pub(super) fn welcome(&mut self, number: usize) {
        if !self.is_booted || !self.slot(number).is_told(Classes::SYSTEM) {
            return;
        }
        let uptime = self.started.elapsed().as_secs();
        let mut event = Vec::new();
        events::fully_booted(&mut event, uptime, self.system_name.as_deref());
        self.slot(number).outbox.extend_from_slice(&event);
    }

    /// Ends a session when everything is written to it.
    pub fn close_one(&mut self, number: usize) {
        self.slot(number).is_closing = true;
    }

    /// Ends all sessions when everything is written to them, perhaps with the event that says so.
    pub fn close(&mut self, with_event: bool) {
        if with_event {
            self.tell(Classes::SYSTEM, events::shutdown);
        }
        for slot in self.slots.iter_mut().flatten() {
            slot.is_closing = true;
            slot.wake();
        }
    }
}
