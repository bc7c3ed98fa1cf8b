//! Threads that hang or end.

use crate::actors::*;
use actix::prelude::*;
use eventmanager::supervision::Supervisor; // not that of actix
use eventmanager::supervision::*;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

#[actix::test]
async fn the_watchdog_names_the_arbiter_that_hangs_once_and_sees_it_recover() {
    crate::tree::metrics();
    let (journal, good, bad) = (Journal::default(), Arbiter::new(), Arbiter::new());
    let (stuck, stuck_addr) = journal.worker_with("stuck", Habits::NONE, Some(bad.handle()));
    let _root = supervise(Strategy::OneForOne, vec![stuck]);
    assert_eq!(stuck_addr.send(Count).await, Ok(1));
    let (tell, stalls) = mpsc::channel();
    let watchdog = Watchdog::new(ms(20), ms(600)).watch("good", good.handle()).watch("bad", bad.handle());
    let watching = watchdog.start(move |stall| tell.send(stall).unwrap()).unwrap();
    for round in 1..=2 {
        let (release, until) = mpsc::channel();
        stuck_addr.do_send(Hang(until));
        let stall = stalls.recv_timeout(PATIENCE).unwrap();
        assert_eq!(stall.arbiter, "bad");
        assert!(stall.silent_for > ms(600));
        let counted = format!(r#"eventmanager_arbiter_stalled_total{{arbiter="bad"}} {round}"#);
        assert!(crate::tree::metrics().contains(&counted));
        assert!(stalls.recv_timeout(ms(700)).is_err(), "told once");
        drop(release);
        assert!(stuck_addr.send(Count).await.is_ok());
        actix_rt::time::sleep(ms(100)).await; // a few ticks, for the answer to be seen
    }
    drop(watching);
    assert!(matches!(stalls.recv(), Err(mpsc::RecvError)), "its thread has ended");
}

#[actix::test]
async fn the_watchdog_works_while_the_main_arbiter_hangs() {
    let (tell, stalls) = mpsc::channel();
    let watchdog = Watchdog::new(ms(5), ms(50)).watch("main", Arbiter::current());
    let _watching = watchdog.start(move |stall| tell.send(stall).unwrap()).unwrap();
    let stall = stalls.recv_timeout(PATIENCE).unwrap(); // this is what blocks the main arbiter
    assert_eq!(stall.arbiter, "main");
}

#[actix::test]
async fn the_watchdog_tells_an_arbiter_that_has_ended() {
    let arbiter = Arbiter::new();
    let (tell, stalls) = mpsc::channel();
    let watchdog = Watchdog::new(ms(5), ms(50)).watch("ended", arbiter.handle());
    arbiter.stop();
    arbiter.join().unwrap();
    let _watching = watchdog.start(move |stall| tell.send(stall).unwrap()).unwrap();
    assert_eq!(stalls.recv_timeout(PATIENCE).unwrap().arbiter, "ended");
}

#[actix::test]
async fn a_child_on_a_hung_arbiter_is_written_off_and_the_shutdown_goes_on() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    let (a, _) = journal.worker("a");
    let (stuck, stuck_addr) = journal.worker_with("stuck", Habits::NONE, Some(arbiter.handle()));
    let root = supervise(Strategy::OneForOne, vec![a, stuck.shutdown(ms(50))]);
    let (_release, until) = mpsc::channel();
    stuck_addr.do_send(Hang(until));
    journal.shows("hangs stuck").await;
    let start = Instant::now();
    root.addr.do_send(Shutdown);
    assert_eq!(ended(root.exit).await, Exit::Normal);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(journal.count("stop a"), 1);
}

#[actix::test]
async fn a_child_that_was_written_off_in_a_group_starts_once_its_arbiter_moves_again() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    let (a, _) = journal.worker("a");
    let (stuck, stuck_addr) = journal.worker_with("stuck", Habits::NONE, Some(arbiter.handle()));
    let root = supervise(Strategy::OneForAll, vec![a, stuck.shutdown(ms(50))]);
    settled(&root.addr).await;
    let (release, until) = mpsc::channel();
    stuck_addr.do_send(Hang(until));
    journal.shows("hangs stuck").await;
    crash(&root.addr, "a").await;
    eventually("a does not wait for it", || journal.count("start a") == 2).await;
    state(&root.addr, "stuck", State::Starting).await;
    drop(release);
    settled(&root.addr).await;
    assert_eq!(journal.starts(&["a", "stuck"]), [2, 2]);
    assert_eq!(stuck_addr.send(Count).await, Ok(1));
}

#[actix::test]
async fn an_arbiter_that_ends_under_its_children_is_escalated_to_the_process() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    let (a, a_addr) = journal.worker_with("a", Habits::NONE, Some(arbiter.handle()));
    let root = root(Supervisor::new("root", Strategy::OneForOne, FEW, QUICK, vec![a]));
    assert_eq!(a_addr.send(Count).await, Ok(1));
    arbiter.stop();
    let exit = ended(root.exit).await;
    assert!(matches!(&exit, Exit::Escalated(why) if why.contains("killed")), "{exit}");
}

#[actix::test]
async fn a_child_that_goes_down_with_its_arbiter_is_not_polled_once_more() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    // A panic in `stopping` while the actor is dropped is what could end the process.
    let habits = Habits { panics_in_stopping: true, ..Habits::NONE };
    let (a, a_addr) = journal.worker_with("a", habits, Some(arbiter.handle()));
    let root = root(Supervisor::new("root", Strategy::OneForOne, MANY, SLOW, vec![a]));
    assert_eq!(a_addr.send(Count).await, Ok(1));
    arbiter.stop();
    arbiter.join().unwrap();
    state(&root.addr, "a", State::Backoff).await;
    assert!(!a_addr.connected());
    assert_eq!(journal.count("stopping a"), 0);
}
