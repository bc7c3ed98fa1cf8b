//! Events of OpenSIPS: how many are received and parsed in a second, whether any is lost at a steady rate, and how many are delivered to
//! subscribers of ours, beside what a bare sender does.
//!
//!     cargo bench --bench opensips [-- receive|steady|deliver]
//!
//! The daemon is a process of its own; the sender shares the processors with it.

#[path = "support/load.rs"]
mod load;
#[path = "support/opensips/mod.rs"]
mod parts;
#[path = "support/processor.rs"]
mod processor;
#[path = "support/row.rs"]
mod row;
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "../tests/opensips/trial.rs"]
#[allow(dead_code, reason = "a benchmark does less with it")]
mod trial;

use parts::{deliver, receive, steady};
// What other benches call it.
use support as testing;

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let runs = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    println!("{}", load::of_the_minute_before());
    if runs("receive") {
        receive::print();
    }
    if runs("steady") {
        steady::print();
    }
    if runs("deliver") {
        deliver::print();
    }
}
