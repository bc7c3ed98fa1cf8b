//! What fails in the daemon costs no hub an event.

use crate::daemon::{Daemon, site};
use crate::receiver::{Received, Receiver, Reply};
use crate::support::daemon::eventually;
use std::collections::BTreeMap;

/// Once each, in order, and a repetition only of what was there already.
#[track_caller]
pub fn check_complete(received: &[Received], count: i64) {
    let mut numbers: BTreeMap<i64, String> = BTreeMap::new();
    for request in received {
        let id = request.header("webhook-id").to_owned();
        let number = request.sequence();
        assert_eq!(number, request.n(), "an event and its number");
        let before = numbers.insert(number, id.clone());
        assert!(before.is_none_or(|before| before == id), "one number is one event");
        assert_eq!(numbers.len() as i64, *numbers.keys().next_back().expect("one"), "no gap before {number}");
    }
    assert_eq!(numbers.len() as i64, count);
}

#[test]
fn whatever_fails_is_as_the_store_says_afterwards() {
    let (site, receiver) = (site(), Receiver::start());
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    let mut n = 0;
    let delivery = format!("topics/hubs/{hub}");
    for path in
        [delivery.as_str(), "topics/hub_window", "topics/hub_manager", "topics/hubs", delivery.as_str()]
    {
        daemon.hand_on("order", n + 1..=n + 50);
        daemon.crash(path);
        daemon.hand_on("order", n + 51..=n + 100);
        n += 100;
        eventually(&format!("all is delivered after {path}"), || {
            receiver.received().iter().any(|it| it.n() == n).then_some(())
        });
    }
    check_complete(&receiver.received(), n);
    eventually("the manager knows it", || (daemon.status(hub).cursor.number == n).then_some(()));
}

#[test]
fn after_a_clean_stop_nothing_is_delivered_twice_and_what_came_meanwhile_is_delivered() {
    let (site, receiver) = (site(), Receiver::start());
    let daemon = Daemon::of(&site, &[&receiver]);
    daemon.register("order", &receiver.url(), Some("event.kind=even"));
    for round in 0..3 {
        daemon_round(&daemon, &receiver, round);
    }
    daemon.hand_on("order", [61, 63, 65]);
    daemon.stop();
    let daemon = Daemon::of(&site, &[&receiver]);
    daemon.hand_on("order", [66]);
    receiver.wait(31);
    assert_eq!(receiver.ns(), [(1..=30).map(|n| 2 * n).collect(), vec![66]].concat());
    assert_eq!(receiver.received()[30].sequence(), 31);
}

fn daemon_round(daemon: &Daemon, receiver: &Receiver, round: i64) {
    daemon.hand_on("order", 20 * round + 1..=20 * round + 20);
    receiver.wait(10 * (round as usize + 1));
}

#[test]
fn how_often_it_was_tried_is_known_after_a_restart() {
    let receiver = Receiver::scripted(|_, _| Reply::Status(500));
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", [1]);
    receiver.wait(4);
    daemon.stop();
    let daemon = Daemon::of(&site, &[&receiver]);
    let failing = eventually("it fails again", || daemon.status(hub).failing);
    assert!(failing.attempts >= 4, "{failing:?}");
}

#[test]
fn a_hub_that_was_far_behind_gets_everything_from_the_store() {
    let receiver = Receiver::scripted(|_, _| Reply::Status(500));
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", 1..=300);
    receiver.wait(1);
    daemon.stop();
    // The window of a new daemon has nothing of these.
    receiver.answer(|_, _| Reply::Status(200));
    let tried = receiver.count();
    let daemon = Daemon::of(&site, &[&receiver]);
    daemon.hand_on("order", 301..=400);
    receiver.wait(tried + 400);
    check_complete(&receiver.received(), 400);
    eventually("nothing waits", || (daemon.status(hub).backlog == 0).then_some(()));
}
