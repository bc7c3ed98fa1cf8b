//! The supervised ends of the store: group writers on their own threads, and the sweeper.

use super::{Store, WriterTask};
use crate::config::Live;
use crate::supervision::Shutdown;
use actix::prelude::*;
use std::time::{Duration, SystemTime};

/// How often orphans and events past their retention are deleted.
const SWEEP: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Runs a group writer; a writer that fails is started anew and finds its queue as it was.
pub struct StoreWriter {
    task: WriterTask,
    store: Store,
}

impl StoreWriter {
    /// The writer `task` of `store`.
    pub fn new(task: WriterTask, store: Store) -> Self {
        StoreWriter { task, store }
    }
}

impl Actor for StoreWriter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let task = self.task.clone();
        ctx.spawn(async move { task.run().await }.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl Supervised for StoreWriter {}

impl Handler<Shutdown> for StoreWriter {
    type Result = ResponseActFuture<Self, ()>;

    /// Commits what is queued; the writer's loop then ends, and the actor with it.
    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) -> Self::Result {
        let store = self.store.clone();
        Box::pin(async move { store.close().await }.into_actor(self))
    }
}

/// Deletes what nobody needs any more, now and then.
pub struct Sweeper {
    store: Store,
    retention_days: Live<Option<u32>>,
    /// A sweep may take longer than the distance of two.
    is_sweeping: bool,
}

impl Sweeper {
    /// Events are kept for ever where `retention_days` is `None`.
    pub fn new(store: Store, retention_days: Live<Option<u32>>) -> Self {
        Sweeper { store, retention_days, is_sweeping: false }
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.is_sweeping, true) {
            return;
        }
        let retention = self.retention_days.get().map(|days| DAY * days);
        let older_than = retention.and_then(|age| SystemTime::now().checked_sub(age));
        let store = self.store.clone();
        let swept = async move {
            store.wait_until_events_up().await;
            store.sweep(older_than).await
        };
        ctx.spawn(swept.into_actor(self).map(|swept, this, _| {
            this.is_sweeping = false;
            match swept {
                Ok(swept) if swept == Default::default() => {}
                Ok(swept) => tracing::info!(events = swept.events, orphans = swept.orphans, "store swept"),
                Err(error) => tracing::warn!(%error, "store not swept to its end: the next sweep goes on"),
            }
        }));
    }
}

impl Actor for Sweeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        for rows in ["events", "orphans"] {
            metrics::counter!("eventmanager_swept_total", "rows" => rows).increment(0);
        }
        self.is_sweeping = false;
        self.sweep(ctx);
        ctx.run_interval(SWEEP, Self::sweep);
    }
}

impl Supervised for Sweeper {}

impl Handler<Shutdown> for Sweeper {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
