//! Clients of HTTP that are slow, wordy, idle, or speak no HTTP: the right status with an explanation, and nothing changes.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, PATIENCE, Site, eventually};
use support::http::{self, Answer};
use support::peers::Peers;

const PAUSE: &str = "POST /api/v1/systems/hss/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n";
const JSON: &str = "Content-Type: application/json\r\n";
const CLOSE: &str = "Connection: close\r\n";

fn start() -> (Peers, Site, Daemon) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    eventually("the pauses are known", || {
        let systems = daemon.get("/api/v1/systems").1;
        (systems.contains("running") && !systems.contains("unknown")).then_some(())
    });
    (peers, site, daemon)
}

#[track_caller]
fn changed_nothing(daemon: &Daemon) {
    let audit = http::get(daemon.http, "/api/v1/audit", "").json();
    assert_eq!(audit["acts"].as_array().map(Vec::len), Some(0), "{audit}");
    assert_eq!(daemon.get("/healthz").0, 200);
    assert_eq!(daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
}

#[track_caller]
fn is_explained(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}\n{}", answer.head, answer.body);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.head);
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
}

fn connect(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(daemon.http).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// What comes until the connection is closed, by its end or by a reset.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut chunk) {
        answer.extend_from_slice(&chunk[..length]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_body_that_is_too_large_or_of_another_kind_is_refused() {
    let (_peers, _site, daemon) = start();
    let check = |rest: &str, status: u16| {
        is_explained(&http::send(daemon.http, &format!("{PAUSE}{CLOSE}{rest}")), status);
    };
    // Announced, and not even sent.
    check(&format!("{JSON}Content-Length: 9000000000\r\n\r\n"), 413);
    let large = format!("{{\"reason\": \"{}\"}}", "x".repeat(100_000));
    check(&format!("{JSON}Content-Length: {}\r\n\r\n{large}", large.len()), 413);
    let chunk = format!("4e20\r\n{}\r\n", "x".repeat(20_000));
    check(&format!("{JSON}Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"), 413);
    check(&format!("{JSON}Transfer-Encoding: chunked\r\n\r\nnot a length\r\n"), 400);
    check("Content-Length: 2\r\n\r\n{}", 415);
    check("Content-Type: application/xml\r\nContent-Length: 2\r\n\r\n{}", 415);
    check("Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 2\r\n\r\n{}", 415);
    check(&format!("{JSON}Content-Length: 3\r\n\r\n\u{1}\u{2}\u{3}"), 400);
    check(&format!("{JSON}Content-Length: 8\r\n\r\n{{\"a\": 1}}"), 400);
    check(&format!("{JSON}Content-Length: 7\r\n\r\n[[[[[[["), 400);
    changed_nothing(&daemon);
}

#[test]
fn a_method_or_path_that_is_not_there_is_told() {
    let (_peers, _site, daemon) = start();
    let check = |request: &str, status: u16| {
        let request =
            format!("{request} HTTP/1.1\r\nHost: 127.0.0.1\r\n{CLOSE}{JSON}Content-Length: 0\r\n\r\n");
        let answer = http::send(daemon.http, &request);
        is_explained(&answer, status);
        if status == 405 {
            assert!(answer.header("allow").is_some(), "{}", answer.head);
        }
    };
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        check(&format!("{method} /api/v1/systems/hss/pause"), 405);
        check(&format!("{method} /api/v1/status"), 405);
    }
    check("GET /api/v1/systems/hss/pause", 405);
    check("POST /api/v1/status", 405);
    check("POST /api/v1/no/such", 404);
    check("GET /api/v1/systems/%00/pause", 405);
    check("POST /api/v1/systems/%00%ff%2f/pause", 404);
    check("OPTIONS *", 404);
    check(&format!("GET /api/v1/audit?limit={}", "9".repeat(9000)), 414);
    changed_nothing(&daemon);
}

#[test]
fn what_the_http_library_refuses_is_refused_with_the_right_status() {
    let (_peers, _site, daemon) = start();
    let check = |request: String, status: u16| {
        let mut stream = connect(&daemon);
        // It may close before it has read everything.
        let _ = stream.write_all(request.as_bytes());
        let answer = rest(stream);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer:?}");
    };
    check("this is no HTTP\r\n\r\n".into(), 400);
    check("GET /healthz HTTP/9.9\r\n\r\n".into(), 400);
    check("\u{0}\u{1}\u{2}\u{3}\r\n\r\n".into(), 400);
    check("GET /healthz HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n".into(), 400);
    check(format!("{PAUSE}{JSON}Content-Length: -1\r\n\r\n"), 400);
    check(format!("{PAUSE}{JSON}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"), 400);
    let many: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    check(format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431);
    check(format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "y".repeat(300_000)), 431);
    changed_nothing(&daemon);
    let log = daemon.log();
    assert!(!log.contains("panicked") && !log.contains("no HTTP"), "{log}");
}

#[test]
fn a_name_of_a_header_that_is_too_long_ends_its_connection_and_nothing_else() {
    let (_peers, _site, daemon) = start();
    let mut open = connect(&daemon);
    open.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n").expect("sent");
    for length in [65_535, 65_536, 70_000] {
        let mut stream = connect(&daemon);
        let head =
            format!("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n{}: y\r\n{CLOSE}\r\n", "x".repeat(length));
        let _ = stream.write_all(head.as_bytes());
        let answer = rest(stream);
        // Above what it can hold the library gives up the connection.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{length}: {answer:?}");
        assert!(length > 65_535 || answer.starts_with("HTTP/1.1 200 "), "{length}: {answer:?}");
    }
    open.write_all(format!("{CLOSE}\r\n").as_bytes()).expect("it is open still");
    assert!(rest(open).starts_with("HTTP/1.1 200 "));
    changed_nothing(&daemon);
}

