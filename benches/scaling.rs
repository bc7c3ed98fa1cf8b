//! What an event costs the daemon's processors, against what it may grow with: the rate, subscribers, stored events, servers, hubs.
//!
//!     cargo bench --bench scaling [-- rate|subscribers|stored|servers|asterisks|hubs]
//!
//! The daemon is a process of its own, and what it has spent is asked of the kernel: who else is busy makes little difference.
//! `EVENTMANAGER_CURVES=DIRECTORY` writes each curve there, as a file of two columns.

#[path = "../tests/states/fleet.rs"]
#[allow(dead_code, reason = "a benchmark does less with it")]
mod fleet;
#[path = "support/scaling/mod.rs"]
mod parts;
#[path = "support/processor.rs"]
mod processor;
#[path = "support/hubs/receiver.rs"]
#[allow(dead_code, reason = "a benchmark does less with it")]
mod receiver;
#[path = "support/row.rs"]
#[allow(dead_code, reason = "a curve has no budget")]
mod row;
#[path = "support/stages.rs"]
#[allow(dead_code, reason = "a benchmark does less with it")]
mod stages;
#[path = "../tests/support/mod.rs"]
mod support;

use parts::{asterisks, hubs, rate, servers, stored, subscribers};
// What other benches call it.
use support as testing;

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let curves: [(&str, fn()); 6] = [
        ("rate", rate::print),
        ("subscribers", subscribers::print),
        ("stored", stored::print),
        ("servers", servers::print),
        ("asterisks", asterisks::print),
        ("hubs", hubs::print),
    ];
    for (name, print) in curves {
        if wanted.as_deref().is_none_or(|wanted| wanted == name) {
            print();
        }
    }
}
