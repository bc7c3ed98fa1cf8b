//! A daemon that has provisioned somebody, and how it is asked.

use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::{add_to, set_phone};
use crate::support::http::{self, Answer};
use crate::support::peers::Peers;
use eventmanager::simulators::ema::RecordedCall;
use serde_json::Value;
use std::process::{Command, Output};

pub const ANNA: &str = "anna@tele.gl";
pub const PHONE: &str = "321044";

/// Anna, of the group KNI, with a phone.
pub fn site() -> (Peers, Site, Daemon) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    peers.broadworks.send(&add_to(1, "KNI", ANNA));
    peers.broadworks.send(&set_phone(2, ANNA, PHONE));
    site.wait_ended(2);
    assert_eq!(peers.ema.holds(), (1, 1), "{:?}", site.events());
    (peers, site, daemon)
}

pub fn get(daemon: &Daemon, path: &str) -> Answer {
    http::get(daemon.http, path, "")
}

#[track_caller]
pub fn json(daemon: &Daemon, path: &str) -> Value {
    let answer = get(daemon, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

pub fn post(daemon: &Daemon, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let head = format!("Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
    http::send(daemon.http, &format!("POST {path} HTTP/1.0\r\n{head}\r\n\r\n{body}"))
}

pub fn reprovision_path(user: &str) -> String {
    let encoded: String = user.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("/api/v1/subscribers/{encoded}/reprovision")
}

/// Looks at the plan and has it done; the id of the event.
#[track_caller]
pub fn reprovision(daemon: &Daemon, user: &str) -> i64 {
    let path = reprovision_path(user);
    let digest = json(daemon, &path)["digest"].clone();
    let answer = post(daemon, &path, &serde_json::json!({"digest": digest, "reason": "lost in the HSS"}));
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.json()["id"].as_i64().expect("an id")
}

/// The event once it has ended.
#[track_caller]
pub fn ended(daemon: &Daemon, id: i64) -> Value {
    eventually(&format!("event {id} ends"), || {
        let event = json(daemon, &format!("/api/v1/events/{id}"));
        (event["status"] != "pending").then_some(event)
    })
}

pub fn requests(peers: &Peers) -> Vec<RecordedCall> {
    let calls = peers.ema.calls().into_iter();
    calls.filter(|call| !matches!(call.operation, "Login" | "Logout")).collect()
}

/// Ids of the subscribers that a search finds.
#[track_caller]
pub fn found(daemon: &Daemon, query: &str) -> Vec<String> {
    let page = json(daemon, &format!("/api/v1/subscribers?{query}"));
    let rows = page["subscribers"].as_array().expect("a list").iter();
    rows.map(|row| row["user"].as_str().expect("a user").to_owned()).collect()
}

/// The program as an operator called Anna runs it, asking this daemon: its exit code, and what it says.
pub fn ask(daemon: &Daemon, args: &[&str]) -> (Option<i32>, String) {
    let url = format!("http://{}", daemon.http);
    let output = program(&[args, &["--url", &url]].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

pub fn program(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    command.args(args).env("USER", "anna").env_remove("SUDO_USER").env_remove("EVENTMANAGER_TOKEN");
    command.stdin(std::process::Stdio::null()).output().expect("the program runs")
}
