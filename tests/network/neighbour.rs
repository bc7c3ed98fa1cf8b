//! Somebody else whom every one of these daemons serves: a hub of its own topic, reached directly.

use crate::receiver::Receiver;
use crate::support::daemon::{Daemon, eventually};
use crate::support::http::{self, Answer};
use std::time::{Duration, Instant};

const TOPIC: &str = "inquiry";
/// Whoever waits longer was held up, and whoever is held up so often in a row is so by the fault: a disk that stalls does it once.
const LIMIT: Duration = Duration::from_secs(5);
const TRIES: usize = 3;

/// Posts a JSON body.
#[track_caller]
fn post(daemon: &Daemon, path: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    http::send(daemon.http, &request)
}

/// Posts an event of this number until it is taken: 503 where the database has not answered in time. Its id says that it is the same.
#[track_caller]
pub fn hand_on(daemon: &Daemon, topic: &str, n: u64) {
    let body = format!(r#"{{"eventId":"{n}","event":{{"n":{n}}}}}"#);
    let path = format!("/psi-api/event/v2/topic/{topic}/event");
    let answer = eventually("it is taken", || Some(post(daemon, &path, &body)).filter(|it| it.status != 503));
    assert_eq!(answer.status, 201, "{}", answer.body);
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
        register(daemon, TOPIC, &self.receiver.url());
    }

    /// An event is taken and delivered as if nothing were wrong elsewhere.
    #[track_caller]
    pub fn is_served(&mut self, daemon: &Daemon) {
        let mut waited = Vec::new();
        while waited.len() < TRIES {
            let since = Instant::now();
            self.posted += 1;
            hand_on(daemon, TOPIC, self.posted as u64);
            self.receiver.wait(self.posted);
            if since.elapsed() < LIMIT {
                return;
            }
            waited.push(since.elapsed());
        }
        panic!("a neighbour waited for {waited:?}");
    }
}
