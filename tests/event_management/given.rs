//! A daemon that offers topics, somebody who asks it, and somebody to whom it delivers.

pub use crate::support::daemon::{Daemon, Site, eventually};
pub use crate::support::http::{self, Answer};
pub use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub const BASE: &str = "/psi-api/event/v2";
pub const JSON: &str = "Content-Type: application/json\r\n";
/// Of every answer that has a body.
pub const MEDIA_TYPE: &str = "application/json;charset=utf-8";

/// A daemon with this behind `[event_management]`, which nobody needs a token for.
pub fn start(more: &str) -> (Site, Daemon) {
    let site = Site::quiet(&format!("[event_management]\n{more}"));
    let daemon = site.start();
    ready(&daemon);
    (site, daemon)
}

/// Waits until it can store. Hubs are known as soon as they can be listed; with a token configured whoever asks does not know.
#[track_caller]
pub fn ready(daemon: &Daemon) {
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    eventually("hubs are known", || (get(daemon, "/topic/order/hub").status != 503).then_some(()));
}

/// `[[http.token]]` with this name and role; its text is the name.
pub fn token(name: &str, role: &str) -> String {
    let sha256: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[[http.token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{sha256}\"\n")
}

/// The header line of who shows the token of this name.
pub fn shown(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// A host of this machine that events may be delivered to.
pub fn peer(host: SocketAddr, more: &str) -> String {
    format!("[[event_management.peer]]\nhost = \"{host}\"\nallow_http = true\nallow_private = true\n{more}")
}

/// Whatever is behind the base path.
#[track_caller]
pub fn ask(daemon: &Daemon, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    ask_at(daemon, method, &format!("{BASE}{path}"), headers, body)
}

/// The same wherever it is.
#[track_caller]
pub fn ask_at(daemon: &Daemon, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = match body.is_empty() {
        true => String::new(),
        false => format!("Content-Length: {}\r\n", body.len()),
    };
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{length}{headers}\r\n");
    http::send(daemon.http, &format!("{head}{body}"))
}

#[track_caller]
pub fn get(daemon: &Daemon, path: &str) -> Answer {
    ask(daemon, "GET", path, "", "")
}

/// Posts JSON.
#[track_caller]
pub fn post(daemon: &Daemon, path: &str, body: &Value) -> Answer {
    ask(daemon, "POST", path, JSON, &body.to_string())
}

/// The body of an answer that has this status.
#[track_caller]
pub fn body_of(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}\n{}", answer.head, answer.body);
    assert_eq!(answer.header("content-type"), Some(MEDIA_TYPE), "{}", answer.head);
    answer.json()
}

/// Checks that an answer is an error as the specification has them; what it says.
#[track_caller]
pub fn error_of(answer: &Answer, status: u16) -> String {
    let body = body_of(answer, status);
    let text = status.to_string();
    assert_eq!(
        (&body["@type"], &body["code"], &body["status"]),
        (&json!("Error"), &json!(text), &json!(text)),
        "{body}"
    );
    for name in ["reason", "message"] {
        assert!(body[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {body}");
    }
    body["message"].as_str().expect("a text").to_owned()
}

/// Whatever each entry of a list has under this name.
pub fn all(list: &Value, name: &str) -> Vec<String> {
    let entries = list.as_array().expect("a list").iter();
    entries.map(|entry| entry[name].as_str().unwrap_or_default().to_owned()).collect()
}

/// The text of a body's member.
#[track_caller]
pub fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}")).to_owned()
}

/// Somebody who takes whatever is delivered.
pub struct Receiver {
    pub address: SocketAddr,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let taken = Arc::<Mutex<Vec<Value>>>::default();
        let keeps = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let keeps = Arc::clone(&keeps);
                std::thread::spawn(move || while take(&stream, &keeps).is_some() {});
            }
        });
        Receiver { address, taken }
    }

    pub fn callback(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// The bodies that it has taken.
    pub fn taken(&self) -> Vec<Value> {
        self.taken.lock().expect("a list").clone()
    }
}

/// One request of a connection; `None` at its end.
fn take(stream: &TcpStream, keeps: &Mutex<Vec<Value>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    keeps.lock().expect("a list").push(serde_json::from_slice(&body).ok()?);
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()
}
