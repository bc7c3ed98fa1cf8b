//! Commands of operators.

use crate::peer::Peer;
use crate::real::{Kamailio, Request};
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http::{self, Answer};
use crate::trial::Trial;
use sha2::{Digest, Sha256};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

const PLAIN: &str = "Host: 127.0.0.1\r\nContent-Type: application/json\r\n";

fn post_with(daemon: &Daemon, name: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    http::send(
        daemon.http,
        &format!(
            "POST /api/v1/kamailio/{name}/send HTTP/1.0\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ),
    )
}

fn post(daemon: &Daemon, name: &str, body: &str) -> Answer {
    post_with(daemon, name, PLAIN, body)
}

/// Who did what to what, and why, oldest first.
fn audit(daemon: &Daemon, headers: &str) -> Vec<String> {
    let acts = http::get(daemon.http, "/api/v1/audit", headers).json();
    let words = |act: &serde_json::Value| {
        ["actor", "act", "object", "detail"]
            .map(|key| act[key].as_str().unwrap_or("-").to_owned())
            .join(" | ")
    };
    acts["acts"].as_array().expect("a list").iter().rev().map(words).collect()
}

#[track_caller]
fn check(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status, status, "{says}: {}", answer.body);
    assert!(answer.body.contains(says), "{says:?} is not in {}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{says}");
}

/// The program, asking this daemon, as an operator called Anna runs it: its exit code, and what it says.
fn program(daemon: &Daemon, args: &[&str]) -> (Option<i32>, String) {
    let url = format!("http://{}", daemon.http);
    let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args([&["kamailio", "send"], args, &["--url", &url]].concat())
        .env("USER", "anna")
        .env_remove("SUDO_USER")
        .env_remove("EVENTMANAGER_TOKEN")
        .output()
        .expect("the program runs");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn ready(trial: &Trial) {
    eventually("it is ready", || (trial.daemon.get("/readyz").0 == 200).then_some(()));
}

#[test]
fn a_command_is_written_as_one_frame_and_audited_without_its_secrets() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "");
        let mut client = client.join().expect("a client");
        ready(&trial);
        let body = "{\"command\": {\n  \"cmd\": \"auth\",\n  \"password\": \"s3cret\", \"æ\": [1, {\"pin\": 42424242}]\n},
            \"reason\": \"ticket 4711\"}";
        let answer = post(&trial.daemon, "k1", body);
        let sent = r#"{"cmd":"auth","password":"s3cret","æ":[1,{"pin":42424242}]}"#;
        assert_eq!(
            (answer.status, answer.json()),
            (200, serde_json::json!({"connection": "k1", "bytes": sent.len()}))
        );
        assert_eq!(client.next(), sent);
        let shown =
            r#"local | send | k1 | {"cmd":"auth","password":"***","æ":[1,{"pin":"***"}]}: ticket 4711"#;
        assert_eq!(audit(&trial.daemon, ""), [shown]);
        trial.daemon.logged(&["act of an operator", "act=\"send\"", "object=\"k1\""]);
        let log = trial.daemon.log();
        assert!(!log.contains("s3cret") && !log.contains("42424242"), "{log}");
    });
}

