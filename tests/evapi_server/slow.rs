//! Consumers that do not keep up.

use crate::consumer::Consumer;
use crate::served::Served;
use eventmanager::config::{EvapiSend, EvapiTopic};
use eventmanager::matching::Pattern;
use std::time::{Duration, Instant};

fn payloads(count: usize) -> impl Iterator<Item = String> {
    let text = "x".repeat(1000);
    (0..count).map(move |n| format!(r#"{{"event":"{n}","text":"{text}"}}"#))
}

#[track_caller]
fn check_all(consumer: &mut Consumer, count: usize) {
    for n in 0..count {
        assert_eq!(consumer.names(1), [n.to_string()]);
    }
}

#[test]
fn a_slow_consumer_is_disconnected_and_another_gets_everything() {
    // Less than the bytes that may wait: it is by their number that frames are too many.
    const COUNT: usize = 12_000;
    let served = Served::start(|config| config.queue = 1_000);
    let mut slow = Consumer::connect_small(served.address).ready();
    let mut other = Consumer::connect(served.address).ready();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| check_all(&mut other, COUNT));
        // As they come, not all at once.
        let mut payloads = payloads(COUNT).peekable();
        while payloads.peek().is_some() {
            served.log_all("calls", payloads.by_ref().take(50).collect::<Vec<_>>());
        }
        other.join().expect("it gets everything");
    });
    let mut got = 0;
    while slow.try_payload().is_some() {
        got += 1;
    }
    assert!(got < COUNT, "it was disconnected, and not before it was full: {got}");
    assert!(got > 100, "what was written before is there: {got}");
}

#[test]
fn what_comes_at_once_after_an_outage_is_no_reason_to_disconnect_who_reads() {
    const COUNT: usize = 30_000;
    let served = Served::start(|config| config.queue = 10);
    let mut consumer = Consumer::connect(served.address).ready();
    // Gets nothing, and so does not count.
    let mut idle = Consumer::connect(served.address);
    idle.subscribe(serde_json::json!([]));
    served.log_all("calls", payloads(COUNT));
    check_all(&mut consumer, COUNT);
}

#[test]
fn who_takes_nothing_at_all_holds_nobody_up() {
    let served = Served::start(|config| {
        let topic = Pattern::parse("stuck").expect("a pattern");
        config.topics = vec![EvapiTopic { topic, send: EvapiSend::Unicast("stuck".to_owned()) }];
        // So that it takes long until it is full.
        config.queue = 100_000;
    });
    let _stuck = Consumer::connect_small(served.address).tagged("stuck");
    let mut other = Consumer::connect(served.address).ready();
    served.log_all("stuck", payloads(20_000));
    let began = Instant::now();
    served.event("calls", "last");
    assert_eq!(other.names(1), ["last"]);
    // Of all that it may wait for, once.
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
