//! The active node ends, hangs, or is cut off from the database, under load.

use crate::oracle::Loss;
use crate::pair::{LEASE, Pair, duration};
use crate::support::daemon::eventually;
use std::time::{Duration, Instant};

/// The default of `processing.concurrency`: events that a node carries out at the same time.
const CONCURRENCY: u64 = 16;

/// So many take-overs of each kind.
fn rounds() -> usize {
    let said = std::env::var("EVENTMANAGER_CLUSTER_ROUNDS").ok().and_then(|text| text.parse().ok());
    said.unwrap_or(3)
}

/// What is done to the active node, and what brings it back once the other one acts.
trait Blow {
    const NAME: &'static str;
    /// From the blow to the first request of the new one, as a rule.
    const LIMIT: Duration = LEASE.saturating_add(Duration::from_secs(2));
    /// The epoch of the next one is counted anew.
    const IS_FORGOTTEN: bool = false;
    fn strike(pair: &mut Pair, at: usize);
    fn mend(pair: &mut Pair, at: usize);
}

struct Kill;
struct Stop;
struct StopUnnamed;
struct Partition;

impl Blow for Kill {
    const NAME: &'static str = "kill";

    fn strike(pair: &mut Pair, at: usize) {
        pair.nodes[at].take().expect("it runs").kill();
    }

    fn mend(pair: &mut Pair, at: usize) {
        pair.start(at);
    }
}

impl Blow for Stop {
    const NAME: &'static str = "stop";

    fn strike(pair: &mut Pair, at: usize) {
        pair.node(at).signal("STOP");
    }

    fn mend(pair: &mut Pair, at: usize) {
        pair.node(at).signal("CONT");
    }
}

impl Blow for StopUnnamed {
    const NAME: &'static str = "stop, and its row deleted";
    /// The lease is counted from when the row is seen to be another one.
    const LIMIT: Duration = LEASE.saturating_add(Duration::from_secs(3));
    const IS_FORGOTTEN: bool = true;

    fn strike(pair: &mut Pair, at: usize) {
        Stop::strike(pair, at);
        // Its sessions stay, and the lock that its writer has.
        pair.rows("delete from em_cluster");
    }

    fn mend(pair: &mut Pair, at: usize) {
        Stop::mend(pair, at);
    }
}

impl Blow for Partition {
    const NAME: &'static str = "partition";

    fn strike(pair: &mut Pair, at: usize) {
        pair.ways[at].go_silent();
    }

    fn mend(pair: &mut Pair, at: usize) {
        // It has known that its time is over before the other began, and sends nothing.
        eventually("its lease is over", || {
            (pair.node(at).metric("eventmanager_cluster_active", "") == 0.0).then_some(())
        });
        pair.ways[at].be_heard();
    }
}

/// Strikes the active node again and again, under load.
fn take_over<B: Blow>() {
    let mut pair = Pair::started();
    let load = pair.load();
    eventually("the first acts", || (pair.requests(0) > 20).then_some(()));
    let (mut times, mut losses) = (Vec::new(), Vec::new());
    for round in 0..rounds() {
        let (old, new) = (round % 2, (round + 1) % 2);
        let epoch = pair.view(old)["epoch"].as_i64().expect("an epoch");
        let (before, connections) = (pair.ema.calls().len(), pair.server.connections());
        let (stored, pending) = pair.progress();
        let struck = Instant::now();
        B::strike(&mut pair, old);
        let under_way = (pending + pair.sent() - stored).min(CONCURRENCY);
        times.push(eventually("the new one acts", || {
            let calls = pair.ema.calls();
            calls[before..].iter().any(|call| pair.is_of(new, &call.host)).then(|| struck.elapsed())
        }));
        eventually("the new one reads", || (pair.server.connections() > connections).then_some(()));
        losses.push(Loss { documents: stored + 1..=pair.sent(), under_way });
        let next = if B::IS_FORGOTTEN { 1 } else { epoch + 1 };
        eventually("it has an epoch of its own", || {
            (pair.view(new)["epoch"].as_i64() == Some(next)).then_some(())
        });
        B::mend(&mut pair, old);
        pair.wait_standing_by(old);
        let calls = pair.ema.calls();
        let calls = &calls[before..];
        let first = calls.iter().position(|call| pair.is_of(new, &call.host)).expect("it acts");
        let late: Vec<_> = calls[first..].iter().filter(|call| pair.is_of(old, &call.host)).collect();
        assert!(
            late.is_empty(),
            "{} round {round}: requests of the old one after the new one's first: {late:?}",
            B::NAME
        );
    }
    drop(load);
    pair.check(&losses);
    times.sort();
    let (middle, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "{}: {} take-overs, from the blow to the first request {times:?}, longest {longest:?}",
        B::NAME,
        times.len()
    );
    // A machine that is busy with other things may be late now and then.
    assert!(middle < B::LIMIT && longest < 2 * B::LIMIT, "{times:?}");
}

