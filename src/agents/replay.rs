//! What is told to one agent besides what happens: states that it has missed, as many at a time as it has room for.

use super::retained::{Place, Retained};
use crate::zmq::{Offered, Publisher};
use bytes::Bytes;
use std::net::SocketAddr;

/// States of which some are still to be told.
pub struct Replay {
    peer: SocketAddr,
    /// How the topics begin that it wants.
    prefixes: Vec<Bytes>,
    told: Option<Place>,
}

impl Replay {
    /// Everything that begins with one of these.
    pub fn new(peer: SocketAddr, prefixes: Vec<Bytes>) -> Replay {
        Replay { peer, prefixes, told: None }
    }

    /// How the topics begin that it wants.
    pub fn prefixes(&self) -> &[Bytes] {
        &self.prefixes
    }

    /// Whether it is about this agent.
    pub fn is_of(&self, peer: SocketAddr) -> bool {
        self.peer == peer
    }

    /// Tells what there is room for; whether something is left.
    pub fn go_on(&mut self, retained: &Retained, publisher: &Publisher) -> bool {
        let told = self.told.clone();
        for (place, frames) in retained.after(told.as_ref()) {
            if !self.prefixes.iter().any(|prefix| frames[0].starts_with(prefix)) {
                continue;
            }
            match publisher.offer(self.peer, &*retained.told(place, frames)) {
                Offered::Taken => self.told = Some(place.clone()),
                Offered::Full => return true,
                Offered::Gone => return false,
            }
        }
        false
    }
}
