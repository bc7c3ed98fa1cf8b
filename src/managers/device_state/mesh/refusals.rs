//! What a server has refused is told it again, since it may take it later.
//!
//! Where there is a list that follows from the listing, which is due sooner then ([`Peer::patience`]); where there is none it follows from the
//! time alone.

use super::Mesh;
use super::cell::At;
use super::entries::Entry;
use super::peer::Peer;

impl Mesh {
    /// Tells servers once more what they have refused, where they cannot list that.
    pub(super) fn retry_unlisted(&mut self, now: At) {
        for place in 0..self.peers.len() {
            let verify = self.rules.verify;
            let is_due = |peer: &&Peer| {
                let last = peer.listed_at.max(peer.retried_at);
                let is_over = last.is_some_and(|last| last.until(now) >= peer.patience(verify));
                peer.session.is_some() && peer.held > 0 && is_over
            };
            let Some(peer) = self.peers[place].as_ref().filter(is_due) else { continue };
            let is_held = |entry: &Entry| entry.cells[place].held.is_some();
            let is_unlisted = |entry: &Entry| is_held(entry) && !peer.has_list[entry.key.kind as usize];
            let ids = 0..self.entries.end();
            let held: Vec<u32> = ids.filter(|&id| self.entries.get(id).is_some_and(is_unlisted)).collect();
            if held.is_empty() {
                continue;
            }
            if let Some(peer) = &mut self.peers[place] {
                (peer.retried_at, peer.retries) = (Some(now), peer.retries + 1);
            }
            for id in held {
                self.begin_anew(place, id);
                self.want(place, id, now);
            }
        }
    }
}
