//! Who says what, who was told what, and what is to be written: pure, without clocks, sockets or actors.
//!
//! [`entries`] has the keys, each with a [`cell`] for every server: what it says under the key's own name, and what it has of the
//! others under the mirrored one. [`peer`] is a server, with the queue of what it is to be told and the window of what it has not
//! answered. [`hearing`] takes what servers say, [`telling`] decides what is written, [`resync`] compares lists with what is believed, [`doubts`]
//! decides where there are none, [`refusals`] says when what was refused is told again,
//! [`view`] shows it all.
//!
//! Loops are broken by value, not by a clock. What is heard of a mirrored name is never a say of its server: it is the echo of a write
//! ([`cell::Echoes`]), or somebody else sets the same name. That is set right [`REPEATS`] times and then left until something else is
//! to be written or the server is listed: of two who write the same name neither can make the other write for ever.

mod cell;
mod doubts;
mod entries;
mod hearing;
mod peer;
mod refusals;
mod resync;
mod telling;
#[cfg(test)]
mod tests;
pub mod view;

pub use entries::{MOST, Unwritable};
pub use peer::{Stats, WINDOW};

use super::messages::{PeerName, Session};
use crate::config::{Asterisk, DeviceStates};
use crate::states::Kind;
use cell::{At, Cell};
use entries::{Entries, Entry};
use peer::Peer;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a server is told the same once more, where it turns out to have something else, until it is listed again.
pub const REPEATS: u8 = 3;

/// Of several writes in a row the events come in order, so that the last of them is the latest. Where it is not by then, somebody may have
/// set an old value anew just when it was awaited as an echo: the server is listed to see it.
const IN_DOUBT: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub struct Mesh {
    began: Instant,
    rules: DeviceStates,
    entries: Entries,
    /// By place; a place whose server has left is free.
    peers: Vec<Option<Peer>>,
}

impl Mesh {
    /// A mesh without servers.
    pub fn new(rules: DeviceStates, began: Instant) -> Mesh {
        Mesh { began, rules, entries: Entries::default(), peers: Vec::new() }
    }

    /// A server takes part, or takes part with another configuration. Whether it should be listed: what it may say is more than before.
    pub fn joined(&mut self, config: &Arc<Asterisk>, now: Instant) -> bool {
        if let Some(place) = self.place(&config.name) {
            return self.reconfigure(place, config, now);
        }
        self.seat(Peer::new(config.name.as_str().into(), Arc::clone(config)));
        true
    }

    /// Somebody takes part who is heard through a server of this configuration, and cannot be told anything. That it has nothing to say any more
    /// is said by [`Mesh::is_silent`].
    pub fn joined_as_origin(&mut self, name: &PeerName, via: &Arc<Asterisk>, now: Instant) {
        match self.place(name) {
            // It lists nothing: what it may say now and could not before is known when it changes.
            Some(place) => {
                self.reconfigure(place, via, now);
            }
            None => self.seat(Peer { is_told: false, ..Peer::new(Arc::clone(name), Arc::clone(via)) }),
        }
    }

    /// Somebody who is heard through a server says something, and that its session has begun was not heard.
    pub fn begins(&mut self, name: &str, session: Session) {
        let Some(place) = self.place(name) else { return };
        if let Some(peer) = &mut self.peers[place] {
            (peer.session, peer.lost_at) = (Some(session), None);
        }
    }

    /// Whether it is lost, and has no say on anything.
    pub fn is_silent(&self, name: &str) -> bool {
        let peer = self.place(name).and_then(|place| self.peers[place].as_ref());
        peer.is_none_or(|peer| peer.session.is_none() && peer.says == 0)
    }

    fn seat(&mut self, peer: Peer) {
        match self.peers.iter().position(Option::is_none) {
            Some(place) => self.peers[place] = Some(peer),
            None => {
                self.peers.push(Some(peer));
                self.entries.add_place();
            }
        }
    }

