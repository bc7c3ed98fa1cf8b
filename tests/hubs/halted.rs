//! Hubs that are halted, and what an operator does then.

use crate::daemon::{Daemon, site};
use crate::peer::{management, peer};
use crate::receiver::{Receiver, Reply};
use crate::support::daemon::eventually;
use eventmanager::store::HubState;
use eventmanager::topics::hubs::messages::HubError;
use std::time::{Duration, Instant, SystemTime};
use uuid::Uuid;

/// The events of the topic `alarm`: name, change and object of each.
fn alarms(daemon: &Daemon) -> Vec<(String, String, String)> {
    let rows = daemon.block(daemon.store.topic_rows_after("alarm", 0, 100)).expect("rows").rows;
    let told = |row: eventmanager::event::Logged| {
        let payload: serde_json::Value = serde_json::from_str(&row.event.payload).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        (
            row.event.name.to_string(),
            text(&payload["change"]),
            text(&payload["entity"]["alarmedObject"]["id"]),
        )
    };
    rows.into_iter().map(told).collect()
}

fn alarm(change: &str, hub: Uuid) -> (String, String, String) {
    ("hub_halted".to_owned(), change.to_owned(), hub.to_string())
}

#[test]
fn a_hub_that_takes_nothing_is_halted_in_the_end_and_goes_on_where_it_was_when_it_is_resumed() {
    let receiver = Receiver::scripted(|_, _| Reply::Status(500));
    let site = site();
    let mut config = management(vec![peer(receiver.address)]);
    config.give_up_after = Duration::from_millis(500);
    let daemon = Daemon::start(&site, config);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", 1..=3);
    let reason = daemon.wait_halted(hub);
    assert!(reason.contains("given up") && reason.contains("500"), "{reason}");
    let tried = receiver.count();
    assert!(tried >= 3 && receiver.ns().iter().all(|n| *n == 1), "{:?}", receiver.ns());
    assert_eq!(daemon.status(hub).backlog, 3);
    eventually("the alarm is raised", || (alarms(&daemon) == [alarm("created", hub)]).then_some(()));
    receiver.answer(|_, _| Reply::Status(200));
    daemon.hand_on("order", [4]);
    daemon.resume(hub, false).expect("resumed");
    assert_eq!(daemon.resume(hub, false), Err(HubError::NotHalted));
    receiver.wait(tried + 4);
    assert_eq!(receiver.ns()[tried..], [1, 2, 3, 4]);
    assert_eq!(receiver.received()[tried + 3].sequence(), 4);
    assert_eq!(alarms(&daemon), [alarm("created", hub), alarm("deleted", hub)]);
    let audit = daemon.block(daemon.store.audit(i64::MAX, 10)).expect("the audit");
    assert_eq!((audit[0].act.act.as_str(), audit[0].act.actor.as_str()), ("resume", "anna"));
}

#[test]
fn a_callback_that_is_gone_halts_its_hub_at_once_and_a_restart_knows() {
    let receiver = Receiver::scripted(|_, _| Reply::Status(410));
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", 1..=2);
    assert!(daemon.wait_halted(hub).contains("410"));
    assert_eq!(receiver.count(), 1);
    eventually("the alarm is raised", || (alarms(&daemon).len() == 1).then_some(()));
    daemon.stop();
    let daemon = Daemon::of(&site, &[&receiver]);
    assert!(daemon.wait_halted(hub).contains("410"));
    receiver.answer(|_, _| Reply::Status(200));
    daemon.resume(hub, false).expect("resumed");
    receiver.wait(3);
    assert_eq!(receiver.ns(), [1, 1, 2]);
    assert_eq!(alarms(&daemon), [alarm("created", hub), alarm("deleted", hub)]);
}

#[test]
fn an_operator_has_the_event_skipped_that_it_stands_for_and_it_stays_as_a_dead_letter() {
    let receiver = Receiver::scripted(|it, _| Reply::Status(if it.n() == 2 { 410 } else { 200 }));
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), Some("event.n.gte=1"));
    let events = daemon.hand_on("order", 0..=4);
    daemon.wait_halted(hub);
    daemon.resume(hub, true).expect("resumed");
    let received = receiver.wait(4);
    assert_eq!(receiver.ns(), [1, 2, 3, 4]);
    // The one that was skipped keeps its number: it may have come all the same.
    assert_eq!(received.iter().map(|it| it.sequence()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let letters = daemon.block(daemon.store.dead_letters(hub, 10)).expect("letters");
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].logged.event.uuid, letters[0].actor.as_str()), (events[2].uuid, "anna"));
    assert_eq!(letters[0].reason, "mended");
}

