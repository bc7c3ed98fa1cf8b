//! Somebody else whom every one of these daemons serves: a hub of its own topic, reached directly.

use crate::receiver::Receiver;
use crate::support::daemon::{Daemon, eventually};
use crate::support::http::{self, Answer};
use std::time::{Duration, Instant};

/// Where events of the topic are posted.
const TOPIC: &str = "/psi-api/event/v2/topic/inquiry";
/// Whoever waits longer was held up, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(5);

/// Posts a JSON body.
#[track_caller]
pub fn post(daemon: &Daemon, path: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    http::send(daemon.http, &request)
}

/// Registers a hub; 503 until the daemon has read who is registered.
#[track_caller]
pub fn register(daemon: &Daemon, topic: &str, callback: &str) {
    let body = format!(r#"{{"callback":"{callback}"}}"#);
    let path = format!("/psi-api/event/v2/topic/{topic}/hub");
    let answer =
        eventually("it is registered", || Some(post(daemon, &path, &body)).filter(|it| it.status != 503));
    assert_eq!(answer.status, 201, "{}", answer.body);
}

/// The section of a host that is delivered to.
pub fn peer(host: &impl ToString) -> String {
    let host = host.to_string();
    format!("[[event_management.peer]]\nhost = \"{host}\"\nallow_http = true\nallow_private = true\n")
}

/// See the module.
pub struct Neighbour {
    receiver: Receiver,
    posted: usize,
}

impl Neighbour {
    pub fn new() -> Neighbour {
        Neighbour { receiver: Receiver::start(), posted: 0 }
    }

    /// `[event_management]`, behind which the sections of further hosts may stand.
    pub fn config(&self) -> String {
        let times =
            "retry_initial = \"50ms\"\nretry_max = \"200ms\"\ntimeout = \"3s\"\nconnect_timeout = \"3s\"\n";
        format!("[event_management]\n{times}{}", peer(&self.receiver.address))
    }

    #[track_caller]
    pub fn register(&self, daemon: &Daemon) {
        register(daemon, "inquiry", &self.receiver.url());
    }

    /// An event is taken and delivered as if nothing were wrong elsewhere.
    #[track_caller]
    pub fn is_served(&mut self, daemon: &Daemon) {
        let since = Instant::now();
        let answer = post(daemon, &format!("{TOPIC}/event"), r#"{"event":{"n":1}}"#);
        assert_eq!(answer.status, 201, "{}", answer.body);
        self.posted += 1;
        self.receiver.wait(self.posted);
        assert!(since.elapsed() < LIMIT, "a neighbour waited for {:?}", since.elapsed());
    }
}
