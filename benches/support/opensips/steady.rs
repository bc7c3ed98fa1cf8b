//! At a steady rate nothing is lost.

use super::sender::send;
use super::{accounts, daemon, event, settle};
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
            println!(
                "10 s of {rate:>6.0} events/s, {format:<4}         read {read} of {sent}   lost in the kernel {lost}   dropped {dropped}   (buffer {:.1} MiB)",
                granted / f64::from(1 << 20)
            );
        }
    }
}
