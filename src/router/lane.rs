//! A worker: runs one event at a time with the executor.

use super::executor::{Executor, Outcome};
use super::keys::Key;
use crate::store::Tenure;
use crate::supervision::Shutdown;
use actix::prelude::*;
use std::sync::Arc;
use uuid::Uuid;

/// Runs one event. The event is in the store; this only says which.
#[derive(Message)]
#[rtype(result = "Outcome")]
pub struct Run {
    pub event: Uuid,
    /// In which the router has read what it knows: it says whose turn it is in no other.
    pub tenure: Tenure,
    /// The keys that it holds.
    pub keys: Vec<Key>,
    /// It is tried for others that wait for a system with it.
    pub is_tried: bool,
}

/// A worker; there are four for each of `concurrency` requests.
pub struct Lane {
    executor: Arc<Executor>,
}

impl Lane {
    /// A worker with the shared executor.
    pub fn new(executor: Arc<Executor>) -> Self {
        Lane { executor }
    }
}

impl Actor for Lane {
    type Context = Context<Self>;
}

impl Supervised for Lane {}

impl Handler<Run> for Lane {
    type Result = ResponseActFuture<Self, Outcome>;

    fn handle(&mut self, run: Run, _: &mut Context<Self>) -> Self::Result {
        let executor = Arc::clone(&self.executor);
        Box::pin(async move { executor.run(run).await }.into_actor(self))
    }
}

impl Handler<Shutdown> for Lane {
    type Result = ();

    /// The router has let the running events end; what still runs is resumed from its journal.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
