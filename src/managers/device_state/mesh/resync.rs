//! What a server lists, compared with what is believed of it, in both directions: only what differs is written.

use super::cell::{At, Token};
use super::entries::{self, Entry};
use super::telling::release;
use super::{Mesh, doubts, set_diverged};
use crate::managers::device_state::messages::{Inventory, Listed};
use crate::states::{Change, DeviceState, Kind, Value};
use std::sync::Arc;
use std::time::Instant;

/// One listing.
#[derive(Clone, Copy)]
struct Listing {
    place: usize,
    /// It begins a session: what was believed may be long over.
    is_first: bool,
    /// It was asked for to verify what is believed: nothing says that the server has forgotten anything.
    is_verification: bool,
    /// What was heard or confirmed since is newer. What is listed was so by then: a list that is asked for before this one is handled is
    /// newer all the same.
    asked: At,
    now: At,
}

impl Mesh {
    /// A server has listed what it holds.
    pub fn listed(&mut self, listed: &Listed, now: Instant) {
        let (Some(place), now) = (self.place(&listed.peer), self.at(now)) else { return };
        let is_first = self.peers[place].as_ref().is_some_and(|peer| peer.session != Some(listed.session));
        if let Some(peer) = self.peers[place].as_mut().filter(|peer| is_first || !peer.is_unsettled()) {
            peer.retries = 0;
        }
        if is_first {
            self.unwrite(place, now);
            for id in 0..self.entries.end() {
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.cells[place].echoes.clear();
                }
            }
        }
        let Some(peer) = &mut self.peers[place] else { return };
        (peer.session, peer.lost_at, peer.behind_since) = (Some(listed.session), None, None);
        let is_verification = peer.asked_at.is_some();
        (peer.listed_at, peer.asked_at) = (Some(now), None);
        peer.missing = [missing(&listed.devices), missing(&listed.presences)];
        peer.has_list = [listed.devices.is_ok(), listed.presences.is_ok()];
        // What is not listed is in doubt as before.
        let mut doubts = std::mem::take(&mut peer.doubts);
        doubts.retain(|_, doubt| !is_first && peer.is_missing(doubts::kind(&doubt.heard)));
        peer.doubts = doubts;
        peer.stats.resyncs += 1;
        let listing = Listing { place, is_first, is_verification, asked: self.at(listed.asked), now };
        match &listed.devices {
            Ok(devices) => self.list_devices(listing, devices),
            Err(_) => self.list_nothing(listing, Kind::Device),
        }
        match &listed.presences {
            _ if !self.rules.presence => {}
            Ok(presences) => self.list_presences(listing, presences),
            Err(_) => self.list_nothing(listing, Kind::Presence),
        }
        if is_first {
            self.hear(place, &listed.since, listing.asked, listing.now);
        }
    }

    fn list_devices(&mut self, listing: Listing, Inventory { items: devices, flaw }: &Inventory) {
        let (place, is_complete) = (listing.place, flaw.is_none());
        let (mut says, mut has) = (Marks::default(), Marks::default());
        if let Some(peer) = self.peers[place].as_mut().filter(|_| is_complete) {
            peer.custom.clear();
        }
        // Mirrored names first, so that of a device that is new it is known what the server has of it.
        for Change { key, value } in devices {
            let Value::Device(state) = *value else { continue };
            if self.rules.name.device_within(&key.name).is_none() {
                continue;
            }
            if let Some(id) = self.entries.find_mirrored(&key.name) {
                has.set(id);
                self.compare(listing, id, Some(entries::device(state)));
            } else if let Some(peer) = &mut self.peers[place] {
                peer.note_custom(&key.name, entries::device(state));
            }
        }
        for change in devices {
            if self.entries.find_mirrored(&change.key.name).is_none() {
                self.list_device(listing, change, (&mut says, &mut has));
            }
        }
        for id in 0..self.entries.end() {
            let Some(entry) = self.entries.get(id).filter(|entry| entry.key.kind == Kind::Device) else {
                continue;
            };
            let cell = &entry.cells[place];
            let is_old = listing.is_first || cell.heard_at() < listing.asked;
            if is_complete && cell.origin.is_some() && !says.has(id) && is_old {
                self.withdraw(place, id, listing.now);
            }
            match has.has(id) {
                true => {}
                false if is_complete => self.compare(listing, id, None),
                false => self.leave_out(listing, id),
            }
        }
    }

    /// A server lists a device of its own.
    fn list_device(&mut self, listing: Listing, change: &Change, (says, has): (&mut Marks, &mut Marks)) {
        let Value::Device(state) = change.value else { return };
        let (Listing { place, asked, now, .. }, found) = (listing, self.entries.find(&change.key));
        if let Some(id) = found {
            self.claim(id, now);
            let cell = self.entries.get(id).map(|entry| &entry.cells[place]);
            let is_newer = |cell: &super::Cell| cell.origin.is_some() && cell.heard_at() >= asked;
            if !listing.is_first && cell.is_some_and(is_newer) {
                return says.set(id);
            }
        }
        let Some(id) = self.say(place, &change.key, entries::device(state), asked, now) else { return };
        says.set(id);
        if found.is_none() {
            // What the server has of it was known when it was made.
            has.set(id);
        }
    }

    /// A device whose mirrored name another one had may have it now.
    fn claim(&mut self, id: u32, now: At) {
        if self.entries.get(id).is_none_or(|entry| entry.variable.is_ok()) {
            return;
        }
        self.entries.claim(id, &self.rules.name);
        let variable = self.entries.get(id).and_then(|entry| entry.variable.clone().ok());
        if let Some(variable) = variable {
            self.recognise(id, entries::mirrored_name(&variable), now);
            self.refresh(id, now);
        }
    }

    /// A server has this under the mirrored name of an entry; `None`: it has nothing.
    fn compare(&mut self, listing: Listing, id: u32, listed: Option<Token>) {
        let Listing { place, now, .. } = listing;
        let Some((entry, peer)) = self.pair(place, id) else { return };
        if is_newer(entry, listing) {
            return;
        }
        let wanted = entry.wanted(place);
        // Where others are left out what is listed is in doubt no more.
        peer.doubts.remove(&id);
        let cell = &mut entry.cells[place];
        let has = listed.unwrap_or(entries::device(DeviceState::Invalid));
        let was_believed = cell.known.is_none_or(|known| known == has);
        let is_diverged = wanted.is_some_and(|wanted| wanted != has) && (!was_believed || cell.diverged);
        cell.known = Some(has);
        set_diverged(cell, peer, is_diverged);
        self.begin_anew(place, id);
        self.want(place, id, now);
        self.free_unneeded(id);
    }

    /// What was not written again may be, now that a server was listed.
    pub(super) fn begin_anew(&mut self, place: usize, id: u32) {
        let Some((entry, peer)) = self.pair(place, id) else { return };
        let cell = &mut entry.cells[place];
        cell.repeats = 0;
        cell.echoes.clear();
        release(cell, peer, id);
    }

    fn list_presences(&mut self, listing: Listing, Inventory { items: presences, flaw }: &Inventory) {
        let Listing { place, asked, now, .. } = listing;
        let mut has = Marks::default();
        for Change { key, value } in presences {
            let is_known = self.entries.find(key).is_some();
            let Value::Presence(presence) = value else { continue };
            if !is_known && **presence == entries::not_set() {
                continue;
            }
            let Some(id) = self.presentity(place, key, now) else { continue };
            has.set(id);
            let Some((entry, _)) = self.pair(place, id) else { continue };
            let Some(token) = entry.token(value) else { continue };
            match is_known {
                true => self.compare_presence(listing, id, token),
                false => self.adopt(place, id, token, asked, now),
            }
        }
        for id in 0..self.entries.end() {
            let is_missing = |entry: &&mut Entry| entry.key.kind == Kind::Presence && !has.has(id);
            let Some(entry) = self.entries.get_mut(id).filter(is_missing) else { continue };
            if flaw.is_some() {
                self.leave_out(listing, id);
                continue;
            }
            let Some(token) = entry.token(&Value::Presence(Arc::new(entries::not_set()))) else { continue };
            if !is_newer(entry, listing) {
                entry.cells[place].known = Some(token);
                self.begin_anew(place, id);
                self.want(place, id, now);
                self.free_unneeded(id);
            }
        }
    }

    /// A server lists a presentity that is known: it may have changed while nobody heard it.
    fn compare_presence(&mut self, listing: Listing, id: u32, token: Token) {
        let Listing { place, asked, now, .. } = listing;
        let Some((entry, peer)) = self.pair(place, id) else { return };
        if is_newer(entry, listing) {
            return;
        }
        peer.doubts.remove(&id);
        let value = entry.shared.as_ref().and_then(|shared| shared.value);
        let cell = &mut entry.cells[place];
        let believed = cell.known.replace(token);
        set_diverged(cell, peer, false);
        self.begin_anew(place, id);
        // It had what everybody has, and has something else now; where everybody has something else by now, that counts.
        match believed {
            Some(believed) if believed != token && value == Some(believed) => {
                self.adopt(place, id, token, asked, now)
            }
            _ => self.want(place, id, now),
        }
        self.free_unneeded(id);
    }

    /// A server that cannot list what it holds.
    fn list_nothing(&mut self, listing: Listing, kind: Kind) {
        for id in 0..self.entries.end() {
            if self.entries.get(id).is_some_and(|entry| entry.key.kind == kind) {
                self.leave_out(listing, id);
            }
        }
    }

    /// Nobody knows what a server has: after a connect, and when it has started within a session, it is told that anew.
    fn leave_out(&mut self, listing: Listing, id: u32) {
        let Listing { place, is_first, is_verification, now, .. } = listing;
        let Some((entry, peer)) = self.pair(place, id).filter(|_| is_first || !is_verification) else {
            return;
        };
        let is_newer = is_newer(entry, listing);
        let cell = &mut entry.cells[place];
        // What is in flight may have been set before the start.
        cell.spoiled |= cell.flight.is_some();
        if is_newer {
            return;
        }
        cell.known = None;
        set_diverged(cell, peer, false);
        self.begin_anew(place, id);
        self.want(place, id, now);
    }
}

/// Why a list is not there, or not all of it.
fn missing(listed: &Result<Inventory, String>) -> Option<String> {
    match listed {
        Ok(inventory) => inventory.flaw.clone(),
        Err(reason) => Some(reason.clone()),
    }
}

/// Whether what is believed of a server is newer than its list.
fn is_newer(entry: &Entry, listing: Listing) -> bool {
    let cell = &entry.cells[listing.place];
    let is_said =
        |shared: &entries::Shared| shared.by == Some(listing.place) && shared.since >= listing.asked;
    let is_said = entry.shared.as_ref().is_some_and(|shared| is_said(shared));
    let is_told = cell.told.is_some() && cell.told_at >= listing.asked;
    !listing.is_first && (cell.flight.is_some() || is_told || is_said)
}

/// Which entries have been seen.
#[derive(Default)]
struct Marks(Vec<bool>);

impl Marks {
    fn set(&mut self, id: u32) {
        let at = id as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, false);
        }
        self.0[at] = true;
    }

    fn has(&self, id: u32) -> bool {
        self.0.get(id as usize).copied().unwrap_or(false)
    }
}
