//! At a steady rate nothing is lost.

use super::sender::send;
use super::{accounts, daemon, event, settle};
use crate::row::Row;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(10);

/// Prints what is lost at steady rates.
pub fn print() {
    for rate in [50_000.0, 100_000.0] {
        for format in ["text", "JSON"] {
            let trial = daemon();
            let granted = trial.metric("receive_buffer_bytes", "connection=\"sbc\"");
            let sent = send(trial.listens_at(), &event(format), LONG, Some(rate));
            settle(&trial, sent as f64);
            let (read, lost, dropped) = accounts(&trial);
            let room = granted / f64::from(1 << 20);
            let what = format!("10 s of {rate:.0} events/s of OpenSIPS, {format}");
            let measured = format!(
                "{read} read of {sent}, {lost} lost in the kernel, {dropped} dropped; room for {room:.1} MiB"
            );
            Row::new(what, measured).budget("none lost", lost + dropped == 0.0).print();
        }
    }
}
