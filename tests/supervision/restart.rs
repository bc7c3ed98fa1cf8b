//! One child fails.

use crate::actors::*;
use actix::prelude::*;
use eventmanager::supervision::Supervisor; // not that of actix
use eventmanager::supervision::*;
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[actix::test]
async fn a_panic_restarts_only_the_child_and_keeps_its_mailbox() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    let (here, a) = journal.worker("a");
    let (sibling, b) = journal.worker("b");
    let (elsewhere, c) = journal.worker_with("c", Habits::NONE, Some(arbiter.handle()));
    let _root = supervise(Strategy::OneForOne, vec![here, sibling, elsewhere]);
    assert_eq!(b.send(Count).await, Ok(1));
    for failing in [&a, &c] {
        assert_eq!(failing.send(Count).await, Ok(1));
        failing.do_send(Panic);
        let queued: Vec<_> = (0..10).map(|_| failing.send(Count)).collect();
        let answers = join_all(queued).await;
        assert_eq!(answers, (1..=10).map(Ok).collect::<Vec<_>>(), "fresh state, nothing lost");
    }
    assert_eq!(b.send(Count).await, Ok(2));
    assert_eq!(journal.starts(&["a", "b", "c"]), [2, 1, 2]);
}

#[actix::test]
async fn a_panic_in_an_async_handler_is_contained_and_its_sender_is_told() {
    let journal = Journal::default();
    let (spec, a) = journal.worker("a");
    let _root = supervise(Strategy::OneForOne, vec![spec]);
    assert_eq!(a.send(PanicLater).await, Err(MailboxError::Closed));
    assert_eq!(a.send(Count).await, Ok(1));
}

#[actix::test]
async fn a_permanent_child_that_stops_by_itself_is_started_again() {
    let journal = Journal::default();
    let (spec, a) = journal.worker("a");
    let _root = supervise(Strategy::OneForOne, vec![spec]);
    a.do_send(Quit);
    assert_eq!(a.send(Count).await, Ok(1));
    assert_eq!(journal.starts(&["a"]), [2]);
}

#[actix::test]
async fn a_transient_child_is_restarted_after_a_panic_but_not_after_a_normal_exit() {
    let journal = Journal::default();
    let (spec, a) = journal.worker("a");
    let root = supervise(Strategy::OneForOne, vec![spec.restart(Restart::Transient)]);
    a.do_send(Panic);
    assert_eq!(a.send(Count).await, Ok(1));
    a.do_send(Quit);
    state(&root.addr, "a", State::Stopped).await;
    eventually("the mailbox closes", || !a.connected()).await;
    assert_eq!(journal.starts(&["a"]), [2]);
    let (again, a) = journal.worker("a");
    assert_eq!(root.addr.send(Add(again)).await, Ok(Ok(())), "the name is free");
    assert_eq!(a.send(Count).await, Ok(1));
    assert_eq!(tree(&root.addr).await.children.len(), 1);
}

#[actix::test]
async fn a_temporary_child_is_never_restarted_and_leaves_the_tree() {
    let journal = Journal::default();
    for end in ["panic", "quit"] {
        let (spec, a) = journal.worker("a");
        let root = supervise(Strategy::OneForOne, vec![spec.restart(Restart::Temporary)]);
        assert_eq!(a.send(Count).await, Ok(1));
        if end == "panic" {
            a.do_send(Panic)
        } else {
            a.do_send(Quit)
        }
        eventually("the mailbox closes", || !a.connected()).await;
        assert_eq!(a.send(Count).await, Err(MailboxError::Closed));
        assert_eq!(tree(&root.addr).await.children, []);
    }
    assert_eq!(journal.starts(&["a"]), [2]);
}

#[actix::test]
async fn a_constructor_that_panics_is_tried_again_and_mail_waits() {
    for arbiter in [None, Some(Arbiter::new())] {
        let (tries, journal) = (Arc::new(AtomicUsize::new(0)), Journal::default());
        let counter = tries.clone();
        let (spec, a) = Spec::new("a", 16, arbiter.as_ref().map(Arbiter::handle), move || {
            assert!(counter.fetch_add(1, SeqCst) >= 2, "constructor");
            Made(journal.clone())
        });
        let early = a.send(Ask);
        let _root = supervise(Strategy::OneForOne, vec![spec]);
        assert_eq!(early.await, Ok(()));
        assert_eq!(tries.load(SeqCst), 3);
    }
}

struct Made(#[allow(dead_code)] Journal);
#[derive(Message)]
#[rtype(result = "()")]
struct Ask;
impl Actor for Made {
    type Context = Context<Self>;
}
impl Supervised for Made {}
impl Handler<Shutdown> for Made {
    type Result = ();
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop()
    }
}
impl Handler<Ask> for Made {
    type Result = ();
    fn handle(&mut self, _: Ask, _: &mut Context<Self>) {}
}

#[actix::test]
async fn a_panic_in_restarting_is_contained_and_tried_again() {
    let journal = Journal::default();
    let habits = Habits { panics_in_restarting: true, ..Habits::NONE };
    let (spec, a) = journal.worker_with("a", habits, None);
    let _root = supervise(Strategy::OneForOne, vec![spec]);
    a.do_send(Panic);
    assert_eq!(a.send(Count).await, Ok(1));
    assert_eq!((journal.count("restarting a"), journal.count("start a")), (2, 2));
}

#[actix::test]
async fn a_panic_in_stopping_or_stopped_is_contained() {
    for habits in [
        Habits { panics_in_stopping: true, ..Habits::NONE },
        Habits { panics_in_stopped: true, ..Habits::NONE },
    ] {
        let journal = Journal::default();
        let (spec, a) = journal.worker_with("a", habits, None);
        let (sibling, b) = journal.worker("b");
        let root = supervise(Strategy::OneForOne, vec![spec, sibling]);
        a.do_send(Quit);
        assert_eq!(a.send(Count).await, Ok(1), "restarted");
        root.addr.send(Remove("a".into())).await.unwrap().unwrap();
        assert!(!a.connected());
        assert_eq!(b.send(Count).await, Ok(1));
        root.addr.do_send(Shutdown);
        assert_eq!(ended(root.exit).await, Exit::Normal);
    }
}

#[actix::test]
async fn what_a_failed_incarnation_had_spawned_does_not_reach_the_next() {
    let journal = Journal::default();
    let (spec, a) = journal.worker("a");
    let _root = supervise(Strategy::OneForOne, vec![spec]);
    a.do_send(Remind(ms(30)));
    a.do_send(Panic);
    a.do_send(Remind(ms(40)));
    journal.shows("reminded after 40ms").await;
    assert_eq!(journal.count("reminded after 30ms"), 0);
}

#[actix::test]
async fn a_thousand_restarts_leave_the_sibling_alone() {
    let journal = Journal::default();
    let (failing, a) = journal.worker("a");
    let (sibling, b) = journal.worker("b");
    let at_once = Backoff { first: ms(0), max: ms(0) };
    let _root = root(Supervisor::new("root", Strategy::OneForOne, MANY, at_once, vec![failing, sibling]));
    for _ in 0..1000 {
        assert!(a.send(Panic).await.is_err());
    }
    assert_eq!((a.send(Count).await, b.send(Count).await), (Ok(1), Ok(1)));
    assert_eq!(journal.starts(&["a", "b"]), [1001, 1]);
}
