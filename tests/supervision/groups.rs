//! Children that restart together, and what can happen meanwhile.

use crate::actors::*;
use actix::prelude::*;
use eventmanager::supervision::*;

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::RestForOne, Strategy::OneForAll];

#[actix::test]
async fn rest_for_one_stops_in_reverse_and_restarts_in_order() {
    let journal = Journal::default();
    let specs = ["a", "b", "c", "d"].map(|name| journal.worker(name).0);
    let root = supervise(Strategy::RestForOne, specs.into());
    settled(&root.addr).await;
    crash(&root.addr, "b").await;
    journal.shows("restarting d").await;
    settled(&root.addr).await;
    let told = |note: &String| note.starts_with("start ") || note.starts_with("stop ");
    let notes: Vec<_> = journal.notes().into_iter().filter(told).skip(4).collect();
    assert_eq!(notes, ["stop d", "stop c", "start b", "start c", "start d"]);
}

#[actix::test]
async fn one_for_all_stops_in_reverse_and_restarts_every_child_in_order() {
    let journal = Journal::default();
    let specs = ["a", "b", "c"].map(|name| journal.worker(name).0);
    let root = supervise(Strategy::OneForAll, specs.into());
    settled(&root.addr).await;
    crash(&root.addr, "b").await;
    journal.shows("restarting c").await;
    settled(&root.addr).await;
    let told = |note: &String| note.starts_with("start ") || note.starts_with("stop ");
    let notes: Vec<_> = journal.notes().into_iter().filter(told).skip(3).collect();
    assert_eq!(notes, ["stop c", "stop a", "start a", "start b", "start c"]);
}

#[actix::test]
async fn a_group_over_several_arbiters_restarts_every_child_once() {
    let (journal, one, two) = (Journal::default(), Arbiter::new(), Arbiter::new());
    let (a, _) = journal.worker_with("a", Habits::NONE, Some(one.handle()));
    let (b, b_addr) = journal.worker_with("b", Habits::NONE, Some(two.handle()));
    let (c, _) = journal.worker("c");
    let root = supervise(Strategy::OneForAll, vec![a, b, c]);
    settled(&root.addr).await;
    b_addr.do_send(Panic);
    journal.shows("restarting c").await;
    settled(&root.addr).await;
    assert_eq!(journal.starts(&["a", "b", "c"]), [2, 2, 2]);
}

/// `c` does not hear that it should stop, so that the restart is under way until its deadline.
async fn held_up_restart(journal: &Journal, strategy: Strategy) -> (Root, Vec<Addr<Worker>>) {
    let (a, a_addr) = journal.worker("a");
    let (b, b_addr) = journal.worker("b");
    let (c, c_addr) = journal.worker_with("c", DEAF, None);
    let root = supervise(strategy, vec![a, b, c.shutdown(ms(400))]);
    settled(&root.addr).await;
    crash(&root.addr, "b").await;
    state(&root.addr, "c", State::Stopping).await;
    (root, vec![a_addr, b_addr, c_addr])
}

#[actix::test]
async fn a_second_failure_widens_a_group_restart_and_every_child_is_started_once() {
    for strategy in [Strategy::RestForOne, Strategy::OneForAll] {
        let journal = Journal::default();
        let (root, _) = held_up_restart(&journal, strategy).await;
        crash(&root.addr, "a").await;
        journal.shows("restarting c").await;
        let tree = settled(&root.addr).await;
        assert_eq!(journal.starts(&["a", "b", "c"]), [2, 2, 2], "{strategy:?}");
        assert!(tree.children.iter().all(|child| child.restarts == 1), "{tree:?}");
    }
}

#[actix::test]
async fn two_failures_at_once_start_every_child_once() {
    for strategy in [Strategy::RestForOne, Strategy::OneForAll] {
        let journal = Journal::default();
        let (a, a_addr) = journal.worker("a");
        let (b, b_addr) = journal.worker("b");
        let (c, c_addr) = journal.worker("c");
        let root = supervise(strategy, vec![a, b, c]);
        settled(&root.addr).await;
        for addr in [&c_addr, &a_addr, &b_addr] {
            addr.do_send(Panic);
        }
        eventually("all restart", || journal.starts(&["a", "b", "c"]).iter().all(|n| *n > 1)).await;
        settled(&root.addr).await;
        assert_eq!(journal.starts(&["a", "b", "c"]), [2, 2, 2], "{strategy:?}");
    }
}

#[actix::test]
async fn a_child_that_panics_while_it_is_stopped_for_its_group_is_started_once() {
    let journal = Journal::default();
    let habits = Habits { panics_on_shutdown: true, ..Habits::NONE };
    let specs = vec![journal.worker("a").0, journal.worker_with("b", habits, None).0, journal.worker("c").0];
    let root = supervise(Strategy::OneForAll, specs);
    settled(&root.addr).await;
    crash(&root.addr, "a").await;
    journal.shows("restarting c").await;
    settled(&root.addr).await;
    assert_eq!(journal.starts(&["a", "b", "c"]), [2, 2, 2]);
}

#[actix::test]
async fn a_child_killed_at_its_deadline_finds_no_stale_shutdown_when_it_starts_again() {
    let journal = Journal::default();
    let (root, addrs) = held_up_restart(&journal, Strategy::RestForOne).await;
    let until_then = addrs[2].send(Slowly);
    journal.shows("restarting c").await;
    settled(&root.addr).await;
    let _ = until_then.await;
    assert_eq!(addrs[2].send(Count).await, Ok(1));
    assert_eq!((journal.count("shutdown c"), journal.count("start c")), (1, 2));
}

