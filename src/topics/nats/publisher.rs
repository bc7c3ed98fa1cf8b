//! The actor that publishes: what fails in it costs nothing but time.

use super::CONNECTION;
use super::life::Life;
use super::place::Place;
use super::publishing::Publishing;
use crate::config::Nats;
use crate::store::Store;
use crate::supervision::Shutdown;
use crate::telemetry::link::LinkBoard;
use actix::prelude::*;
use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often it is counted what waits.
const COUNT: Duration = Duration::from_secs(5);

/// Publishes what the topic log brings until it is shut down.
pub struct NatsPublisher {
    config: Arc<Nats>,
    store: Store,
    links: LinkBoard,
    stop: Rc<Notify>,
}

impl NatsPublisher {
    /// One that goes on from the place that is kept in `store`.
    pub fn new(config: Arc<Nats>, store: Store, links: LinkBoard) -> Self {
        NatsPublisher { config, store, links, stop: Rc::default() }
    }
}

impl Actor for NatsPublisher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.stop = Rc::default();
        for metric in ["eventmanager_nats_published_total", "eventmanager_nats_skipped_total"] {
            metrics::counter!(metric).increment(0);
        }
        let life = Life::new(CONNECTION, &self.config, &self.links);
        let work = run(life, Arc::clone(&self.config), self.store.clone(), Rc::clone(&self.stop));
        ctx.spawn(work.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

async fn run(life: Life, config: Arc<Nats>, store: Store, stop: Rc<Notify>) {
    let reached = Rc::default();
    let mut place = Place::new(store.clone(), Rc::clone(&reached));
    tokio::select! {
        () = place.begin() => {}
        () = stop.notified() => return,
    }
    let publishing = Publishing { config: &config, store: &store, life: &life, stop: &stop };
    let work = life.live(&config, &stop, async |connected| publishing.run(connected, &mut place).await);
    tokio::select! {
        () = work => {}
        never = count(&store, &reached) => match never {},
    }
    place.close().await;
}

/// Shows how many rows of the log the server has not got.
async fn count(store: &Store, reached: &Cell<Option<i64>>) -> Infallible {
    loop {
        if let Some(place) = reached.get()
            && let Ok(rows) = store.topic_log_behind(place).await
        {
            metrics::gauge!("eventmanager_nats_backlog").set(rows as f64);
        }
        tokio::time::sleep(COUNT).await;
    }
}

impl Supervised for NatsPublisher {}

impl Handler<Shutdown> for NatsPublisher {
    type Result = ();

    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) {
        self.stop.notify_one();
    }
}
