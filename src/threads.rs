//! The threads of the daemon: arbiters by name, and the watchdog that notices when one hangs.

use crate::store::Store;
use crate::supervision::{Stall, Watchdog, Watching};
use crate::systemd::Feeder;
use actix_rt::{Arbiter, ArbiterHandle};
use std::time::Duration;

/// How often every thread is asked whether it still runs its actors.
const PING: Duration = Duration::from_secs(5);
/// A thread that has not answered by then hangs. Nothing can be restarted on it: the process ends.
const STALL_LIMIT: Duration = Duration::from_secs(60);
/// Exit code of a process that ends because a thread hangs; systemd starts it anew.
pub const STALLED: i32 = 70;

/// The arbiters that have been started.
#[derive(Default)]
pub struct Threads {
    arbiters: Vec<(String, Arbiter)>,
}

impl Threads {
    /// Starts a thread with an event loop of its own.
    pub fn start(&mut self, name: &str) -> ArbiterHandle {
        let arbiter = Arbiter::new();
        let handle = arbiter.handle();
        let shown = name.to_owned();
        // What `top -H` shows; actix has no word in it. Where it cannot be written, it shows actix' own.
        arbiter.spawn_fn(move || drop(std::fs::write("/proc/thread-self/comm", shown)));
        self.arbiters.push((name.to_owned(), arbiter));
        handle
    }

    /// Watches all of them, and the current one. While all answer and the store commits, systemd's watchdog is fed.
    pub fn watch(&self, store: &Store) -> std::io::Result<Watching> {
        let feeder = Feeder::new(store.clone());
        let period = feeder.as_ref().map_or(PING, |feeder| feeder.period().min(PING));
        let main = Watchdog::new(period, STALL_LIMIT)
            .on_answer(move || feeder.iter().for_each(Feeder::feed))
            .watch("main", Arbiter::current());
        let add =
            |watchdog: Watchdog, (name, arbiter): &(String, Arbiter)| watchdog.watch(name, arbiter.handle());
        self.arbiters.iter().fold(main, add).start(|stall: Stall| {
            // The log is written by a thread of its own, which does not outlive the exit: said twice, so that it is said.
            let Stall { arbiter, silent_for } = &stall;
            crate::cli::complain(&format!("eventmanager: thread {arbiter} hangs for {silent_for:?}: exit {STALLED}\n"));
            tracing::error!(arbiter = stall.arbiter, silent_for = ?stall.silent_for, "thread hangs: the process ends");
            std::process::exit(STALLED);
        })
    }

    /// Ends the threads; their actors must have stopped.
    pub fn stop(&self) {
        for (_, arbiter) in &self.arbiters {
            arbiter.stop();
        }
    }
}
