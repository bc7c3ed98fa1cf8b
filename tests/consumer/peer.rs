//! A peer that keeps hubs as a provider of Event Management does, and misbehaves as it is told.

use crate::support::daemon::{Daemon, Site, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The token that the peer wants to see.
pub const TOKEN: &str = "sesame";
/// Nothing is waited for that comes later than this.
const LIMIT: Duration = Duration::from_secs(20);

/// A hub of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    pub id: String,
    pub topic: String,
    pub callback: String,
    pub query: Option<String>,
}

/// What the peer was asked: `POST /psi-api/event/v2/topic/order/hub`.
#[derive(Debug, Clone)]
pub struct Asked {
    pub line: String,
    pub authorization: Option<String>,
}

#[derive(Default)]
struct State {
    hubs: Vec<Hub>,
    next: u32,
    asked: Vec<Asked>,
    /// Status line and headers of the answers to requests of a method, instead of the right ones.
    instead: Option<(&'static str, String)>,
    /// A POST is carried out, and its connection closed without an answer, as those of all requests behind it.
    swallows: bool,
}

/// A listening peer. It ends with the test.
#[derive(Clone)]
pub struct Peer {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Peer {
    pub fn start() -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let peer = Peer { address: listener.local_addr().expect("an address"), state: Arc::default() };
        let serving = peer.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let peer = serving.clone();
                std::thread::spawn(move || peer.answer(stream));
            }
        });
        peer
    }

    /// The daemon's file: this peer, with these keys more.
    pub fn config(&self, keys: &str) -> String {
        format!("{}\n{}", HEAD, self.section(keys))
    }

    /// The peer's section.
    pub fn section(&self, keys: &str) -> String {
        format!(
            "[[event_management.peer]]\nhost = \"{}\"\nallow_http = true\nallow_private = true\nauth = \"bearer\"\n\
             bearer = \"{TOKEN}\"\n{keys}\n",
            self.address
        )
    }

    pub fn hubs(&self) -> Vec<Hub> {
        self.state().hubs.clone()
    }

    /// All are lost, as by a restart without memory.
    pub fn lose_hubs(&self) {
        self.state().hubs.clear();
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How many requests there were whose line begins so.
    pub fn count(&self, line: &str) -> usize {
        self.asked().iter().filter(|asked| asked.line.starts_with(line)).count()
    }

    /// From now on requests of this method are answered so: a status line and headers.
    pub fn answer_instead(&self, method: &'static str, head: &str) {
        self.state().instead = Some((method, head.to_owned()));
    }

    pub fn answer_rightly(&self) {
        self.state().instead = None;
    }

    pub fn swallow_answers(&self, swallows: bool) {
        self.state().swallows = swallows;
    }

    /// Waits until there is just one hub.
    #[track_caller]
    pub fn one_hub(&self) -> Hub {
        eventually("there is one hub", || match &self.hubs()[..] {
            [hub] => Some(hub.clone()),
            _ => None,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a state")
    }

    /// One request, one answer.
    fn answer(&self, stream: TcpStream) {
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let header = |name: &str| {
            let is_it = |line: &&str| line.to_lowercase().starts_with(&format!("{name}:"));
            head.lines().find(is_it).and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
        };
        let length = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let authorization = header("authorization");
        let answer = self.carry_out(Asked { line, authorization }, &body);
        let mut stream = stream;
        if let Some(answer) = answer {
            let _ = stream.write_all(answer.as_bytes());
        }
    }

    fn carry_out(&self, asked: Asked, body: &[u8]) -> Option<String> {
        let mut state = self.state();
        state.asked.push(asked.clone());
        let (method, path) = asked.line.split_once(' ').expect("a request line");
        if let Some((_, head)) = state.instead.as_ref().filter(|(other, _)| *other == method) {
            return Some(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        }
        if asked.authorization.as_deref() != Some(&format!("Bearer {TOKEN}")) {
            return Some(with_body("401 Unauthorized", "{}"));
        }
        if state.swallows && !state.hubs.is_empty() {
            return None;
        }
        let parts: Vec<&str> = path.trim_start_matches("/psi-api/event/v2/topic/").split('/').collect();
        match (method, &parts[..]) {
            ("GET", [topic, "hub"]) => {
                let hubs: Vec<_> = state.hubs.iter().filter(|hub| hub.topic == *topic).map(json).collect();
                Some(with_body("200 OK", &serde_json::Value::from(hubs).to_string()))
            }
            ("POST", [topic, "hub"]) => {
                let body: serde_json::Value = serde_json::from_slice(body).expect("JSON");
                let text = |name: &str| body[name].as_str().map(str::to_owned);
                state.next += 1;
                let id = format!("h{}", state.next);
                let (callback, query) = (text("callback").expect("a callback"), text("query"));
                let hub = Hub { id, topic: (*topic).to_owned(), callback, query };
                state.hubs.push(hub.clone());
                (!state.swallows).then(|| with_body("201 Created", &json(&hub).to_string()))
            }
            ("DELETE", [topic, "hub", id]) => {
                let before = state.hubs.len();
                state.hubs.retain(|hub| hub.topic != *topic || hub.id != *id);
                let status = if state.hubs.len() < before { "204 No Content" } else { "404 Not Found" };
                Some(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
            }
            other => panic!("nobody asks that: {other:?}"),
        }
    }
}

/// Everything is looked at often; what it does not know yet is tried again soon.
const HEAD: &str = "[event_management]\npublic_url = \"http://127.0.0.1:9/em\"\nverify = \"200ms\"\nretry_initial = \"50ms\"\n\
                    retry_max = \"60s\"";

fn json(hub: &Hub) -> serde_json::Value {
    serde_json::json!({ "id": hub.id, "callback": hub.callback, "query": hub.query, "href": "somewhere" })
}

fn with_body(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The callback that we give for a topic.
pub fn callback(topic: &str) -> String {
    format!("http://127.0.0.1:9/em/psi-api/event/v2/topic/{topic}/event")
}

/// The hubs of the registrations that the store has.
pub fn stored(site: &Site) -> Vec<String> {
    // The daemon may be making it still.
    if !site.directory.path().join("events.db").exists() {
        return vec!["there is no database".to_owned()];
    }
    let database = site.database();
    let Ok(mut statement) = database.prepare("select hub from em_registration order by hub") else {
        return vec!["there is no table".to_owned()];
    };
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("rows")
}

/// Waits until the store has just these.
#[track_caller]
pub fn wait_stored(site: &Site, hubs: &[&str]) {
    eventually(&format!("{hubs:?} are stored"), || (stored(site) == hubs).then_some(()));
}

/// Puts another file in place and has it read.
#[track_caller]
pub fn reload(site: &Site, daemon: &Daemon, config: &str) {
    write(site, config);
    let before = daemon.log().matches("reload ended").count();
    daemon.signal("HUP");
    eventually("it is reloaded", || (daemon.log().matches("reload ended").count() > before).then_some(()));
}

/// Puts another file in place.
pub fn write(site: &Site, config: &str) {
    let directory = site.directory.path();
    let head = format!(
        "[node]\ndata_dir = {directory:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"debug\"\n"
    );
    std::fs::write(site.config(), format!("{head}{config}")).expect("written");
}

/// Waits until `connection_up` of the peer is this.
#[track_caller]
pub fn wait_up(daemon: &Daemon, peer: &Peer, up: f64) {
    let label = format!("connection=\"{}\"", peer.address);
    eventually(&format!("connection_up is {up}"), || {
        (daemon.metric("eventmanager_connection_up", &label) == up).then_some(())
    });
}
