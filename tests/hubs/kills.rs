//! Nothing is lost on the way to a hub, whenever the process is killed.

use crate::receiver::{Received, Receiver, Reply};
use crate::support::daemon::{Site, eventually};
use crate::support::http;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KILLS: usize = 50;
const POSTERS: u64 = 3;
const BASE: &str = "/psi-api/event/v2/topic/order";

/// Posts a body there, where there may be nobody; the status.
fn post(address: SocketAddr, path: &str, body: &str) -> Option<(u16, String)> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    let answer = http::exchange(address, &format!("{head}{body}")).ok()?;
    Some((answer.status, answer.body))
}

/// The ids of the events of the topic in the order of the log, of which a filter wants those with an even number.
fn log(site: &Site, even_only: bool) -> Vec<String> {
    let database = site.database();
    let sql = "select uuid, payload from em_topic_log where topic = 'order' order by sequence";
    let mut statement = database.prepare(sql).expect("a statement");
    let row = |row: &rusqlite::Row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let rows = statement.query_map([], row).expect("rows").map(|row| row.expect("a row"));
    let is_even = |payload: &str| {
        let payload: serde_json::Value = serde_json::from_str(payload).expect("JSON");
        payload["event"]["n"].as_i64().expect("a number") % 2 == 0
    };
    rows.filter(|(_, payload)| !even_only || is_even(payload)).map(|(uuid, _)| uuid).collect()
}

/// Each number once and in order but for repetitions, which go back and then on; the ids by their numbers.
#[track_caller]
fn ids(received: &[Received]) -> Vec<String> {
    let mut ids: BTreeMap<i64, String> = BTreeMap::new();
    let mut before = 0;
    for request in received {
        let (number, id) = (request.sequence(), request.header("webhook-id").to_owned());
        assert_eq!(request.method, "POST");
        assert!(number <= before + 1, "{number} after {before}: something is left out");
        before = number;
        let known = ids.entry(number).or_insert_with(|| id.clone());
        assert_eq!(*known, id, "a number is one event");
    }
    ids.into_values().collect()
}

/// Kills the daemon fifty times while events come and are delivered, each time at another moment.
#[test]
fn a_daemon_killed_fifty_times_delivers_every_event_to_every_hub_in_order() {
    let plain = Receiver::start();
    let chooser = Receiver::start();
    let moody = Receiver::scripted(|_, at| match at % 20 {
        7 => Reply::Status(503),
        13 => Reply::Nothing,
        _ => Reply::Late(200, Duration::from_millis(3)),
    });
    let receivers = [&plain, &chooser, &moody];
    let peers = receivers.map(|it| {
        let host = it.address;
        format!("[[event_management.peer]]\nhost = \"{host}\"\nallow_http = true\nallow_private = true\n")
    });
    let times = "retry_initial = \"10ms\"\nretry_max = \"50ms\"\n";
    let site = Site::quiet(&format!("[event_management]\n{times}{}", peers.concat()));
    register(&site, &receivers);
    let (posted, taken) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let mut interrupted = 0;
    for _ in 0..KILLS {
        let daemon = site.start();
        let is_over = Arc::new(AtomicBool::new(false));
        let posters: Vec<_> = (0..POSTERS)
            .map(|_| {
                let (posted, taken, is_over) =
                    (Arc::clone(&posted), Arc::clone(&taken), Arc::clone(&is_over));
                let address = daemon.http;
                std::thread::spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        let n = posted.fetch_add(1, Ordering::Relaxed);
                        let parity = if n % 2 == 0 { "even" } else { "odd" };
                        let body = format!(r#"{{"eventId":"{n}","event":{{"n":{n},"parity":"{parity}"}}}}"#);
                        if let Some((201, _)) = post(address, &format!("{BASE}/event"), &body) {
                            taken.lock().expect("a lock").push(n);
                        }
                        // So many that the slowest hub has got all of them soon after the last kill.
                        std::thread::sleep(Duration::from_millis(10));
                    }
                })
            })
            .collect();
        let before = plain.count();
        eventually("events are delivered", || (plain.count() > before + 3).then_some(()));
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..100)));
        daemon.kill();
        is_over.store(true, Ordering::Relaxed);
        posters.into_iter().for_each(|poster| poster.join().expect("it ends"));
        interrupted += usize::from(ids(&moody.received()).len() < log(&site, false).len());
    }
    assert!(interrupted > KILLS / 2, "only {interrupted} kills met deliveries under way");
    let _daemon = site.start();
    let (all, even) = (log(&site, false), log(&site, true));
    let taken = taken.lock().expect("a lock").len();
    assert!(all.len() >= taken && taken > KILLS, "{} in the log, {taken} answered 201", all.len());
    for (receiver, expected) in [(&plain, &all), (&chooser, &even), (&moody, &all)] {
        let last = || receiver.latest().map_or(0, |request| request.sequence());
        while last() < expected.len() as i64 {
            let before = last();
            eventually(&format!("{} and more are delivered", before + 1), || (last() > before).then_some(()));
        }
        assert_eq!(ids(&receiver.received()), *expected);
    }
    assert!(chooser.ns().iter().all(|n| n % 2 == 0));
}

fn register(site: &Site, receivers: &[&Receiver; 3]) {
    let daemon = site.start();
    for (receiver, query) in receivers.iter().zip(["", r#","query":"event.parity=even""#, ""]) {
        let body = format!(r#"{{"callback":"{}"{query}}}"#, receiver.url());
        // 503 until it has read who is registered.
        let made = eventually("it is registered", || {
            post(daemon.http, &format!("{BASE}/hub"), &body).filter(|(status, _)| *status != 503)
        });
        assert_eq!(made.0, 201, "{}", made.1);
    }
    assert_eq!(daemon.terminate(), Some(0));
}
