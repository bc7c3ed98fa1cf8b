//! What servers say: changes as they hear them, and that they are lost.

use super::cell::{At, Token};
use super::entries::{self, Unwritable};
use super::{Mesh, set_diverged};
use crate::managers::device_state::messages::Session;
use crate::states::{Change, DeviceState, Key, Kind, Presence, Value, naming};
use std::sync::Arc;
use std::time::Instant;

/// Bytes of a device's name, at most, so that it is kept and shown why it is not told; far longer than any that can be set.
const LONGEST_KEPT: usize = 255;

impl Mesh {
    /// What a server has heard, in order.
    pub fn heard(&mut self, name: &str, session: Session, changes: &[Change], now: Instant) {
        let (Some(place), now) = (self.place_of(name, session), self.at(now)) else { return };
        self.hear(place, changes, now, now);
    }

    /// The same of a server whose session is known, and that has said so at the time `said`.
    pub(super) fn hear(&mut self, place: usize, changes: &[Change], said: At, now: At) {
        for Change { key, value } in changes {
            match (key.kind, value) {
                (Kind::Device, Value::Device(state)) => self.heard_device(place, key, *state, said, now),
                (Kind::Presence, Value::Presence(presence)) if self.rules.presence => {
                    self.heard_presence(place, key, presence, said, now);
                }
                // Presence that is not mirrored, and what no connection says.
                _ => {}
            }
        }
    }

    fn heard_device(&mut self, place: usize, key: &Key, state: DeviceState, said: At, now: At) {
        let token = entries::device(state);
        if self.rules.name.device_within(&key.name).is_some() {
            if let Some(id) = self.entries.find_mirrored(&key.name) {
                return self.heard_mirrored(place, id, token, now);
            }
            if let Some(peer) = &mut self.peers[place] {
                peer.note_custom(&key.name, token);
            }
        }
        let id = self.say(place, key, token, said, now);
        if let Some((entry, _)) = id.and_then(|id| self.pair(place, id)) {
            entry.cells[place].say_again(said);
        }
    }

    /// A mirrored name has another state on a server: an echo of ours, or somebody else has set it.
    fn heard_mirrored(&mut self, place: usize, id: u32, token: Token, now: At) {
        let Some((entry, peer)) = self.pair(place, id) else { return };
        let wanted = entry.wanted(place);
        let cell = &mut entry.cells[place];
        if cell.is_echo(token) {
            let is_latest = cell.flight.is_some() || cell.known == Some(token);
            return peer.echoed(id, is_latest, Value::Device(entries::state(token)), now);
        }
        peer.doubts.remove(&id);
        cell.known = Some(token);
        cell.spoiled = cell.flight.is_some();
        set_diverged(cell, peer, wanted.is_some_and(|wanted| wanted != token));
        self.want(place, id, now);
    }

    /// A server says this of its own device since the time `said`; the number of its entry, where it may have a say.
    pub(super) fn say(&mut self, place: usize, key: &Key, token: Token, said: At, now: At) -> Option<u32> {
        let id = self.entry_of(place, key, token, now)?;
        let (entry, peer) = self.pair(place, id)?;
        let cell = &mut entry.cells[place];
        if cell.origin == Some(token) {
            return Some(id);
        }
        peer.says += usize::from(cell.origin.is_none());
        peer.stats.changes += 1;
        (cell.origin, cell.said_at, cell.said_for) = (Some(token), said, 0);
        self.refresh(id, now);
        Some(id)
    }

    /// The entry of a device that this server may have a say on, a new one where there is none.
    fn entry_of(&mut self, place: usize, key: &Key, token: Token, now: At) -> Option<u32> {
        let found = self.entries.find(key);
        let has_say = found
            .and_then(|id| self.entries.get(id))
            .is_some_and(|entry| entry.cells[place].origin.is_some());
        let template = &self.rules.name;
        let peer = self.peers[place].as_mut()?;
        if has_say {
            return found;
        }
        if !peer.includes(key, template) {
            return None;
        }
        if key.name.len() > LONGEST_KEPT {
            peer.stats.reject(Unwritable::TooLong);
            return None;
        }
        // What we have taken back is left behind like this.
        let is_left_behind =
            entries::state(token) <= DeviceState::Unknown && template.device_within(&key.name).is_some();
        if is_left_behind {
            return None;
        }
        if peer.says >= super::peer::MOST_SAID {
            peer.stats.reject(Unwritable::Full);
            return None;
        }
        found.or_else(|| self.create(place, key, now))
    }

    /// A new entry, which a server has brought about.
    pub(super) fn create(&mut self, place: usize, key: &Key, now: At) -> Option<u32> {
        let created = self.entries.create(key, &self.rules.name);
        let stats = &mut self.peers[place].as_mut()?.stats;
        let Some(id) = created else {
            stats.reject(Unwritable::Full);
            return None;
        };
        match self.entries.get(id)?.variable.clone() {
            Err(reason) => stats.reject(reason),
            Ok(variable) if key.kind == Kind::Device => {
                self.recognise(id, entries::mirrored_name(&variable), now)
            }
            Ok(_) => {}
        }
        Some(id)
    }

