//! As many as one sender can send, and what reading them costs.

use super::sender::send;
use super::{LONG, daemon, event, settle};
use crate::processor::spent;
use crate::row::Row;
use std::time::Instant;

/// Prints what is read and parsed in a second, which is what the sender sends as long as nothing is lost, and what one event costs.
pub fn print() {
    for format in ["text", "JSON"] {
        let trial = daemon();
        let (before, began) = (spent(&trial.daemon), Instant::now());
        let sent = send(trial.listens_at(), &event(format), LONG, None);
        let (read, lost, dropped) = settle(&trial, sent as f64);
        let rate = read / began.elapsed().as_secs_f64();
        let each = (spent(&trial.daemon) - before).as_secs_f64() * 1e6 / read;
        let account = format!("of {sent} {lost} lost in the kernel, {dropped} dropped");
        let measured = format!("{account}; {each:.2} µs of processor each; {rate:.0} events/s");
        Row::new(format!("OpenSIPS' events received, {format}"), measured)
            .budget("≥ 100000", rate >= 100_000.0)
            .print();
    }
}
