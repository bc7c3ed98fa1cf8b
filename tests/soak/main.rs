//! Half an hour of everything, under mixed faults: what the daemon holds does not grow, and in the end everything is as it should be.
//!
//! `EVENTMANAGER_SOAK=MINUTES` makes it shorter or longer; which fault comes when follows from `EVENTMANAGER_SEED`, which is printed.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world/mod.rs"]
mod world;

mod faults;
mod samples;

use faults::FAULTS;
use samples::{Sample, growth};
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, PATIENCE, eventually};
use support::postgres::Server;
use world::{Base, World};

/// In minutes, with the warm-up.
const USUAL: u64 = 42;
/// Until pools, buffers and tables have the size that they need: the window of the topic log is full after some ten minutes. Of a
/// run that is shorter, its first third.
const WARM_UP: Duration = Duration::from_secs(12 * 60);
/// Memory may grow by so many hundredths in ten minutes.
const MOST_GROWTH: f64 = 1.0;
/// Descriptors come and go with connections; those that are left over at rest may not be more than these.
const MORE_DESCRIPTORS: u64 = 4;
/// How long a fault lasts, and how long nothing is wrong once what has piled up behind it is carried out.
const FAULT: Duration = Duration::from_secs(4);
const PEACE: Duration = Duration::from_secs(6);
/// So much less happens than where kills are tried, that what has piled up behind a fault is carried out before the next one.
const SLOWER: u32 = 8;
/// So many events are under way as a rule.
const FEW: f64 = 20.0;

/// A number of the environment; what is none is no reason to go on without it.
fn given<N: FromStr>(variable: &str) -> Option<N> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().ok().unwrap_or_else(|| panic!("{variable} is {text:?}, which is no number")))
}

#[test]
#[ignore = "takes three quarters of an hour"]
fn half_an_hour_under_mixed_faults_costs_neither_memory_nor_descriptors() {
    let minutes = given("EVENTMANAGER_SOAK").unwrap_or(USUAL);
    let seed = given("EVENTMANAGER_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{minutes} minutes, EVENTMANAGER_SEED={seed}");
    let (server, mut random) = (Server::start(), fastrand::Rng::with_seed(seed));
    let mut world = World::slower(seed, SLOWER, |_| Base::postgres(&server, false));
    let daemon = world.start("").expect("it serves");
    let long = Duration::from_secs(60 * minutes);
    let warm = WARM_UP.min(long / 3);
    let (began, mut samples, mut at_first) = (Instant::now(), Vec::new(), None);
    while began.elapsed() < long {
        let fault = &FAULTS[random.usize(..FAULTS.len())];
        (fault.begin)(world.around());
        sleep(FAULT);
        (fault.end)(world.around());
        drained(&daemon);
        sleep(PEACE);
        if began.elapsed() < warm {
            continue;
        }
        at_first.get_or_insert_with(|| descriptors(&daemon));
        let sample = Sample { at: began.elapsed(), resident: daemon.memory("VmRSS") };
        println!(
            "{:4} s  {:7} KiB  {:4} descriptors  {}",
            sample.at.as_secs(),
            sample.resident,
            descriptors(&daemon),
            fault.name
        );
        samples.push(sample);
    }
    world.rest(&daemon);
    let growth = growth(&samples);
    println!("memory has grown by {growth:.2} % in ten minutes");
    let before = at_first.expect("a sample");
    eventually("descriptors are as they were", || {
        (descriptors(&daemon) <= before + MORE_DESCRIPTORS).then_some(())
    });
    assert_eq!(daemon.metric("eventmanager_actor_restarts_total", ""), 0.0, "seed {seed}");
    assert!(growth < MOST_GROWTH, "seed {seed}: memory grows by {growth:.2} % in ten minutes: {samples:?}");
}

/// Waits until what has piled up behind a fault is carried out, while load goes on: for as long as it gets less.
fn drained(daemon: &Daemon) {
    let pending = || daemon.metric("eventmanager_events_pending", "");
    let (mut least, mut since) = (pending(), Instant::now());
    while least > FEW {
        assert!(since.elapsed() < PATIENCE, "{least} events are pending, and that does not get less");
        sleep(Duration::from_millis(500));
        if pending() < least {
            (least, since) = (pending(), Instant::now());
        }
    }
}

fn descriptors(daemon: &Daemon) -> u64 {
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).expect("a process");
    open.count() as u64
}
