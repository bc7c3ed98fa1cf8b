//! How fast codecs and plan functions are, beside what does the least with the same bytes, in the same run.
//!
//!     cargo bench --bench wire [-- part of a name]
//!
//! Takes half a minute. How much work they are, whatever else the machine does, is told by `instructions`.

#[path = "support/allocator.rs"]
mod allocator;
#[path = "support/cases/mod.rs"]
mod cases;
#[path = "support/row.rs"]
mod row;

use cases::{Amount, Case};
use row::Row;
use std::time::{Duration, Instant};

/// The best of so many rounds counts, of which each takes so long.
const ROUNDS: u32 = 150;
const ROUND: Duration = Duration::from_millis(3);

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let is_wanted = |case: &Case| wanted.as_deref().is_none_or(|part| case.name.contains(part));
    cases::all().into_iter().filter(is_wanted).for_each(measure);
}

/// Does a case and its bound in turns, so that a busy machine slows both.
fn measure(mut case: Case) {
    let times = repetitions(&mut case.work);
    let (mut best, mut best_of_bound) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        best = best.min(time(&mut case.work, times));
        if let Some(bound) = &mut case.bound {
            best_of_bound = best_of_bound.min(time(&mut bound.work, times));
        }
    }
    let (amount, unit, scale) = match case.amount {
        Amount::Bytes(bytes) => (bytes, "MB/s".to_owned(), 1e6),
        Amount::Items(items, what) => (items, format!("thousand {what}/s"), 1e3),
    };
    let rate = amount as f64 * f64::from(times) / best.as_secs_f64();
    let mut row = Row::new(case.name, format!("{:.0} {unit}", rate / scale));
    if let Some(least) = case.at_least {
        row = row.budget(&format!("≥ {:.0}", least / scale), rate >= least);
    }
    if let Some(bound) = case.bound {
        let ratio = best_of_bound.as_secs_f64() / best.as_secs_f64();
        row = row.of(ratio, bound.name);
        if let Some(least) = bound.at_least {
            row = row.budget(&format!("≥ {least}"), ratio >= least);
        }
    }
    row.print();
}

/// How often something is done in one round.
fn repetitions(work: &mut dyn FnMut()) -> u32 {
    let mut times = 1;
    while time(work, times) < ROUND {
        times *= 2;
    }
    times
}

fn time(work: &mut dyn FnMut(), times: u32) -> Duration {
    let began = Instant::now();
    (0..times).for_each(|_| work());
    began.elapsed()
}
