//! A daemon whose systems are paused, and how it is asked.

use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http::{self, Answer};
use crate::support::peers::Peers;
use eventmanager::simulators::ema::RecordedCall;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::process::{Command, Output};

pub fn site() -> (Peers, Site) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    (peers, site)
}

/// A daemon that knows which systems are paused.
pub fn start(site: &Site) -> Daemon {
    let daemon = site.start();
    eventually("the pauses are known", || (state(&daemon, "hss") != "unknown").then_some(()));
    daemon
}

pub fn post_with(address: std::net::SocketAddr, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    http::send(address, &format!("POST {path} HTTP/1.0\r\nContent-Length: {length}\r\n{headers}\r\n{body}"))
}

pub const PLAIN: &str = "Host: 127.0.0.1\r\nContent-Type: application/json\r\n";

pub fn post(daemon: &Daemon, path: &str, body: &str) -> Answer {
    post_with(daemon.http, path, PLAIN, body)
}

#[track_caller]
pub fn set(daemon: &Daemon, system: &str, act: &str) -> Value {
    let answer = post(daemon, &format!("/api/v1/systems/{system}/{act}"), "{\"reason\": \"upgrade\"}");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

pub fn json(daemon: &Daemon, path: &str) -> Value {
    http::get(daemon.http, path, "").json()
}

pub fn system(daemon: &Daemon, name: &str) -> Value {
    let systems = json(daemon, "/api/v1/systems")["systems"].clone();
    let systems = systems.as_array().expect("a list").clone();
    systems.into_iter().find(|system| system["system"] == name).expect("the system")
}

pub fn state(daemon: &Daemon, name: &str) -> String {
    system(daemon, name)["state"].as_str().expect("a word").to_owned()
}

/// The events that wait for a paused system, as the status shows them.
pub fn waiting(daemon: &Daemon, name: &str) -> u64 {
    let status = json(daemon, "/api/v1/status");
    let parties = status["backlog"]["waiting"].as_array().expect("a list");
    let party = parties.iter().find(|party| party[0] == format!("paused {name}"));
    party.and_then(|party| party[1].as_u64()).unwrap_or_default()
}

#[track_caller]
pub fn wait_waiting(daemon: &Daemon, name: &str, events: u64) {
    eventually(&format!("{events} events wait for {name}"), || {
        (waiting(daemon, name) == events).then_some(())
    });
}

/// Who did what to what, and why, oldest first.
pub fn audit(daemon: &Daemon) -> Vec<String> {
    let acts = json(daemon, "/api/v1/audit")["acts"].as_array().expect("a list").clone();
    let words = |act: &Value| {
        ["actor", "act", "object", "detail"]
            .map(|key| act[key].as_str().unwrap_or("-").to_owned())
            .join(" | ")
    };
    acts.iter().rev().map(words).collect()
}

pub fn statuses(site: &Site) -> Vec<String> {
    site.events().into_iter().map(|row| row.status).collect()
}

pub fn requests(peers: &Peers) -> Vec<RecordedCall> {
    let calls = peers.ema.calls().into_iter();
    calls.filter(|call| !matches!(call.operation, "Login" | "Logout")).collect()
}

/// The program as an operator called Anna runs it.
pub fn program(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    command.args(args).env("USER", "anna").env_remove("SUDO_USER").env_remove("EVENTMANAGER_TOKEN");
    command.output().expect("the program runs")
}

/// The program, asking this daemon: its exit code, and what it says.
pub fn ask(daemon: &Daemon, args: &[&str]) -> (Option<i32>, String) {
    let url = format!("http://{}", daemon.http);
    let output = program(&[args, &["--url", &url]].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

pub fn configure(site: &Site, from: &str, to: &str) {
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    assert!(text.contains(from), "{text}");
    std::fs::write(site.config(), text.replacen(from, to, 1)).expect("written");
}

pub fn sha256(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Configures the tokens `look` of a viewer and `act` of an operator called noc.
pub fn with_tokens(site: &Site) {
    let token = |name: &str, role: &str, token: &str| {
        format!("[[http.token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{}\"\n", sha256(token))
    };
    let tokens = token("monitor", "viewer", "look") + &token("noc", "operator", "act");
    configure(site, "[log]\n", &format!("{tokens}[log]\n"));
}