#[test]
fn a_client_that_sends_slowly_is_given_up() {
    let (_peers, _site, daemon) = start();
    let silent = connect(&daemon);
    let mut head = connect(&daemon);
    head.write_all(b"GET /api/v1/sta").expect("sent");
    let mut body = connect(&daemon);
    body.write_all(format!("{PAUSE}{JSON}Content-Length: 10\r\n\r\n{{\"re").as_bytes()).expect("sent");
    let began = Instant::now();
    // In the meantime it serves others.
    assert_eq!(daemon.get("/healthz").0, 200);
    for (slow, what) in [(silent, "nothing"), (head, "half a head"), (body, "half a body")] {
        let answer = rest(slow);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{what}: {answer:?}");
        assert_eq!(answer.contains("problem+json"), what == "half a body", "{answer}");
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    changed_nothing(&daemon);
}

#[test]
fn a_connection_that_begins_a_further_request_and_does_not_go_on_is_closed() {
    let (_peers, _site, daemon) = start();
    let mut stalled = connect(&daemon);
    stalled.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let mut answer = [0; 12];
    stalled.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    let began = Instant::now();
    stalled.write_all(b"GET /healthz HTT").expect("sent");
    // One that goes on asking stays.
    let mut asking = connect(&daemon);
    asking.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let mut asked = 0;
    stalled.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    loop {
        let mut rest = [0; 4096];
        match stalled.read(&mut rest) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
        asking.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is open");
        asking.read_exact(&mut answer).expect("an answer");
        while asking.read(&mut rest).is_ok_and(|length| length == rest.len()) {}
        asked += 1;
        assert!(began.elapsed() < PATIENCE, "it stays for ever");
    }
    assert!(asked > 10 && began.elapsed() > Duration::from_secs(15), "{asked} {:?}", began.elapsed());
    changed_nothing(&daemon);
}

#[test]
fn parameters_that_a_path_does_not_know_are_told() {
    let (_peers, _site, daemon) = start();
    for path in [
        "status",
        "tree",
        "systems",
        "commands",
        "session",
        "log",
        "subscribers/x",
        "events/1",
        "events/1/plan",
    ] {
        let answer = http::get(daemon.http, &format!("/api/v1/{path}?x=1"), "");
        is_explained(&answer, 400);
        assert!(answer.body.contains("parameter x"), "{path}: {}", answer.body);
    }
    let pause = PAUSE.replacen(" HTTP", "?dry=yes HTTP", 1);
    is_explained(&http::send(daemon.http, &format!("{pause}{JSON}{CLOSE}\r\n")), 400);
    for path in ["/healthz", "/readyz", "/metrics", "/alivecheck", "/openapi.json", "/", "/api/v1/status?"] {
        let query = if path.ends_with('?') { "" } else { "?x=1" };
        assert_eq!(http::get(daemon.http, &format!("{path}{query}"), "").status, 200, "{path}");
    }
    changed_nothing(&daemon);
}

#[test]
fn a_member_that_stands_twice_is_no_body() {
    let (_peers, _site, daemon) = start();
    for body in [r#"{"reason":"a","reason":"b"}"#, r#"{"reason":"a","x":{"y":1,"y":2}}"#] {
        let head = format!("{PAUSE}{JSON}{CLOSE}Content-Length: {}\r\n\r\n", body.len());
        let answer = http::send(daemon.http, &format!("{head}{body}"));
        is_explained(&answer, 400);
        assert!(answer.body.contains("twice"), "{}", answer.body);
    }
    changed_nothing(&daemon);
}

#[test]
fn a_client_that_goes_in_the_midst_of_an_act_has_not_acted() {
    let (_peers, _site, daemon) = start();
    for _ in 0..20 {
        let mut stream = connect(&daemon);
        stream.write_all(format!("{PAUSE}{JSON}Content-Length: 2\r\n\r\n{{").as_bytes()).expect("sent");
    }
    changed_nothing(&daemon);
}

#[test]
fn a_thousand_idle_connections_lock_nobody_out() {
    let (_peers, _site, daemon) = start();
    let before = daemon.resident();
    let began = Instant::now();
    let mut idle: Vec<TcpStream> = (0..1000).map(|_| connect(&daemon)).collect();
    for stream in idle.iter_mut().step_by(2) {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").expect("sent");
    }
    let asked = Instant::now();
    for _ in 0..20 {
        assert_eq!(daemon.get("/api/v1/status").0, 200);
    }
    let (opened, answered) = (asked - began, asked.elapsed());
    assert!(answered < Duration::from_secs(3), "after {opened:?}: {answered:?}");
    let grown = daemon.resident().saturating_sub(before);
    assert!(grown < 60, "{grown} MiB");
    // They are given up, and whoever opened them is told why.
    let last = idle.pop().expect("a connection");
    assert!(rest(last).starts_with("HTTP/1.1 408 "));
    changed_nothing(&daemon);
}