#[actix::test]
async fn a_shutdown_that_an_incarnation_did_not_live_to_handle_does_not_stop_the_next() {
    let journal = Journal::default();
    let (a, _) = journal.worker("a");
    let (b, b_addr) = journal.worker("b");
    let root = supervise(Strategy::OneForAll, vec![a, b.shutdown(ms(30))]);
    settled(&root.addr).await;
    // Busy for longer than its deadline: the shutdown waits behind this and is killed with its incarnation.
    let busy: Vec<_> = (0..100).map(|_| b_addr.send(Slowly)).collect();
    crash(&root.addr, "a").await;
    journal.shows("restarting b").await;
    settled(&root.addr).await;
    assert_eq!(b_addr.send(Count).await, Ok(1), "after what is left of the queue");
    assert_eq!((journal.count("shutdown b"), journal.count("start b")), (0, 2));
    drop(busy);
}

#[actix::test]
async fn a_temporary_child_is_stopped_with_its_group_and_not_started_again() {
    for strategy in [Strategy::RestForOne, Strategy::OneForAll] {
        let journal = Journal::default();
        let (t, t_addr) = journal.worker("t");
        let specs = vec![journal.worker("a").0, t.restart(Restart::Temporary), journal.worker("c").0];
        let root = supervise(strategy, specs);
        settled(&root.addr).await;
        crash(&root.addr, "a").await;
        journal.shows("restarting c").await;
        let tree = settled(&root.addr).await;
        assert_eq!(journal.starts(&["a", "t", "c"]), [2, 1, 2], "{strategy:?}");
        assert_eq!(journal.count("stop t"), 1);
        assert_eq!(tree.children.len(), 2);
        assert!(!t_addr.connected());
    }
}

#[actix::test]
async fn a_temporary_child_that_fails_restarts_nobody() {
    let journal = Journal::default();
    let (t, t_addr) = journal.worker("t");
    let specs = vec![journal.worker("a").0, t.restart(Restart::Temporary), journal.worker("c").0];
    let root = supervise(Strategy::OneForAll, specs);
    settled(&root.addr).await;
    t_addr.do_send(Panic);
    eventually("t is gone", || !t_addr.connected()).await;
    settled(&root.addr).await;
    assert_eq!(journal.starts(&["a", "t", "c"]), [1, 1, 1]);
}

#[actix::test]
async fn a_transient_child_restarts_with_its_group_unless_it_had_finished() {
    let journal = Journal::default();
    let (done, done_addr) = journal.worker("done");
    let (active, _) = journal.worker("active");
    let specs = vec![
        journal.worker("a").0,
        done.restart(Restart::Transient),
        active.restart(Restart::Transient),
        journal.worker("z").0,
    ];
    let root = supervise(Strategy::OneForAll, specs);
    settled(&root.addr).await;
    done_addr.do_send(Quit);
    state(&root.addr, "done", State::Stopped).await;
    crash(&root.addr, "a").await;
    journal.shows("restarting z").await;
    for name in ["a", "active", "z"] {
        state(&root.addr, name, State::Running).await;
    }
    state(&root.addr, "done", State::Stopped).await;
    assert_eq!(journal.starts(&["a", "done", "active", "z"]), [2, 1, 2, 2]);
}

#[actix::test]
async fn a_child_added_during_a_group_restart_starts_with_the_group() {
    let journal = Journal::default();
    let (root, _) = held_up_restart(&journal, Strategy::RestForOne).await;
    let (late, late_addr) = journal.worker("late");
    root.addr.send(Add(late)).await.unwrap().unwrap();
    assert_eq!(journal.starts(&["late"]), [0], "it may depend on those that are down");
    assert_eq!(late_addr.send(Count).await, Ok(1));
    settled(&root.addr).await;
    assert_eq!(journal.starts(&["a", "b", "c", "late"]), [1, 2, 2, 1]);
}

#[actix::test]
async fn a_child_removed_during_a_group_restart_does_not_come_back() {
    let journal = Journal::default();
    let (root, addrs) = held_up_restart(&journal, Strategy::RestForOne).await;
    root.addr.send(Remove("b".into())).await.unwrap().unwrap(); // it waits for its restart
    root.addr.send(Remove("c".into())).await.unwrap().unwrap(); // it is being stopped
    assert!(!addrs[1].connected() && !addrs[2].connected());
    let tree = settled(&root.addr).await;
    assert_eq!(tree.children.len(), 1);
    assert_eq!(journal.starts(&["a", "b", "c"]), [1, 1, 1]);
}

#[actix::test]
async fn any_storm_of_failures_ends_with_every_child_running() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    let names = ["a", "b", "c", "d"];
    for strategy in STRATEGIES {
        let children = names.map(|name| {
            let arbiter = fastrand::bool().then(|| arbiter.handle());
            journal.worker_with(name, Habits::NONE, arbiter)
        });
        let (specs, addrs): (Vec<_>, Vec<_>) = children.into_iter().unzip();
        let root = supervise(strategy, specs);
        for _ in 0..300 {
            match fastrand::u32(0..4) {
                0 => addrs[fastrand::usize(0..4)].do_send(Panic),
                1 => addrs[fastrand::usize(0..4)].do_send(Quit),
                2 => addrs[fastrand::usize(0..4)].do_send(PanicLater),
                _ => actix_rt::time::sleep(ms(fastrand::u64(0..4))).await,
            }
        }
        let answers = addrs.iter().map(|addr| addr.send(Count));
        let answers = futures_util::future::join_all(answers).await;
        assert!(answers.iter().all(Result::is_ok), "{strategy:?}: {answers:?}");
        let tree = settled(&root.addr).await;
        for (child, name) in tree.children.iter().zip(names) {
            assert!(child.restarts > 0, "{name}");
        }
        root.addr.do_send(Shutdown);
        assert_eq!(ended(root.exit).await, Exit::Normal);
    }
}
