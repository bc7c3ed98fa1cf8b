//! A store with its writers, and the actors over it, in this process: what the daemon has around them is not needed here.

use actix::prelude::*;
use eventmanager::config::{Database, Live, Nats, NatsConsume, Route, StoreConfig};
use eventmanager::event::{Form, TopicEvent};
use eventmanager::store::{Store, open};
use eventmanager::supervision::Shutdown;
use eventmanager::telemetry::link::LinkBoard;
use eventmanager::topics::nats::{NatsConsumer, NatsPublisher};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use uuid::Uuid;

/// What never holds within this time never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds` gives something; fails with `what` if it never does.
pub async fn eventually<T>(what: &str, mut holds: impl AsyncFnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(value) = holds().await {
            return value;
        }
        assert!(since.elapsed() < PATIENCE, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub struct House {
    pub store: Store,
    writers: Vec<JoinHandle<()>>,
    directory: TempDir,
}

impl House {
    pub async fn new() -> House {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, writers) = start(directory.path());
        store.wait_until_up().await;
        House { store, writers, directory }
    }

    /// Removes the database: the store goes on with a new one.
    pub fn remove_database(&self) {
        std::fs::remove_file(self.directory.path().join("events.db")).expect("removed");
        for companion in ["events.db-wal", "events.db-shm"] {
            // They are there only while something is in them.
            let _ = std::fs::remove_file(self.directory.path().join(companion));
        }
    }

    /// Has an event handed on.
    pub async fn hand_on(&self, events: Vec<TopicEvent>) {
        let refused = self.store.hand_on(events).await.expect("stored");
        assert!(refused.iter().all(Option::is_none), "{refused:?}");
    }

    pub fn publisher(&self, config: &Nats) -> Addr<NatsPublisher> {
        NatsPublisher::new(Arc::new(config.clone()), self.store.clone(), LinkBoard::default()).start()
    }

    pub fn consumer(&self, config: &Nats) -> Addr<NatsConsumer> {
        self.consumer_by(config, Live::fixed(Vec::new()))
    }

    /// The same with rules.
    pub fn consumer_by(&self, config: &Nats, routes: Live<Vec<Route>>) -> Addr<NatsConsumer> {
        let consume: NatsConsume = config.consume.clone().expect("[nats.consume]");
        let (config, store) = (Arc::new(config.clone()), self.store.clone());
        NatsConsumer::new(config, Arc::new(consume), routes, store, LinkBoard::default()).start()
    }

    /// Waits until the publisher has kept where it begins.
    pub async fn begun(&self) {
        eventually("it has begun", async || self.store.place("nats").await.expect("read")).await;
    }

    pub async fn close(self) {
        self.store.close().await;
        drop(self.store);
        for writer in self.writers {
            writer.join().expect("a writer");
        }
    }
}

fn start(directory: &Path) -> (Store, Vec<JoinHandle<()>>) {
    let config = StoreConfig::new(Database::Sqlite(directory.join("events.db")));
    let (store, tasks) = open(&config).expect("a store");
    let run = |task: eventmanager::store::WriterTask| {
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(task.run());
        })
    };
    (store, tasks.into_iter().map(run).collect())
}

/// Stops an actor, and waits until it has stopped.
pub async fn stop<A>(actor: Addr<A>)
where
    A: Actor<Context = Context<A>> + Handler<Shutdown>,
{
    actor.send(Shutdown).await.expect("told");
    eventually("it has stopped", async || (!actor.connected()).then_some(())).await;
}

/// An event of the source `k1`.
pub fn event(topic: &str, name: &str) -> TopicEvent {
    TopicEvent {
        uuid: Uuid::now_v7(),
        topic: topic.to_owned(),
        source: "k1".into(),
        name: name.into(),
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_366_400_123),
        payload: format!(r#"{{"event":"{name}","é":1}}"#).into(),
        form: Form::Fields,
    }
}
