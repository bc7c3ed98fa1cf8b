//! Reloads while events stream.

use crate::given::{World, connected};
use crate::support::daemon::eventually;
use crate::support::ports::any;
use eventmanager::simulators::broadworks::BroadworksSimulator;
use eventmanager::simulators::traffic::{Traffic, TrafficOptions};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn ten_reloads_one_of_them_bad_lose_no_event_and_drop_no_connection_that_they_do_not_name() {
    let world = World::start();
    let second = BroadworksSimulator::start(any()).expect("another server");
    world.peers.ema.set_latency(Duration::from_millis(2));
    let over = AtomicBool::new(false);
    let (traffic, sent) = std::thread::scope(|scope| {
        let (server, over) = (&world.peers.broadworks, &over);
        let stream = scope.spawn(move || {
            let mut traffic = Traffic::new(11, TrafficOptions { users: 60, ..TrafficOptions::default() });
            let mut sent = 0;
            while !over.load(Ordering::Relaxed) {
                server.send(&traffic.next_message().document);
                sent += 1;
                std::thread::sleep(Duration::from_millis(3)); // about the pace of a busy portal
            }
            (traffic, sent)
        });
        reload_ten_times(&world, &second.addr().to_string());
        connected(&second);
        over.store(true, Ordering::Relaxed);
        stream.join().expect("the stream")
    });
    world.site.wait_ended(sent);
    assert_eq!(
        world.site.count(&["failed"]),
        0,
        "{:?}",
        world.site.events().iter().find(|it| it.status == "failed")
    );
    assert_eq!(world.daemon.metric("eventmanager_events_received_total", "as1"), sent as f64);
    world.peers.check(&traffic, &world.site);
    assert_eq!(world.peers.broadworks.connections(), 1, "as1 never noticed");
    assert_eq!(second.connections(), 2, "as2 was changed once");
    assert_eq!(world.daemon.metric("eventmanager_actor_restarts_total", ""), 0.0, "{}", world.daemon.log());
    let count = |outcome: &str| world.daemon.metric("eventmanager_reloads_total", outcome);
    assert_eq!(["unchanged", "applied", "refused"].map(count), [1.0, 8.0, 1.0]);
    assert_eq!(world.daemon.terminate(), Some(0));
    assert!(world.peers.ema.open_sessions().is_empty(), "sessions are handed back");
}

/// Each waits for some events in between, so that each is met by events under way.
fn reload_ten_times(world: &World, second: &str) {
    let some_more = || {
        let ended = world.site.count(&["completed"]);
        eventually("events go on", || (world.site.count(&["completed"]) > ended + 10).then_some(()));
    };
    let change = |from: &str, to: &str| {
        some_more();
        world.change(from, to);
    };
    some_more();
    world.append(&format!("[[broadworks]]\nname = \"as2\"\naddress = {second:?}\n"));
    assert_eq!(world.reload(), "applied");
    change("retry_max = \"200ms\"", "retry_max = \"200ms\"\nconcurrency = 2");
    change("concurrency = 2", "concurrency = 40");
    change("sessions = 4", "sessions = 9");
    some_more();
    world.edit("retry_initial = \"20ms\"", "retry_initial = \"soon\"");
    assert_eq!(world.reload(), "refused");
    world.edit("retry_initial = \"soon\"", "retry_initial = \"20ms\"");
    assert_eq!(world.reload(), "unchanged");
    change("[numbering.phone_contexts]", "[numbering.phone_contexts]\n\"Ny By\" = \"nyb.example.net\"");
    change("sessions = 9", "sessions = 9\ntimeout = \"9s\"");
    change("name = \"as2\"", "name = \"as2\"\nkeepalive_timeout = \"80s\"");
    change("level = \"info\"", "level = \"warn\"");
}
