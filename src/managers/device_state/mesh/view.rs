//! What there is to be seen: keys page by page, and servers.

use super::cell::{At, Token};
use super::entries::Entry;
use super::peer::Peer;
use super::{Mesh, Unwritable};
use crate::managers::device_state::messages::PeerName;
use crate::states::{Key, Kind, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many keys are looked at for one page: with a filter that hardly any fits, a page ends there and the next one goes on.
const LOOKED_AT: usize = 5_000;

/// Which keys are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Stands in the name.
    pub name: Option<Vec<u8>>,
    /// This is the name.
    pub exactly: Option<Vec<u8>>,
    /// Has a say on it, or has or should have something of it.
    pub peer: Option<String>,
    pub kind: Option<Kind>,
    /// Somebody was seen to have another value than he was told, or does not take what he should have.
    pub diverged: bool,
}

/// Some keys.
#[derive(Debug)]
pub struct Page {
    pub keys: Vec<KeyView>,
    /// Behind which key the next page begins; `None`: there are no more.
    pub next: Option<Key>,
}

/// One key.
#[derive(Debug)]
pub struct KeyView {
    pub key: Key,
    pub unwritable: Option<Unwritable>,
    pub origins: Vec<Said>,
    /// What all origins say together: what a server is told that has no say of its own.
    pub aggregate: Option<Value>,
    pub peers: Vec<CellView>,
}

/// What a server says.
#[derive(Debug)]
pub struct Said {
    pub peer: PeerName,
    pub value: Value,
    pub since: Duration,
}

/// How it is with a key on a server.
#[derive(Debug)]
pub struct CellView {
    pub peer: PeerName,
    /// What it should have; `None`: nothing is written.
    pub wanted: Option<Value>,
    /// What it has, as far as anybody knows.
    pub known: Option<Value>,
    /// What it has confirmed last, and when.
    pub told: Option<(Value, Duration)>,
    /// It is about to be written, or not answered yet.
    pub pending: bool,
    /// Why it is not written again.
    pub refused: Option<String>,
    pub diverged: bool,
}

/// One server.
#[derive(Debug)]
pub struct PeerView {
    pub peer: PeerName,
    pub up: bool,
    /// Keys that it has a say on.
    pub says: usize,
    pub queue: usize,
    pub in_flight: usize,
    pub coalesced: u64,
    pub resyncs: u64,
    /// By reason, where there are any.
    pub rejected: Vec<(Unwritable, u64)>,
    pub diverged: usize,
    pub lag: Duration,
    /// Why its devices and presentities cannot be listed.
    pub devices_missing: Option<String>,
    pub presences_missing: Option<String>,
}

impl Mesh {
    /// Some keys behind `after`, in their order.
    pub fn page(&self, filter: &Filter, after: Option<&Key>, limit: usize) -> Page {
        let place = filter.peer.as_deref().map(|name| self.place(name));
        let (mut keys, mut last) = (Vec::new(), None);
        let mut exact = None;
        if let Some(name) = &filter.exactly {
            let kinds = [Kind::Device, Kind::Presence].into_iter();
            let ids = kinds.filter_map(|kind| self.entries.find(&Key { kind, name: name.as_slice().into() }));
            exact = Some(ids.collect::<Vec<u32>>());
        }
        if let Some(ids) = exact {
            let entries = ids.into_iter().filter_map(|id| Some((id, self.entries.get(id)?)));
            let keys = entries.filter(|(_, entry)| self.fits(entry, filter, place));
            return Page { keys: keys.map(|(id, entry)| self.key_view(id, entry)).collect(), next: None };
        }
        for (looked_at, (key, id)) in self.entries.after(after).enumerate() {
            if keys.len() == limit || looked_at == LOOKED_AT {
                return Page { keys, next: last };
            }
            last = Some(key.clone());
            let Some(entry) = self.entries.get(id) else { continue };
            if self.fits(entry, filter, place) {
                keys.push(self.key_view(id, entry));
            }
        }
        Page { keys, next: None }
    }

    fn fits(&self, entry: &Entry, filter: &Filter, place: Option<Option<usize>>) -> bool {
        let fits_name = |part: &Vec<u8>| memchr::memmem::find(&entry.key.name, part).is_some();
        let has_part = |place: usize| {
            let cell = &entry.cells[place];
            cell.origin.is_some() || cell.told.is_some() || cell.is_pending() || entry.wanted(place).is_some()
        };
        filter.kind.is_none_or(|kind| kind == entry.key.kind)
            && filter.name.as_ref().is_none_or(fits_name)
            && place.is_none_or(|place| place.is_some_and(has_part))
            && (!filter.diverged
                || match place.flatten() {
                    Some(place) => entry.cells[place].diverged || entry.cells[place].held.is_some(),
                    None => entry.cells.iter().any(|cell| cell.diverged || cell.held.is_some()),
                })
    }

    fn key_view(&self, id: u32, entry: &Entry) -> KeyView {
        let peers =
            || self.peers.iter().enumerate().filter_map(|(place, peer)| Some((place, peer.as_ref()?)));
        let own = |(place, peer): (usize, &Peer)| {
            let cell = &entry.cells[place];
            Some(said(entry, peer, cell.origin?, cell.said_at))
        };
        let origins = match &entry.shared {
            None => peers().filter_map(own).collect(),
            Some(shared) => {
                let by = peers().find(|&(place, _)| Some(place) == shared.by).zip(shared.value);
                by.map(|((_, peer), value)| said(entry, peer, value, shared.since)).into_iter().collect()
            }
        };
        KeyView {
            key: entry.key.clone(),
            unwritable: entry.variable.as_ref().err().copied(),
            origins,
            aggregate: entry.aggregate(),
            peers: peers().map(|(place, peer)| cell_view(id, entry, place, peer)).collect(),
        }
    }

    /// All servers.
    pub fn peers(&self, now: Instant) -> Vec<PeerView> {
        let now = self.at(now);
        let view = |(place, peer): (usize, &Option<Peer>)| {
            let peer = peer.as_ref()?;
            let rejected = Unwritable::ALL.into_iter().zip(peer.stats.rejected);
            let [devices_missing, presences_missing] = peer.missing.clone();
            Some(PeerView {
                peer: Arc::clone(&peer.name),
                up: peer.session.is_some(),
                says: peer.says,
                queue: peer.queue.len(),
                in_flight: peer.window.len(),
                coalesced: peer.stats.coalesced,
                resyncs: peer.stats.resyncs,
                rejected: rejected.filter(|&(_, count)| count > 0).collect(),
                diverged: peer.diverged,
                lag: peer.lag(now, self.queued_since(place)),
                devices_missing,
                presences_missing,
            })
        };
        self.peers.iter().enumerate().filter_map(view).collect()
    }
}

fn said(entry: &Entry, peer: &Peer, token: Token, at: At) -> Said {
    Said { peer: Arc::clone(&peer.name), value: entry.value(token), since: at.since_begin() }
}

fn cell_view(id: u32, entry: &Entry, place: usize, peer: &Peer) -> CellView {
    let cell = &entry.cells[place];
    let value = |token: Option<Token>| token.map(|token| entry.value(token));
    CellView {
        peer: Arc::clone(&peer.name),
        wanted: value(entry.wanted(place)),
        known: value(cell.known),
        told: value(cell.told).map(|told| (told, cell.told_at.since_begin())),
        pending: cell.is_pending(),
        refused: cell.held.map(|_| peer.reasons.get(&id).cloned().unwrap_or_default()),
        diverged: cell.diverged,
    }
}
