//! Nothing is lost on the way to a hub, whenever the process is killed.

use crate::arrivals::ids;
use crate::receiver::{Received, Receiver, Reply};
use crate::support::daemon::{Site, eventually};
use crate::support::http;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KILLS: usize = 50;
const POSTERS: u64 = 3;
/// Of so many requests in a row the moody one does not take these.
const MOODS: usize = 20;
const NO_TIME: usize = 7;
const GONE: usize = 13;
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

/// The highest number that a receiver has got.
fn newest(receiver: &Receiver) -> i64 {
    receiver.received().iter().map(Received::sequence).max().unwrap_or_default()
}

/// How often each number that was posted is in the log.
fn ns(site: &Site) -> BTreeMap<u64, usize> {
    let database = site.database();
    let sql = "select payload from em_topic_log where topic = 'order'";
    let mut statement = database.prepare(sql).expect("a statement");
    let payloads = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
    let mut often = BTreeMap::new();
    for payload in payloads {
        let payload: serde_json::Value = serde_json::from_str(&payload.expect("a row")).expect("JSON");
        *often.entry(payload["event"]["n"].as_u64().expect("a number")).or_default() += 1;
    }
    often
}

/// Kills the daemon fifty times while events come and are delivered, each time at another moment.
#[test]
fn a_daemon_killed_fifty_times_delivers_every_event_to_every_hub_in_order() {
    let plain = Receiver::start();
    let chooser = Receiver::start();
    let moody = Receiver::scripted(|_, at| match at % MOODS {
        NO_TIME => Reply::Status(503),
        GONE => Reply::Nothing,
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
        let before = newest(&plain);
        eventually("new events are delivered", || (newest(&plain) > before + 3).then_some(()));
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..100)));
        daemon.kill();
        is_over.store(true, Ordering::Relaxed);
        posters.into_iter().for_each(|poster| poster.join().expect("it ends"));
        let got: BTreeSet<i64> = moody.received().iter().map(Received::sequence).collect();
        ids(&plain.received(), KILLS, 0).expect("no more than is allowed comes again");
        interrupted += usize::from(got.len() < log(&site, false).len());
    }
    assert!(interrupted > KILLS / 2, "only {interrupted} kills met deliveries under way");
    let _daemon = site.start();
    let (all, even) = (log(&site, false), log(&site, true));
    let (logged, taken) = (ns(&site), taken.lock().expect("a lock"));
    let often: Vec<u64> = logged.iter().filter(|(_, times)| **times != 1).map(|(n, _)| *n).collect();
    assert!(often.is_empty(), "several times in the log: {often:?}");
    let lost: Vec<u64> = taken.iter().filter(|n| !logged.contains_key(n)).copied().collect();
    assert!(
        lost.is_empty() && taken.len() > KILLS,
        "of {} answered 201 not in the log: {lost:?}",
        taken.len()
    );
    for (receiver, expected) in [(&plain, &all), (&chooser, &even), (&moody, &all)] {
        let last = || receiver.latest().map_or(0, |request| request.sequence());
        while last() < expected.len() as i64 {
            let before = last();
            eventually(&format!("{} and more are delivered", before + 1), || (last() > before).then_some(()));
        }
        let is_refused = |at: &usize| [NO_TIME, GONE].contains(&(at % MOODS));
        let refused = if receiver.address == moody.address {
            (0..receiver.count()).filter(is_refused).count()
        } else {
            0
        };
        assert_eq!(ids(&receiver.received(), KILLS, refused).as_ref(), Ok(expected));
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
