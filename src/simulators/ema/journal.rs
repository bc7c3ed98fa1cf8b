//! What was asked of the simulator and what came of it: the journal, the counts, and creates that came twice.

use super::faults::Fault;
use std::collections::{HashMap, VecDeque};
use std::time::SystemTime;

/// One request, in the order in which they were processed.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedCall {
    /// From 1.
    pub number: u64,
    pub time: SystemTime,
    /// `Create`, `Set`, `Delete`, `Login`, `Logout`, or `?` for what could not be read.
    pub operation: &'static str,
    /// What exactly: `Set teluri`, `Create ENUM`, … as the plans are described.
    pub step: &'static str,
    /// Association id or msisdn; empty for sessions.
    pub mo_id: String,
    /// Public identity, service profile or private user that is set or deleted; empty where there is none.
    pub subject: String,
    /// From the header.
    pub session: Option<String>,
    /// The host that was asked, as the client wrote it: tells apart clients that call it by different names.
    pub host: String,
    pub outcome: Outcome,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done and answered so.
    Success,
    /// Refused, by the state or by the script.
    Fault { code: u32, detail_code: Option<u32> },
    /// A scripted HTTP status or body; nothing was done.
    Status(u16),
    /// The script let the client wait or hung up; whether it was done all the same.
    Unanswered { done: bool },
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Outcome {
        Outcome::Fault { code: fault.code, detail_code: fault.detail_code }
    }
}

/// How many requests there were since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them, sessions and unreadable ones included.
    pub requests: u64,
    pub logins: u64,
    pub logouts: u64,
    /// HSS requests that were done.
    pub hss: u64,
    /// ENUM requests that were done.
    pub enumerations: u64,
    /// Refused, whoever refused.
    pub faults: u64,
    /// Requests that were left without an answer.
    pub unanswered: u64,
}

/// Creates for an id that had been created before.
///
/// A daemon that forgets what it has sent shows here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CreatedTwice {
    /// Refused, because it was there.
    pub refused: u64,
    /// Of the refused, those whose first create had been answered: a repetition without need.
    pub refused_after_answer: u64,
    /// Done, because a delete came between: a change of type does that.
    pub applied_again: u64,
}

/// The journal: the last calls, if they are kept at all.
#[derive(Debug)]
pub(super) struct Journal {
    /// Calls kept; 0 keeps none.
    capacity: usize,
    calls: VecDeque<RecordedCall>,
    /// Ids that were created, and whether the last create was answered.
    creates: HashMap<String, bool>,
    created_twice: CreatedTwice,
}

impl Journal {
    pub fn new(capacity: usize) -> Journal {
        Journal {
            capacity,
            calls: VecDeque::new(),
            creates: HashMap::new(),
            created_twice: CreatedTwice::default(),
        }
    }

    pub fn record(&mut self, call: RecordedCall) {
        if self.capacity == 0 {
            return;
        }
        if self.calls.len() == self.capacity {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// Notes what a create came to.
    pub fn note_create(&mut self, mo_id: &str, result: &Result<(), Fault>) {
        let earlier = self.creates.get(mo_id).copied();
        match result {
            Ok(()) => {
                self.created_twice.applied_again += u64::from(earlier.is_some());
                self.creates.insert(mo_id.to_owned(), false);
            }
            Err(fault) if fault.says_exists() => {
                self.created_twice.refused += 1;
                self.created_twice.refused_after_answer += u64::from(earlier == Some(true));
            }
            Err(_) => {}
        }
    }

    /// Notes that the answer to a create has left.
    pub fn note_answer(&mut self, mo_id: &str) {
        if let Some(answered) = self.creates.get_mut(mo_id) {
            *answered = true;
        }
    }

    pub fn calls(&self) -> Vec<RecordedCall> {
        self.calls.iter().cloned().collect()
    }

    pub fn created_twice(&self) -> CreatedTwice {
        self.created_twice
    }
}
