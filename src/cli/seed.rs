//! `eventmanager seed`: copies the release's subscribers into the shadow's own store, which would otherwise start empty.

use super::progress::Progress;
use super::{complain, say};
use crate::config::{self, Config, Mode, Shadow};
use crate::plan::SubscriberEffect;
use crate::store::{self, DatabaseHealth, Reading, Store, StoreHealth, WriterTask};
use anyhow::{Context, bail, ensure};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch::Receiver;

const PAGE: usize = 1000;
const PROGRESS: Duration = Duration::from_secs(5);
/// So many rows that cannot be copied are told one by one.
const TOLD: u64 = 20;

/// Options of `seed`.
#[derive(Debug, Args)]
pub struct Options {
    /// Configuration file, with mode = "shadow" and [shadow]
    #[arg(long, value_name = "FILE", default_value = super::CONFIG)]
    config: PathBuf,
    /// Delete the subscribers that our own store holds first
    #[arg(long)]
    replace: bool,
}

/// Copies every row. Exit code 1 where some could not be copied.
pub fn seed(options: &Options) -> anyhow::Result<ExitCode> {
    let config = config::load(&options.config)?.config;
    let shadow = beside(&config)?.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let left = runtime.block_on(async {
        let names = ["shadow.events", "shadow.subscribers"];
        let release = Reading::open(&shadow.events, &shadow.subscribers, names)?;
        // Before ours is touched: whether there is anything to copy from.
        release.subscribers("", 1).await?;
        let (store, tasks) = store::open(&config.store)?;
        // Before the writers start: what they say first must not be missed.
        let health = store.health();
        let unconnected = health.borrow().clone();
        let writers = start(tasks)?;
        let copied = match connected(health, &unconnected).await {
            Ok(()) => copy(&release, &store, options.replace).await,
            Err(error) => Err(error),
        };
        if copied.is_ok() {
            store.close().await;
            for writer in writers {
                writer.join().map_err(|_| anyhow::anyhow!("the writer of our own store has failed"))?;
            }
        }
        copied
    })?;
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The release's databases, where it is right to copy from them.
fn beside(config: &Config) -> anyhow::Result<&Shadow> {
    ensure!(
        config.processing.mode == Mode::Shadow,
        "processing.mode is not \"shadow\": the table of subscribers of an active daemon is what the core holds, and is not \
         copied over"
    );
    config.shadow.as_ref().context("there is no [shadow], which names the database to copy from")
}

/// Runs each writer on a thread of its own.
fn start(tasks: Vec<WriterTask>) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let start = |task: WriterTask| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let name = format!("store-{}", task.name);
        let thread = std::thread::Builder::new().name(name).spawn(move || runtime.block_on(task.run()))?;
        Ok(thread)
    };
    tasks.into_iter().map(start).collect()
}

/// Returns when our own store is connected; a daemon that uses it, like any outage, is an error.
async fn connected(mut health: Receiver<StoreHealth>, first: &StoreHealth) -> anyhow::Result<()> {
    let reason = |now: &StoreHealth| {
        let halves = [(&now.events, &first.events), (&now.subscribers, &first.subscribers)];
        halves.into_iter().find_map(|(now, first)| match now {
            DatabaseHealth::Down { reason } if now != first => Some(reason.clone()),
            _ => None,
        })
    };
    loop {
        let now = health.borrow_and_update().clone();
        if now.is_up() {
            return Ok(());
        }
        if let Some(reason) = reason(&now) {
            bail!("our own store cannot be written: {reason}{}", hint(&reason));
        }
        health.changed().await.context("our own store has closed")?;
    }
}

/// What to do about a store that cannot be written.
fn hint(reason: &str) -> &'static str {
    match reason {
        reason if reason.ends_with(store::MISSING) => {
            " (make it first, for the user that the daemon runs as)"
        }
        reason if reason == store::IN_USE => " (the daemon runs: stop it while subscribers are copied)",
        _ => "",
    }
}

/// Copies page after page; says how many rows could not be copied.
async fn copy(release: &Reading, store: &Store, replace: bool) -> anyhow::Result<u64> {
    if replace {
        let deleted = delete_all(store).await?;
        complain(&format!("{deleted} subscribers of our own store deleted\n"));
    }
    let is_empty = ids_of(store, 1).await?.is_empty();
    ensure!(is_empty, "our own store has subscribers already; --replace deletes them first");
    let bar = Progress::of(release.count_subscribers().await?, "subscribers");
    let mut seeded = Seeded { copied: 0, left: 0, shown: Instant::now(), bar };
    let mut after = String::new();
    loop {
        let page = release.subscribers(&after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        ensure!(*last > after, "the release's rows do not come in the order of their ids, at {last:?}");
        after = last.clone();
        let (mut ids, mut effects) = (Vec::new(), Vec::new());
        for (id, row) in page {
            match row {
                // A table without a primary key may hold a user twice.
                Ok(_) if ids.last() == Some(&id) => {
                    seeded.refused(&format!("srd_user {id}: it stands there twice"))
                }
                Ok(subscriber) => {
                    ids.push(id);
                    effects.push(SubscriberEffect::Insert(Box::new(subscriber)));
                }
                Err(error) => seeded.refused(&error.to_string()),
            }
        }
        for (id, refusal) in ids.iter().zip(store.apply(effects).await?) {
            match refusal {
                None => seeded.copied += 1,
                Some(reason) => seeded.refused(&format!("srd_user {id}: {reason}")),
            }
        }
        seeded.show();
    }
    let nameless = release.nameless_subscribers().await?;
    if nameless > 0 {
        complain(&format!("not copied: {nameless} rows of srd_user have no id\n"));
        seeded.left += nameless;
    }
    let Seeded { copied, left, bar, .. } = seeded;
    drop(bar);
    let not = if left > 0 { format!(", {left} not copied") } else { String::new() };
    say(&format!("{copied} subscribers copied{not}\n"));
    Ok(left)
}

/// How far it has come.
struct Seeded {
    copied: u64,
    left: u64,
    shown: Instant,
    bar: Progress,
}

impl Seeded {
    fn refused(&mut self, reason: &str) {
        self.left += 1;
        if self.left <= TOLD {
            self.bar.aside(|| complain(&format!("not copied: {reason}\n")));
        }
    }

    /// Where it is, on the bar; where nobody sees that, a line now and then.
    fn show(&mut self) {
        self.bar.at(self.copied + self.left);
        if !self.bar.is_shown() && self.shown.elapsed() >= PROGRESS {
            self.shown = Instant::now();
            complain(&format!("{} subscribers copied\n", self.copied));
        }
    }
}

async fn delete_all(store: &Store) -> anyhow::Result<u64> {
    let mut deleted = 0;
    loop {
        let ids = ids_of(store, PAGE).await?;
        if ids.is_empty() {
            return Ok(deleted);
        }
        deleted += ids.len() as u64;
        let effects = ids.into_iter().map(|user_id| SubscriberEffect::Delete { user_id }).collect();
        if let Some(reason) = store.apply(effects).await?.into_iter().flatten().next() {
            bail!("a subscriber of our own store cannot be deleted: {reason}");
        }
    }
}

/// The first ids of our own subscribers, also of rows that cannot be read.
async fn ids_of(store: &Store, limit: usize) -> anyhow::Result<Vec<String>> {
    Ok(store.subscribers_in_order("", limit).await?.into_iter().map(|(id, _)| id).collect())
}
