//! States of devices between Asterisks: how many changes are mirrored in a second, and how soon; what servers cost that are away or
//! stopped; and the same through ZeroMQ modules. Beside the first what the least of a relay does in the same run.
//!
//!     cargo bench --bench asterisk [-- rate|latency|away|zmq]
//!
//! The daemon is a process of its own; the simulated Asterisks share two threads of the bench, and the processors with it.

#[path = "../tests/states/fleet.rs"]
#[allow(dead_code, reason = "a benchmark does less with it")]
mod fleet;
#[path = "support/load.rs"]
mod load;
#[path = "support/asterisk/mod.rs"]
mod parts;
#[path = "support/round_trip.rs"]
mod round_trip;
#[path = "support/row.rs"]
mod row;
#[path = "../tests/support/mod.rs"]
mod support;

use parts::{away, latency, rate, zmq};

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let runs = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    println!("{}", load::of_the_minute_before());
    if runs("rate") {
        rate::print();
    }
    if runs("latency") {
        round_trip::print();
        latency::print();
    }
    if runs("away") {
        away::print();
    }
    if runs("zmq") {
        zmq::print();
    }
}
