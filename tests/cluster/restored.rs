//! Databases that are behind, restored, or not as safe as they should be.

use crate::fencing::{config, effect, open, take};
use crate::pair::{LEASE, Pair};
use crate::support::daemon::eventually;
use crate::support::postgres::{Cluster, execute, query};
use std::time::{Duration, Instant};

#[test]
fn who_has_the_same_epoch_and_is_not_the_holder_writes_nothing_and_trusts_its_lease_no_more() {
    let cluster = Cluster::start();
    let url = cluster.url("postgres");
    let config = config(&url, &url);
    actix_rt::System::new().block_on(async {
        let first = take(&config).await;
        // What the first has taken was not in the backup from which the database was restored.
        execute(&url, "update em_cluster set epoch = epoch - 1, let_go = now()").expect("restored");
        let second = take(&config).await;
        assert_eq!(first.epoch(), second.epoch());
        let (old, tasks) = open(&config, &first);
        let writers = tasks.into_iter().map(|task| actix_rt::spawn(async move { task.run().await }));
        let writers: Vec<_> = writers.collect();
        // It is not only that nothing is written: the cluster is asked at once.
        tokio::time::timeout(crate::support::daemon::PATIENCE, first.doubted()).await.expect("doubted");
        assert!(!first.is_valid() && second.is_valid());
        let refused = old.health().borrow().clone();
        assert!(!refused.is_up(), "{refused:?}");
        let (new, tasks) = open(&config, &second);
        let others = tasks.into_iter().map(|task| actix_rt::spawn(async move { task.run().await }));
        let others: Vec<_> = others.collect();
        new.apply(vec![effect("anna")]).await.expect("written");
        assert!(!first.is_valid());
        writers.into_iter().chain(others).for_each(|writer| writer.abort());
    });
}

#[test]
fn the_events_alone_are_restored_and_the_subscribers_are_written_again() {
    let mut pair = Pair::new();
    pair.split();
    let (events, subscribers) = (pair.cluster.url("postgres"), pair.subscribers.clone());
    pair.start(0);
    pair.wait_active(0);
    assert_eq!(pair.nodes[0].take().expect("it runs").terminate(), Some(0));
    execute(&subscribers, "update em_cluster set epoch = 41").expect("later");
    pair.start(0);
    pair.node(0).logged(&["a database has been under a later epoch", "raised=42"]);
    pair.wait_active(0);
    for url in [&events, &subscribers] {
        let part = if url == &events { "events" } else { "subscribers" };
        let rows = query(url, &format!("select epoch from em_cluster where part = '{part}'")).expect("a row");
        assert_eq!(rows[0][0].as_deref(), Some("42"), "{part}");
    }
}

#[test]
fn a_primary_that_has_lost_its_replica_keeps_no_node_active() {
    let mut pair = Pair::new();
    pair.start(0);
    pair.wait_active(0);
    let url = pair.cluster.url("postgres");
    let wait_for = |names: &str| {
        execute(&url, &format!("alter system set synchronous_standby_names = '{names}'")).expect("set");
        execute(&url, "select pg_reload_conf()").expect("read again");
    };
    wait_for("*");
    pair.node(0).logged(&["the lease is over"]);
    eventually("it is not active", || {
        (pair.node(0).metric("eventmanager_cluster_active", "") == 0.0).then_some(())
    });
    wait_for("");
    pair.node(0).logged(&["the lease is held again"]);
    pair.wait_active(0);
}

#[test]
fn a_row_that_somebody_deletes_is_made_anew() {
    let pair = Pair::started();
    pair.rows("delete from em_cluster");
    eventually("one of them says so", || {
        (0..2)
            .any(|at| pair.node(at).log().contains("somebody has deleted the row of em_cluster"))
            .then_some(())
    });
    eventually("a node acts again", || {
        (0..2).any(|at| pair.view(at)["role"] == "active" && pair.is_ready(at)).then_some(())
    });
}

#[test]
fn who_there_is_may_be_unknown_and_one_of_them_acts_all_the_same() {
    let mut pair = Pair::started();
    // Nobody can say any more that it is there, and one that says so has never been seen.
    pair.rows(
        "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$",
    );
    pair.rows(
        "create trigger refuse before insert or update on em_node for each row execute function refuse()",
    );
    pair.rows("alter table em_node disable trigger refuse");
    pair.rows("insert into em_node (node, process, state, http, version, seen) values ('c', gen_random_uuid(), 'standby', '', '', 'infinity')");
    pair.rows("alter table em_node enable trigger refuse");
    for at in 0..2 {
        pair.node(at).logged(&["who there is cannot be noted in the table em_node"]);
    }
    pair.nodes[0].take().expect("it runs").kill();
    pair.wait_active(1);
}

#[test]
fn a_row_that_is_lost_is_not_taken_before_the_lease_of_before_is_over() {
    behind_its_back("delete from em_cluster", end_sessions);
}

#[test]
fn a_row_that_is_restored_is_not_believed_before_the_lease_of_before_is_over() {
    behind_its_back(RESTORED, end_sessions);
}

#[test]
fn a_row_that_is_restored_beside_the_sessions_of_a_node_that_hangs_is_taken_all_the_same() {
    behind_its_back(RESTORED, |_| ());
}

/// The row as of a time when somebody had just let go.
const RESTORED: &str = "update em_cluster set epoch = 0, holder = gen_random_uuid(), let_go = now()";

fn end_sessions(pair: &Pair) {
    let others = "pid <> pg_backend_pid() and backend_type = 'client backend'";
    pair.rows(&format!("select pg_terminate_backend(pid) from pg_stat_activity where {others}"));
}

/// The active node hangs while the row is changed.
#[track_caller]
fn behind_its_back(change: &str, and: impl FnOnce(&Pair)) {
    let mut pair = Pair::started();
    pair.node(0).signal("STOP");
    let began = Instant::now();
    pair.rows(change);
    and(&pair);
    pair.wait_active(1);
    assert!(began.elapsed() >= LEASE, "taken after {:?}", began.elapsed());
    pair.node(0).signal("CONT");
    pair.wait_standing_by(0);
    pair.nodes[0].take().expect("it runs").kill();
}

#[test]
fn who_was_replaced_writes_nothing_to_subscribers_whose_row_is_lost() {
    let cluster = Cluster::start();
    let events = cluster.url("postgres");
    execute(&events, "create database subscribers").expect("made");
    let subscribers = cluster.url("subscribers");
    let config = config(&events, &subscribers);
    actix_rt::System::new().block_on(async {
        let first = take(&config).await;
        let (old, tasks) = open(&config, &first);
        let writers = tasks.into_iter().map(|task| actix_rt::spawn(async move { task.run().await }));
        let writers: Vec<_> = writers.collect();
        old.apply(vec![effect("anna")]).await.expect("written");
        // Its time is over, and nobody who has replaced it has been here yet.
        first.end();
        execute(&subscribers, "delete from em_cluster").expect("deleted");
        execute(&subscribers, "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'").expect("ended");
        let late = tokio::time::timeout(Duration::from_secs(3), old.apply(vec![effect("late")])).await;
        assert!(late.is_err(), "a late write is answered");
        let rows = query(&subscribers, "select id from srd_user").expect("rows");
        assert_eq!(rows, [[Some("anna".to_owned())]]);
        writers.into_iter().for_each(|writer| writer.abort());
    });
}
