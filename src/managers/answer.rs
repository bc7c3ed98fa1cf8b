//! What came of a request, in the terms in which the executor decides.

use crate::config::FaultClass;
use crate::wire::cai3g::{self, Fault};
use std::collections::BTreeMap;

/// The outcome of sending one request once.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The peer did it.
    Done,
    /// The peer says that it is there already.
    Exists(String),
    /// The peer says that it is not there.
    Absent(String),
    /// The peer refuses it, now and later.
    Refused(String),
    /// The request never left, or the peer said that it did not take it: the same request may be sent again.
    NotTaken(String),
    /// The request left and no answer came: it may have been done.
    Unanswered(String),
    /// An answer came that means nothing.
    NotUnderstood(String),
}

impl Answer {
    /// The label `outcome` of `southbound_request_seconds`.
    pub fn outcome(&self) -> &'static str {
        match self {
            Answer::Done => "done",
            Answer::Exists(_) => "exists",
            Answer::Absent(_) => "absent",
            Answer::Refused(_) => "refused",
            Answer::NotTaken(_) => "not_taken",
            Answer::Unanswered(_) => "unanswered",
            Answer::NotUnderstood(_) => "not_understood",
        }
    }
}

/// The configured table of fault codes; codes that it does not hold are permanent.
#[derive(Debug, Clone)]
pub struct FaultClasses(BTreeMap<u32, FaultClass>);

impl FaultClasses {
    /// A table of codes, defaults filled in.
    pub fn new(table: BTreeMap<u32, FaultClass>) -> Self {
        FaultClasses(table)
    }

    /// The class of a fault: that of its fault code, else of its detail code.
    pub fn class(&self, fault: &Fault) -> FaultClass {
        let of = |code: Option<u32>| code.and_then(|code| self.0.get(&code)).copied();
        of(fault.code).or_else(|| of(fault.detail_code)).unwrap_or(FaultClass::Permanent)
    }

    /// What an answer of `host` means.
    pub fn answer(&self, answer: cai3g::Answer, host: &str) -> Answer {
        match answer {
            cai3g::Answer::Success { .. } => Answer::Done,
            cai3g::Answer::NotUnderstood { reason } => {
                Answer::NotUnderstood(format!("answer of {host} not understood: {reason}"))
            }
            cai3g::Answer::Fault(fault) => {
                let text = format!("fault from {host}: {fault}");
                match self.class(&fault) {
                    FaultClass::Exists => Answer::Exists(text),
                    FaultClass::Absent => Answer::Absent(text),
                    FaultClass::Session | FaultClass::Login | FaultClass::Transient => Answer::NotTaken(text),
                    FaultClass::Permanent => Answer::Refused(text),
                }
            }
        }
    }
}
