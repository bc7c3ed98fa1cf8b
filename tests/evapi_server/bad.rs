//! Clients that break the rules, and those who may not come.

use crate::consumer::Consumer;
use crate::served::Served;
use serde_json::json;
use std::time::{Duration, Instant};

/// Such bytes end the connection, and nobody else notices.
#[track_caller]
fn check_ends(bytes: &[u8]) {
    let served = Served::start(|_| ());
    let mut other = Consumer::connect(served.address).ready();
    let mut client = Consumer::connect(served.address).ready();
    client.write(bytes);
    client.wait_closed();
    served.event("calls", "next");
    assert_eq!(other.names(1), ["next"]);
}

#[test]
fn what_breaks_the_rules_ends_the_connection() {
    check_ends(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    check_ends(b"05:hello,");
    check_ends(b"5:helloX");
    check_ends(b"65537:");
    check_ends(b"18446744073709551621:x");
    check_ends(&[0xff; 1000]);
    check_ends("0:,".repeat(10).as_bytes());
    check_ends("3:a\0b,".repeat(10).as_bytes());
}

#[test]
fn json_that_is_nested_without_end_is_refused() {
    let bomb = "[".repeat(60_000);
    check_ends(format!("{}:{bomb},", bomb.len()).repeat(10).as_bytes());
    let bomb = "{\"a\":".repeat(12_000);
    check_ends(format!("{}:{bomb},", bomb.len()).repeat(10).as_bytes());
}

#[test]
fn who_says_that_he_sends_no_more_is_gone() {
    let served = Served::start(|_| ());
    let mut client = Consumer::connect(served.address).ready();
    client.close_sending();
    client.wait_closed();
}

#[test]
fn what_is_meant_for_a_script_is_ignored() {
    let served = Served::start(|_| ());
    let mut client = Consumer::connect(served.address).ready();
    for _ in 0..20 {
        client.send(r#"{"cmd":"reply","tr_index":"491","tr_label":"1820328478","code":"202"}"#);
    }
    client.subscribe(json!(["*"]));
    served.event("calls", "next");
    assert_eq!(client.names(1), ["next"]);
}

#[test]
fn a_command_is_obeyed_wherever_it_is_cut() {
    let served = Served::start(|_| ());
    let mut client = Consumer::connect(served.address).ready();
    let payload = r#"{"cmd":"subscribe","topics":["é*"]}"#;
    let frame = format!("{}:{payload},", payload.len()).into_bytes();
    for cut in 1..frame.len() {
        client.write(&frame[..cut]);
        // So that the first part is likely to be read alone; it must not matter.
        std::thread::sleep(Duration::from_millis(2));
        client.write(&frame[cut..]);
        assert_eq!(client.next(), json!({"event": "subscribed", "topics": ["é*"]}), "cut at {cut}");
    }
}

#[test]
fn a_client_that_sends_a_byte_a_second_is_not_waited_for() {
    let served = Served::start(|_| ());
    let mut other = Consumer::connect(served.address).ready();
    let mut client = Consumer::connect(served.address).ready();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let closed = scope.spawn(|| {
            let mut reading = Consumer::connect(served.address).ready();
            for byte in b"100:{\"cmd\":\"tag\"" {
                reading.write(&[*byte]);
                client.write(&[*byte]);
                served.event("calls", "tick");
                assert_eq!(other.names(1), ["tick"]);
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        closed.join().expect("others are served");
    });
    client.wait_closed();
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn who_may_not_come_is_sent_away() {
    let served = Served::start(|config| config.allow_from = vec!["127.0.0.1/32".parse().expect("a network")]);
    let mut stranger = Consumer::connect_from("127.0.0.2", served.address);
    assert_eq!(stranger.try_payload(), None);
    let mut client = Consumer::connect_from("127.0.0.1", served.address).ready();
    served.event("calls", "next");
    assert_eq!(client.names(1), ["next"]);
}

#[test]
fn one_too_many_is_sent_away_and_has_room_when_another_has_gone() {
    let served = Served::start(|config| config.max_clients = 2);
    let (first, mut second) =
        (Consumer::connect(served.address).ready(), Consumer::connect(served.address).ready());
    assert_eq!(Consumer::connect(served.address).try_payload(), None);
    drop(first);
    crate::support::daemon::eventually("there is room", || {
        let mut client = Consumer::connect(served.address);
        client.send(r#"{"cmd":"subscribe","topics":[]}"#);
        client.try_payload()
    });
    served.event("calls", "next");
    assert_eq!(second.names(1), ["next"]);
}
