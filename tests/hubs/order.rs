//! Which events a hub gets, in which order.

use crate::daemon::{Daemon, event, site};
use crate::peer::{management, peer};
use crate::receiver::Receiver;
use crate::support::daemon::eventually;
use eventmanager::event::Form;
use eventmanager::matching::Pattern;

#[test]
fn every_hub_gets_every_event_of_its_topic_in_order_and_numbered_without_gaps() {
    let (site, one, other) = (site(), Receiver::start(), Receiver::start());
    let daemon = Daemon::of(&site, &[&one, &other]);
    daemon.hand_on("order", [0]);
    let hub = daemon.register("order", &one.url(), None);
    daemon.register("order", &other.url(), None);
    daemon.register("alarm", &other.url(), None);
    let events = daemon.hand_on("order", 1..=500);
    daemon.hand_on("inquiry", 501..=510);
    for receiver in [&one, &other] {
        let received = receiver.wait(500);
        assert_eq!(receiver.ns(), (1..=500).collect::<Vec<_>>());
        for (at, (request, event)) in received.iter().zip(&events).enumerate() {
            assert_eq!(request.sequence(), at as i64 + 1);
            assert_eq!(request.header("webhook-id"), event.uuid.to_string());
        }
    }
    let first = &one.received()[0];
    assert_eq!(first.path, "/events");
    assert_eq!(first.header("content-type"), "application/json;charset=utf-8");
    let json = first.json();
    assert_eq!((&json["domain"], &json["eventType"]), (&"order".into(), &"call".into()));
    assert_eq!(json["eventId"], events[0].uuid.to_string());
    eventually("its place is kept", || {
        let cursor = daemon.block(daemon.store.cursor(&format!("hub:{hub}"))).ok()??;
        (cursor.number == 500).then_some(())
    });
    assert_eq!(daemon.status(hub).backlog, 0);
}

#[test]
fn a_filter_chooses_and_what_it_leaves_out_has_no_number() {
    let (site, receiver) = (site(), Receiver::start());
    let daemon = Daemon::of(&site, &[&receiver]);
    daemon.register("order", &receiver.url(), Some("event.kind=even"));
    daemon.hand_on("order", 1..=200);
    let received = receiver.wait(100);
    assert_eq!(receiver.ns(), (1..=100).map(|n| 2 * n).collect::<Vec<_>>());
    let numbers: Vec<i64> = received.iter().map(crate::receiver::Received::sequence).collect();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
}

#[test]
fn what_a_peer_has_posted_does_not_go_back_to_it_unless_its_topic_is_echoed() {
    let (site, origin, other) = (site(), Receiver::start(), Receiver::start());
    let mut config = management(vec![peer(origin.address), peer(other.address)]);
    config.peers[0].token = Some("pss".to_owned());
    config.echo = vec![Pattern::parse("inquiry").expect("a pattern")];
    let daemon = Daemon::start(&site, config);
    for (topic, receiver) in [("order", &origin), ("order", &other), ("inquiry", &origin)] {
        daemon.register(topic, &receiver.url(), None);
    }
    let posted = |topic, n, origin: Option<&str>| {
        let form = Form::Posted { origin: origin.map(Into::into) };
        let payload = format!(r#"{{"event":{{"n":{n}}}}}"#).into();
        eventmanager::event::TopicEvent { form, payload, ..event(topic, n) }
    };
    daemon.hand_on_all(vec![
        posted("order", 1, Some("pss")),
        posted("order", 2, None),
        posted("inquiry", 3, Some("pss")),
        posted("order", 4, Some("somebody")),
    ]);
    other.wait(3);
    origin.wait(3);
    assert_eq!(other.ns(), [1, 2, 4]);
    let mut back = origin.ns();
    back.sort_unstable();
    assert_eq!(back, [2, 3, 4]);
}

#[test]
fn a_hub_that_is_slow_or_broken_delays_no_other() {
    let (site, healthy) = (site(), Receiver::start());
    let slow =
        Receiver::scripted(|_, _| crate::receiver::Reply::Late(204, std::time::Duration::from_secs(1)));
    let broken = Receiver::scripted(|_, _| crate::receiver::Reply::Nothing);
    let daemon = Daemon::of(&site, &[&healthy, &slow, &broken]);
    for receiver in [&slow, &broken, &healthy] {
        daemon.register("order", &receiver.url(), None);
    }
    let began = std::time::Instant::now();
    daemon.hand_on("order", 1..=100);
    healthy.wait(100);
    assert!(slow.count() < 100 && began.elapsed() < std::time::Duration::from_secs(30));
    assert_eq!(healthy.ns(), (1..=100).collect::<Vec<_>>());
    assert!(broken.wait(2).iter().all(|request| request.n() == 1), "the first one until it is taken");
}
