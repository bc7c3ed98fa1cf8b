//! How many lanes there are: two for each request that may be under way, and more once a reload wants them.

use super::actor::{Router, SetLanes};
use super::executor::Executor;
use super::lane::Lane;
use crate::supervision::{Add, Spec, Supervisor};
use actix::prelude::{Addr, ArbiterHandle};
use std::sync::Arc;

/// A lane gets only what the router gives it, one event at a time.
const MAILBOX: usize = 1024;
/// While the event of one lane is in a request, that of another is being planned or committed.
const LANES_PER_REQUEST: usize = 2;

/// Makes lanes. None is ever removed: one too many has nothing to do, and costs nothing.
pub struct Lanes {
    executor: Arc<Executor>,
    thread: ArbiterHandle,
    made: usize,
    concurrency: usize,
}

impl Lanes {
    /// Lanes of this executor; there are none yet.
    pub fn new(executor: Arc<Executor>, thread: ArbiterHandle) -> Lanes {
        Lanes { executor, thread, made: 0, concurrency: 0 }
    }

    /// The lanes that are missing for so many requests at a time.
    pub fn for_requests(&mut self, concurrency: usize) -> (Vec<Spec>, Vec<Addr<Lane>>) {
        self.concurrency = concurrency;
        let missing = self.made + 1..=concurrency * LANES_PER_REQUEST;
        self.made = self.made.max(concurrency * LANES_PER_REQUEST);
        missing.map(|number| self.lane(number)).unzip()
    }

    fn lane(&self, number: usize) -> (Spec, Addr<Lane>) {
        let executor = Arc::clone(&self.executor);
        let make = move || Lane::new(Arc::clone(&executor));
        Spec::new(format!("lane-{number}"), MAILBOX, Some(self.thread.clone()), make)
    }

    /// Lets so many requests be under way from now on. Events that run end as they began; resolves when no more requests
    /// than that are under way.
    pub async fn resize(&mut self, concurrency: usize, supervisor: &Addr<Supervisor>, router: &Addr<Router>) {
        let before = self.concurrency;
        if before == concurrency {
            return;
        }
        let (specs, further) = self.for_requests(concurrency);
        for spec in specs {
            // Refused only where the daemon stops; what is sent to such a lane comes back, and the event is run again.
            if !matches!(supervisor.send(Add(spec)).await, Ok(Ok(()))) {
                tracing::warn!("a lane could not be added");
            }
        }
        let at_once = concurrency * LANES_PER_REQUEST;
        // An error says that the daemon stops.
        let _ = router.send(SetLanes { further, at_once }).await;
        self.executor.slots.resize(before, concurrency).await;
    }
}
