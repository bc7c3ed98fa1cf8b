//! The daemon obeys orders at its failpoints, so that other tests can rely on them.

mod support;

use eventmanager::failpoints::POINTS;
use std::collections::BTreeSet;
use support::daemon::{Daemon, Ended, Site, eventually};
use support::documents::add;
use support::peers::Peers;

/// How it ends by itself.
#[track_caller]
fn ended(mut daemon: Daemon) -> Ended {
    eventually("it ends by itself", || daemon.has_ended())
}

#[test]
fn a_daemon_ends_at_its_failpoint_and_goes_on_from_there_once_it_is_started_again() {
    let peers = Peers::start();
    let site = Site::quiet(&peers.config(""));
    let daemon = site.start_with_orders("southbound.hss.answer.after=kill@1").expect("it serves");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    let end = ended(daemon);
    assert_eq!(end.failpoint(), Some("southbound.hss.answer.after"), "{end:?}");
    assert_eq!((site.count(&["pending"]), peers.ema.holds().0), (1, 1), "made, and not known to be");
    let _daemon = site.start();
    site.wait_ended(1);
    assert_eq!((site.count(&["completed"]), peers.ema.created_twice().refused), (1, 1));
}

#[test]
fn a_daemon_may_end_before_it_serves() {
    let site = Site::quiet("");
    // Whether it serves before it has connected is a matter of milliseconds.
    let end = match site.start_with_orders("store.events.connect.after=kill") {
        Ok(daemon) => ended(daemon),
        Err(end) => end,
    };
    assert_eq!(end.failpoint(), Some("store.events.connect.after"), "{end:?}");
}

#[test]
fn a_store_that_fails_now_and_then_is_an_outage_that_passes() {
    let peers = Peers::start();
    let site = Site::quiet(&peers.config(""));
    let orders = "store.events.commit.before=unavailable@3; store.events.commit.after=unavailable@6; \
                  store.events.commit.before=rejected%4; store.events.commit.before=locked%7; \
                  store.events.read.before=unavailable%9; store.events.connect.after=unavailable@2; \
                  store.sqlite.commit.within=delay:20%5";
    let daemon = site.start_with_orders(orders).expect("it serves");
    (0..40).for_each(|number| peers.broadworks.send(&add(number, &format!("u{number}@tele.gl"))));
    site.wait_ended(40);
    assert_eq!(site.count(&["completed"]), 40, "{:?}", site.events());
    assert_eq!(peers.ema.holds().0, 40);
    assert_eq!(daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
    // What was obeyed is told, the first time.
    for order in orders.split("; ") {
        let (name, rest) = order.trim().split_once('=').expect("an order");
        let action = rest.split(['@', '%']).next().expect("an action");
        daemon.logged(&[&format!("failpoint {name}: {action} at pass ")]);
    }
}

#[test]
fn whoever_panics_at_a_failpoint_is_started_again() {
    let peers = Peers::start();
    let site = Site::quiet(&peers.config(""));
    let daemon = site.start_with_orders("router.verdict.before=panic@1").expect("it serves");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    assert_eq!(site.count(&["completed"]), 1);
    assert_eq!(daemon.metric("eventmanager_actor_restarts_total", "lane"), 1.0);
    daemon.logged(&["failpoint router.verdict.before, pass 1"]);
}

#[test]
fn orders_that_cannot_be_read_end_the_start() {
    let site = Site::quiet("");
    let Err(Ended(status, log)) = site.start_with_orders("hub.send.before=kill; store.commit=kill") else {
        panic!("it serves")
    };
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("EVENTMANAGER_FAILPOINTS: \"store.commit=kill\" names no failpoint"), "{log}");
}

#[test]
fn failpoints_are_named_by_part_thing_and_side() {
    let sides: BTreeSet<&str> =
        POINTS.iter().filter_map(|point| point.name.rsplit_once('.')).map(|(_, side)| side).collect();
    assert_eq!(sides, BTreeSet::from(["after", "before", "within"]));
    let part = |name: &'static str| name.split('.').count();
    assert!(POINTS.iter().all(|point| (3..=4).contains(&part(point.name)) && !point.between.is_empty()));
}
