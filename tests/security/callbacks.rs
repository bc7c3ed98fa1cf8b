//! Callbacks are addresses that somebody else has chosen, and so is where they lead: `tests/fixtures/callbacks.txt`.
//!
//! What cannot be shown from outside is shown of [`Outbound`](eventmanager::topics::hubs::outbound::Outbound):
//! `a_name_that_changes_takes_its_connections_with_it`, `a_name_with_one_address_that_is_not_allowed_is_not_connected_to`.

use crate::given::*;
use crate::receiver::Receiver;
use crate::support::daemon::{Daemon, Site, eventually};
use rusqlite::params;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

const CORPUS: &str = include_str!("../fixtures/callbacks.txt");

/// Status and callback of each line.
fn corpus(port: u16) -> Vec<(u16, String)> {
    let lines = CORPUS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let one = |line: &str| {
        let (status, text) = line.split_once(' ').expect("a status");
        let text: String = serde_json::from_str(text).unwrap_or_else(|error| panic!("{line}: {error}"));
        (status.parse().expect("a status"), text.replace("{port}", &port.to_string()))
    };
    lines.map(one).collect()
}

/// Somebody on this host who must not be asked, at both kinds of addresses.
struct Trap {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Trap {
    fn start() -> Trap {
        let four = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
        let port = four.local_addr().expect("an address").port();
        let six = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
        let asked = Arc::<AtomicUsize>::default();
        // Not all hosts have IPv6.
        for listener in [Some(four), six.ok()].into_iter().flatten() {
            let asked = Arc::clone(&asked);
            std::thread::spawn(move || {
                listener.incoming().flatten().for_each(|_| _ = asked.fetch_add(1, Ordering::SeqCst));
            });
        }
        Trap { port, asked }
    }

    fn count(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Peers of whom all but one are in places where none may be: nothing but their addresses keeps them from being asked.
fn config(port: u16, good: &Receiver) -> String {
    let hosts = [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "10.0.0.1",
        "[64:ff9b::7f00:1]",
    ];
    let peer = |host: String, more: &str| {
        format!("[[event_management.peer]]\nhost = \"{host}\"\nallow_http = true\n{more}\n")
    };
    let mut text =
        "[http]\nlisten = \"127.0.0.1:0\"\n[event_management]\nretry_initial = \"100ms\"\n".to_owned();
    text.extend(hosts.map(|host| peer(format!("{host}:{port}"), "")));
    text += &peer("169.254.169.254:80".to_owned(), "allow_private = true");
    text += &peer("good.example:443".to_owned(), "");
    text + &peer(good.address.to_string(), "allow_private = true")
}

fn register(daemon: &Daemon, callback: &str) -> (u16, Value) {
    let path = format!("{BASE}/topic/order/hub");
    let answer = ask(daemon, "POST", &path, JSON, &json!({"callback": callback}).to_string());
    (answer.status, answer.json())
}

#[test]
fn no_callback_of_the_corpus_can_be_registered() {
    let (trap, good) = (Trap::start(), Receiver::start());
    let site = site(&config(trap.port, &good));
    let daemon = site.start();
    ready(&daemon);
    eventually("hubs are known", || (register(&daemon, "x").0 != 503).then_some(()));
    let corpus = corpus(trap.port);
    assert!(corpus.len() >= 120, "{}", corpus.len());
    for (status, callback) in &corpus {
        let (answered, body) = register(&daemon, callback);
        assert_eq!(answered, *status, "{callback:?}: {body}");
    }
    assert_eq!(register(&daemon, &good.url()).0, 201, "one that may be");
    assert_eq!(trap.count(), 0);
}

/// Puts a hub for each of these beside the one that there is.
fn put<'a>(site: &Site, callbacks: impl Iterator<Item = &'a String>) -> Vec<String> {
    let database = site.database();
    let there: String = database.query_row("select id from em_hub", [], |row| row.get(0)).expect("a hub");
    let one = |callback| {
        let id = Uuid::now_v7().to_string();
        let hub = "insert into em_hub (id, topic, callback, query, owner, created, state)
                   select ?, topic, ?, query, owner, created, state from em_hub where id = ?";
        database.execute(hub, params![id, callback, there]).expect("a hub");
        let cursor = "insert into em_cursor (reader, sequence, number)
                      select replace(reader, ?1, ?2), sequence, number from em_cursor where reader like '%' || ?1";
        assert_eq!(database.execute(cursor, params![there, id]).expect("a place"), 1);
        id
    };
    callbacks.map(one).collect()
}

#[test]
fn no_callback_of_the_corpus_is_asked_though_the_database_has_it() {
    let (trap, good) = (Trap::start(), Receiver::start());
    let site = site(&config(trap.port, &good));
    let daemon = site.start();
    ready(&daemon);
    eventually("one is registered that may be", || (register(&daemon, &good.url()).0 == 201).then_some(()));
    assert_eq!(daemon.terminate(), Some(0));
    let corpus = corpus(trap.port);
    let ids = put(&site, corpus.iter().map(|(_, callback)| callback));
    let daemon = site.start();
    ready(&daemon);
    eventually("hubs are known", || (register(&daemon, "x").0 != 503).then_some(()));
    let posted = ask(&daemon, "POST", &format!("{BASE}/topic/order/event"), JSON, r#"{"event":{"n":1}}"#);
    assert_eq!(posted.status, 201, "{}", posted.body);
    good.wait(1);
    for (id, (status, callback)) in ids.iter().zip(&corpus) {
        if *status == 400 {
            // Read by nobody.
            daemon.logged(&["ERROR", "a hub that is stored cannot be served", id]);
            continue;
        }
        let said = eventually(&format!("{callback:?} is refused"), || {
            let hub = ask(&daemon, "GET", &format!("/api/v1/hubs/{id}"), "", "").json();
            hub["failing"]["last"].as_str().or(hub["halted"]["reason"].as_str()).map(str::to_owned)
        });
        let is_about_the_place =
            ["is not among the hosts", "where nothing is sent", "by https alone", "cannot be resolved"];
        assert!(is_about_the_place.iter().any(|words| said.contains(words)), "{callback:?}: {said}");
    }
    assert_eq!(trap.count(), 0);
    assert_eq!(good.count(), 1, "the others get theirs");
}
