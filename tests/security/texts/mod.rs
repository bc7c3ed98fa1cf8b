//! Texts that mean something to somebody, from every source to everybody who is told of it: what arrives is one well-formed message
//! with that text as data, one line of the log, and nothing that a terminal obeys.
//!
//! What BroadWorks sends, on its way to CAI3G, SurgeMail and both databases: `odd_letters_arrive_at_every_system_and_in_every_row_and_are_deleted_again`.
//! Actions of AMI: `what_would_inject_headers_is_refused_and_never_sent`. The page: `what_a_peer_sends_is_text_and_never_markup`.

mod lines;
mod world;

use crate::given::*;
use crate::receiver::{Receiver, Reply};
use crate::server::stored;
use crate::support::daemon::eventually;
use crate::support::documents::report;
use lines::{check_log, has_control, is_line_of_log, is_sample};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use world::{TEXTS, World};

/// The text of this event among the strings of a message.
#[track_caller]
fn check_has(who: &str, message: &Value, text: &str) {
    let mut found = Vec::new();
    strings(message, &mut found);
    assert!(found.iter().any(|string| string == text), "{who}: {text:?} is not in {message}");
}

/// What is said of `n` where it is.
fn number_of(message: &Value) -> Option<usize> {
    match message {
        Value::Object(fields) => {
            let own = fields.get("n").and_then(|n| n.as_u64().or_else(|| n.as_str()?.parse().ok()));
            own.map(|n| n as usize).or_else(|| fields.values().find_map(number_of))
        }
        Value::Array(list) => list.iter().find_map(number_of),
        _ => None,
    }
}

async fn check(format: &str) {
    let mut world = World::start(format).await;
    for (n, text) in TEXTS.iter().enumerate() {
        let event =
            json!({"event": format!("n{text}"), "n": n.to_string(), "from": text, *text: "as a name"});
        world.kamailio.event(&event.to_string());
        // What cannot be read, and what is a question that nobody answers.
        world.kamailio.event(&format!("{{\"event\": \"{text}"));
    }
    // Everybody gets everything, each as one message.
    let mut seen = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for _ in TEXTS {
        for (which, message) in [world.frame(), world.datagram()].into_iter().enumerate() {
            let n = number_of(&message).unwrap_or_else(|| panic!("no number: {message}"));
            check_has(["evapi", "evi"][which], &message, TEXTS[n]);
            assert!(seen[which].insert(n), "{n} came twice");
        }
    }
    let usual: BTreeSet<&str> = [
        "accept",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "webhook-id",
        "webhook-sequence",
        "webhook-timestamp",
    ]
    .into();
    for received in world.hub.wait(TEXTS.len()) {
        let message = received.json();
        let n = number_of(&message).unwrap_or_else(|| panic!("no number: {message}"));
        check_has("hub", &message, TEXTS[n]);
        let headers: BTreeSet<&str> = received.headers.keys().map(String::as_str).collect();
        assert!(headers.is_subset(&usual), "{headers:?}");
        assert!(seen[2].insert(n), "{n} came twice");
    }
    let jetstream = world.nats.jetstream().await;
    eventually("nats has all", || {
        (world.daemon.metric("eventmanager_nats_published_total", "") >= TEXTS.len() as f64).then_some(())
    });
    for message in stored(&jetstream, "EVENTS").await {
        let body: Value = serde_json::from_str(&message.body).expect("JSON");
        let n = number_of(&body).unwrap_or_else(|| panic!("no number: {body}"));
        check_has("nats", &body, TEXTS[n]);
        let tokens: Vec<&str> = message.subject.split('.').collect();
        let is_plain = |token: &&str| token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        assert!(tokens.len() == 3 && tokens.iter().all(is_plain), "{}", message.subject);
        assert!(
            message.headers.iter().all(|(_, value)| !value.contains(char::is_control)),
            "{:?}",
            message.headers
        );
        assert!(seen[3].insert(n), "{n} came twice");
    }
    assert!(seen.iter().all(|seen| seen.len() == TEXTS.len()), "{seen:?}");
    from_elsewhere(&world);
    // By what is searched for each is found, and nothing else happens to the tables.
    for (n, text) in TEXTS.iter().enumerate() {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("text", text)
            .append_pair("status", "ignored")
            .finish();
        let found = ask(&world.daemon, "GET", &format!("/api/v1/events?{query}"), "", "");
        assert_eq!(found.status, 200, "{n}: {}", found.body);
    }
    for (command, printed) in world.printed() {
        for line in printed.lines() {
            let tidy = line.replace("\u{1b}[", "");
            assert!(line == tidy && !has_control(line), "{command}: {line:?}");
        }
    }
    let metrics = world.daemon.get("/metrics").1;
    for line in metrics.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        assert!(is_sample(line) && !line.contains("forged"), "{line:?}");
    }
    let log = world.daemon.log();
    assert_eq!(world.daemon.terminate(), Some(0));
    check_log(format, &log);
    drop(world.site);
}

