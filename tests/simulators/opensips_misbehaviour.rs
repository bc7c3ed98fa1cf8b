//! A simulated OpenSIPS that misbehaves.

use crate::mi_client::{Opensips, UdpReceiver, json};
use bytes::Bytes;
use eventmanager::simulators::opensips::{Misbehaviour, Version};
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

const OK: &str = r#"{"jsonrpc":"2.0","result":"OK","id":1}"#;

fn subscribe(socket: &str) -> String {
    json("event_subscribe", &format!(r#"{{"event":"E_TEST","socket":"{socket}"}}"#))
}

#[test]
fn one_that_answers_nothing_does_what_it_is_asked() {
    let opensips = Opensips::start(Version::V3_6);
    opensips.server.misbehave(Misbehaviour::Silent);
    let udp = opensips.udp();
    udp.send(&subscribe("udp:127.0.0.1:9001"));
    crate::support::daemon::eventually("it has subscribed", || opensips.subscribed().pop());
    opensips.server.misbehave(Misbehaviour::None);
    assert!(udp.ask(&json("events_list", "{}")).contains("Events"));
    assert_eq!((opensips.server.counts().answers, opensips.server.asked("event_subscribe")), (1, 1));
}

#[test]
fn a_late_one_answers_in_the_end() {
    let opensips = Opensips::start(Version::V2_4);
    let late = Duration::from_millis(150);
    opensips.server.misbehave(Misbehaviour::Late(late));
    let since = Instant::now();
    assert!(opensips.udp().ask(":version:\n").starts_with("200 OK"));
    assert!(since.elapsed() >= late);
}

#[test]
fn answers_are_wrong_in_every_way() {
    let opensips = Opensips::start(Version::V3_6);
    let udp = opensips.udp();
    let ask = |misbehaviour| {
        opensips.server.misbehave(misbehaviour);
        udp.ask(&subscribe("udp:127.0.0.1:9001"))
    };
    assert_eq!(ask(Misbehaviour::None), OK);
    assert_eq!(ask(Misbehaviour::Plain), "400 Parse_error");
    assert_eq!(ask(Misbehaviour::Garbage(Bytes::from_static(b"\xe2\x82\xac}"))), "€}");
    assert_eq!(ask(Misbehaviour::WrongId), r#"{"jsonrpc":"2.0","result":"OK","id":999999999}"#);
    let failing = ask(Misbehaviour::Failing);
    assert!(failing.contains(r#""code":500"#), "{failing}");
    assert_eq!(ask(Misbehaviour::None), OK);
    opensips.server.misbehave(Misbehaviour::OfAnother);
    assert_eq!(udp.ask(&json("events_list", "{}").replace(r#""id":1"#, r#""id":2"#)), OK);
    let events = udp.ask(&json("version", "{}"));
    assert!(events.contains("Events") && events.ends_with(r#""id":2}"#), "{events}");
}

#[test]
fn http_may_be_answered_with_garbage_which_ends_the_connection() {
    let opensips = Opensips::start(Version::V3_6);
    let mut http = opensips.http();
    opensips.server.misbehave(Misbehaviour::Garbage(Bytes::from_static(b"SSH-2.0-x\r\n")));
    http.post("/mi", "application/json", &json("version", "{}"));
    let mut line = String::new();
    let mut reader = BufReader::new(http.0);
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "SSH-2.0-x\r\n");
    assert_eq!(reader.read_line(&mut line).unwrap(), 0);
}

#[test]
fn one_that_fails_does_nothing_of_what_it_is_asked() {
    let opensips = Opensips::start(Version::V2_4);
    opensips.server.misbehave(Misbehaviour::Failing);
    let answer = opensips.udp().ask(":event_subscribe:\nE_TEST\nudp:127.0.0.1:9001\n");
    assert!(answer.starts_with("500 "), "{answer}");
    assert_eq!(opensips.subscribed().len(), 0);
}

#[test]
fn a_subscription_is_dropped_without_a_word() {
    let opensips = Opensips::start(Version::V3_6);
    let (kept, dropped) = (UdpReceiver::new(), UdpReceiver::new());
    opensips.subscribe(&kept.socket(), 60);
    opensips.subscribe(&dropped.socket(), 60);
    assert!(opensips.server.forget("E_TEST", &dropped.socket()));
    assert!(!opensips.server.forget("E_TEST", &dropped.socket()));
    opensips.server.raise("E_TEST", []);
    kept.next();
    dropped.is_empty();
}

#[test]
fn what_was_asked_can_be_looked_at() {
    let opensips = Opensips::start(Version::V3_6);
    opensips.subscribe("udp:127.0.0.1:9001", 60);
    opensips.udp().ask(&json("no_such_method", "{}"));
    let journal: Vec<String> =
        opensips.server.journal().into_iter().map(|asked| format!("{:?}", asked.request)).collect();
    assert!(journal[0].contains("Subscribe") && journal[0].contains("expire: Some(60)"), "{journal:?}");
    assert_eq!(journal[1], r#"Unknown("no_such_method")"#);
    let counts = opensips.server.counts();
    assert_eq!((counts.requests.len(), counts.answers, counts.unreadable), (2, 2, 0));
}
