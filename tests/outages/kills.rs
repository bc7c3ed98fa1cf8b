//! The daemon dies in the midst of an outage, and is started again before or after the end of it.

use crate::after::all_is_well;
use crate::load::Load;
use crate::outage;
use crate::signs::is_seen;
use crate::support::daemon::{Daemon, eventually};
use crate::world::Party::{self, Ema, Events, Mail, Subscribers};
use crate::world::{Clusters, Stop, World};
use std::time::Duration;

/// Who is away when the daemon dies.
const AWAY: &[&[Party]] = &[&[Ema], &[Events], &[Subscribers], &[Ema, Mail, Subscribers]];

#[test]
fn a_daemon_killed_in_the_midst_of_an_outage_goes_on_where_it_was() {
    let clusters = Clusters::start();
    for (row, away) in AWAY.iter().enumerate() {
        let world = World::on(&clusters, &format!("kill{row}"));
        check(&world, away, 200 + row as u64);
    }
}

/// Killed while they are away, and once more while what has waited is being done.
///
/// What is read and not yet stored is lost with the process, as the guarantees say: whatever is sent is stored before a
/// kill, or waits at the application server.
fn check(world: &World, away: &[Party], seed: u64) {
    println!("killed while {away:?} away");
    let stores = !away.contains(&Events);
    world.peers.ema.set_latency(Duration::from_millis(3));
    let mut load = Load::new(seed);
    let mut daemon = world.start();
    load.send_for(world, Duration::from_millis(500));
    load.wait_stored(world);
    let mut before = ended(world);
    for party in away {
        world.take_away(*party, Stop::Immediate);
        wait_seen(world, &mut load, *party, &daemon);
    }
    if stores {
        load.send_for(world, Duration::from_millis(200));
        load.wait_stored(world);
        assert!(ended(world) < load.sent.len(), "nothing waits");
    }
    daemon = kill(world, &mut load, daemon);
    std::thread::sleep(outage());
    if stores {
        load.wait_stored(world);
        daemon = kill(world, &mut load, daemon);
        before = ended(world);
    }
    for party in away {
        world.give_back(*party);
    }
    load.wait_stored(world);
    eventually("the first that have waited end", || (ended(world) > before).then_some(()));
    daemon = kill(world, &mut load, daemon);
    load.send_for(world, Duration::from_millis(300));
    all_is_well(world, &load, &daemon);
}

/// How many events have ended, while that can be asked.
fn ended(world: &World) -> usize {
    world.counts().map_or(0, |(_, ended)| ended)
}

/// Kills the daemon, and starts it anew when a few more events wait for it.
fn kill(world: &World, load: &mut Load, daemon: Daemon) -> Daemon {
    daemon.kill();
    eventually("the application server notices", || {
        (world.peers.broadworks.progress().connected == 0).then_some(())
    });
    for _ in 0..20 {
        load.send(world);
    }
    world.start()
}

/// While events cannot be stored nothing may be on its way, so nothing more is sent.
fn wait_seen(world: &World, load: &mut Load, party: Party, daemon: &Daemon) {
    let what = format!("it is seen that {party:?} is away");
    match party {
        Events | Subscribers => eventually(&what, || is_seen(party, daemon).then_some(())),
        Ema | Mail => load.send_until(world, &what, || is_seen(party, daemon)),
    }
}
