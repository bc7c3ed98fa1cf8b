//! What arrives meanwhile: a day at the portal, from a seed, at a steady rate.

use crate::mailboxes::Mailboxes;
use crate::support::daemon::PATIENCE;
use crate::world::World;
use eventmanager::simulators::traffic::{Expected, Traffic, TrafficOptions};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Between two documents, at most.
const PAUSE: Duration = Duration::from_millis(10);
/// So many documents come in an outage, however long it is.
const DURING: u32 = 100;
/// Every so many documents one is about mail.
const MAIL: usize = 3;

/// A document that was sent.
pub struct Sent {
    /// Whom it is about: those of one subject must be done in this order.
    pub subject: String,
    pub document: String,
    pub status: &'static str,
}

impl Sent {
    pub fn completed(subject: &str, document: String) -> Sent {
        Sent { subject: subject.to_owned(), document, status: "completed" }
    }
}

/// Everything that was sent, and what must come of it.
pub struct Load {
    pub traffic: Traffic,
    pub mailboxes: Mailboxes,
    pub sent: Vec<Sent>,
}

impl Load {
    pub fn new(seed: u64) -> Load {
        let traffic = Traffic::new(seed, TrafficOptions { users: 40, ..TrafficOptions::default() });
        Load { traffic, mailboxes: Mailboxes::default(), sent: Vec::new() }
    }

    /// Sends a document.
    pub fn send(&mut self, world: &World) {
        let sent =
            if self.sent.len().is_multiple_of(MAIL) { self.mailboxes.next() } else { self.next_of_the_day() };
        self.send_this(world, sent);
    }

    fn next_of_the_day(&mut self) -> Sent {
        let message = self.traffic.next_message();
        let status = match message.expected {
            Expected::Completed => "completed",
            Expected::Ignored => "ignored",
        };
        Sent { subject: message.subject, document: message.document, status }
    }

    /// Sends many at once: users who come, with `body` in each of their documents.
    pub fn send_users(&mut self, world: &World, users: usize, body: &str) {
        for _ in 0..users {
            let sent = self.mailboxes.add_user(body);
            self.send_this(world, sent);
        }
    }

    fn send_this(&mut self, world: &World, sent: Sent) {
        world.peers.broadworks.send(&sent.document);
        self.sent.push(sent);
    }

    /// Sends steadily for so long.
    pub fn send_for(&mut self, world: &World, duration: Duration) {
        let pause = PAUSE.max(duration / DURING);
        let since = Instant::now();
        while since.elapsed() < duration {
            self.send(world);
            sleep(pause);
        }
    }

    /// Sends steadily until something holds.
    #[track_caller]
    pub fn send_until(&mut self, world: &World, what: &str, holds: impl Fn() -> bool) {
        let since = Instant::now();
        while !holds() {
            assert!(since.elapsed() < PATIENCE, "never happened: {what}");
            self.send(world);
            sleep(PAUSE);
        }
    }

    /// Waits until everything sent is stored.
    #[track_caller]
    pub fn wait_stored(&self, world: &World) {
        wait_for(self.sent.len(), "is stored", || world.counts().map(|(stored, _)| stored));
    }

    /// Waits until every event has ended.
    #[track_caller]
    pub fn wait_ended(&self, world: &World) {
        wait_for(self.sent.len(), "has ended", || world.counts().map(|(_, ended)| ended));
    }
}

/// Waits until so many are counted, for as long as they become more.
#[track_caller]
fn wait_for(wanted: usize, what: &str, count: impl Fn() -> Option<usize>) {
    let mut best = (0, Instant::now());
    while best.0 < wanted {
        let counted = count().unwrap_or(0);
        if counted > best.0 {
            best = (counted, Instant::now());
        }
        assert!(best.1.elapsed() < PATIENCE, "of {wanted} events, only {} {what}", best.0);
        sleep(Duration::from_millis(50));
    }
}
