//! What happens is told as it happens: the stream of server-sent events of the real daemon.

mod support;

use eventmanager::simulators::script::{Action, Rule};
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, password, set_phone};
use support::http;
use support::peers::Peers;
use support::stream::{Events, Message};

fn start() -> (Peers, Site, Daemon) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    (peers, site, daemon)
}

/// The lines of a message about events as (id, status).
fn lines(message: &Message) -> Vec<(i64, String)> {
    if message.kind != "events" {
        return Vec::new();
    }
    let lines = message.data["events"].as_array().expect("a list");
    let line = |line: &serde_json::Value| {
        (line["id"].as_i64().expect("an id"), line["status"].as_str().expect("a status").to_owned())
    };
    lines.iter().map(line).collect()
}

/// Whether a message shows this event with this status.
fn shows(message: &Message, id: i64, status: &str) -> Option<()> {
    lines(message).contains(&(id, status.to_owned())).then_some(())
}

#[test]
fn an_event_and_what_becomes_of_it_appear_on_the_stream() {
    let (peers, site, daemon) = start();
    let mut events = Events::open(daemon.http);
    assert!(events.head.to_lowercase().contains("content-type: text/event-stream\r\n"), "{}", events.head);
    assert!(events.head.to_lowercase().contains("cache-control: no-store\r\n"), "{}", events.head);
    peers.ema.script(vec![Rule::new(Action::Hang)]);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    let line = events.until("the event", |message| {
        shows(message, 1, "pending")?;
        Some(message.data["events"][0].clone())
    });
    let mut keys: Vec<&str> = line.as_object().expect("a line").keys().map(String::as_str).collect();
    keys.sort_unstable();
    let wanted =
        ["attempt", "command", "id", "reason", "received", "source", "status", "user", "uuid", "warnings"];
    assert_eq!(keys, wanted);
    assert_eq!((&line["command"], &line["user"]), (&"UserAddRequest".into(), &"admin@tele.gl".into()));
    peers.ema.script(Vec::new());
    events.until("its end", |message| shows(message, 1, "completed"));
    events.until("the counts", |message| {
        (message.kind == "counts" && message.data["completed"] == 1 && message.data["at"].is_f64())
            .then_some(())
    });
    // A failure is told with its reason.
    peers.broadworks.send(&set_phone(2, "nobody@tele.gl", "321044"));
    let reason = events.until("the failure", |message| {
        shows(message, 2, "failed")?;
        Some(message.data["events"][0]["reason"].clone())
    });
    assert!(reason.as_str().is_some_and(|reason| !reason.is_empty()), "{reason}");
    drop(site);
}

#[test]
fn the_first_messages_tell_how_it_is_and_a_change_is_told() {
    let (peers, _site, daemon) = start();
    let mut events = Events::open(daemon.http);
    let status = events.until("the status", |message| {
        (message.kind == "status" && message.data["connections"][0]["up"] == true)
            .then(|| message.data.clone())
    });
    let shown = http::get(daemon.http, "/api/v1/status", "").json();
    for part in ["connections", "systems", "store"] {
        assert_eq!(status[part], shown[part], "{part}");
    }
    peers.broadworks.refuse(true).expect("refused");
    events.until("the connection is lost", |message| {
        (message.kind == "status" && message.data["connections"][0]["up"] == false).then_some(())
    });
    // Whoever comes later is told at once.
    let mut later = Events::open(daemon.http);
    let (first, second) = (later.next().expect("a message"), later.next().expect("a message"));
    assert_eq!((first.kind.as_str(), second.kind.as_str()), ("status", "counts"));
    assert_eq!(first.data["connections"][0]["up"], false);
    assert_eq!(second.data["pending"], 0);
}

#[test]
fn a_reader_that_comes_back_misses_nothing_and_is_told_nothing_twice() {
    let (peers, site, daemon) = start();
    let mut seen = Vec::new();
    let mut ids = Vec::new();
    let mut events = Events::open(daemon.http);
    for number in 1..=10 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
        let id = i64::try_from(number).expect("a small number");
        events.until("its end", |message| {
            ids.push(message.id.clone());
            seen.extend(lines(message));
            seen.contains(&(id, "completed".to_owned())).then_some(())
        });
        // Cut off; the next one comes while nobody reads.
        let last = std::mem::take(&mut events.last_id);
        drop(events);
        peers.broadworks.send(&add(100 + number, &format!("other{number}@tele.gl")));
        site.wait_ended(number * 2);
        events = if number % 2 == 0 {
            Events::resume(daemon.http, &last)
        } else {
            Events::open_with(daemon.http, &format!("?since={last}"), "")
        };
        events.until("what came in between", |message| {
            assert_ne!(message.kind, "reset");
            ids.push(message.id.clone());
            seen.extend(lines(message));
            seen.contains(&(id * 2, "completed".to_owned())).then_some(())
        });
    }
    let numbers: Vec<u64> = ids
        .iter()
        .map(|id| id.rsplit_once('-').expect("boot and number").1.parse().expect("a number"))
        .collect();
    let first = numbers[0];
    let twice = numbers.windows(2).skip_while(|pair| pair[0] == first).any(|pair| pair[1] != pair[0] + 1);
    assert!(!twice, "messages are missing, or came twice: {numbers:?}");
}

#[test]
fn after_a_restart_of_the_daemon_a_reader_is_told_to_read_anew() {
    let (peers, site, daemon) = start();
    let mut events = Events::open(daemon.http);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    events.until("its end", |message| shows(message, 1, "completed"));
    let last = events.last_id.clone();
    daemon.kill();
    assert!(events.next().is_none_or(|message| message.kind != "reset"));
    let daemon = site.start();
    let mut events = Events::resume(daemon.http, &last);
    let first = events.next().expect("a message");
    assert_eq!(first.kind, "reset");
    assert_ne!(first.id, last);
    peers.broadworks.send(&add(2, "bo@tele.gl"));
    events.until("what comes then", |message| shows(message, 2, "completed"));
}

#[test]
fn no_secret_of_an_event_is_on_the_stream() {
    let (peers, _site, daemon) = start();
    let mut events = Events::open(daemon.http);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&password(2, "anna@tele.gl", "geheim-und-neu"));
    peers.broadworks.send(&set_phone(3, "anna@tele.gl", "321044"));
    let mut text = String::new();
    events.until("all of it", |message| {
        text += &message.data.to_string();
        shows(message, 3, "completed")
    });
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn what_is_no_position_is_refused_and_a_foreign_one_is_reset() {
    let (_peers, _site, daemon) = start();
    for query in ["?since=yesterday", "?since=", "?since=12-3", "?sinc=1", "?since=zzzzzzzzzzzzzzzz-1"] {
        let answer = http::get(daemon.http, &format!("/api/v1/stream{query}"), "");
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{query}");
    }
    for id in ["x", "0123456789abcdef-1", "99999999999999999999999-1", "æ"] {
        assert_eq!(Events::resume(daemon.http, id).next().expect("a message").kind, "reset", "{id}");
    }
    let head = http::send(daemon.http, "HEAD /api/v1/stream HTTP/1.0\r\nHost: x\r\n\r\n");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
}
