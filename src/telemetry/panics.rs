//! Panics as events of the log.
//!
//! Rust prints several lines of its own, and a panic may quote what it stumbled over (a text that was cut within a letter, say): that
//! must not look like lines of ours, nor move about in a terminal.

use std::panic::{PanicHookInfo, set_hook};
use std::thread;

/// Has panics of the whole process logged: where, in which thread, and why. Who sets `RUST_BACKTRACE` looks for a fault of ours, and
/// gets what Rust prints.
pub fn log_panics() {
    let wants_more =
        std::env::var_os("RUST_BACKTRACE").is_some_and(|value| !value.is_empty() && value != "0");
    if !wants_more {
        set_hook(Box::new(log_panic));
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let reason = panic.payload_as_str().unwrap_or("it does not say why");
    tracing::error!(thread = thread::current().name().unwrap_or_default(), place, reason, "panicked");
}
