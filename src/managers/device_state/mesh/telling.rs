//! What is written to whom, and what became of it.

use super::cell::{At, Cell, Token};
use super::entries::Unwritable;
use super::peer::{Flight, Peer};
use super::{Mesh, REPEATS, set_diverged};
use crate::managers::device_state::messages::{Outcome, Session, Write};
use std::time::{Duration, Instant};

/// Reasons that are kept of a server, at most: what is refused besides is told again like all that is, and its reason only counted.
const REASONS: usize = 10_000;
const CONTESTED: &str = "somebody else keeps setting it to something else";

impl Mesh {
    /// What is to be written to this server now, and the session it is for. It counts as being written.
    pub fn next_writes(&mut self, name: &str, now: Instant) -> Option<(Session, Vec<Write>)> {
        let (place, now) = (self.place(name)?, self.at(now));
        let peer = self.peers[place].as_mut()?;
        let (session, room) = (peer.session?, peer.room());
        let mut writes = Vec::with_capacity(room.min(peer.queue.len()));
        while writes.len() < room {
            let Some(id) = self.peers[place].as_mut().and_then(|peer| peer.queue.pop_front()) else { break };
            match self.take(place, id, now) {
                Some(write) => writes.push(write),
                // It has become what it was before it was written, and perhaps nobody needs it any more.
                None => self.free_unneeded(id),
            }
        }
        (!writes.is_empty()).then_some((session, writes))
    }

    /// The write that stood in the queue, unless the server has by now what it should have.
    fn take(&mut self, place: usize, id: u32, now: At) -> Option<Write> {
        let (entry, peer) = self.pair(place, id)?;
        let wanted = entry.wanted(place);
        let cell = &mut entry.cells[place];
        cell.queued = false;
        let wanted = wanted.filter(|&wanted| cell.known != Some(wanted) && cell.held != Some(wanted))?;
        if cell.told == Some(wanted) {
            if cell.repeats >= REPEATS {
                peer.stats.reject(Unwritable::Contested);
                hold(cell, peer, id, (wanted, CONTESTED.to_owned()));
                return None;
            }
            cell.repeats += 1;
        }
        (cell.flight, cell.again, cell.spoiled) = (Some(wanted), false, false);
        cell.echoes.expect(wanted);
        // Heard at that time, or queued again by a listing.
        let since = if cell.pending_since == At::default() { now } else { cell.pending_since };
        peer.window.push_back(Flight { entry: id, token: wanted, since });
        let variable = entry.variable.as_ref().ok()?.clone();
        Some(Write { entry: id, variable, value: entry.value(wanted) })
    }

    /// Writes that could not be handed to the connection: they wait again.
    pub fn untold(&mut self, name: &str, session: Session, writes: &[Write], now: Instant) {
        let (Some(place), now) = (self.place_of(name, session), self.at(now)) else { return };
        for write in writes.iter().rev() {
            let Some((entry, peer)) = self.pair(place, write.entry) else { continue };
            let flight = peer.window.iter().rposition(|flight| flight.entry == write.entry);
            let flight = flight.and_then(|at| peer.window.remove(at));
            let cell = &mut entry.cells[place];
            (cell.flight, cell.again) = (None, false);
            cell.echoes.retract();
            self.want(place, write.entry, flight.map_or(now, |flight| flight.since));
        }
    }

    /// What became of writes. `confirmed` is given how long each has taken since its change was heard.
    pub fn told(
        &mut self,
        name: &str,
        session: Session,
        outcomes: Vec<(u32, Outcome)>,
        now: Instant,
        mut confirmed: impl FnMut(Duration),
    ) {
        let (Some(place), now) = (self.place_of(name, session), self.at(now)) else { return };
        for (id, outcome) in outcomes {
            let Some(flight) = self.land(place, id) else { continue };
            match outcome {
                Outcome::Set => {
                    confirmed(flight.since.until(now));
                    self.confirm(place, flight, now);
                }
                Outcome::Refused(reason) => self.refuse(place, flight, reason, now),
            }
        }
    }

    /// The write that was answered: the oldest, as a rule.
    fn land(&mut self, place: usize, id: u32) -> Option<Flight> {
        let window = &mut self.peers[place].as_mut()?.window;
        if window.front().is_some_and(|flight| flight.entry == id) {
            return window.pop_front();
        }
        let at = window.iter().position(|flight| flight.entry == id)?;
        window.remove(at)
    }