    /// What a server may say has changed: what it may say no more is withdrawn.
    fn reconfigure(&mut self, place: usize, config: &Arc<Asterisk>, now: Instant) -> bool {
        let now = self.at(now);
        let Some(peer) = self.peers[place].as_mut() else { return false };
        let is_same = peer.config.include == config.include && peer.config.exclude == config.exclude;
        peer.config = Arc::clone(config);
        if is_same {
            return false;
        }
        for id in 0..self.entries.end() {
            let (Some(entry), Some(peer)) = (self.entries.get(id), &self.peers[place]) else { continue };
            if entry.cells[place].origin.is_some() && !peer.includes(&entry.key, &self.rules.name) {
                self.withdraw(place, id, now);
            }
        }
        true
    }

    /// A server takes part no more: what it said is withdrawn at once, and it is told nothing.
    pub fn left(&mut self, name: &str, now: Instant) {
        let (Some(place), now) = (self.place(name), self.at(now)) else { return };
        self.peers[place] = None;
        for id in 0..self.entries.end() {
            let Some(entry) = self.entries.get_mut(id) else { continue };
            let cell = std::mem::take(&mut entry.cells[place]);
            entry
                .shared
                .iter_mut()
                .filter(|shared| shared.by == Some(place))
                .for_each(|shared| shared.by = None);
            if cell.origin.is_some() {
                self.refresh(id, now);
            }
            self.free_unneeded(id);
        }
        // What nobody has is nobody's presence.
        if self.peers.iter().all(Option::is_none) {
            self.entries = Entries::default();
            self.peers.clear();
        }
    }

    /// Other rules. Whether all servers should be listed.
    pub fn set_rules(&mut self, rules: DeviceStates, now: Instant) -> bool {
        let (before, now) = (std::mem::replace(&mut self.rules, rules), self.at(now));
        if before.presence && !self.rules.presence {
            self.forget_presence();
        }
        if before.name != self.rules.name {
            self.rename(now);
        }
        before.name != self.rules.name || before.presence != self.rules.presence
    }

    /// Presence is mirrored no more; what servers have stays, and an answer to what is in flight finds nothing.
    fn forget_presence(&mut self) {
        let is_presence = |entry: &Entry| entry.key.kind == Kind::Presence;
        for id in 0..self.entries.end() {
            if self.entries.get(id).is_some_and(is_presence) {
                self.entries.remove(id);
            }
        }
        for peer in self.peers.iter_mut().flatten() {
            peer.queue.retain(|&id| self.entries.get(id).is_some());
            peer.window.retain(|flight| self.entries.get(flight.entry).is_some());
            peer.reasons.retain(|&id, _| self.entries.get(id).is_some());
            peer.doubts.retain(|&id, _| self.entries.get(id).is_some());
        }
        self.recount();
    }

    /// Devices have other names on other servers: what was told under the old ones is taken back, and told under the new ones.
    fn rename(&mut self, now: At) {
        for id in 0..self.entries.end() {
            let Some(entry) = self.entries.get_mut(id) else { continue };
            let name = self.rules.name.name(&entry.key.name).ok();
            let old = entry.variable.as_ref().ok().map(|variable| entries::mirrored_name(variable).to_vec());
            if entry.key.kind == Kind::Presence || name == old {
                continue;
            }
            let (key, mut said) = (entry.key.clone(), Vec::with_capacity(entry.cells.len()));
            for cell in &mut entry.cells {
                said.push((cell.origin.take(), cell.said_at));
            }
            if self.entries.find(&key) == Some(id) {
                self.entries.orphan(id);
                if let Some(new) = self.entries.create(&key, &self.rules.name) {
                    let cells = &mut self.entries.get_mut(new).expect("it was just created").cells;
                    for (cell, (origin, at)) in cells.iter_mut().zip(said) {
                        (cell.origin, cell.said_at) = (origin, at);
                    }
                    self.refresh(new, now);
                }
            }
            self.refresh(id, now);
            self.free_unneeded(id);
        }
        self.recount();
    }

