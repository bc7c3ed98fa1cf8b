//! A server for tests, without its actor.

use super::server::Server;
use crate::config::{Evi, Live, Surroundings, parse_toml};
use crate::store;
use std::rc::Rc;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// With its database.
pub struct Trial {
    pub server: Rc<Server>,
    writers: Vec<JoinHandle<()>>,
    _directory: TempDir,
}

impl Trial {
    /// One that nobody has subscribed to.
    pub async fn start() -> Trial {
        let directory = TempDir::new().expect("a directory");
        let text = format!("[node]\ndata_dir = {:?}\n", directory.path());
        let loaded = parse_toml(&text, "a.toml", &Surroundings::of_process(directory.path()));
        let config = loaded.unwrap_or_else(|problems| panic!("{problems}")).config;
        let (store, tasks) = store::open(&config.store).expect("a store");
        let run = |task: store::WriterTask| tokio::task::spawn_local(async move { task.run().await });
        let writers = tasks.into_iter().map(run).collect();
        store.wait_until_events_up().await;
        let server = Server::new(Live::fixed(Evi::default()), Live::fixed(config), store, None);
        server.is_loaded.set(true);
        Trial { server: Rc::new(server), writers, _directory: directory }
    }

    /// One whose database is up as far as anybody knows, and stores nothing.
    pub async fn hanging() -> Trial {
        let mut trial = Trial::start().await;
        for writer in trial.writers.drain(..) {
            writer.abort();
            assert!(writer.await.expect_err("it would run for ever").is_cancelled());
        }
        trial
    }
}
