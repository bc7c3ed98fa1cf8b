//! What the daemon does with what arrives while it can do nothing about it: bounded memory, and nothing is lost.

use crate::after::all_is_well;
use crate::load::Load;
use crate::outage;
use crate::signs::{is_seen, readiness, the_daemon_tells};
use crate::support::daemon::{Daemon, eventually};
use crate::world::{Clusters, Party, Stop, World};
use std::time::{Duration, Instant};

/// Each of these documents has so many bytes, and there are so many: several times what is read ahead and what the
/// sockets hold.
const BYTES: usize = 20_000;
const LARGE: usize = 1500;
/// What a connection reads ahead (`READ_AHEAD_BYTES`): once on its way to the disk, once behind it.
const READ_AHEAD: usize = 4 << 20;
/// Documents that arrive while the EMA is away.
const MANY: usize = 20_000;
/// What the daemon may need for them, in MiB: they are on disk, and what is kept of each is its names.
const FOR_NAMES: u64 = 60;
/// What it may need while nothing can be stored, in MiB: read ahead, queued for the store, buffers.
const FOR_READ_AHEAD: u64 = 40;

fn received(daemon: &Daemon) -> f64 {
    daemon.metric("eventmanager_events_received_total", "")
}

/// Waits until nothing more has been received for a second; returns how much it was.
fn wait_until_no_more_is_read(daemon: &Daemon) -> usize {
    let mut last = (received(daemon), Instant::now());
    eventually("it reads no further", || {
        let now = received(daemon);
        if now != last.0 {
            last = (now, Instant::now());
        }
        (last.1.elapsed() > Duration::from_secs(1)).then_some(())
    });
    last.0 as usize
}

#[test]
fn while_the_events_cannot_be_stored_broadworks_is_not_read_on() {
    let clusters = Clusters::start();
    let world = World::on(&clusters, "reading");
    let daemon = world.start();
    let mut load = Load::new(1);
    load.send_for(&world, Duration::from_millis(300));
    load.wait_ended(&world);
    world.take_away(Party::Events, Stop::Immediate);
    eventually("it is seen", || is_seen(Party::Events, &daemon).then_some(()));
    let (before, resident) = (load.sent.len(), daemon.resident());
    load.send_users(&world, LARGE, &format!("<lastName>{}</lastName>", "x".repeat(BYTES)));
    let read = wait_until_no_more_is_read(&daemon) - before;
    let window = 2 * READ_AHEAD / BYTES;
    assert!(0 < read && read <= window + window / 10, "{read} were read, the window is {window}");
    let written = world.peers.broadworks.sent() as usize;
    assert!(written < load.sent.len(), "the rest waits at the application server: {written} are written");
    std::thread::sleep(outage());
    assert_eq!(wait_until_no_more_is_read(&daemon) - before, read, "it does not creep on");
    let (status, body) = readiness(&daemon);
    assert_eq!(
        (status, &body["intake"]),
        (503, &"closed: events cannot be stored, so nothing more is read".into())
    );
    the_daemon_tells(&world, &daemon, &[Party::Events]);
    daemon.logged(&["database unavailable"]);
    let grown = daemon.resident().saturating_sub(resident);
    println!("{read} were read ahead, {grown} MiB more than {resident}");
    assert!(grown < FOR_READ_AHEAD, "{grown} MiB more than {resident}");
    world.give_back(Party::Events);
    load.send_for(&world, Duration::from_millis(300));
    all_is_well(&world, &load, &daemon);
    assert_eq!(received(&daemon) as usize, load.sent.len(), "each was read once");
}

#[test]
fn twenty_thousand_events_that_arrive_while_the_ema_is_away_are_kept_on_disk() {
    let world = World::on_a_file("");
    let daemon = world.start();
    let mut load = Load::new(2);
    load.send_for(&world, Duration::from_millis(300));
    load.wait_ended(&world);
    world.take_away(Party::Ema, Stop::Fast);
    let before = daemon.resident();
    load.send_users(&world, MANY, &format!("<lastName>{}</lastName>", "x".repeat(BYTES / 10)));
    load.wait_stored(&world);
    eventually("it is seen", || is_seen(Party::Ema, &daemon).then_some(()));
    eventually("all wait", || {
        let unfinished = readiness(&daemon).1["backlog"]["unfinished"].as_u64()?;
        (unfinished >= MANY as u64).then_some(())
    });
    let grown = daemon.resident().saturating_sub(before);
    println!("{grown} MiB more than {before} for {} events", load.sent.len());
    assert!(grown < FOR_NAMES, "{grown} MiB more than {before}");
    the_daemon_tells(&world, &daemon, &[Party::Ema]);
    world.give_back(Party::Ema);
    all_is_well(&world, &load, &daemon);
}
