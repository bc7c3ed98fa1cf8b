//! Many subscribers, and events of all sizes.

use crate::program::{ALL, Receiver, Served};
use crate::support::daemon::eventually;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn an_event_under_several_topics_comes_once_and_in_both_formats() {
    let routes = format!("{ALL}[[route]]\nevent = \"E_*\"\nto = [\"a\", \"b\"]\n");
    let served = Served::start(&routes, "");
    let (json, text) = (Receiver::bind(), Receiver::bind());
    served.subscribe("E_TEST", &json.socket(), json!({"format": "json"}));
    served.subscribe("E_TEST", &text.socket(), json!({"format": "text"}));
    served.raise("E_TEST", "a::1\n");
    assert_eq!(json.next(), r#"{"jsonrpc":"2.0","method":"E_TEST","params":{"a":"1"}}"#);
    assert_eq!(text.next(), "E_TEST\na::1\n\n");
    assert!(json.is_silent() && text.is_silent());
}

#[test]
fn what_is_larger_than_a_datagram_is_counted_and_not_sent() {
    let served = Served::open();
    let (json, text) = (Receiver::bind(), Receiver::bind());
    served.subscribe("E_TEST", &json.socket(), json!({}));
    served.subscribe("E_TEST", &text.socket(), json!({"format": "text"}));
    // As JSON with escapes it is larger than as text.
    let quotes = "\"".repeat(32_000);
    let raised = served.json(
        "raise_event",
        json!({"event": "E_TEST", "params": {"a": format!("x{quotes}"), "b": "y".repeat(1_200)}}),
    );
    assert_eq!(raised["result"], "OK", "{raised}");
    served.raise("E_TEST", "a::small\n");
    assert!(json.next().contains("small"));
    assert!(text.next().len() > 32_000);
    assert_eq!(served.metric("evi_sent_total", "too_large"), 1.0);
}

#[test]
fn a_subscriber_that_is_gone_costs_the_others_nothing() {
    let served = Served::open();
    let gone = Receiver::bind();
    served.subscribe("E_TEST", &gone.socket(), json!({}));
    drop(gone);
    let there = Receiver::bind();
    served.subscribe("E_TEST", &there.socket(), json!({}));
    for number in 0..20 {
        served.raise("E_TEST", &format!("n::{number}\n"));
        assert!(there.next().contains(&format!("\"n\":\"{number}\"")));
    }
}

#[test]
fn fifty_subscribers_get_everything_in_its_order() {
    const EVENTS: usize = 2_000;
    let served = Served::open();
    let receivers: Vec<Receiver> = (0..50).map(|_| Receiver::bind()).collect();
    for receiver in &receivers {
        served.subscribe("E_TEST", &receiver.socket(), json!({}));
    }
    let list = |from: usize| -> Vec<_> {
        let one = |number: usize| {
            let params = json!({"event": "E_TEST", "params": {"n": number.to_string()}});
            json!({"jsonrpc": "2.0", "method": "raise_event", "params": params})
        };
        (from..from + 100).map(one).collect()
    };
    let reading: Vec<_> = receivers
        .into_iter()
        .map(|receiver| {
            std::thread::spawn(move || {
                for number in 0..EVENTS {
                    let event = receiver.next();
                    assert!(event.contains(&format!("\"n\":\"{number}\"")), "{number}: {event}");
                }
                assert!(receiver.is_silent());
            })
        })
        .collect();
    for from in (0..EVENTS).step_by(100) {
        let body = json!(list(from)).to_string();
        assert_eq!(served.post(&body, "").status, 204);
    }
    reading.into_iter().for_each(|it| it.join().expect("all of them"));
    let sent = (50 * EVENTS) as f64;
    eventually("all are counted", || (served.metric("evi_sent_total", "\"sent\"") == sent).then_some(()));
    assert_eq!(served.metric("dropped_total", "connection=\"evi\""), 0.0);
}

/// A figure, and no more: run it with `--ignored --nocapture`.
#[test]
#[ignore = "a figure"]
fn notifications_a_second_to_fifty_subscribers() {
    const EVENTS: usize = 20_000;
    let served = Served::start(ALL, "queue = 100000");
    let receivers: Vec<Receiver> = (0..50).map(|_| Receiver::bind()).collect();
    for receiver in &receivers {
        served.subscribe("E_TEST", &receiver.socket(), json!({}));
    }
    let path = served.site.directory.path().join("events.db");
    let site = served.stopped();
    let mut database = rusqlite::Connection::open(path).expect("the database");
    let transaction = database.transaction().expect("a transaction");
    for number in 0..EVENTS {
        let payload = format!("{{\"from\":\"anna\",\"to\":\"bo\",\"n\":{number}}}");
        let sql = "insert into em_topic_log (uuid, topic, source, name, at, payload)
            values (?1, 'all', 'k1', 'E_TEST', '2030-01-01 00:00:00.000', ?2)";
        transaction.execute(sql, [uuid::Uuid::now_v7().to_string(), payload]).expect("a row");
    }
    transaction.commit().expect("committed");
    drop(database);
    let began = Instant::now();
    let served = Served::again(site);
    let all = (50 * EVENTS) as f64;
    let (mut first, mut sent) = (None, 0.0);
    while sent < all && began.elapsed() < Duration::from_secs(120) {
        sent = served.metric("evi_sent_total", "\"sent\"");
        first.get_or_insert((Instant::now(), sent));
        std::thread::sleep(Duration::from_millis(50));
    }
    let (since, before) = first.expect("a time");
    println!(
        "{:.0} notifications a second, dropped {}",
        (sent - before) / since.elapsed().as_secs_f64(),
        served.metric("dropped_total", "connection=\"evi\"")
    );
}
