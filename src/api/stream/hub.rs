//! The one actor that makes the messages of the stream, for all readers at once.
//!
//! While nobody reads it does nothing. A panic ends the streams that are open, and nothing else: their readers come back
//! and are told to read the lists anew.

use super::channel::Channel;
use super::messages::Kind;
use crate::api::Sources;
use crate::api::events::Summary;
use crate::api::status::{self, CountsNow};
use crate::store::{Changed, Changes, News};
use crate::supervision::Shutdown;
use actix::prelude::*;
use serde::Serialize;
use std::cell::Cell;
use std::collections::HashSet;
use std::convert::Infallible;
use std::time::{Duration, Instant, SystemTime};
use tokio::time::sleep;

/// How often readers are told of events.
const TICK: Duration = Duration::from_millis(250);
/// Lines of one message, at most.
const LINES: usize = 200;
/// How often counts and status are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Counts are looked at so often even where no event changes: people edit the tables.
const RECOUNT: Duration = Duration::from_secs(10);
/// A reader that is cut off and comes back within this time misses nothing, even if it is the only one.
const LINGER: Duration = Duration::from_secs(30);
/// Connections of readers get this long to end at a shutdown.
const END_LIMIT: Duration = Duration::from_millis(500);

/// Makes the messages of [`Channel`].
pub struct Hub {
    sources: Sources,
}

impl Hub {
    /// The writer of `sources.stream`.
    pub fn new(sources: Sources) -> Self {
        Hub { sources }
    }
}

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let sources = self.sources.clone();
        ctx.spawn(async move { match run(&sources).await {} }.into_actor(self));
    }
}

impl Supervised for Hub {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.sources.stream.renew();
    }
}

impl Handler<Shutdown> for Hub {
    type Result = ();

    /// The server waits for requests that are under way, and a stream never ends by itself.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        let channel = self.sources.stream.clone();
        let ended = async move {
            channel.close();
            // What has not ended by then is cut off by the server.
            let _ = tokio::time::timeout(END_LIMIT, channel.empty()).await;
        };
        ctx.spawn(ended.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

async fn run(sources: &Sources) -> Infallible {
    let channel = &sources.stream;
    loop {
        channel.wanted().await;
        // Before anybody begins to read, so that nothing happens in between.
        let changes = sources.store.changes();
        channel.serve();
        let something_changed = Cell::new(true);
        tokio::select! {
            () = channel.deserted(LINGER) => channel.renew(),
            never = events(sources, changes, &something_changed) => match never {},
            never = counts(sources, &something_changed) => match never {},
            never = situation(sources) => match never {},
        }
    }
}

/// The data of a message about events.
#[derive(Serialize)]
struct Lines {
    events: Vec<Summary>,
    /// Events that have changed and are not among them.
    skipped: u64,
}

async fn events(sources: &Sources, mut changes: Changes, something_changed: &Cell<bool>) -> Infallible {
    loop {
        sleep(TICK).await;
        let news = changes.read();
        if news.rows.is_empty() && news.missed == 0 {
            continue;
        }
        let (rows, skipped) = latest(&news);
        // While the store is away they are kept, and read when it is back.
        let Ok(lines) = sources.store.lines(&rows).await else { continue };
        changes.confirm(&news);
        something_changed.set(true);
        let events: Vec<_> = lines.into_iter().map(Summary::from).collect();
        if !events.is_empty() || skipped > 0 {
            publish(&sources.stream, Kind::Events, &Lines { events, skipped });
        }
    }
}

/// The rows that have changed last, each once, and how many others have changed.
fn latest(news: &News) -> (Vec<Changed>, u64) {
    let (mut seen, mut rows) = (HashSet::new(), Vec::new());
    for row in news.rows.iter().rev() {
        if seen.insert(*row) && rows.len() < LINES {
            rows.push(*row);
        }
    }
    let others = (seen.len() - rows.len()) as u64;
    (rows, others + news.missed)
}

async fn counts(sources: &Sources, something_changed: &Cell<bool>) -> Infallible {
    let mut shown = None;
    // A count of before then is not new enough.
    let mut wanted = Some(SystemTime::now());
    let mut looked = Instant::now();
    loop {
        if something_changed.replace(false) || looked.elapsed() >= RECOUNT {
            (wanted, looked) = (Some(SystemTime::now()), Instant::now());
        }
        if let Some(since) = wanted
            && let Ok(counted) = sources.counts.latest().await
        {
            if shown != Some(counted.counts) {
                publish(&sources.stream, Kind::Counts, &CountsNow::from(&counted));
                shown = Some(counted.counts);
            }
            wanted = Some(since).filter(|since| counted.at < *since);
        }
        sleep(LOOK).await;
    }
}

async fn situation(sources: &Sources) -> Infallible {
    let mut shown = None;
    loop {
        let situation = status::situation(sources);
        if shown.as_ref().is_none_or(|shown| situation.differs_from(shown)) {
            publish(&sources.stream, Kind::Status, &situation);
            shown = Some(situation);
        }
        sleep(LOOK).await;
    }
}

fn publish(channel: &Channel, kind: Kind, data: &impl Serialize) {
    let data = serde_json::to_string(data).expect("messages have only plain values, and keys of text");
    channel.publish(kind, &data);
}
