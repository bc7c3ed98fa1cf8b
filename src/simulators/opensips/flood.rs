//! Many events, as fast as one thread sends them.

use super::core::Shared;
use super::delivery::{Told, What};
use crate::wire::evi::{Event, Param};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events sent before anybody else is let at the OpenSIPS.
const AT_ONCE: u64 = 64;

/// A thread that sends. Dropping it ends it.
pub struct Flood {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Told>>,
}

/// What a flood consists of.
pub(super) struct Plan<P> {
    pub event: String,
    pub count: u64,
    /// Events a second; `None`: as fast as it goes.
    pub rate: Option<u32>,
    /// The parameters of the event of this number, from 0 on.
    pub params: P,
}

impl Flood {
    pub(super) fn start<P>(shared: Arc<Shared>, plan: Plan<P>) -> io::Result<Flood>
    where
        P: FnMut(u64) -> Vec<Param> + Send + 'static,
    {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = is_over.clone();
        let thread = std::thread::Builder::new()
            .name("simulated-flood".to_owned())
            .spawn(move || send(&shared, plan, &ends))?;
        Ok(Flood { is_over, thread: Some(thread) })
    }

    /// Waits until everything is sent, and says to how many it went.
    pub fn join(mut self) -> Told {
        // A panic of it has been told.
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn send<P: FnMut(u64) -> Vec<Param>>(shared: &Shared, mut plan: Plan<P>, is_over: &AtomicBool) -> Told {
    let since = Instant::now();
    let mut event = Event { name: plan.event, params: Vec::new(), is_ambiguous: false };
    let mut told = Told::default();
    let mut next = 0;
    while next < plan.count && !is_over.load(Ordering::Relaxed) {
        if let Some(rate) = plan.rate {
            let due = Duration::from_secs_f64(next as f64 / f64::from(rate.max(1)));
            std::thread::sleep(due.saturating_sub(since.elapsed()));
        }
        let end = plan.count.min(next + at_once(plan.rate));
        let mut core = shared.core();
        for number in next..end {
            event.params = (plan.params)(number);
            told += core.raise(&event.name, What::Event(&event));
        }
        drop(core);
        next = end;
        std::thread::yield_now();
    }
    told
}

/// At a rate no more than what comes in a millisecond.
fn at_once(rate: Option<u32>) -> u64 {
    rate.map_or(AT_ONCE, |rate| u64::from(rate / 1000).clamp(1, AT_ONCE))
}
