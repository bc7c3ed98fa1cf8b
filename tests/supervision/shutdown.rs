//! The end of a tree.

use crate::actors::*;
use actix::prelude::*;
use eventmanager::supervision::Supervisor; // not that of actix
use eventmanager::supervision::*;
use futures_util::future::join_all;
use std::time::Instant;

#[actix::test]
async fn shutdown_goes_in_reverse_drains_and_kills_the_deaf_at_their_deadline() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    let (a, _) = journal.worker("a");
    let (b, _) = journal.worker_with("b", DEAF, Some(arbiter.handle()));
    let (c, c_addr) = journal.worker("c");
    let root = supervise(Strategy::OneForOne, vec![a, b.shutdown(ms(50)), c]);
    settled(&root.addr).await;
    let queued: Vec<_> = (0..50).map(|_| c_addr.send(Count)).collect();
    let start = Instant::now();
    root.addr.do_send(Shutdown);
    assert_eq!(ended(root.exit).await, Exit::Normal);
    assert!(start.elapsed() >= ms(50), "b had its time");
    assert_eq!(join_all(queued).await.last(), Some(&Ok(50)));
    let notes = journal.notes();
    let order: Vec<_> = notes.iter().filter(|note| note.starts_with("shutdown ")).collect();
    assert_eq!(order, ["shutdown c", "shutdown b", "shutdown a"]);
    assert_eq!((journal.count("stop b"), journal.count("stop a")), (0, 1));
    assert!(!c_addr.connected());
}

#[actix::test]
async fn messages_that_make_the_actor_wait_are_drained_as_well() {
    let journal = Journal::default();
    let (spec, a) = journal.worker("a");
    let root = supervise(Strategy::OneForOne, vec![spec]);
    settled(&root.addr).await;
    let queued: Vec<_> = (0..20).map(|_| a.send(Slowly)).collect();
    root.addr.do_send(Shutdown);
    assert_eq!(ended(root.exit).await, Exit::Normal);
    assert_eq!(journal.count("worked slowly"), 20);
    assert!(join_all(queued).await.iter().all(Result::is_ok));
}

#[actix::test]
async fn asking_again_does_not_hurry_a_shutdown() {
    let journal = Journal::default();
    let (b, b_addr) = journal.worker("b");
    let root = supervise(Strategy::OneForOne, vec![journal.worker("a").0, b]);
    settled(&root.addr).await;
    let queued: Vec<_> = (0..20).map(|_| b_addr.send(Slowly)).collect();
    for _ in 0..3 {
        root.addr.do_send(Shutdown);
    }
    assert_eq!(ended(root.exit).await, Exit::Normal);
    assert!(join_all(queued).await.iter().all(Result::is_ok));
    let notes = journal.notes();
    let at = |what: &str| notes.iter().position(|note| note == what);
    assert!(at("stop b") < at("shutdown a"), "{notes:?}");
}

#[actix::test]
async fn a_full_mailbox_does_not_keep_the_shutdown_out() {
    let journal = Journal::default();
    let (spec, a) = journal.worker("a");
    let root = supervise(Strategy::OneForOne, vec![spec]);
    settled(&root.addr).await;
    for _ in 0..100 {
        a.do_send(Slowly); // the mailbox holds 64
    }
    root.addr.send(Remove("a".into())).await.unwrap().unwrap();
    assert_eq!((journal.count("worked slowly"), journal.count("stop a")), (100, 1));
}

#[actix::test]
async fn a_shutdown_does_not_wait_for_children_in_backoff() {
    let journal = Journal::default();
    let (inner_bad, bad_addr) = journal.worker("bad");
    let (b, b_addr) = journal.worker("b");
    let inner = Supervisor::new("inner", Strategy::OneForAll, MANY, SLOW, vec![inner_bad]);
    let specs = vec![Spec::supervisor(inner).0, b];
    let root = root(Supervisor::new("root", Strategy::OneForOne, MANY, SLOW, specs));
    settled(&root.addr).await;
    bad_addr.do_send(Panic);
    b_addr.do_send(Panic);
    state(&root.addr, "b", State::Backoff).await;
    root.addr.do_send(Shutdown);
    assert_eq!(ended(root.exit).await, Exit::Normal);
    assert_eq!(journal.starts(&["bad", "b"]), [1, 1]);
}

#[actix::test]
async fn a_shutdown_during_a_group_restart_stops_the_rest_and_starts_nothing() {
    let journal = Journal::default();
    let (a, _) = journal.worker("a");
    let (b, _) = journal.worker("b");
    let (c, _) = journal.worker_with("c", DEAF, None);
    let root = supervise(Strategy::OneForAll, vec![a, b, c.shutdown(ms(400))]);
    settled(&root.addr).await;
    crash(&root.addr, "b").await;
    state(&root.addr, "c", State::Stopping).await;
    root.addr.do_send(Shutdown);
    assert_eq!(ended(root.exit).await, Exit::Normal);
    assert_eq!(journal.starts(&["a", "b", "c"]), [1, 1, 1]);
    assert_eq!(journal.count("stop a"), 1);
}

#[actix::test]
async fn a_nested_tree_is_shut_down_from_the_end() {
    let journal = Journal::default();
    let inner = |name: &str, one: &str, two: &str| {
        let specs = vec![journal.worker(one).0, journal.worker(two).0];
        Spec::supervisor(Supervisor::new(name, Strategy::OneForOne, FEW, QUICK, specs)).0
    };
    let root = supervise(Strategy::OneForOne, vec![inner("first", "a", "b"), inner("second", "c", "d")]);
    settled(&root.addr).await;
    journal.shows("start d").await;
    root.addr.do_send(Shutdown);
    assert_eq!(ended(root.exit).await, Exit::Normal);
    let notes = journal.notes();
    let order: Vec<_> = notes.iter().filter(|note| note.starts_with("stop ")).collect();
    assert_eq!(order, ["stop d", "stop c", "stop b", "stop a"]);
}

#[actix::test]
async fn a_child_that_refuses_to_stop_is_killed_and_aborts_nothing() {
    let journal = Journal::default();
    let habits = Habits { refuses_to_stop: true, ..Habits::NONE };
    let (spec, a) = journal.worker_with("a", habits, None);
    let root = supervise(Strategy::OneForOne, vec![spec.shutdown(ms(30))]);
    settled(&root.addr).await;
    root.addr.do_send(Shutdown);
    assert_eq!(ended(root.exit).await, Exit::Normal);
    eventually("the mailbox closes", || !a.connected()).await;
}
