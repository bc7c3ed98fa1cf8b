//! Restarts that do not help, and supervisors that fail themselves.

use crate::actors::*;
use actix::prelude::*;
use eventmanager::supervision::Supervisor; // not that of actix
use eventmanager::supervision::*;
use std::time::Duration;

fn nested(name: &str, specs: Vec<Spec>) -> Spec {
    Spec::supervisor(Supervisor::new(name, Strategy::OneForOne, FEW, QUICK, specs)).0
}

#[actix::test]
async fn too_many_restarts_escalate_to_the_parent_and_then_to_the_process() {
    let journal = Journal::default();
    let born_bad = Habits { panics_in_started: true, ..Habits::NONE };
    let (bad, _) = journal.worker_with("bad", born_bad, None);
    let inner = nested("inner", vec![bad, journal.worker("good").0]);
    let twice = Intensity { max: 2, within: Duration::from_secs(60) };
    let specs = vec![inner, journal.worker("sibling").0];
    let root = root(Supervisor::new("root", Strategy::OneForOne, twice, QUICK, specs));
    let exit = ended(root.exit).await;
    assert!(matches!(&exit, Exit::Escalated(why) if why.contains("inner/bad")), "{exit}");
    // Four starts of `bad` in each of the three lives of `inner`; the sibling has one life.
    assert_eq!(journal.starts(&["bad", "good", "sibling"]), [12, 3, 1]);
}

#[actix::test]
async fn a_supervisor_that_gives_up_stops_its_children_first_and_takes_them_along() {
    let journal = Journal::default();
    let (a, a_addr) = journal.worker("a");
    let (b, b_addr) = journal.worker("b");
    let never = Intensity { max: 0, within: Duration::from_secs(60) };
    let inner = Supervisor::new("inner", Strategy::OneForOne, never, QUICK, vec![a, b]);
    let root = supervise(Strategy::OneForOne, vec![Spec::supervisor(inner).0]);
    assert_eq!(b_addr.send(Count).await, Ok(1));
    a_addr.do_send(Panic);
    assert_eq!(a_addr.send(Count).await, Ok(1));
    assert_eq!(b_addr.send(Count).await, Ok(1), "b is a new incarnation too");
    assert_eq!(journal.notes()[2..5], ["shutdown b", "stopping b", "stop b"]);
    let inner = &tree(&root.addr).await.children[0];
    assert_eq!(inner.restarts, 1);
    assert!(inner.last_exit.as_ref().is_some_and(|exit| exit.reason.starts_with("escalated: ")));
}

#[actix::test]
async fn a_restarted_supervisor_restarts_its_children_with_their_addresses_and_mailboxes() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    let (a, a_addr) = journal.worker("a");
    let (b, b_addr) = journal.worker_with("b", Habits::NONE, Some(arbiter.handle()));
    let (t, t_addr) = journal.worker("t");
    let root =
        supervise(Strategy::OneForOne, vec![nested("inner", vec![a, b, t.restart(Restart::Temporary)])]);
    for addr in [&a_addr, &b_addr, &t_addr] {
        assert_eq!(addr.send(Count).await, Ok(1));
    }
    crash(&root.addr, "inner").await;
    journal.shows("restarting a").await;
    assert_eq!((a_addr.send(Count).await, b_addr.send(Count).await), (Ok(1), Ok(1)));
    settled(&root.addr).await;
    assert_eq!(journal.starts(&["a", "b", "t"]), [2, 2, 1]);
    assert!(!t_addr.connected(), "a temporary child has one life");
}

#[actix::test]
async fn no_child_runs_without_its_supervisor_and_mail_waits_meanwhile() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    let (a, a_addr) = journal.worker("a");
    let (b, b_addr) = journal.worker_with("b", Habits::NONE, Some(arbiter.handle()));
    let (deep, deep_addr) = journal.worker("deep");
    let inner = nested("inner", vec![a, b, nested("innermost", vec![deep])]);
    let root = root(Supervisor::new("root", Strategy::OneForOne, MANY, SLOW, vec![inner]));
    let addrs = [&a_addr, &b_addr, &deep_addr];
    for addr in addrs {
        assert_eq!(addr.send(Count).await, Ok(1));
    }
    crash(&root.addr, "inner").await;
    state(&root.addr, "inner", State::Backoff).await;
    for addr in addrs {
        let answer = addr.send(Count).timeout(ms(50)).await;
        assert_eq!(answer, Err(MailboxError::Timeout), "the message waits for the restart");
    }
}

#[actix::test]
async fn a_supervisor_in_a_group_is_restarted_with_all_below_it() {
    let journal = Journal::default();
    let (below, below_addr) = journal.worker("below");
    let root = supervise(Strategy::RestForOne, vec![journal.worker("a").0, nested("inner", vec![below])]);
    assert_eq!(below_addr.send(Count).await, Ok(1));
    crash(&root.addr, "a").await;
    journal.shows("restarting below").await;
    settled(&root.addr).await;
    assert_eq!(below_addr.send(Count).await, Ok(1));
    assert_eq!(journal.starts(&["a", "below"]), [2, 2]);
    assert_eq!(journal.count("stop below"), 1, "in order, not by force");
}

#[actix::test]
async fn restarts_that_are_far_enough_apart_do_not_escalate() {
    let journal = Journal::default();
    let (spec, a) = journal.worker("a");
    let one_at_a_time = Intensity { max: 1, within: ms(1) };
    let root = root(Supervisor::new("root", Strategy::OneForOne, one_at_a_time, QUICK, vec![spec]));
    for _ in 0..10 {
        a.do_send(Panic);
        assert_eq!(a.send(Count).await, Ok(1));
        actix_rt::time::sleep(ms(3)).await;
    }
    assert_eq!(tree(&root.addr).await.children[0].restarts, 10);
}
