//! The people at the portal: documents in their order, each of them until it is stored.
//!
//! OCI-R has no acknowledgement: what was on its way at a kill is lost. What was stored is a run of what was sent, so that the
//! number of rows says where to begin again, as somebody who looks at the table would. A daemon that lives loses nothing.

use super::base::Base;
use super::life::Life;
use eventmanager::simulators::broadworks::{BroadworksHandle, server_status};
use eventmanager::simulators::traffic::{Expected, OciMessage, Traffic, TrafficOptions};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// So many documents are on their way at most.
const AHEAD: usize = 8;
/// Nothing that was sent is stored for so long, though there is a database: it is lost.
const LOST: Duration = Duration::from_secs(30);

/// Clones are of the same one.
#[derive(Clone)]
pub struct Portal(Arc<Mutex<Inner>>);

struct Inner {
    traffic: Traffic,
    sent: Vec<OciMessage>,
    /// The next to be sent, which may have been sent before.
    next: usize,
    /// Of the life in which they are sent.
    life: u64,
    stored: (usize, Instant),
}

impl Portal {
    pub fn new(seed: u64) -> Portal {
        let traffic = Traffic::new(seed, TrafficOptions { users: 40, ..TrafficOptions::default() });
        let stored = (0, Instant::now());
        Portal(Arc::new(Mutex::new(Inner { traffic, sent: Vec::new(), next: 0, life: 0, stored })))
    }

    /// Sends a few more where that is due; true where all that was sent is stored.
    pub fn step(&self, life: &Life, broadworks: &BroadworksHandle, base: &Base) -> bool {
        let mut inner = self.lock();
        let Some((number, _)) = life.now() else { return false };
        if inner.life != number {
            // What the last life has stored is known once this one has the database.
            let is_ready = life.ask("GET", "/readyz", "").is_some_and(|answer| answer.status == 200);
            // What is sent while nobody is connected is lost: something that changes nothing goes first.
            if !is_ready || !life.shows("eventmanager_notifications_total{connection=\"as1\"") {
                broadworks.send(&server_status());
                return false;
            }
        }
        let Some(stored) = base.count("select count(*) from em_event where source = 'as1'") else {
            inner.stored.1 = Instant::now();
            return false;
        };
        let stored = stored as usize;
        if inner.life != number || inner.stored.0 != stored || stored == inner.next {
            inner.stored = (stored, Instant::now());
        }
        if inner.life != number {
            (inner.life, inner.next) = (number, stored);
        } else if inner.stored.1.elapsed() > LOST {
            // Sent again, so that all else can still be compared.
            life.tell_wrong(format!(
                "documents {}-{} are lost in a life of the daemon",
                stored + 1,
                inner.next
            ));
            (inner.next, inner.stored.1) = (stored, Instant::now());
        }
        inner.send_more(stored, broadworks, life.is_over());
        stored == inner.sent.len()
    }

    /// The daemon has ended. Nobody is in the midst of a step then: what that sends must not come to the next life, which would have it twice.
    pub fn end_life(&self, life: &Life) {
        let _inner = self.lock();
        life.end();
    }

    /// How many have been sent.
    pub fn sent(&self) -> usize {
        self.lock().sent.len()
    }

    /// Of each document whether its event is to complete.
    pub fn completes(&self) -> Vec<bool> {
        self.lock().sent.iter().map(|message| message.expected == Expected::Completed).collect()
    }

    /// What must have come of everything that was sent.
    pub fn with_traffic<T>(&self, look: impl FnOnce(&Traffic) -> T) -> T {
        look(&self.lock().traffic)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("a lock")
    }
}

impl Inner {
    fn send_more(&mut self, stored: usize, broadworks: &BroadworksHandle, is_over: bool) {
        while self.next < stored + AHEAD {
            if self.next == self.sent.len() {
                if is_over {
                    return;
                }
                let message = self.traffic.next().expect("it never ends");
                self.sent.push(message);
            }
            broadworks.send(&self.sent[self.next].document);
            self.next += 1;
        }
    }
}