/// The same texts by all other ways in, of which each is answered or refused, and told.
fn from_elsewhere(world: &World) {
    let World { daemon, broadworks, .. } = world;
    for (n, text) in TEXTS.iter().enumerate() {
        let xml: String = text.chars().map(|c| format!("&#{};", u32::from(c))).collect();
        broadworks.send(&report(
            n as u64,
            "UserAddRequest17sp4",
            &format!("<groupId>g</groupId><userId>{xml}@x.gl</userId>"),
        ));
        broadworks.send(&report(
            n as u64,
            "UserModifyRequest",
            &format!("<userId>{xml}</userId><phoneNumber>{xml}</phoneNumber>"),
        ));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        for datagram in [
            format!(":{text}:\n"),
            format!(":raise_event:\n{text}\na::1\n"),
            json!({"jsonrpc": "2.0", "method": text, "id": text, "params": {"event": text, "socket": text}}).to_string(),
            json!({"jsonrpc": "2.0", "method": "event_subscribe", "id": 1, "params": {"event": text, "socket": format!("udp:127.0.0.1:9{text}")}}).to_string(),
        ] {
            // One that is answered by nothing is no matter.
            let _ = socket.send_to(datagram.as_bytes(), world.evi);
        }
        let escaped =
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let posted =
            json!({"eventId": text, "eventType": text, "domain": text, "event": {"from": text}}).to_string();
        for (method, path, body) in [
            ("GET", format!("/api/v1/subscribers/{escaped}"), ""),
            ("GET", format!("/api/v1/hubs/{escaped}"), ""),
            ("GET", format!("/{escaped}"), ""),
            ("GET", format!("/api/v1/audit?object={escaped}"), ""),
            ("POST", format!("/api/v1/systems/{escaped}/pause"), "{}"),
            ("POST", "/api/v1/systems/hss/resume".to_owned(), &*json!({"reason": text}).to_string()),
            ("POST", format!("{BASE}/topic/{escaped}/event"), &posted),
            ("POST", format!("{BASE}/topic/inquiry/event"), &posted),
            (
                "POST",
                format!("{BASE}/topic/calls/hub"),
                &json!({"callback": text, "query": text}).to_string(),
            ),
            ("POST", "/mi".to_owned(), &json!({"jsonrpc": "2.0", "method": text, "id": text}).to_string()),
        ] {
            let answer = ask(daemon, method, &path, &format!("{JSON}X-Operator: noc\r\n"), body);
            assert!((200..500).contains(&answer.status), "{method} {path}: {}", answer.body);
            assert!(answer.header("injected").is_none(), "{}", answer.head);
        }
        let mut raw = TcpStream::connect(daemon.http).expect("it listens");
        let _ = raw.write_all(
            format!("GET /{text} HTTP/1.1\r\nHost: {text}\r\nAuthorization: Bearer {text}\r\n\r\n")
                .as_bytes(),
        );
    }
    let events = 3 * TEXTS.len() as u64;
    eventually("all have ended", || {
        let ended = world.site.count(&["completed", "failed", "ignored"]);
        (ended >= events && world.site.count(&["pending"]) == 0).then_some(())
    });
}

#[actix_rt::test]
async fn what_means_something_elsewhere_arrives_as_data_and_is_a_line_of_the_text_log() {
    check("text").await;
}

#[actix_rt::test]
async fn what_means_something_elsewhere_arrives_as_data_and_is_a_line_of_the_json_log() {
    check("json").await;
}

/// What a hub answers is told as well.
#[test]
fn what_a_peer_answers_is_data_too() {
    let answers = Receiver::scripted(|_, at| match at {
        0 => Reply::Body(500, TEXTS.concat()),
        1 => Reply::With(302, "location: http://127.0.0.1/\u{1b}[2J forged level=ERROR".to_owned()),
        2 => Reply::With(429, "retry-after: 0\r\nx: \u{1b}[2J".to_owned()),
        _ => Reply::Status(204),
    });
    let site = site(&format!(
        "[log]\nlevel = \"debug\"\n[http]\nlisten = \"127.0.0.1:0\"\n[event_management]\nretry_initial = \"50ms\"\n\
         [[event_management.peer]]\nhost = \"{}\"\nallow_http = true\nallow_private = true\n",
        answers.address
    ));
    let daemon = site.start();
    ready(&daemon);
    let register = || {
        ask(
            &daemon,
            "POST",
            &format!("{BASE}/topic/order/hub"),
            JSON,
            &json!({"callback": answers.url()}).to_string(),
        )
    };
    eventually("a hub is there", || (register().status == 201).then_some(()));
    assert_eq!(ask(&daemon, "POST", &format!("{BASE}/topic/order/event"), JSON, "{}").status, 201);
    answers.wait(4);
    let log = daemon.log();
    log.split_terminator('\n')
        .for_each(|line| assert!(is_line_of_log(line) && !has_control(line), "{line:?}"));
}
