//! The life of the daemon as those around it see it: where it is reached now, if it is, and whether load is still wanted.

use crate::support::http::{self, Answer};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Clones are of the same one.
#[derive(Clone, Default)]
pub struct Life(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Its number among the lives so far, and where it serves HTTP.
    now: Mutex<Option<(u64, SocketAddr)>>,
    number: Mutex<u64>,
    is_over: AtomicBool,
    /// What somebody has seen that must not be.
    wrong: Mutex<Vec<String>>,
}

impl Life {
    /// A daemon serves there from now on.
    pub fn begin(&self, http: SocketAddr) {
        let mut number = self.0.number.lock().expect("a lock");
        *number += 1;
        *self.0.now.lock().expect("a lock") = Some((*number, http));
    }

    /// It does not any more.
    pub fn end(&self) {
        *self.0.now.lock().expect("a lock") = None;
    }

    /// The number of the life that there is, and where it serves.
    pub fn now(&self) -> Option<(u64, SocketAddr)> {
        *self.0.now.lock().expect("a lock")
    }

    /// How many have begun.
    pub fn number(&self) -> u64 {
        *self.0.number.lock().expect("a lock")
    }

    /// No more load is wanted.
    pub fn finish(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    /// Load is wanted again.
    pub fn resume(&self) {
        self.0.is_over.store(false, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }

    /// Keeps what must not be, until everything is compared.
    pub fn tell_wrong(&self, what: String) {
        self.0.wrong.lock().expect("a lock").push(what);
    }

    pub fn wrong(&self) -> Vec<String> {
        self.0.wrong.lock().expect("a lock").clone()
    }

    /// Asks the daemon, where there may be none.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Option<Answer> {
        let (_, address) = self.now()?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        http::exchange(address, &head).ok()
    }

    /// Whether the daemon says that this connection is up.
    pub fn is_connected(&self, connection: &str) -> bool {
        self.shows(&format!("eventmanager_connection_up{{connection=\"{connection}\"}} 1"))
    }

    /// Whether a line of its metrics begins so.
    pub fn shows(&self, beginning: &str) -> bool {
        self.ask("GET", "/metrics", "")
            .is_some_and(|answer| answer.body.lines().any(|line| line.starts_with(beginning)))
    }

    /// Runs `step` again and again, `pause` apart, for as long as load is wanted; then until it gives true.
    pub fn keep_doing(
        &self,
        pause: Duration,
        mut step: impl FnMut(&Life) -> bool + Send + 'static,
    ) -> JoinHandle<()> {
        let life = self.clone();
        std::thread::spawn(move || {
            while !(step(&life) && life.is_over()) {
                std::thread::sleep(pause);
            }
        })
    }
}
