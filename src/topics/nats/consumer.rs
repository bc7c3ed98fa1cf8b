//! The actor that takes in what others publish.

use super::feeding::Feeding;
use super::life::Life;
use crate::config::{Nats, NatsConsume};
use crate::store::Store;
use crate::supervision::Shutdown;
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
    store: Store,
    stop: Rc<Notify>,
}

impl NatsConsumer {
    /// One that goes on where the server knows that it has come to.
    pub fn new(config: Arc<Nats>, consume: Arc<NatsConsume>, store: Store) -> Self {
        NatsConsumer { config, consume, store, stop: Rc::default() }
    }
}

impl Actor for NatsConsumer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.stop = Rc::default();
        let (config, consume, store) =
            (Arc::clone(&self.config), Arc::clone(&self.consume), self.store.clone());
        let stop = Rc::clone(&self.stop);
        let work = async move {
            let life = Life::new(CONNECTION);
            let feeding = Feeding::new(&consume, &store, &life, &stop);
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
