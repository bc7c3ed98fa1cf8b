//! What consumers get.

use crate::consumer::Consumer;
use crate::served::Served;
use eventmanager::config::{EvapiSend, EvapiTopic};
use eventmanager::matching::Pattern;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn rule(topic: &str, send: EvapiSend) -> EvapiTopic {
    EvapiTopic { topic: Pattern::parse(topic).expect("a pattern"), send }
}

#[test]
fn a_consumer_gets_the_event_as_it_is_and_what_we_know_of_it() {
    let served = Served::start(|_| ());
    let mut consumer = Consumer::connect(served.address).ready();
    served.log("calls alarms", r#"{"event":"call_start", "from":"anna","n":1.50}"#);
    let payload = consumer.payload();
    // Programs in the style of kamevapi look for their events in the bytes.
    assert!(
        payload.starts_with(r#"{"event":"call_start", "from":"anna","n":1.50,"eventmanager":{"id":""#),
        "{payload}"
    );
    let event: serde_json::Value = serde_json::from_str(&payload).expect("JSON");
    let ours = &event["eventmanager"];
    assert!(ours["id"].as_str().is_some_and(|id| id.len() == 36), "{payload}");
    assert_eq!((&ours["topics"], &ours["sequence"]), (&json!(["calls", "alarms"]), &json!(2)));
    assert_eq!((&ours["source"], &ours["time"]), (&json!("k1"), &json!("2026-03-01T12:00:00Z")));
}

#[test]
fn without_the_envelope_a_consumer_gets_the_payload_alone() {
    let served = Served::start(|config| config.envelope = false);
    let mut consumer = Consumer::connect(served.address).ready();
    served.log("calls", " {\"event\" : \"é\"}\n");
    assert_eq!(consumer.payload(), " {\"event\" : \"é\"}\n");
}

#[test]
fn topics_go_to_all_to_those_with_a_tag_or_to_the_first_of_them() {
    let served = Served::start(|config| {
        let tag = || "a".to_owned();
        config.topics =
            vec![rule("many", EvapiSend::Multicast(tag())), rule("one", EvapiSend::Unicast(tag()))];
    });
    let mut none = Consumer::connect(served.address).ready();
    let mut first = Consumer::connect(served.address).tagged("a");
    let mut second = Consumer::connect(served.address).tagged("a");
    for topic in ["many", "one", "other"] {
        served.event(topic, topic);
    }
    assert_eq!(first.names(3), ["many", "one", "other"]);
    assert_eq!(second.names(2), ["many", "other"]);
    assert_eq!(none.names(1), ["other"]);
    // Who takes the tag off is passed over; who has gone too.
    first = first.tagged("");
    served.event("one", "for the second");
    assert_eq!(second.names(1), ["for the second"]);
    drop(second);
    let third = Consumer::connect(served.address).tagged("a");
    crate::support::daemon::eventually("the third is the first", || {
        served.event("one", "for the third");
        third.has_more().then_some(())
    });
    served.event("other", "last");
    assert_eq!(first.names(1), ["last"]);
}

#[test]
fn who_subscribes_gets_these_topics_alone_from_then_on() {
    let served = Served::start(|_| ());
    let mut consumer = Consumer::connect(served.address).ready();
    served.event("alarms", "before");
    assert_eq!(consumer.names(1), ["before"]);
    consumer.subscribe(json!(["calls*", "!*s"]));
    for topic in ["alarms", "calls.1", "x", "events"] {
        served.event(topic, topic);
    }
    assert_eq!(consumer.names(2), ["calls.1", "x"]);
    consumer.subscribe(json!([]));
    served.event("calls", "nobody's");
    consumer.subscribe(json!(["alarms"]));
    served.event("alarms calls", "again");
    let event = consumer.next();
    assert_eq!(
        (&event["event"], &event["eventmanager"]["topics"]),
        (&json!("again"), &json!(["alarms", "calls"]))
    );
}

#[test]
fn an_event_comes_once_also_where_its_rows_are_read_apart() {
    let served = Served::start(|_| ());
    let mut all = Consumer::connect(served.address).ready();
    let mut calls = Consumer::connect(served.address);
    calls.subscribe(json!(["calls"]));
    let mut rows = served.rows("alarms calls", r#"{"event":"one"}"#);
    let rest = rows.split_off(1);
    served.log_rows(rows);
    served.log_rows(rest);
    served.event("calls", "two");
    assert_eq!(all.names(2), ["one", "two"]);
    assert_eq!(calls.names(2), ["one", "two"]);
}

#[test]
fn a_crash_costs_connections_and_the_next_are_served() {
    let served = Served::start(|_| ());
    let mut before = Consumer::connect(served.address).ready();
    served.crash();
    before.wait_closed();
    let mut after = Consumer::connect(served.address).ready();
    served.event("calls", "after");
    assert_eq!(after.names(1), ["after"]);
}

#[test]
fn another_configuration_holds_for_the_next_event_and_the_next_client() {
    let served = Served::start(|_| ());
    let mut consumer = Consumer::connect(served.address).tagged("a");
    let mut other = Consumer::connect_from("127.0.0.2", served.address).ready();
    let mut config = (*served.config.get()).clone();
    config.topics = vec![rule("*", EvapiSend::Unicast("a".to_owned()))];
    config.envelope = false;
    served.config.set(config.clone());
    served.log("calls", r#"{"event":"bare"}"#);
    assert_eq!(consumer.payload(), r#"{"event":"bare"}"#);
    config.allow_from = vec!["127.0.0.1/32".parse().expect("a network")];
    config.max_clients = 1;
    served.config.set(config);
    // It has got nothing, and may not be here any more.
    assert_eq!(other.try_payload(), None);
    Consumer::connect(served.address).wait_closed();
    served.event("calls", "still there");
    assert_eq!(consumer.names(1), ["still there"]);
}

/// Logs so many events of a kilobyte, more than the kernel takes for a client, and waits until all are queued for `other`.
fn fill(served: &Served, other: &mut Consumer, count: usize) {
    let text = "x".repeat(1000);
    served.log_all("calls", (0..count).map(|n| format!(r#"{{"event":"{n}","text":"{text}"}}"#)));
    for n in 0..count {
        assert_eq!(other.names(1), [n.to_string()]);
    }
}

#[test]
fn what_is_queued_is_written_before_a_stop() {
    const COUNT: usize = 4_000;
    let served = Served::start(|_| ());
    let mut consumer = Consumer::connect(served.address).ready();
    let mut other = Consumer::connect(served.address).ready();
    fill(&served, &mut other, COUNT);
    served.shut_down();
    for n in 0..COUNT {
        assert_eq!(consumer.names(1), [n.to_string()]);
    }
    assert_eq!((consumer.try_payload(), other.try_payload()), (None, None));
}

#[test]
fn who_takes_nothing_holds_up_no_stop() {
    let served = Served::start(|_| ());
    let _idle = Consumer::connect_small(served.address).ready();
    let mut other = Consumer::connect(served.address).ready();
    fill(&served, &mut other, 4_000);
    let began = Instant::now();
    drop(served);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn the_consumer_of_the_documentation_works() {
    let page = include_str!("../../docs/evapi-server.md");
    let script = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let served = Served::start(|_| ());
    let script = script.replace("8448", &served.address.port().to_string());
    assert!(script.lines().count() <= 16, "{script}");
    let mut python = Command::new("python3")
        .args(["-u", "-c", &script])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut lines = BufReader::new(python.stdout.take().expect("a pipe")).lines();
    // It does not say when it is there.
    let (told, tell) = (std::sync::atomic::AtomicBool::new(false), std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !told.load(tell) {
                served.log("calls", r#"{"event":"call_start","from":"ænna"}"#);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let line = lines.next().expect("a line").expect("text");
        told.store(true, tell);
        assert!(line.contains("call_start") && line.contains("ænna") && line.contains("calls"), "{line}");
    });
    python.kill().expect("killed");
    python.wait().expect("ended");
}
