//! Somebody who asks, from one address of this host or another, and a daemon that knows some of them.

use crate::support::daemon::{Daemon, PATIENCE, Site, eventually};
use crate::support::http::{self, Answer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

pub const JSON: &str = "Content-Type: application/json\r\n";
pub const BASE: &str = "/psi-api/event/v2";

/// `[[http.token]]` with this name and role; its text is the name with `-token` behind.
pub fn token(name: &str, role: &str) -> String {
    let sha256: String =
        Sha256::digest(format!("{name}-token")).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[[http.token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{sha256}\"\n")
}

/// The header line of who shows it.
pub fn shown(name: &str) -> String {
    format!("Authorization: Bearer {name}-token\r\n")
}

/// A token of each role, called as that.
pub fn tokens() -> String {
    ["viewer", "peer", "operator"].map(|role| token(role, role)).concat()
}

/// A site with exactly this configuration behind `[node]`.
pub fn site(config: &str) -> Site {
    let site = Site::new("");
    let text = format!("[node]\ndata_dir = {:?}\n{config}", site.directory.path());
    std::fs::write(site.config(), text).expect("written");
    site
}

/// Waits until it stores, and says what was thought of it.
#[track_caller]
pub fn ready(daemon: &Daemon) {
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
}

/// An address of this host from which nobody has come yet: who guesses is slowed down by address.
pub fn elsewhere() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [.., high, low] = NEXT.fetch_add(1, Ordering::SeqCst).to_be_bytes();
    Ipv4Addr::new(127, 200, high, low).into()
}

/// A connection from there.
pub fn connect_from(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(from, 0).into()).expect("an address of loopback");
    socket.connect(&here(to).into()).expect("it listens");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// The same port, at loopback.
pub fn here(address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true => SocketAddr::from(([127, 0, 0, 1], address.port())),
        false => address,
    }
}

/// The head of the answer to a request, from an address of its own: some answers have no end.
#[track_caller]
pub fn head_of(to: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = connect_from(elsewhere(), to);
    stream.write_all(request.as_bytes()).expect("sent");
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut byte).unwrap_or_else(|error| panic!("{error}: {request}"));
        assert_ne!(read, 0, "no answer to {request}: {}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head)
}

/// A whole request of HTTP/1.1, with a body where it is an act.
pub fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = match body {
        "" => String::new(),
        body => format!("Content-Length: {}\r\n", body.len()),
    };
    let host = if headers.contains("Host: ") { "" } else { "Host: localhost\r\n" };
    format!("{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{length}{headers}\r\n{body}")
}

#[track_caller]
pub fn ask(daemon: &Daemon, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    http::send(here(daemon.http), &request(method, path, headers, body))
}

/// Path and method, in capitals, of everything that the API says of itself, with the page's assets beside it.
pub fn described(daemon: &Daemon, headers: &str) -> Vec<(String, String)> {
    let answer = ask(daemon, "GET", "/openapi.json", headers, "");
    let paths = answer.json()["paths"].as_object().expect("paths").clone();
    let mut described = Vec::new();
    for (path, methods) in &paths {
        let methods = methods.as_object().expect("methods").keys();
        described.extend(methods.map(|method| (path.clone(), method.to_uppercase())));
    }
    assert!(described.len() > 40, "{described:?}");
    let reads: Vec<_> = described.iter().filter(|(_, method)| method == "GET").cloned().collect();
    described.extend(reads.into_iter().map(|(path, _)| (path, "HEAD".to_owned())));
    for path in ["/", "/assets/main.js", "/assets/style.css", "/assets/no-such"] {
        described.extend(["GET", "HEAD"].map(|method| (path.to_owned(), method.to_owned())));
    }
    described
}

/// A path with something that may be there for each of its parameters.
pub fn filled(path: &str) -> String {
    let values = [
        ("{id}", "1"),
        ("{bulk}", "01972f3e-5a3c-7d10-9d5e-0c7b8f1a2b3c"),
        ("{system}", "hss"),
        ("{name}", "k1"),
        ("{user}", "anna@tele.gl"),
        ("{topic}", "order"),
    ];
    let filled = values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    // Whatever it is called that was added since.
    let mut whole = String::new();
    let mut rest = filled.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        whole += before;
        whole += "1";
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    whole + rest
}

/// The strings of a JSON document, wherever they stand.
pub fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| strings(value, found)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            found.push(name.clone());
            strings(value, found);
        }),
        _ => {}
    }
}
