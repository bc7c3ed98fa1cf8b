//! What happens is told as it happens: the stream of server-sent events of the real daemon.

mod support;

use eventmanager::simulators::script::{Action, Rule};
use eventmanager::supervision::Exit;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, PATIENCE, Site, eventually};
use support::documents::{add, password, report, set_phone};
use support::http;
use support::inside::Inside;
use support::lines::check_members;
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
    check_members(&line);
    assert_eq!((&line["command"], &line["user"]), (&"UserAddRequest".into(), &"admin@tele.gl".into()));
    assert_eq!((&line["about"], &line["about_more"]), (&"anna@tele.gl".into(), &0.into()));
    peers.ema.script(Vec::new());
    // The counts may be looked at before the line is.
    let (mut ended, mut counted) = (false, false);
    events.until("its end, and the counts", |message| {
        ended |= shows(message, 1, "completed").is_some();
        counted |= message.kind == "counts" && message.data["completed"] == 1 && message.data["at"].is_f64();
        (ended && counted).then_some(())
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
    // A start is told piece by piece: the stream has caught up when it says what the status says.
    events.until("the same as the status", |message| {
        let shown = http::get(daemon.http, "/api/v1/status", "").json();
        let same = ["connections", "systems", "store", "intake"]
            .iter()
            .all(|part| message.data[part] == shown[part]);
        (message.kind == "status" && shown["connections"][0]["up"] == true && same).then_some(())
    });
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
    let head = http::send(daemon.http, "HEAD /api/v1/stream HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
}

/// Commands that nobody acts on, numbered from `first`.
fn ignored(peers: &Peers, first: u64, count: u64) {
    for number in first..first + count {
        peers.broadworks.send(&report(number, "UserDoNotDisturbModifyRequest", "<isActive>true</isActive>"));
    }
}

#[test]
fn of_very_many_changes_the_latest_are_shown_and_the_others_counted() {
    let (peers, _site, daemon) = start();
    let mut events = Events::open(daemon.http);
    ignored(&peers, 1, 5000);
    let (mut shown, mut skipped) = (0, 0);
    events.until("all of them", |message| {
        let lines = lines(message);
        assert!(lines.len() <= 200, "{}", lines.len());
        assert!(lines.is_sorted_by(|one, next| one.0 > next.0), "not the newest first: {lines:?}");
        shown += lines.len() as u64;
        skipped += message.data["skipped"].as_u64().unwrap_or_default();
        (shown + skipped >= 5000).then_some(())
    });
    assert_eq!(shown + skipped, 5000);
    assert!(skipped > 0, "5000 at once are more than five times a thousand lines a second");
}

#[test]
fn readers_that_never_read_cost_no_memory_hold_nobody_up_and_are_disconnected() {
    const STUCK: usize = 50;
    let (peers, site, daemon) = start();
    let mut events = Events::open(daemon.http);
    events.until("the stream is served", |message| (message.kind == "counts").then_some(()));
    ignored(&peers, 1, 300);
    events.until("the first lines", |message| {
        lines(message).contains(&(300, "ignored".to_owned())).then_some(())
    });
    let before = daemon.resident();
    let stuck: Vec<TcpStream> = (0..STUCK)
        .map(|_| {
            let mut stream = TcpStream::connect(daemon.http).expect("connected");
            stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("asked");
            stream
        })
        .collect();
    let readers = || daemon.metric("eventmanager_stream_readers", "");
    eventually("all of them are readers", || (readers() == STUCK as f64 + 1.0).then_some(()));
    // More than the kernel takes for a connection.
    for round in 1..=20_i64 {
        ignored(&peers, round as u64 * 300 + 1, 300);
        let newest = round * 300 + 300;
        let asked = Instant::now();
        events.until("the next lines", |message| shows(message, newest, "ignored"));
        assert!(asked.elapsed() < Duration::from_secs(5), "held up: {:?}", asked.elapsed());
    }
    let grown = daemon.resident().saturating_sub(before);
    assert!(grown < 24, "{STUCK} readers that never read cost {grown} MiB");
    eventually("they are disconnected", || (readers() == 1.0).then_some(()));
    events.until("a sign of life", |message| {
        ignored(&peers, 99_999, 1);
        (message.kind == "events").then_some(())
    });
    drop((stuck, site));
}

#[test]
fn a_stream_more_than_there_are_places_is_refused_and_the_rest_of_the_api_serves_on() {
    let (_peers, _site, daemon) = start();
    let mut open: Vec<Events> = (0..256).map(|_| Events::open(daemon.http)).collect();
    let refused = http::get(daemon.http, "/api/v1/stream", "");
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let asked = Instant::now();
    assert_eq!(daemon.get("/api/v1/status").0, 200);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    for events in &mut open {
        assert_eq!(events.next().expect("a message").kind, "status");
    }
    open.pop();
    // It is noticed when the next message goes out.
    eventually("the place is free", || {
        (daemon.metric("eventmanager_stream_readers", "") < 256.0).then_some(())
    });
    Events::open(daemon.http);
}

#[test]
fn a_stop_ends_open_streams_and_does_not_wait_for_them() {
    let (_peers, _site, daemon) = start();
    let mut open: Vec<Events> = (0..20).map(|_| Events::open(daemon.http)).collect();
    // One in chunks, of which the last says that the stream has ended and was not cut off.
    let mut chunked = TcpStream::connect(daemon.http).expect("connected");
    chunked.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    chunked.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("asked");
    let readers = || daemon.metric("eventmanager_stream_readers", "");
    eventually("all of them are readers", || (readers() == 21.0).then_some(()));
    let asked = Instant::now();
    assert_eq!(daemon.terminate(), Some(0));
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    let mut text = String::new();
    chunked.read_to_string(&mut text).expect("an end");
    assert!(text.ends_with("\r\n0\r\n\r\n"), "cut off: {text}");
    for events in &mut open {
        while events.next().is_some() {}
    }
}

#[test]
fn a_panic_of_the_hub_ends_the_streams_and_nothing_else() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = Inside::start(&site);
    let mut events = Events::open(daemon.http);
    events.until("the stream is served", |message| (message.kind == "counts").then_some(()));
    daemon.crash("stream");
    while events.next().is_some() {}
    assert_eq!(daemon.actor("api").expect("the server").restarts, 0);
    let mut events = Events::resume(daemon.http, &events.last_id);
    assert_eq!(events.next().expect("a message").kind, "reset");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    events.until("what comes then", |message| shows(message, 1, "completed"));
    drop(events);
    assert_eq!(daemon.stop(), Exit::Normal);
}

#[test]
fn with_a_token_configured_the_stream_wants_it() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    let digest: String = Sha256::digest("look").iter().map(|byte| format!("{byte:02x}")).collect();
    let token = format!("[[http.token]]\nname = \"monitor\"\nrole = \"viewer\"\nsha256 = \"{digest}\"\n");
    std::fs::write(site.config(), text + &token).expect("written");
    let daemon = site.start();
    assert_eq!(http::get(daemon.http, "/api/v1/stream", "").status, 401);
    assert_eq!(http::get(daemon.http, "/api/v1/stream", "Authorization: Bearer other\r\n").status, 401);
    let mut events = Events::open_with(daemon.http, "", "Authorization: Bearer look\r\n");
    assert_eq!(events.next().expect("a message").kind, "status");
}

#[test]
fn a_silent_stream_carries_comments() {
    let (_peers, _site, daemon) = start();
    let mut events = Events::open(daemon.http);
    assert_eq!(events.next().expect("a message").kind, "status");
    events.until("the counts", |message| (message.kind == "counts").then_some(()));
    // The connection may come up first; then nothing happens any more.
    let asked = Instant::now();
    while events.raw_line() != ":\n" {
        assert!(asked.elapsed() < PATIENCE, "it is never silent, or silence is not told");
    }
}
