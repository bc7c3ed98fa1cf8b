//! What an OpenSIPS was asked and has told, counted and written down.

use crate::wire::mi::Request;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// Requests that are kept to be looked at.
const JOURNAL: usize = 10_000;

/// What happened since the start of the simulator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that could be read, by their method.
    pub requests: BTreeMap<String, u64>,
    /// Requests of the language or of HTTP that could not be read, or that OpenSIPS lets hang.
    pub unreadable: u64,
    pub answers: u64,
    /// Events, each counted once for every subscriber to whom it was sent.
    pub sent: u64,
    /// Those that could not be sent: nobody is there, or the receiver's queue is full.
    pub lost: u64,
    /// Connections of event_stream that were made.
    pub streams: u64,
    /// Events over TCP that were answered, in reliable mode.
    pub acknowledged: u64,
}

/// A request that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub at: Instant,
    pub request: Request,
}

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal(VecDeque<Asked>);

impl Journal {
    pub fn add(&mut self, request: Request) {
        if self.0.len() == JOURNAL {
            self.0.pop_front();
        }
        self.0.push_back(Asked { at: Instant::now(), request });
    }

    pub fn lines(&self) -> Vec<Asked> {
        self.0.iter().cloned().collect()
    }
}