    /// Counts anew what is counted of each server.
    fn recount(&mut self) {
        for (place, peer) in self.peers.iter_mut().enumerate() {
            let Some(peer) = peer else { continue };
            let cells = (0..self.entries.end()).filter_map(|id| Some(&self.entries.get(id)?.cells[place]));
            (peer.says, peer.diverged, peer.held) = (0, 0, 0);
            for cell in cells {
                peer.says += usize::from(cell.origin.is_some());
                peer.diverged += usize::from(cell.diverged);
                peer.held += usize::from(cell.held.is_some());
            }
        }
    }

    /// Time has passed: what servers said that are lost for longer than the grace is withdrawn.
    pub fn tick(&mut self, now: Instant) {
        let (now, grace) = (self.at(now), self.rules.lost_origin_grace);
        for place in 0..self.peers.len() {
            let Some(peer) = self.peers[place].as_mut() else { continue };
            if peer.lost_at.is_some_and(|lost| lost.until(now) >= grace) {
                peer.lost_at = None;
                self.withdraw_all(place, now);
            }
        }
        self.settle_doubts(now);
        self.retry_unlisted(now);
    }

    /// The servers whose lists are to be compared once more.
    pub fn due(&mut self, now: Instant) -> Vec<PeerName> {
        let (now, verify) = (self.at(now), self.rules.verify);
        let is_due = |peer: &&mut Peer| {
            let last = peer.listed_at.max(peer.asked_at);
            let in_doubt = peer.doubts.values().any(|doubt| doubt.since.until(now) >= IN_DOUBT);
            let wait = match in_doubt {
                true => IN_DOUBT,
                false => peer.patience(verify),
            };
            peer.session.is_some() && peer.has_lists() && last.is_some_and(|last| last.until(now) >= wait)
        };
        let due = self.peers.iter_mut().flatten().filter(is_due);
        due.map(|peer| {
            peer.asked_at = Some(now);
            peer.retries = if peer.is_unsettled() { peer.retries + 1 } else { 0 };
            Arc::clone(&peer.name)
        })
        .collect()
    }

    /// What has been counted of each server, how far it is behind, and how many keys there are.
    pub fn figures(&self, now: Instant) -> Vec<Figures> {
        let now = self.at(now);
        let figures = |(place, peer): (usize, &Option<Peer>)| {
            let peer = peer.as_ref()?;
            Some(Figures {
                peer: Arc::clone(&peer.name),
                is_told: peer.is_told,
                stats: peer.stats.clone(),
                queue: peer.queue.len() + peer.window.len(),
                diverged: peer.diverged,
                lag: peer.lag(now, self.queued_since(place)),
            })
        };
        self.peers.iter().enumerate().filter_map(figures).collect()
    }

    /// How many keys there are.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// When what stands first in the queue was heard.
    fn queued_since(&self, place: usize) -> Option<At> {
        let first = *self.peers[place].as_ref()?.queue.front()?;
        Some(self.entries.get(first)?.cells[place].pending_since)
    }

    fn at(&self, now: Instant) -> At {
        At::new(self.began, now)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.peers.iter().position(|peer| peer.as_ref().is_some_and(|peer| &*peer.name == name))
    }

    /// The place of a server whose connection this is.
    fn place_of(&self, name: &str, session: Session) -> Option<usize> {
        let place = self.place(name)?;
        let peer = self.peers[place].as_ref()?;
        (peer.session == Some(session)).then_some(place)
    }

    /// Entry and server of a cell.
    fn pair(&mut self, place: usize, id: u32) -> Option<(&mut Entry, &mut Peer)> {
        Some((self.entries.get_mut(id)?, self.peers.get_mut(place)?.as_mut()?))
    }
}

/// Of one server, for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    pub peer: PeerName,
    /// Whether it is told what others say; else it is only heard, and its name is not configured.
    pub is_told: bool,
    pub stats: Stats,
    /// Writes that wait, and those that are not answered.
    pub queue: usize,
    pub diverged: usize,
    pub lag: Duration,
}

/// Marks whether a cell was seen to have another value than we believed.
fn set_diverged(cell: &mut Cell, peer: &mut Peer, diverged: bool) {
    match (cell.diverged, diverged) {
        (false, true) => peer.diverged += 1,
        (true, false) => peer.diverged = peer.diverged.saturating_sub(1),
        _ => {}
    }
    cell.diverged = diverged;
}
