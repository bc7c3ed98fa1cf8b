//! Ten times what the daemon is built for is offered on all paths at once: its memory stays bounded, application servers wait, what a
//! Kamailio or an OpenSIPS sends beyond what can be taken is dropped and counted to the last event, states become fewer, and afterwards
//! everything that was taken has ended and nothing waits.
//!
//! Whoever offers has the next thing ready when the last is taken; what each path was offered, and what it is built for, is a table that
//! `--nocapture` shows. It lasts some seconds; `EVENTMANAGER_SECONDS` stretches it, as `./tests/run --long` does:
//!
//! ```text
//! EVENTMANAGER_SECONDS=60 cargo test --test load -- --nocapture
//! ```

#[path = "../support/mod.rs"]
mod support;

mod bytes;
mod hub;
mod offered;
mod paths;
mod posting;
mod rates;
mod world;

use crate::bytes::PROVISIONED;
use crate::paths::All;
use crate::support::daemon::eventually;
use crate::world::World;
use std::time::{Duration, Instant};

/// What the daemon may need at most, in KiB.
const MEMORY: u64 = 400 << 10;

fn duration() -> Duration {
    let seconds = std::env::var("EVENTMANAGER_SECONDS").ok();
    Duration::from_secs(seconds.map_or(5, |seconds| seconds.parse().expect("a number of seconds")))
}

#[test]
fn ten_times_the_load_on_all_paths_is_borne_and_leaves_nothing_behind() {
    let world = World::start();
    let all = All::offer(&world, duration());
    rates::print(&all.rates(&world));
    let counts = [all.documents, all.frames, all.evi, all.posted].map(|offered| offered.count);
    let [documents, frames, evi, posted] = counts;

    // What was taken has ended.
    let since = Instant::now();
    wait(&world, "every document is stored", || documents - world.stored("as1"));
    wait(&world, "every frame is read", || frames - world.read("k1"));
    let frames_left = || world.metric("dropped_total", "connection=\"k1\"") as u64 + world.stored("k1");
    wait(&world, "every frame is stored, or dropped and counted", || frames.abs_diff(frames_left()));
    let evi_lost = |name: &str| world.metric(name, "connection=\"sbc\"") as u64;
    wait(&world, "every event of EVI is read or counted as lost", || {
        evi.abs_diff(world.read("sbc") + evi_lost("dropped_total") + evi_lost("receive_lost_total"))
    });
    wait(&world, "all servers hold what the others say", || world.differences() as u64);
    for hub in &world.hubs {
        wait(&world, "every hub has everything", || posted.saturating_sub(hub.count()));
    }
    check_hubs(&world, posted);
    wait(&world, "nothing is pending", || world.metric("events_pending", "") as u64);
    println!("everything has ended after {:?}", since.elapsed());
    assert_eq!(world.site.count(&["failed"]), 0);
    assert_eq!(world.ema.state().associations.len() as u64, documents / PROVISIONED);

    // What could not be borne has become less, as designed.
    assert!(
        world.metric("dropped_total", "connection=\"k1\"") > 0.0,
        "nothing was dropped: this is no overload"
    );
    assert!(world.metric("state_coalesced_total", "") > 0.0);
    for queue in ["state_queue", "state_divergence", "hub_backlog"] {
        wait(&world, queue, || world.metric(queue, "") as u64);
    }
    let memory = world.daemon.memory("VmHWM");
    println!("{} MiB at most", memory / 1024);
    assert!(memory < MEMORY, "{memory} KiB");
    assert_eq!(world.metric("actor_restarts_total", ""), 0.0);
    assert_eq!(world.daemon.get("/readyz").0, 200);
    // And it goes on as if nothing had been.
    world.post("event", r#"{"event":{"n":0}}"#);
    eventually("the next is delivered", || (world.hubs[1].numbers().last() == Some(&0)).then_some(()));
    assert_eq!(world.daemon.terminate(), Some(0));
}

/// Every hub has got everything once, in the one order in which it was taken.
#[track_caller]
fn check_hubs(world: &World, posted: u64) {
    let first = world.hubs[0].numbers();
    let mut sorted = first.clone();
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(1..=posted), "each once");
    assert!(world.hubs.iter().all(|hub| hub.numbers() == first), "in one order");
}

/// Waits until nothing is left, for as long as it becomes less.
#[track_caller]
fn wait(world: &World, what: &str, left: impl Fn() -> u64) {
    let (mut least, mut since) = (u64::MAX, Instant::now());
    while least > 0 {
        let now = left();
        if now < least {
            (least, since) = (now, Instant::now());
        }
        assert!(
            since.elapsed() < support::daemon::PATIENCE,
            "{what}: {least} are left\n{}",
            world.daemon.log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
