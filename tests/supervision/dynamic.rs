//! Children that come and go while the tree runs.

use crate::actors::*;
use actix::prelude::*;
use eventmanager::supervision::Supervisor; // not that of actix
use eventmanager::supervision::*;
use futures_util::future::join_all;

async fn remove(from: &Addr<Supervisor>, name: &str) -> Result<(), TreeError> {
    from.send(Remove(name.into())).await.unwrap()
}

#[actix::test]
async fn a_child_can_be_added_unless_its_name_is_taken() {
    let journal = Journal::default();
    let root = supervise(Strategy::OneForOne, vec![]);
    let (first, a) = journal.worker("a");
    assert_eq!(root.addr.send(Add(first)).await, Ok(Ok(())));
    assert_eq!(a.send(Count).await, Ok(1));
    let (second, refused) = journal.worker("a");
    assert_eq!(root.addr.send(Add(second)).await, Ok(Err(TreeError::NameTaken("a".into()))));
    assert_eq!(refused.send(Count).await, Err(MailboxError::Closed));
    assert_eq!(a.send(Count).await, Ok(2));
}

#[actix::test]
async fn removing_drains_stops_and_closes_the_mailbox_and_frees_the_name() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    let root = supervise(Strategy::OneForOne, vec![]);
    for handle in [None, Some(arbiter.handle())] {
        let (spec, a) = journal.worker_with("a", Habits::NONE, handle);
        root.addr.send(Add(spec)).await.unwrap().unwrap();
        assert_eq!(a.send(Count).await, Ok(1));
        let queued: Vec<_> = (0..10).map(|_| a.send(Count)).collect();
        assert_eq!(remove(&root.addr, "a").await, Ok(()));
        assert!(!a.connected(), "closed when the answer comes");
        assert_eq!(join_all(queued).await.last(), Some(&Ok(11)));
        assert_eq!(remove(&root.addr, "a").await, Err(TreeError::UnknownChild("a".into())));
    }
    assert_eq!((journal.count("start a"), journal.count("stop a")), (2, 2));
}

#[actix::test]
async fn a_removed_supervisor_takes_all_below_it_along() {
    let journal = Journal::default();
    let (below, below_addr) = journal.worker("below");
    let inner = Supervisor::new("inner", Strategy::OneForOne, FEW, QUICK, vec![below]);
    let root = supervise(Strategy::OneForOne, vec![Spec::supervisor(inner).0]);
    assert_eq!(below_addr.send(Count).await, Ok(1));
    assert_eq!(remove(&root.addr, "inner").await, Ok(()));
    eventually("the mailbox closes", || !below_addr.connected()).await;
    assert_eq!(journal.count("stop below"), 1);
}

#[actix::test]
async fn a_child_in_backoff_is_removed_at_once() {
    let journal = Journal::default();
    let (spec, a) = journal.worker("a");
    let root = root(Supervisor::new("root", Strategy::OneForOne, MANY, SLOW, vec![spec]));
    let _ = a.send(Panic).await;
    state(&root.addr, "a", State::Backoff).await;
    let waiting = a.send(Count);
    assert_eq!(remove(&root.addr, "a").await, Ok(()));
    assert_eq!(waiting.await, Err(MailboxError::Closed), "its sender is told");
    assert_eq!(tree(&root.addr).await.children, []);
}

#[actix::test]
async fn a_deaf_child_is_killed_at_its_deadline_and_removed_for_all_who_ask() {
    let journal = Journal::default();
    let (spec, a) = journal.worker_with("a", DEAF, None);
    let root = supervise(Strategy::OneForOne, vec![spec.shutdown(ms(50))]);
    settled(&root.addr).await;
    let (one, two) = (root.addr.send(Remove("a".into())), root.addr.send(Remove("a".into())));
    let (again, _) = journal.worker("a");
    let early = root.addr.send(Add(again)).await.unwrap();
    assert_eq!(early, Err(TreeError::NameTaken("a".into())), "it is still there");
    assert_eq!((one.await, two.await), (Ok(Ok(())), Ok(Ok(()))));
    assert!(!a.connected());
}

#[actix::test]
async fn children_are_removed_side_by_side() {
    let journal = Journal::default();
    let names: Vec<_> = (0..20).map(|n| format!("hub {n}")).collect();
    let specs = names.iter().map(|name| journal.worker_with(name, DEAF, None).0.shutdown(ms(300)));
    let root = supervise(Strategy::OneForOne, specs.collect());
    settled(&root.addr).await;
    let start = std::time::Instant::now();
    let removals = join_all(names.iter().map(|name| root.addr.send(Remove(name.clone())))).await;
    assert!(removals.iter().all(|removed| *removed == Ok(Ok(()))));
    assert!(start.elapsed() < ms(3000), "not one deadline after the other: {:?}", start.elapsed());
}

#[actix::test]
async fn nothing_is_added_to_a_supervisor_that_is_ending() {
    let journal = Journal::default();
    let (deaf, _) = journal.worker_with("deaf", DEAF, None);
    let root = supervise(Strategy::OneForOne, vec![deaf.shutdown(ms(100))]);
    settled(&root.addr).await;
    root.addr.do_send(Shutdown);
    let (late, late_addr) = journal.worker("late");
    assert_eq!(root.addr.send(Add(late)).await, Ok(Err(TreeError::NotRunning("root".into()))));
    assert!(!late_addr.connected());
    assert_eq!(ended(root.exit).await, Exit::Normal);
}

#[actix::test]
async fn an_added_child_is_supervised_and_survives_a_restart_of_its_supervisor() {
    let journal = Journal::default();
    let (inner, inner_addr) =
        Spec::supervisor(Supervisor::new("inner", Strategy::OneForOne, MANY, QUICK, vec![]));
    let root = supervise(Strategy::OneForOne, vec![inner]);
    let (spec, a) = journal.worker("a");
    inner_addr.send(Add(spec)).await.unwrap().unwrap();
    a.do_send(Panic);
    assert_eq!(a.send(Count).await, Ok(1));
    crash(&root.addr, "inner").await;
    eventually("a starts again", || journal.count("start a") == 3).await;
    assert_eq!(a.send(Count).await, Ok(1));
}
