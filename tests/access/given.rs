//! A daemon with tokens, and somebody with a browser.

use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http::{self, Answer};
use crate::support::peers::Peers;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};

pub const SESSION: &str = "/api/v1/session";
pub const PAUSE: &str = "/api/v1/systems/hss/pause";
pub const JSON: &str = "Content-Type: application/json\r\n";

/// A site whose token `look` is that of a viewer and `act` that of an operator named noc.
pub fn site() -> (Peers, Site) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    configure(&site, "listen = \"127.0.0.1:0\"\n", &format!("listen = \"127.0.0.1:0\"\n{}", tokens()));
    (peers, site)
}

pub fn tokens() -> String {
    let sha256 =
        |token: &str| -> String { Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect() };
    let token = |name: &str, role: &str, text: &str| {
        format!("[[http.token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{}\"\n", sha256(text))
    };
    token("desk", "viewer", "look") + &token("noc", "operator", "act")
}

/// Rewrites the site's configuration.
pub fn configure(site: &Site, from: &str, to: &str) {
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    assert!(text.contains(from), "{text}");
    std::fs::write(site.config(), text.replacen(from, to, 1)).expect("written");
}

/// A daemon that knows which systems are paused, so that an act can be carried out.
pub fn start(site: &Site) -> Daemon {
    let daemon = site.start();
    eventually("the pauses are known", || {
        let systems = daemon.get_with("/api/v1/systems", "Authorization: Bearer look\r\n").1;
        (systems.contains("running") && !systems.contains("unknown")).then_some(())
    });
    daemon
}

#[track_caller]
pub fn ask(daemon: &Daemon, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    http::send(daemon.http, &request(method, path, headers, body))
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let host = "Host: 127.0.0.1\r\nConnection: close\r\n";
    format!("{method} {path} HTTP/1.1\r\n{host}Content-Length: {length}\r\n{headers}\r\n{body}")
}

#[track_caller]
pub fn log_in(daemon: &Daemon, token: &str) -> Answer {
    ask(daemon, "POST", SESSION, JSON, &format!("{{\"token\": \"{token}\"}}"))
}

/// The same from another address of this machine.
pub fn log_in_from(daemon: &Daemon, from: IpAddr, token: &str) -> u16 {
    let body = format!("{{\"token\": \"{token}\"}}");
    let mut stream = connect_from(from, daemon.http);
    stream.write_all(request("POST", SESSION, JSON, &body).as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

fn connect_from(from: IpAddr, to: SocketAddr) -> std::net::TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind((from, 0).into()).expect("an address of loopback");
        socket.connect(to).await.expect("connected").into_std().expect("a stream")
    });
    stream.set_nonblocking(false).expect("blocking");
    stream
}

/// The browser's cookie after a login, and the CSRF token of its page.
#[track_caller]
pub fn logged_in(daemon: &Daemon, token: &str) -> (String, String) {
    let answer = log_in(daemon, token);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    let csrf = answer.json()["csrf"].as_str().expect("a token").to_owned();
    (format!("Cookie: {cookie}\r\n"), format!("X-CSRF-Token: {csrf}\r\n"))
}

/// Who has acted, the latest first.
pub fn actors(daemon: &Daemon) -> Vec<String> {
    let audit = http::get(daemon.http, "/api/v1/audit", "Authorization: Bearer look\r\n").json();
    let acts = audit["acts"].as_array().expect("a list").clone();
    acts.iter().map(|act| act["actor"].as_str().expect("a name").to_owned()).collect()
}
