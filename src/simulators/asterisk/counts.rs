//! What an Asterisk was asked, counted and, where that is wanted, written down.

use std::collections::VecDeque;
use std::time::Instant;

/// What happened since the start of the simulator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub sessions: u64,
    pub logins: u64,
    pub refused_logins: u64,
    /// Actions of every kind, logins too.
    pub actions: u64,
    /// Variables that were asked to be set; those that have become different, and those that were refused.
    pub setvars: u64,
    pub changed: u64,
    pub refused: u64,
    /// Events, each counted once however many were told.
    pub events: u64,
    /// Connections ended because their client did not read.
    pub cut: u64,
}

/// What became of setting a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Changed,
    /// A success that changes nothing and tells nobody.
    Same,
    Refused,
}

/// A variable that was set, or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setvar {
    pub at: Instant,
    pub variable: Vec<u8>,
    pub value: Vec<u8>,
    pub outcome: Outcome,
}

/// The last variables that were set, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal {
    lines: VecDeque<Setvar>,
    limit: usize,
}

impl Journal {
    /// A journal of so many lines.
    pub fn new(limit: usize) -> Journal {
        Journal { lines: VecDeque::new(), limit }
    }

    pub fn add(&mut self, variable: &[u8], value: &[u8], outcome: Outcome) {
        if self.limit == 0 {
            return;
        }
        if self.lines.len() == self.limit {
            self.lines.pop_front();
        }
        self.lines.push_back(Setvar {
            at: Instant::now(),
            variable: variable.to_vec(),
            value: value.to_vec(),
            outcome,
        });
    }

    pub fn lines(&self) -> Vec<Setvar> {
        self.lines.iter().cloned().collect()
    }
}
