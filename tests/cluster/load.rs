//! Documents that come without a pause, about users who are added, get phones, change them and go.

use crate::support::documents::{add, delete, set_phone};
use crate::wanted::Ask;
use eventmanager::simulators::broadworks::BroadworksHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two documents.
const PAUSE: Duration = Duration::from_millis(15);
/// So many users ago, a phone changes, and a user goes.
const LATER: u64 = 5;
const GONE: u64 = 12;

/// Runs until it is ended.
pub struct Load {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn user(number: u64) -> String {
    format!("user{number}@tele.gl")
}

fn phone(number: u64) -> String {
    format!("3{number:05}")
}

impl Load {
    /// Sends by `server`; the documents are numbered by `next`.
    pub fn start(server: &Arc<BroadworksHandle>, next: &Arc<AtomicU64>) -> Load {
        let ends = Arc::new(AtomicBool::new(false));
        let (server, next, ended) = (Arc::clone(server), Arc::clone(next), Arc::clone(&ends));
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                server.send(&document(number));
                std::thread::sleep(PAUSE);
            }
        });
        Load { ends, thread: Some(thread) }
    }
}

/// Four documents for each user; the first of all are about somebody whom nobody has added.
pub fn ask(number: u64) -> Ask {
    let who = number / 4;
    match number % 4 {
        0 => Ask::Add(user(who)),
        1 => Ask::Phone(user(who), phone(who)),
        2 => Ask::Phone(user(who.saturating_sub(LATER)), phone(who + 50_000)),
        _ => Ask::Delete(user(who.saturating_sub(GONE))),
    }
}

fn document(number: u64) -> String {
    match ask(number) {
        Ask::Add(user) => add(number, &user),
        Ask::Phone(user, phone) => set_phone(number, &user, &phone),
        Ask::Delete(user) => delete(number, &user),
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