    /// A name that has become a mirrored one: what servers have of it is known, and it is nobody's own any more.
    pub(super) fn recognise(&mut self, id: u32, mirrored: &[u8], now: At) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        for (cell, peer) in entry.cells.iter_mut().zip(&mut self.peers) {
            let Some(token) = peer.as_mut().and_then(|peer| peer.custom.remove(mirrored)) else { continue };
            cell.known = Some(token);
        }
        if let Some(own) = self.entries.find(&Key::device(mirrored)) {
            for place in 0..self.peers.len() {
                self.withdraw(place, own, now);
            }
        }
    }

    /// A server has no say on this key any more.
    pub(super) fn withdraw(&mut self, place: usize, id: u32, now: At) {
        let Some((entry, peer)) = self.pair(place, id) else { return };
        if entry.cells[place].origin.take().is_none() {
            return;
        }
        peer.says = peer.says.saturating_sub(1);
        self.refresh(id, now);
        self.free_unneeded(id);
    }

    /// Nor on any other.
    pub(super) fn withdraw_all(&mut self, place: usize, now: At) {
        for id in 0..self.entries.end() {
            self.withdraw(place, id, now);
        }
    }

    fn heard_presence(&mut self, place: usize, key: &Key, presence: &Arc<Presence>, said: At, now: At) {
        let Some(id) = self.presentity(place, key, now) else { return };
        let Some((entry, peer)) = self.pair(place, id) else { return };
        let Some(token) = entry.token(&Value::Presence(Arc::clone(presence))) else {
            return peer.stats.reject(Unwritable::Full);
        };
        let cell = &mut entry.cells[place];
        if cell.is_echo(token) {
            let is_latest = cell.flight.is_some() || cell.known == Some(token);
            return peer.echoed(id, is_latest, Value::Presence(Arc::clone(presence)), now);
        }
        self.adopt(place, id, token, said, now);
    }

    /// The entry of a presentity that can be set, a new one where there is none.
    pub(super) fn presentity(&mut self, place: usize, key: &Key, now: At) -> Option<u32> {
        if let Err(error) = naming::check_presentity(&key.name) {
            self.peers[place].as_mut()?.stats.reject(error.into());
            return None;
        }
        let found = self.entries.find(key);
        if found.is_none() && self.entries.presentities() >= super::peer::MOST_PRESENTITIES {
            self.peers[place].as_mut()?.stats.reject(Unwritable::Full);
            return None;
        }
        found.or_else(|| self.create(place, key, now))
    }

    /// A server has this presence since the time `said`, and everybody is to have it.
    pub(super) fn adopt(&mut self, place: usize, id: u32, token: Token, said: At, now: At) {
        let Some((entry, peer)) = self.pair(place, id) else { return };
        let Value::Presence(presence) = entry.value(token) else { return };
        let Some(shared) = &mut entry.shared else { return };
        (shared.value, shared.by, shared.since) = (Some(token), Some(place), said);
        shared.is_settable = presence.to_setting().is_ok();
        peer.stats.changes += 1;
        peer.doubts.remove(&id);
        if !shared.is_settable {
            peer.stats.reject(Unwritable::Text);
        }
        let cell = &mut entry.cells[place];
        // What it was told before is not what it has: to tell it that again is no repetition.
        (cell.known, cell.told, cell.repeats) = (Some(token), None, 0);
        set_diverged(cell, peer, false);
        self.refresh(id, now);
        self.free_unneeded(id);
    }

    /// Whichever connection there was is lost: whoever had it has failed, and cannot say which.
    pub fn lost_any(&mut self, name: &str, now: Instant) {
        let peer = self.place(name).and_then(|place| self.peers[place].as_ref());
        if let Some(session) = peer.and_then(|peer| peer.session) {
            self.lost(name, session, now);
        }
    }

    /// A connection is lost. What its server said counts for the grace; what was in flight may have been set or not.
    pub fn lost(&mut self, name: &str, session: Session, now: Instant) {
        let (Some(place), now) = (self.place_of(name, session), self.at(now)) else { return };
        self.unwrite(place, now);
        if let Some(peer) = &mut self.peers[place] {
            (peer.session, peer.lost_at, peer.asked_at) = (None, Some(now), None);
        }
    }

    /// Nothing is under way to a server any more.
    pub(super) fn unwrite(&mut self, place: usize, now: At) {
        let Some(peer) = &mut self.peers[place] else { return };
        let lag = peer.window.iter().map(|flight| flight.since).min();
        if !(peer.window.is_empty() && peer.queue.is_empty()) {
            peer.behind_since = peer.behind_since.or(lag).or(Some(now));
        }
        let flights = std::mem::take(&mut peer.window);
        let queue = std::mem::take(&mut peer.queue);
        for flight in flights {
            let Some(entry) = self.entries.get_mut(flight.entry) else { continue };
            let cell = &mut entry.cells[place];
            (cell.flight, cell.known, cell.again, cell.spoiled) = (None, None, false, false);
            self.free_unneeded(flight.entry);
        }
        for id in queue {
            let Some(entry) = self.entries.get_mut(id) else { continue };
            entry.cells[place].queued = false;
            self.free_unneeded(id);
        }
    }
}
