//! The actor that takes in what others publish.

use super::feeding::Feeding;
use super::life::Life;
use crate::config::{Live, Nats, NatsConsume, Route};
use crate::store::Store;
use crate::supervision::Shutdown;
use crate::telemetry::link::LinkBoard;
use actix::prelude::*;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Notify;

/// What its connection is called.
const CONNECTION: &str = "nats_consume";

/// Stores what comes until it is shut down.
pub struct NatsConsumer {
    config: Arc<Nats>,
    consume: Arc<NatsConsume>,
    routes: Live<Vec<Route>>,
    store: Store,
    links: LinkBoard,
    stop: Rc<Notify>,
}

impl NatsConsumer {
    /// One that goes on where the server knows that it has come to; what comes goes where `routes` say, too.
    pub fn new(
        config: Arc<Nats>,
        consume: Arc<NatsConsume>,
        routes: Live<Vec<Route>>,
        store: Store,
        links: LinkBoard,
    ) -> Self {
        NatsConsumer { config, consume, routes, store, links, stop: Rc::default() }
    }
}

impl Actor for NatsConsumer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.stop = Rc::default();
        let (config, consume, store) =
            (Arc::clone(&self.config), Arc::clone(&self.consume), self.store.clone());
        let (stop, routes) = (Rc::clone(&self.stop), self.routes.clone());
        let life = Life::new(CONNECTION, &config, &self.links);
        let work = async move {
            let feeding = Feeding::new((&consume, &routes), &store, &life, &stop);
            life.live(&config, &stop, async |connected| feeding.run(connected).await).await;
        };
        ctx.spawn(work.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl Supervised for NatsConsumer {}

impl Handler<Shutdown> for NatsConsumer {
    type Result = ();

    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) {
        self.stop.notify_one();
    }
}
