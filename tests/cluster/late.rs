//! Answers of the database that come too late: each change of the row was made, and whoever has made it is not told.

use crate::pair::Pair;
use crate::support::daemon::eventually;
use crate::support::postgres::execute;

/// Longer than an answer may take, a third of the lease or two.
const LATE: &str = "delay:2500";

/// Two nodes, of which the first one acts, and gets this answer late.
fn started(late: &str) -> Pair {
    let mut pair = Pair::new();
    pair.split();
    let orders = format!("{late}={LATE}@1");
    pair.nodes[0] = Some(pair.sites[0].start_with_orders(&orders).expect("it serves"));
    pair.wait_active(0);
    pair.start(1);
    pair.wait_standing_by(1);
    pair
}

/// The first one goes on, and has never begun anew.
#[track_caller]
fn check(pair: &Pair, late: &str) {
    pair.node(0).logged(&[&format!("failpoint {late}: {LATE} at pass 1")]);
    let load = pair.load();
    eventually("it acts", || (pair.sent() > 80).then_some(()));
    drop(load);
    pair.wait_active(0);
    pair.check(&[]);
    assert!(!pair.node(0).log().contains("beginning anew"), "{late}: {}", pair.node(0).log());
    assert_eq!(pair.requests(1), 0, "{late}");
}

#[test]
fn a_place_or_a_beat_whose_answer_comes_late_is_not_lost() {
    for late in ["cluster.take.after", "cluster.beat.after"] {
        check(&started(late), late);
    }
}

#[test]
fn an_epoch_that_is_raised_and_whose_answer_comes_late_costs_nobody_the_place() {
    let late = "cluster.raise.after";
    let pair = started(late);
    raise(&pair);
    pair.node(0).logged(&["it was raised", "raised=42"]);
    check(&pair, late);
}

#[test]
fn a_node_that_ends_before_it_knows_that_its_epoch_was_raised_lets_go_all_the_same() {
    let late = "cluster.raise.after";
    let mut pair = started(late);
    raise(&pair);
    pair.node(0).logged(&[&format!("failpoint {late}: {LATE} at pass 1")]);
    assert_eq!(pair.nodes[0].take().expect("it runs").terminate(), Some(0));
    pair.wait_active(1);
    pair.node(1).logged(&["this node is the active one now", "why=\"let_go\""]);
}

/// The database of the subscribers has been under a later epoch.
fn raise(pair: &Pair) {
    execute(&pair.subscribers, "update em_cluster set epoch = 41").expect("later");
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()
        and datname = current_database()";
    execute(&pair.subscribers, end).expect("ended");
}
