//! What becomes of an event that may have been an echo or a change, at a server that cannot be listed.
//!
//! A value that is written to a server which has it already makes no event, so that its echo is awaited until somebody sets that value. Where
//! there are lists, they tell it apart; where there are none, what was heard last is what the server has.

use super::cell::At;
use super::peer::Doubt;
use super::{IN_DOUBT, Mesh, set_diverged};
use crate::states::{Kind, Value};

impl Mesh {
    /// Takes doubts for changes that are old enough, where no list would say more.
    pub(super) fn settle_doubts(&mut self, now: At) {
        for place in 0..self.peers.len() {
            let Some(peer) = &self.peers[place] else { continue };
            let is_ripe = |&(&id, doubt): &(&u32, &Doubt)| {
                peer.is_missing(kind(&doubt.heard)) && self.is_ripe(place, id, doubt, now)
            };
            let ripe: Vec<u32> = peer.doubts.iter().filter(is_ripe).map(|(&id, _)| id).collect();
            for id in ripe {
                self.settle_doubt(place, id, now);
            }
        }
    }

    /// Whether no event can be on its way that says more.
    fn is_ripe(&self, place: usize, id: u32, doubt: &Doubt, now: At) -> bool {
        let Some(cell) = self.entries.get(id).map(|entry| &entry.cells[place]) else { return false };
        !cell.is_pending() && doubt.since.max(cell.told_at).until(now) >= IN_DOUBT
    }

    fn settle_doubt(&mut self, place: usize, id: u32, now: At) {
        let Some((entry, peer)) = self.pair(place, id) else { return };
        let Some(token) = peer.doubts.remove(&id).and_then(|doubt| entry.token(&doubt.heard)) else { return };
        if entry.key.kind == Kind::Presence {
            return self.adopt(place, id, token, now, now);
        }
        let wanted = entry.wanted(place);
        let cell = &mut entry.cells[place];
        cell.known = Some(token);
        set_diverged(cell, peer, wanted.is_some_and(|wanted| wanted != token));
        self.want(place, id, now);
    }
}

/// Of which kind of key this is a value.
pub fn kind(value: &Value) -> Kind {
    match value {
        Value::Device(_) => Kind::Device,
        Value::Presence(_) => Kind::Presence,
    }
}
