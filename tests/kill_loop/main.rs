//! Whenever the daemon is killed, nothing is lost, nothing is done twice, and everything ends as it should: at each of its failpoints and
//! at random, under load on all paths, on both databases.
//!
//! Which kills there are follows from a seed. It is printed, and `EVENTMANAGER_SEED=N` replays it; `EVENTMANAGER_KILLS=N` kills so often at
//! random.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world/mod.rs"]
mod world;

mod deaths;
mod plan;

use deaths::{die, kill_well};
use plan::{Kill, Kind, Whose, plan, seed, times};
use std::path::Path;
use support::postgres::Server;
use world::{Base, World};

/// Kills at random behind those at failpoints, on each database.
const AT_RANDOM: usize = 6;
/// In the long form, and how often at each failpoint of a half.
const LONG: usize = 255;
const ROUNDS: usize = 8;
/// Everything is compared after so many.
const COMPARED_AFTER: usize = 50;

/// Kills as it is planned, and compares everything in the end.
fn kill_all(whose: Whose, kills: &[Kill], seed: u64, base: impl FnOnce(&Path) -> Base) {
    println!("{whose:?}: {} kills, EVENTMANAGER_SEED={seed}", kills.len());
    let mut world = World::new(seed, base);
    // Whoever follows is there before anything is killed.
    let first = world.start("").expect("it serves");
    kill_well(first);
    world.gone();
    for (number, some) in kills.chunks(COMPARED_AFTER).enumerate() {
        if number > 0 {
            world.resume();
        }
        for kill in some {
            die(&mut world, kill);
        }
        let daemon = world.start("").expect("it serves");
        world.rest(&daemon);
        kill_well(daemon);
        world.gone();
    }
}

/// Half a thousand kills on each database, and everything compared now and then.
#[test]
#[ignore = "takes half an hour"]
fn a_daemon_killed_a_thousand_times_loses_nothing_and_does_nothing_twice() {
    let (seed, server, at_random) = (seed(), Server::start(), times(LONG));
    let is_split = seed.is_multiple_of(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let whose = Whose { kind: Kind::Sqlite, is_split };
            let kills = plan(whose, seed, ROUNDS, at_random);
            kill_all(whose, &kills, seed, |directory| Base::sqlite(directory, is_split));
        });
        let whose = Whose { kind: Kind::Postgres, is_split: !is_split };
        let kills = plan(whose, seed, ROUNDS, at_random);
        kill_all(whose, &kills, seed, |_| Base::postgres(&server, !is_split));
    });
}

/// The failpoints are dealt out to the two databases: those that only one of them passes, and of the others each its half.
#[test]
fn a_daemon_killed_at_its_failpoints_on_sqlite_loses_nothing_and_does_nothing_twice() {
    let (seed, whose) = (seed(), Whose { kind: Kind::Sqlite, is_split: true });
    let kills = plan(whose, seed, 1, times(AT_RANDOM));
    kill_all(whose, &kills, seed, |directory| Base::sqlite(directory, true));
}

#[test]
fn a_daemon_killed_at_its_failpoints_on_postgresql_loses_nothing_and_does_nothing_twice() {
    let (seed, server) = (seed(), Server::start());
    let whose = Whose { kind: Kind::Postgres, is_split: false };
    let kills = plan(whose, seed, 1, times(AT_RANDOM));
    kill_all(whose, &kills, seed, |_| Base::postgres(&server, false));
}
