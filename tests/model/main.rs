//! Random sequences of commands, with faults, lost answers and crashes at every boundary, against a model of HSS, ENUM
//! and mail: when the dust has settled, the model is what the table of subscribers says, and both are what the
//! commands say one after the other.
//!
//! `MODEL_SEQUENCES` (10000) says how many sequences run. A failure prints the seed and what is left of its sequence
//! when everything is taken out that the failure does not need; `MODEL_SEED=SEED` runs that one alone, and a line in
//! `regressions` makes it run first, always.
//!
//! The routing, the executor and the store's writer share one thread with paused time, so that a run is the same each
//! time but for what SQLite reads on other threads, and waiting costs nothing.

mod checks;
mod commands;
mod core;
mod crash;
mod every_boundary;
mod life;
mod peers;
mod reference;
mod sequence;
mod shrink;
mod world;

use life::Site;
use sequence::Sequence;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use world::Report;

/// Runs something with paused time on this thread.
fn paused<F: Future>(future: F) -> F::Output {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().expect("a runtime")
    };
    actix_rt::System::with_tokio_rt(runtime).block_on(future)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Runs sequences until one fails, and says why it does.
fn run_seeds(seeds: impl Iterator<Item = u64>) -> Result<Report, String> {
    paused(async {
        let mut site = Site::new();
        let mut total = Report::default();
        for seed in seeds {
            let sequence = Sequence::of(seed);
            match world::run(&mut site, &sequence).await {
                Ok(report) => total.add(report),
                Err(error) => return Err(shrink::explain(&mut site, sequence, error).await),
            }
        }
        Ok(total)
    })
}

#[test]
fn whatever_goes_wrong_the_core_becomes_what_the_table_says() {
    if let Some(seed) = number("MODEL_SEED") {
        return run_seeds([seed].into_iter()).map(drop).unwrap_or_else(|error| panic!("{error}"));
    }
    let count = number("MODEL_SEQUENCES").unwrap_or(10_000);
    let threads = std::thread::available_parallelism().map_or(2, |threads| threads.get());
    let next = Arc::new(AtomicU64::new(0));
    let run = |_| {
        let next = Arc::clone(&next);
        std::thread::spawn(move || {
            let seeds = std::iter::from_fn(|| Some(next.fetch_add(1, Relaxed)).filter(|seed| *seed < count));
            // Whoever fails leaves nothing to do for the others.
            run_seeds(seeds).inspect_err(|_| next.store(count, Relaxed))
        })
    };
    let threads: Vec<_> = (0..threads).map(run).collect();
    let mut total = Report::default();
    for thread in threads {
        match thread.join().expect("no panic") {
            Ok(report) => total.add(report),
            Err(error) => panic!("{error}"),
        }
    }
    println!("{count} sequences: {total:?}");
    assert!(u64::from(total.crashes) > count / 4, "the daemon does end now and then");
}

/// Seeds that have failed once, each with what was wrong.
const REGRESSIONS: &str = include_str!("regressions");

#[test]
fn what_has_failed_once_does_not_fail_again() {
    let lines = REGRESSIONS.lines().filter(|line| !line.starts_with('#'));
    for seed in lines.filter_map(|line| line.split_whitespace().next()) {
        let seed = seed.parse().expect("a seed at the beginning of the line");
        run_seeds([seed].into_iter()).unwrap_or_else(|error| panic!("{error}"));
    }
}
