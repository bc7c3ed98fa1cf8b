//! Who is away, alone and together.

use crate::after::{all_is_well, asked_once};
use crate::load::Load;
use crate::outage;
use crate::signs::{is_seen, the_daemon_tells};
use crate::world::Party::{self, Ema, Events, Mail, Subscribers};
use crate::world::{Clusters, Stop, World};
use std::time::Duration;

struct Outage {
    away: &'static [Party],
    /// How those of them that are databases are stopped.
    stop: Stop,
}

const fn of(away: &'static [Party], stop: Stop) -> Outage {
    Outage { away, stop }
}

const OF_ONE: &[Outage] = &[
    of(&[Ema], Stop::Fast),
    of(&[Mail], Stop::Fast),
    of(&[Events], Stop::Fast),
    of(&[Events], Stop::Immediate),
    of(&[Subscribers], Stop::Fast),
    of(&[Subscribers], Stop::Immediate),
];

/// Peers first: while the events are away nobody asks a peer, so nobody would notice.
const OF_SEVERAL: &[Outage] = &[
    of(&[Ema, Mail], Stop::Fast),
    of(&[Events, Subscribers], Stop::Immediate),
    of(&[Subscribers, Events], Stop::Fast),
    of(&[Ema, Events], Stop::Immediate),
    of(&[Mail, Subscribers], Stop::Immediate),
    of(&[Ema, Mail, Events, Subscribers], Stop::Immediate),
    of(&[Ema, Mail, Subscribers, Events], Stop::Fast),
];

const OF_PEERS: &[&[Party]] = &[&[Ema], &[Mail], &[Ema, Mail]];

/// Long enough for events to be under way everywhere.
const BEFORE: Duration = Duration::from_millis(500);
const AFTER: Duration = Duration::from_millis(300);

#[test]
fn the_outage_of_any_one_ends_without_a_hand_on_it() {
    on_two_databases("one", OF_ONE);
}

#[test]
fn outages_of_several_at_once_end_without_a_hand_on_them() {
    on_two_databases("several", OF_SEVERAL);
}

#[test]
fn outages_of_peers_end_without_a_hand_on_them_on_the_default_store() {
    for (row, away) in OF_PEERS.iter().enumerate() {
        check(&World::on_a_file(""), &of(away, Stop::Fast), row as u64);
    }
}

fn on_two_databases(name: &str, outages: &[Outage]) {
    let clusters = Clusters::start();
    for (row, outage) in outages.iter().enumerate() {
        let world = World::on(&clusters, &format!("{name}{row}"));
        check(&world, outage, 100 + row as u64);
    }
}

/// Events arrive before, during and after; the parties come back in the order in which they went.
fn check(world: &World, row: &Outage, seed: u64) {
    println!("{:?} away, {:?}", row.away, row.stop);
    let daemon = world.start();
    let mut load = Load::new(seed);
    load.send_for(world, BEFORE);
    for party in row.away {
        world.take_away(*party, row.stop);
        load.send_until(world, &format!("it is seen that {party:?} is away"), || is_seen(*party, &daemon));
    }
    load.send_for(world, outage());
    the_daemon_tells(world, &daemon, row.away);
    for party in row.away {
        world.give_back(*party);
    }
    load.send_for(world, AFTER);
    all_is_well(world, &load, &daemon);
    for peer in [Ema, Mail].into_iter().filter(|peer| !row.away.contains(peer)) {
        asked_once(world, &load, peer);
    }
    assert_eq!(daemon.terminate(), Some(0));
}
