//! One that is in trouble delays no other: shown by what the peers themselves have seen, in their order.

mod support;

use eventmanager::simulators::ema::{Outcome, RecordedCall};
use eventmanager::simulators::script::{Action, Rule};
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, voicemail};
use support::peers::Peers;

/// Peers, a site with further keys of `[ema]`, and its daemon.
fn start(ema: &str) -> (Peers, Site, Daemon) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(ema));
    let daemon = site.start();
    (peers, site, daemon)
}

/// Requests to create, in the order in which the gateway has seen them.
fn creates(peers: &Peers) -> Vec<RecordedCall> {
    peers.ema.calls().into_iter().filter(|call| call.operation == "Create").collect()
}

fn of<'a>(calls: &'a [RecordedCall], user: &str) -> Vec<&'a RecordedCall> {
    let identity = format!("sip:{user}");
    calls.iter().filter(|call| call.subject == identity).collect()
}

#[track_caller]
fn wait_completed(site: &Site, events: u64) {
    eventually(&format!("{events} events are completed"), || {
        (site.count(&["completed"]) == events).then_some(())
    });
}

/// The timeout is longer than this test: whoever waited for it would never end.
#[test]
fn neighbours_run_while_the_ema_hangs_on_one_event() {
    let (peers, site, _daemon) = start("timeout = \"1h\"");
    peers.ema.script(vec![Rule::new(Action::Hang).contains("slow@tele.gl")]);
    peers.broadworks.send(&add(1, "slow@tele.gl"));
    eventually("it is under way", || (peers.ema.counts().unanswered == 1).then_some(()));
    (2..22).for_each(|id| peers.broadworks.send(&add(id, &format!("user{id}@tele.gl"))));
    wait_completed(&site, 20);
    let calls = creates(&peers);
    assert_eq!(calls[0].outcome, Outcome::Unanswered { done: false }, "{calls:?}");
    assert_eq!(of(&calls, "slow@tele.gl"), [&calls[0]], "it was asked before all others, and still waits");
    assert_eq!((calls.len(), site.count(&["pending"])), (21, 1));
}

#[test]
fn neighbours_run_while_one_event_is_turned_away_again_and_again() {
    let (peers, site, _daemon) = start("");
    peers.ema.script(vec![Rule::new(Action::Status(503)).contains("busy@tele.gl")]);
    peers.broadworks.send(&add(1, "busy@tele.gl"));
    for round in 1..=5 {
        let before = creates(&peers).len();
        eventually("it was turned away once more", || {
            (of(&creates(&peers)[before..], "busy@tele.gl").len() > 1).then_some(())
        });
        peers.broadworks.send(&add(1 + round, &format!("user{round}@tele.gl")));
        wait_completed(&site, round);
    }
    let calls = creates(&peers);
    for round in 1..=5 {
        assert_eq!(of(&calls, &format!("user{round}@tele.gl")).len(), 1, "asked once: {calls:?}");
    }
    assert_eq!(site.count(&["pending"]), 1);
    peers.ema.script(Vec::new());
    wait_completed(&site, 6);
}

#[test]
fn who_needs_another_system_runs_while_one_is_away() {
    let (peers, site, _daemon) = start("");
    let user = |id: u64| format!("user{id}@tele.gl");
    let account = |id: u64| format!("mail{id}@mail.gl");
    let send_mail =
        |id: u64| peers.broadworks.send(&voicemail(id, &user(id % 10), Some((&account(id % 10), "secret"))));
    (0..10).for_each(|id| peers.broadworks.send(&add(id, &user(id))));
    wait_completed(&site, 10);
    // The gateway is away: accounts are made, subscribers wait.
    peers.ema.refuse(true).expect("refused");
    (20..25).for_each(|id| peers.broadworks.send(&add(id, &user(id))));
    eventually("they wait", || (site.count(&["pending"]) == 5).then_some(()));
    (30..35).for_each(send_mail);
    wait_completed(&site, 15);
    assert_eq!((site.count(&["pending"]), peers.ema.holds().0), (5, 10));
    peers.ema.refuse(false).expect("listening");
    wait_completed(&site, 20);
    // The mail server is away: subscribers are made, accounts wait.
    peers.surgemail.refuse(true).expect("refused");
    (35..40).for_each(send_mail);
    eventually("they wait", || (site.count(&["pending"]) == 5).then_some(()));
    (40..45).for_each(|id| peers.broadworks.send(&add(id, &user(id))));
    wait_completed(&site, 25);
    assert_eq!((site.count(&["pending"]), peers.ema.holds().0), (5, 20));
    peers.surgemail.refuse(false).expect("listening");
    wait_completed(&site, 30);
}