    fn confirm(&mut self, place: usize, flight: Flight, now: At) {
        let Some((entry, peer)) = self.pair(place, flight.entry) else { return };
        let cell = &mut entry.cells[place];
        cell.flight = None;
        (cell.told, cell.told_at) = (Some(flight.token), now);
        cell.known = (!cell.spoiled).then_some(flight.token);
        set_diverged(cell, peer, cell.spoiled);
        if cell.again || cell.spoiled {
            let since = if cell.again { cell.pending_since } else { now };
            cell.again = false;
            self.want(place, flight.entry, since);
        }
        self.free_after(flight);
    }

    fn refuse(&mut self, place: usize, flight: Flight, reason: String, now: At) {
        let Some((entry, peer)) = self.pair(place, flight.entry) else { return };
        let cell = &mut entry.cells[place];
        cell.flight = None;
        // No event comes of it.
        cell.echoes.retract();
        peer.stats.reject(Unwritable::Refused);
        hold(cell, peer, flight.entry, (flight.token, reason));
        if cell.again || cell.spoiled {
            let since = if cell.again { cell.pending_since } else { now };
            cell.again = false;
            self.want(place, flight.entry, since);
        }
        self.free_after(flight);
    }

    /// Only what was taken back, or set to nothing, may be needed no more.
    fn free_after(&mut self, flight: Flight) {
        let may_be_over = self.entries.get(flight.entry).is_some_and(|entry| match entry.shared {
            None => entry.cells.iter().all(|cell| cell.origin.is_none()),
            Some(_) => entry.is_not_set(flight.token),
        });
        if may_be_over {
            self.free_unneeded(flight.entry);
        }
    }

    /// Frees an entry that nobody says, has or is told anything of.
    pub(super) fn free_unneeded(&mut self, id: u32) {
        let Some(entry) = self.entries.take_unneeded(id) else { return };
        for (peer, cell) in self.peers.iter_mut().zip(&entry.cells) {
            let Some(peer) = peer else { continue };
            peer.reasons.remove(&id);
            peer.held = peer.held.saturating_sub(usize::from(cell.held.is_some()));
            peer.doubts.remove(&id);
            peer.diverged = peer.diverged.saturating_sub(usize::from(cell.diverged));
        }
    }

    /// Something has changed about a key: everybody is told who should have another value than he has.
    pub(super) fn refresh(&mut self, id: u32, now: At) {
        for place in 0..self.peers.len() {
            self.want(place, id, now);
        }
    }

    /// Queues what a server is to be told of a key, where that is something else than it has.
    pub(super) fn want(&mut self, place: usize, id: u32, now: At) {
        let Some((entry, peer)) = self.pair(place, id).filter(|(_, peer)| peer.is_told) else { return };
        let cell = &entry.cells[place];
        // What is wanted is found out when it is written, if ever: those who are away cost the others nothing.
        if cell.queued && cell.flight.is_none() {
            peer.stats.coalesced += 1;
            return;
        }
        if peer.session.is_none() && peer.behind_since.is_some() {
            return;
        }
        let Some(wanted) = entry.wanted(place) else { return };
        let is_nothing = entry.is_not_set(wanted);
        let cell = &mut entry.cells[place];
        if let Some(flight) = cell.flight {
            match cell.again {
                true => peer.stats.coalesced += 1,
                false => cell.pending_since = now,
            }
            cell.again = flight != wanted;
            return;
        }
        if cell.known == Some(wanted) || cell.held == Some(wanted) {
            return;
        }
        if peer.session.is_none() {
            // It gets the latest of everything when it comes.
            if !(is_nothing && cell.known.is_none()) {
                peer.behind_since.get_or_insert(now);
            }
            return;
        }
        release(cell, peer, id);
        (cell.queued, cell.pending_since) = (true, now);
        peer.queue.push_back(id);
    }
}

/// A value is not written again, and why: the reasons are for those who look.
fn hold(cell: &mut Cell, peer: &mut Peer, id: u32, (token, mut reason): (Token, String)) {
    peer.held += usize::from(cell.held.replace(token).is_none());
    if reason.len() > 200 {
        let end = (0..=200).rev().find(|&at| reason.is_char_boundary(at)).unwrap_or_default();
        reason.truncate(end);
    }
    if peer.reasons.len() < REASONS || peer.reasons.contains_key(&id) {
        peer.reasons.insert(id, reason);
    }
}

/// It may be written again.
pub(super) fn release(cell: &mut Cell, peer: &mut Peer, id: u32) {
    if cell.held.take().is_some() {
        peer.held = peer.held.saturating_sub(1);
        peer.reasons.remove(&id);
    }
}