#[test]
fn a_command_fits_what_kamailio_reads_or_is_refused_and_never_sent() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "");
        let mut client = client.join().expect("a client");
        ready(&trial);
        let refused =
            |body: &str, status: u16, says: &str| check(&post(&trial.daemon, "k1", body), status, says);
        let of_size =
            |size: usize| format!(r#"{{"command":{{"x":"{}"}}}}"#, "y".repeat(size - r#"{"x":""}"#.len()));
        refused(&of_size(8_001), 413, "k1: 8001 bytes, of which the far side takes 8000 at most");
        refused(&of_size(20_000), 413, "the body is larger");
        refused("", 400, "lacks command");
        refused("{}", 400, "lacks command");
        refused(r#"{"command":null}"#, 400, "lacks command");
        refused(r#"{"command":["cmd"]}"#, 400, "command: invalid type");
        refused(r#"{"command":"{}"}"#, 400, "command: invalid type");
        refused(r#"{"command":{"a":1,"a":2}}"#, 400, "stands in it twice");
        refused(r#"{"command":{},"wait":true}"#, 400, "wait");
        refused("{\"command\":{\n\"a\":x}}", 400, "line 2 column 5");
        let long = format!(r#"{{"command":{{}},"reason":"{}"}}"#, "x".repeat(501));
        refused(&long, 400, "501 characters");
        check(
            &post(&trial.daemon, "k2", r#"{"command":{}}"#),
            404,
            "there is no kamailio \\\"k2\\\"; there is k1",
        );
        let foreign = format!("{PLAIN}Origin: https://evil.example\r\n");
        check(&post_with(&trial.daemon, "k1", &foreign, r#"{"command":{}}"#), 403, "another site");
        assert_eq!(audit(&trial.daemon, ""), [] as [String; 0]);
        // The first that comes is the first that was taken.
        assert_eq!(post(&trial.daemon, "k1", &of_size(8_000)).status, 200);
        assert_eq!(client.next().len(), 8_000);
    });
}

#[test]
fn where_there_is_no_connection_that_is_said_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let site = Site::new(&format!("[[kamailio]]\nname = \"k1\"\naddress = \"{free}\"\n"));
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    daemon.logged(&["not connected to kamailio", "Connection refused"]);
    let asked = Instant::now();
    check(&post(&daemon, "k1", r#"{"command":{}}"#), 409, "k1 is not connected: ");
    let (code, said) = program(&daemon, &["k1", "{}"]);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(code == Some(1) && said.contains("k1 is not connected: ") && said.contains("refused"), "{said}");
    assert_eq!(audit(&daemon, ""), [] as [String; 0]);
}

#[test]
fn a_command_wants_an_operator() {
    let peer = Peer::start();
    let token = |name: &str, role: &str, token: &str| {
        let sha256: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("[[http.token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{sha256}\"\n")
    };
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let tokens = token("desk", "viewer", "look") + &token("noc", "operator", "act");
        let trial = Trial::start_with(&peer.address(), "", &tokens);
        let mut client = client.join().expect("a client");
        ready(&trial);
        let send = |bearer: &str, n: u8| {
            let body = format!(r#"{{"command":{{"n":{n}}}}}"#);
            post_with(&trial.daemon, "k1", &format!("{PLAIN}{bearer}"), &body)
        };
        check(&send("", 1), 401, "token");
        check(&send("Authorization: Bearer look\r\n", 2), 403, "operator");
        assert_eq!(send("Authorization: Bearer act\r\n", 3).status, 200);
        assert_eq!(client.next(), r#"{"n":3}"#);
        let audit = audit(&trial.daemon, "Authorization: Bearer look\r\n");
        assert_eq!(audit, [r#"noc | send | k1 | {"n":3}"#]);
    });
}

#[test]
fn nothing_is_sent_that_cannot_be_recorded() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "");
        let mut client = client.join().expect("a client");
        ready(&trial);
        let database = trial.site.database();
        database.execute_batch("begin immediate").expect("locked");
        let asked = Instant::now();
        check(&post(&trial.daemon, "k1", r#"{"command":{"n":1}}"#), 503, "store");
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        database.execute_batch("rollback").expect("unlocked");
        eventually("it can be recorded again", || {
            (post(&trial.daemon, "k1", r#"{"command":{"n":2}}"#).status == 200).then_some(())
        });
        assert_eq!(client.next(), r#"{"n":2}"#);
    });
}

#[test]
fn a_reload_changes_whom_commands_can_be_sent_to() {
    let peer = Peer::start();
    let site = Site::new("");
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    let command = r#"{"command":{"n":1}}"#;
    check(&post(&daemon, "k1", command), 404, "none is configured");
    let without = std::fs::read_to_string(site.config()).expect("a configuration");
    let write = |text: &str| {
        std::fs::write(site.config(), text).expect("written");
        daemon.signal("HUP");
    };
    write(&format!("{without}[[kamailio]]\nname = \"k1\"\naddress = \"{}\"\n", peer.address()));
    let mut client = peer.accept();
    eventually("it is known, and connected", || (post(&daemon, "k1", command).status == 200).then_some(()));
    assert_eq!(client.next(), r#"{"n":1}"#);
    write(&without);
    client.wait_closed();
    eventually("it is unknown again", || (post(&daemon, "k1", command).status == 404).then_some(()));
}

#[test]
fn the_command_of_the_cli_says_what_became_of_it() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "");
        let mut client = client.join().expect("a client");
        ready(&trial);
        let check = |args: &[&str], code: i32, says: &str| {
            let (ended, said) = program(&trial.daemon, args);
            assert_eq!(ended, Some(code), "{args:?}: {said}");
            assert!(said.contains(says), "{says:?} is not in {said}");
        };
        check(&["k1", r#"{"cmd": "reload"}"#, "--reason", "ticket 4711"], 0, "written to k1: 16 bytes\n");
        assert_eq!(client.next(), r#"{"cmd":"reload"}"#);
        check(&["k1", "{}", "--json"], 0, "\"bytes\": 2");
        assert_eq!(client.next(), "{}");
        let acts =
            [r#"local (anna) | send | k1 | {"cmd":"reload"}: ticket 4711"#, "local (anna) | send | k1 | {}"];
        assert_eq!(audit(&trial.daemon, ""), acts);
        check(&["k9", "{}"], 1, "there is no kamailio \"k9\"; there is k1");
        check(&["k/9", "{}"], 1, "there is no kamailio \"k/9\"");
        check(&["k1", "{\"a\":\nx}"], 1, "line 2 column 1");
        check(&["k1", "[1]"], 1, "no object");
        check(&["k1", r#"{"a":1,"a":2}"#], 1, "\"a\" stands in it twice");
        check(&["k1", "-1"], 1, "no object");
        check(&["k1"], 2, "<JSON>");
    });
}

#[test]
fn the_script_of_a_kamailio_understands_a_command() {
    let kamailio = Kamailio::start(&[]);
    let trial = Trial::start(&kamailio.evapi(), "");
    ready(&trial);
    let tagged = || trial.metric("kamailio_events_total", "event=\"to_tag\"");
    let notify = || kamailio.send(&Request::new("NOTIFY").to("em9"));
    assert!(notify().contains("200"));
    let send = |command: &str| {
        let answer = post(&trial.daemon, "k1", &format!("{{\"command\":{command}}}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    send(r#"{"cmd":"echo","event":"echoed"}"#);
    eventually("it is heard", || {
        (trial.metric("kamailio_events_total", "event=\"echoed\"") == 1.0).then_some(())
    });
    assert_eq!(tagged(), 0.0, "who has no tag is told nothing that is for one");
    send(r#"{"cmd":"tag","tag":"em9"}"#);
    eventually("it is tagged", || {
        assert!(notify().contains("200"));
        (tagged() >= 1.0).then_some(())
    });
}
