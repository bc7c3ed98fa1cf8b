//! Notices an arbiter whose thread hangs.
//!
//! A handler that blocks or loops takes its whole arbiter with it: nothing on it is polled, so no supervisor can
//! stop or restart anything there, and a thread cannot be killed. What remains is to say so and to let the caller
//! end the process. The watchdog has a thread of its own, since the main arbiter may be the one that hangs.

use actix::ArbiterHandle;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tracing::{error, info};

/// Pings arbiters. Give it all of them, then [`start`](Watchdog::start) it.
pub struct Watchdog {
    period: Duration,
    limit: Duration,
    watched: Vec<Watched>,
    on_answer: Box<dyn Fn() + Send>,
}

/// An arbiter that did not answer in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    pub arbiter: String,
    /// For how long it had not answered when this was noticed.
    pub silent_for: Duration,
}

/// Keeps the watchdog running; dropping it ends it, which is what an orderly shutdown does before it ends arbiters.
pub struct Watching {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Pings every `period`; an arbiter that has not answered a ping after `limit` has stalled.
    pub fn new(period: Duration, limit: Duration) -> Self {
        Watchdog { period, limit, watched: Vec::new(), on_answer: Box::new(|| ()) }
    }

    /// Adds an arbiter under the name that logs and metrics use. `Arbiter::current()` gives the main one.
    pub fn watch(mut self, arbiter: impl Into<String>, handle: ArbiterHandle) -> Self {
        self.watched.push(Watched::new(arbiter.into(), handle));
        self
    }

    /// Calls `on_answer` on the watchdog's thread at every look, several in a period, that finds no arbiter silent for
    /// longer than a period. It must not wait for the arbiters.
    pub fn on_answer(mut self, on_answer: impl Fn() + Send + 'static) -> Self {
        self.on_answer = Box::new(on_answer);
        self
    }

    /// Starts the thread. `on_stall` is called on it, once for each stall: it must not wait for the arbiters.
    /// Ending the process there, or sending the news somewhere, is up to the caller.
    ///
    /// Errors: the system grants no thread.
    pub fn start(mut self, on_stall: impl Fn(Stall) + Send + 'static) -> io::Result<Watching> {
        let (stop, stopped) = mpsc::channel();
        let tick = (self.period.min(self.limit) / 4).max(Duration::from_millis(1));
        let watch = move || {
            while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                let now = Instant::now();
                let stalls =
                    self.watched.iter_mut().filter_map(|each| each.look(now, self.period, self.limit));
                stalls.for_each(&on_stall);
                if self.watched.iter().all(|each| each.answers(now, self.period)) {
                    (self.on_answer)();
                }
            }
        };
        let thread = thread::Builder::new().name("watchdog".into()).spawn(watch)?;
        Ok(Watching { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop = None; // the thread sees the channel closed within a tick
        let Some(thread) = self.thread.take() else { return };
        // The callback may be the one that drops this.
        if thread.thread().id() != thread::current().id() {
            let _ = thread.join(); // a panic of the callback was told by the panic hook
        }
    }
}

/// One arbiter and the ping on its way to it. There is never more than one, so that none pile up while it hangs.
struct Watched {
    arbiter: String,
    handle: ArbiterHandle,
    pinged: Option<Instant>,
    answered: Arc<AtomicBool>,
    stalled: bool,
}

impl Watched {
    fn new(arbiter: String, handle: ArbiterHandle) -> Self {
        stalls_counter(&arbiter).increment(0); // the series exists before the first stall
        Watched { arbiter, handle, pinged: None, answered: Arc::default(), stalled: false }
    }

    /// Collects the answer, pings again when it is time, and tells a stall once.
    fn look(&mut self, now: Instant, period: Duration, limit: Duration) -> Option<Stall> {
        let Some(pinged) = self.pinged else {
            self.ping(now);
            return None;
        };
        let waited = now - pinged;
        if self.answered.load(Ordering::Acquire) {
            self.recovered(waited);
            if waited >= period {
                self.ping(now);
            }
            return None;
        }
        if self.stalled || waited <= limit {
            return None;
        }
        self.stalled = true;
        error!(arbiter = self.arbiter, silent_for = ?waited, "arbiter does not answer: its thread hangs");
        stalls_counter(&self.arbiter).increment(1);
        Some(Stall { arbiter: self.arbiter.clone(), silent_for: waited })
    }

    /// Whether it has answered its last ping, or still has time to.
    fn answers(&self, now: Instant, period: Duration) -> bool {
        self.answered.load(Ordering::Acquire) || self.pinged.is_some_and(|pinged| now - pinged <= period)
    }

    fn ping(&mut self, now: Instant) {
        self.pinged = Some(now);
        self.answered = Arc::default();
        let answered = self.answered.clone();
        // An arbiter that has ended cannot answer either, and is found in the same way.
        self.handle.spawn_fn(move || answered.store(true, Ordering::Release));
    }

    fn recovered(&mut self, waited: Duration) {
        if std::mem::take(&mut self.stalled) {
            info!(arbiter = self.arbiter, silent_for = ?waited, "arbiter answers again");
        }
    }
}

fn stalls_counter(arbiter: &str) -> metrics::Counter {
    metrics::counter!("eventmanager_arbiter_stalled_total", "arbiter" => arbiter.to_owned())
}
