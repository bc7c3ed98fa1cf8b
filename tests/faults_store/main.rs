//! Whatever a call of the store comes to, under load on all paths: nothing is lost, and everything ends as it should.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/world/mod.rs"]
mod world;

use std::path::Path;
use std::time::Duration;
use support::daemon::eventually;
use support::postgres::{Cluster, Server};
use world::{Base, World};

/// So long load goes on in each test.
const LOAD: Duration = Duration::from_secs(6);

/// Faults of one database: it is away, before a commit and behind it, for one attempt and for several; it is slow; it refuses what is
/// committed together; somebody has locked a row. Likewise for those who read, and who connects.
fn faults_of(part: &str) -> Vec<String> {
    let orders = [
        "commit.before=unavailable@25-27",
        "commit.after=unavailable@35-37",
        "commit.after=unavailable%101",
        "commit.before=rejected%6",
        "commit.before=locked%37",
        "commit.before=delay:60%19",
        "commit.after=delay:60%23",
        "connect.after=unavailable@2-3",
        "read.before=unavailable%61",
        "read.before=delay:30%31",
    ];
    orders.map(|order| format!("store.{part}.{order}")).to_vec()
}

/// One life under load with faults, to the rest: scripts and people at the portal must notice nothing.
fn outlast(base: impl FnOnce(&Path) -> Base, within: &str) {
    let seed = fastrand::u64(..);
    let orders = [faults_of("events"), faults_of("subscribers"), vec![within.to_owned()]].concat();
    let mut world = World::new(seed, base);
    let daemon = world.start(&orders.join(";")).expect("it serves");
    std::thread::sleep(LOAD);
    for order in &orders {
        let (name, rest) = order.split_once('=').expect("an order");
        let action = rest.split(['@', '%']).next().expect("an action");
        // Each of them at least once.
        daemon.logged(&[&format!("failpoint {name}: {action} at pass")]);
    }
    world.rest(&daemon);
    assert_eq!(daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
    assert_eq!(daemon.metric("eventmanager_dropped_total", ""), 0.0);
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_sqlite_that_fails_again_and_again_loses_nothing() {
    outlast(|directory| Base::sqlite(directory, true), "store.sqlite.commit.within=delay:60%13");
}

#[test]
fn a_postgresql_that_fails_again_and_again_loses_nothing() {
    let server = Server::start();
    outlast(|_| Base::postgres(&server, true), "store.postgres.commit.within=delay:60%13");
}

/// PostgreSQL is stopped as by a crash under load, and started again, three times; the daemon lives on, but for the last time.
#[test]
fn a_postgresql_that_crashes_under_load_loses_nothing() {
    let mut server = Server::Private(Cluster::start());
    let mut world = World::new(fastrand::u64(..), |_| Base::postgres(&server, false));
    let mut daemon = world.start("").expect("it serves");
    for round in 0..3 {
        let before = world.around().portal.sent();
        eventually("documents come", || (world.around().portal.sent() > before + 20).then_some(()));
        let Server::Private(cluster) = &mut server else { unreachable!("it is private") };
        cluster.crash();
        eventually("it is told", || (daemon.get("/readyz").0 == 503).then_some(()));
        if round == 2 {
            daemon.kill();
            world.gone();
            cluster.resume();
            daemon = world.start("").expect("it serves");
        } else {
            cluster.resume();
        }
        eventually("it is ready again", || (daemon.get("/readyz").0 == 200).then_some(()));
    }
    world.rest(&daemon);
    assert_eq!(daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
}
