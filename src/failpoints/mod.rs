//! Failpoints: named places at which a test ends, delays or fails the daemon, each of them between two things that a crash may part.
//!
//! ```text
//! EVENTMANAGER_FAILPOINTS="store.events.commit.after=kill@7; hub.send.before=delay:50%3"
//! ```
//!
//! [`orders`] says how orders are written. A program obeys them with the feature `failpoints`, which is on where tests are built and in no
//! release: without it nothing here does anything, and the compiler leaves it out.

mod orders;
mod points;

pub use orders::BadOrders;
pub use points::{POINTS, Point};

use orders::{Action, Order};
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

/// Where orders are read from.
pub const VARIABLE: &str = "EVENTMANAGER_FAILPOINTS";

/// The orders of this process.
static ORDERS: OnceLock<Vec<Order>> = OnceLock::new();

/// What a call of the store comes to instead of what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The database is away; whether anything was done is not known.
    Unavailable,
    /// It refuses what was asked.
    Rejected,
    /// Somebody has locked what was asked for.
    Locked,
}

/// Reads the orders of this process; to be called once, before anything is passed.
pub fn read_orders() -> Result<(), BadOrders> {
    if !cfg!(feature = "failpoints") {
        return Ok(());
    }
    if let Ok(text) = std::env::var(VARIABLE) {
        let orders = orders::parse(&text)?;
        // Those that were read first count.
        let _ = ORDERS.set(orders);
    }
    Ok(())
}

/// Passes a failpoint.
pub async fn pass(name: &str) {
    if let Some(delay) = obey(name).delay {
        tokio::time::sleep(delay).await;
    }
}

/// The same where nobody can wait: a delay holds up the thread.
pub fn pass_at_once(name: &str) {
    if let Some(delay) = obey(name).delay {
        std::thread::sleep(delay);
    }
}

/// Passes a failpoint of the store; what the call comes to, where it is not to be carried out or not to be known.
pub async fn fault(name: &str) -> Option<Fault> {
    let Due { delay, fault } = obey(name);
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    fault
}

/// What is left to be done at a failpoint.
#[derive(Default)]
struct Due {
    delay: Option<Duration>,
    fault: Option<Fault>,
}

#[inline]
fn obey(name: &str) -> Due {
    match ORDERS.get() {
        Some(orders) if cfg!(feature = "failpoints") => obey_all(orders, name),
        _ => Due::default(),
    }
}

/// Counts the pass for each order of this name; ends the process or the actor here, if that is due.
#[cold]
fn obey_all(orders: &[Order], name: &str) -> Due {
    let mut due = Due::default();
    for order in orders.iter().filter(|order| order.name == name) {
        let pass = order.count();
        if !order.passes.contain(pass) {
            continue;
        }
        if order.is_first() {
            tell(&format!("failpoint {name}: {} at pass {pass}\n", order.written));
        }
        match order.action {
            Action::Delay(delay) => due.delay = Some(delay),
            Action::Fault(fault) => due.fault = Some(fault),
            Action::Kill => kill(),
            Action::Panic => panic!("failpoint {name}, pass {pass}"),
        }
    }
    due
}

/// Who looks at the log knows what has been obeyed; that it cannot be told is no matter.
fn tell(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Ends the process as `kill -9` does: nothing is unwound, flushed or told.
fn kill() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // The signal ends all threads; this one may run on for a moment.
    loop {
        std::thread::park();
    }
}
