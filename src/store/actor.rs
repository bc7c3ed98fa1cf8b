//! The supervised ends of the store: group writers on their own threads, the watch over their disks, and the sweeper.

use super::{Disk, Spared, Store, SweepError, Swept, WriterTask};
use crate::config::{Config, DiskLow, Live};
use crate::supervision::Shutdown;
use actix::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// How often orphans and events past their retention are deleted.
const SWEEP: Duration = Duration::from_secs(3600);
/// How often the room on the disks is looked at.
const LOOK: Duration = Duration::from_secs(5);
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

/// Looks how much room the embedded databases have, says when it is little, and when it is not any more.
pub struct DiskWatch {
    directories: Vec<PathBuf>,
    config: Live<Config>,
    board: Arc<watch::Sender<Vec<Disk>>>,
}

impl DiskWatch {
    /// What is found is published on `board`.
    pub fn new(
        directories: Vec<PathBuf>,
        config: Live<Config>,
        board: Arc<watch::Sender<Vec<Disk>>>,
    ) -> Self {
        DiskWatch { directories, config, board }
    }

    /// A file system may take its time to answer, one over a network for ever: that holds up nothing but the next look.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let (directories, before) = (self.directories.clone(), self.board.borrow().clone());
        let low = self.config.get().store.disk_low;
        let measured = actix_rt::task::spawn_blocking(move || measure(&directories, low, &before));
        ctx.spawn(measured.into_actor(self).map(|disks, this, ctx| {
            if let Ok(disks) = disks {
                this.board.send_if_modified(|shown| {
                    let changed = *shown != disks;
                    *shown = disks;
                    changed
                });
            }
            ctx.run_later(LOOK, Self::look);
        }));
    }
}

fn measure(directories: &[PathBuf], low: DiskLow, before: &[Disk]) -> Vec<Disk> {
    let measure = |path: &PathBuf| {
        let was_low = before.iter().any(|disk| disk.path == *path && disk.is_low);
        // A directory that is missing is told where its database is opened.
        let disk = Disk::measure(path, low, was_low).ok()?;
        let (shown, free) = (path.display().to_string(), disk.free);
        metrics::gauge!("eventmanager_disk_free_bytes", "path" => shown.clone()).set(free as f64);
        metrics::gauge!("eventmanager_disk_low", "path" => shown.clone())
            .set(f64::from(u8::from(disk.is_low)));
        match (was_low, disk.is_low) {
            (false, true) => tracing::warn!(path = shown, free_bytes = free, "disk low"),
            (true, false) => tracing::info!(path = shown, free_bytes = free, "disk no longer low"),
            _ => {}
        }
        Some(disk)
    };
    directories.iter().filter_map(measure).collect()
}

impl Actor for DiskWatch {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}

impl Supervised for DiskWatch {}

impl Handler<Shutdown> for DiskWatch {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

/// Deletes what nobody needs any more, now and then.
pub struct Sweeper {
    store: Store,
    config: Live<Config>,
    /// A sweep may take longer than the distance of two.
    is_sweeping: bool,
}

impl Sweeper {
    /// How long things are kept stands in `[store]`, and in `[event_management]` and `[nats]` how long the topic log keeps
    /// what hubs and NATS have not got.
    pub fn new(store: Store, config: Live<Config>) -> Self {
        Sweeper { store, config, is_sweeping: false }
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.is_sweeping, true) {
            return;
        }
        let config = self.config.get();
        let ago = |age| SystemTime::now().checked_sub(age);
        let older_than = config.store.retention_days.and_then(|days| ago(DAY * days));
        let handed_on = ago(config.store.topic_log);
        let spared = Spared {
            hubs: config.event_management.as_ref().and_then(|hubs| ago(hubs.keep_backlog)),
            nats: config.nats.as_ref().and_then(|nats| ago(nats.keep_backlog)),
        };
        let store = self.store.clone();
        let swept = async move {
            store.wait_until_events_up().await;
            let swept = store.sweep(older_than).await?;
            let Some(handed_on) = handed_on else { return Ok(swept) };
            let Swept { handed_on, .. } = store.shorten_topic_log(handed_on, spared).await?;
            Ok::<_, SweepError>(Swept { handed_on, ..swept })
        };
        ctx.spawn(swept.into_actor(self).map(|swept, this, _| {
            this.is_sweeping = false;
            match swept {
                Ok(swept) if swept == Default::default() => {}
                Ok(Swept { events, orphans, handed_on }) => {
                    tracing::info!(events, orphans, handed_on, "store swept");
                }
                Err(error) => tracing::warn!(%error, "store not swept to its end: the next sweep goes on"),
            }
        }));
    }
}

impl Actor for Sweeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        for rows in ["events", "orphans", "topics"] {
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