#[test]
fn an_active_node_that_is_killed_is_replaced_within_five_seconds() {
    take_over::<Kill>();
}

#[test]
fn an_active_node_that_hangs_is_replaced_and_does_nothing_more_when_it_wakes_up() {
    take_over::<Stop>();
}

#[test]
fn an_active_node_that_hangs_while_somebody_deletes_its_row_is_replaced_all_the_same() {
    take_over::<StopUnnamed>();
}

#[test]
fn an_active_node_that_loses_the_database_is_replaced_and_stands_by_when_it_has_it_again() {
    take_over::<Partition>();
}

#[test]
fn an_outage_of_the_database_for_both_ends_with_the_same_node_and_loses_nothing_that_was_read() {
    let pair = Pair::started();
    let load = pair.load();
    eventually("the first acts", || (pair.requests(0) > 20).then_some(()));
    pair.ways.iter().for_each(|way| way.go_silent());
    pair.node(0).logged(&["the lease is over"]);
    drop(load);
    let sent = pair.server.sent();
    eventually("it has read everything", || {
        (pair.node(0).metric("eventmanager_events_received_total", "") as u64 == sent).then_some(())
    });
    pair.ways.iter().for_each(|way| way.be_heard());
    pair.node(0).logged(&["the lease is held again"]);
    pair.wait_active(0);
    pair.check(&[]);
    assert_eq!(pair.rows("select count(*)::text from em_event")[0][0], Some(sent.to_string()));
    assert_eq!((pair.requests(1), pair.view(0)["epoch"].as_i64()), (0, Some(1)));
}

#[test]
fn a_database_that_crashes_under_two_nodes_is_gone_on_with_by_the_same_one() {
    let mut pair = Pair::started();
    let load = pair.load();
    for crash in 1..=3 {
        let before = pair.requests(0);
        eventually("the first acts", || (pair.requests(0) > before + 20).then_some(()));
        pair.cluster.crash();
        pair.cluster.resume();
        println!("crash {crash}");
    }
    pair.wait_active(0);
    drop(load);
    pair.check(&[]);
    assert_eq!(pair.requests(1), 0);
}

#[test]
fn a_node_that_ends_in_order_is_followed_at_once() {
    let mut pair = Pair::started();
    let standing_by = pair.node(1).get("/readyz");
    assert_eq!(standing_by.0, 503);
    assert!(standing_by.1.contains("the active node is anna"), "{}", standing_by.1);
    assert_eq!(pair.node(1).get("/healthz").0, 200);
    assert_eq!(pair.node(1).get("/api/v1/events").0, 503);
    assert_eq!(pair.node(1).metric("eventmanager_cluster_active", ""), 0.0);
    assert_eq!(pair.node(0).metric("eventmanager_cluster_active", ""), 1.0);
    assert_eq!(pair.server.progress().connected, 1, "who stands by is connected to nobody");
    // It begins with what its file says now; one that is wrong changes nothing.
    let file = pair.sites[1].config();
    let text = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, "[nothing]").expect("written");
    pair.node(1).signal("HUP");
    pair.node(1).logged(&["configuration refused", "unknown section"]);
    std::fs::write(&file, &text).expect("written");
    pair.node(1).signal("HUP");
    pair.node(1).logged(&["the configuration is read again: beginning anew"]);
    pair.wait_standing_by(1);
    pair.wait_known(0, 1);
    assert_eq!(pair.nodes[0].take().expect("it runs").terminate(), Some(0));
    let line = pair.node(1).logged(&["this node is the active one now", "why=\"let_go\""]);
    let idle = duration(&line, "idle").expect("how long");
    println!("nobody was the active one for {idle:?}");
    pair.wait_active(1);
    // The last one ends in order as well, and so does one that stands by.
    pair.start(0);
    pair.wait_standing_by(0);
    assert_eq!(pair.nodes[0].take().expect("it runs").terminate(), Some(0));
    assert_eq!(pair.nodes[1].take().expect("it runs").terminate(), Some(0));
}
