//! The connection to Kamailio: how many events it takes in a second, how long a suspended transaction waits for its answer,
//! and calls that all depend on one. Beside each figure what the least of a client does in the same run.
//!
//!     cargo bench --bench kamailio [-- events|alone|answers|calls]
//!
//! The daemon is a process of its own, and so is Kamailio (but in `alone`). They share the processors with the bench, so
//! daemon and bare client take turns, each with a Kamailio of its own.

#[path = "support/load.rs"]
mod load;
#[path = "support/kamailio/mod.rs"]
mod parts;
#[path = "../tests/kamailio/real.rs"]
#[allow(dead_code, reason = "a benchmark starts no Kamailio anew")]
mod real;
#[path = "support/row.rs"]
mod row;
#[path = "../tests/support/mod.rs"]
mod support;

use parts::{answers, calls, events};

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let runs = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    println!("{}", load::of_the_minute_before());
    if runs("events") {
        events::print_with_kamailio();
    }
    if runs("alone") {
        events::print_alone();
    }
    if runs("answers") {
        answers::print();
    }
    if runs("calls") {
        calls::print();
    }
}