#[test]
fn an_operator_halts_a_hub_that_still_tries_and_has_the_event_skipped() {
    let receiver = Receiver::scripted(|it, _| Reply::Status(if it.n() == 1 { 500 } else { 200 }));
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", 1..=2);
    receiver.wait(2);
    assert_eq!(daemon.resume(hub, true), Err(HubError::NotHalted));
    let reason = daemon.halt(hub).expect("halted");
    assert_eq!(reason, "an operator has halted it: it breaks them");
    assert_eq!(daemon.halt(hub), Err(HubError::AlreadyHalted));
    let (status, tried) = (daemon.status(hub), receiver.count());
    assert!(matches!(status.hub.state, HubState::Halted { reason: of, .. } if of == reason));
    assert_eq!((status.failing, status.backlog), (None, 2));
    assert_eq!(alarms(&daemon), [alarm("created", hub)]);
    let audit = daemon.block(daemon.store.audit(i64::MAX, 10)).expect("the audit");
    assert_eq!((audit[0].act.act.as_str(), audit[0].act.actor.as_str()), ("halt", "anna"));
    assert_eq!(audit[0].act.detail.as_deref(), Some("it breaks them"));
    // What comes does not wake it, nor does a restart.
    daemon.stop();
    let daemon = Daemon::of(&site, &[&receiver]);
    daemon.hand_on("order", [3]);
    assert_eq!((daemon.wait_halted(hub), receiver.count()), (reason, tried));
    assert_eq!(daemon.resume(hub, true), Ok(true));
    let received = receiver.wait(tried + 2);
    let after: Vec<_> = received[tried..].iter().map(|it| (it.n(), it.sequence())).collect();
    assert_eq!(after, [(2, 2), (3, 3)]);
    assert_eq!(alarms(&daemon), [alarm("created", hub), alarm("deleted", hub)]);
}

#[test]
fn a_hub_is_halted_while_its_receiver_says_nothing() {
    let receiver = Receiver::scripted(|_, _| Reply::Late(200, Duration::from_secs(60)));
    let site = site();
    let mut config = management(vec![peer(receiver.address)]);
    config.timeout = Duration::from_secs(60);
    let daemon = Daemon::start(&site, config);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", [1]);
    receiver.wait(1);
    let began = Instant::now();
    daemon.halt(hub).expect("halted");
    // Whoever asks over HTTP waits so long.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    receiver.answer(|_, _| Reply::Status(200));
    assert_eq!(daemon.resume(hub, false), Ok(false));
    let received = receiver.wait(2);
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
}

#[test]
fn a_hub_for_which_nothing_waits_is_halted_and_has_nothing_skipped() {
    let receiver = Receiver::start();
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.halt(hub).expect("halted");
    assert_eq!(daemon.resume(hub, true), Ok(false));
    daemon.hand_on("order", [1]);
    assert_eq!(receiver.wait(1)[0].sequence(), 1);
}

#[test]
fn what_a_time_range_has_is_sent_again_before_anything_new_and_says_so() {
    let receiver = Receiver::scripted(|it, _| Reply::Status(if it.n() == 6 { 410 } else { 200 }));
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    let mut events = daemon.hand_on("order", 1..=3);
    receiver.wait(3);
    events.extend(daemon.hand_on("order", 4..=5));
    receiver.wait(5);
    daemon.hand_on("order", 6..=7);
    daemon.wait_halted(hub);
    let (since, until) = (events[1].at, events[3].at);
    assert_eq!(
        daemon.replay(hub, SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH),
        Err(HubError::NothingThere)
    );
    // A millisecond is what databases tell apart at least.
    let count =
        daemon.replay(hub, since - Duration::from_millis(1), until + Duration::from_millis(1)).expect("some");
    receiver.answer(|_, _| Reply::Status(200));
    daemon.resume(hub, false).expect("resumed");
    let received = receiver.wait(6 + count as usize + 2);
    let again = &received[6..6 + count as usize];
    assert!(again.len() >= 3, "{count}");
    for request in again {
        assert_eq!(request.header("webhook-replay"), "true");
        assert!(!request.headers.contains_key("webhook-sequence"));
        let first = received.iter().find(|it| it.n() == request.n()).expect("it came before");
        assert_eq!(request.header("webhook-id"), first.header("webhook-id"));
        assert!(request.n() <= 5);
    }
    let after = &received[6 + count as usize..];
    assert_eq!(after.iter().map(|it| (it.n(), it.sequence())).collect::<Vec<_>>(), [(6, 6), (7, 7)]);
    assert_eq!(daemon.status(hub).hub.replay, None);
}

#[test]
fn a_host_that_is_not_configured_any_more_halts_its_hubs() {
    let receiver = Receiver::start();
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.stop();
    // At once, and not when there is something to be delivered.
    let daemon = Daemon::of(&site, &[]);
    let reason = daemon.wait_halted(hub);
    assert!(reason.contains("not among the hosts"), "{reason}");
    assert_eq!(receiver.count(), 0);
}
