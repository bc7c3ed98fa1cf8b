//! What an exchange over HTTP means that did not come about.

use super::breaker::Breaker;
use crate::outbound::{LeaseOver, causes};

/// Why a host did not do what it was asked.
pub enum Failure {
    /// It never got there, or the host said no before doing anything: another host may be asked.
    NotTaken(String),
    /// It got there and no answer came back.
    Unanswered(String),
}

/// Another node of the cluster sends instead of us. It is no fault of the host.
pub fn not_ours(breaker: &Breaker) -> Failure {
    Failure::NotTaken(format!("{}: this node of the cluster does not hold the lease", breaker.name()))
}

/// What it means that no answer came; the breaker takes note. The URL, which may carry passwords, is not told.
pub fn no_answer(breaker: &Breaker, error: reqwest::Error) -> Failure {
    if LeaseOver::is_cause_of(&error) {
        return not_ours(breaker);
    }
    let not_sent = error.is_connect() || error.is_builder();
    let reason = causes(&error.without_url());
    if not_sent {
        breaker.leave_alone(&reason);
        Failure::NotTaken(format!("{}: {reason}", breaker.name()))
    } else {
        breaker.fell_silent(&reason);
        Failure::Unanswered(format!("no answer from {}: {reason}", breaker.name()))
    }
}

/// The failure that a status of "not now" or of a balancer stands for; the breaker takes note.
pub fn check_available(breaker: &Breaker, status: u16) -> Result<(), Failure> {
    if !matches!(status, 429 | 502 | 503 | 504) {
        return Ok(());
    }
    let reason = format!("HTTP status {status}");
    breaker.fell_silent(&reason);
    let reason = format!("{}: {reason}", breaker.name());
    // Behind a balancer that says "bad gateway" or "gateway timeout" the request may have been carried out.
    Err(match status {
        502 | 504 => Failure::Unanswered(reason),
        _ => Failure::NotTaken(reason),
    })
}
