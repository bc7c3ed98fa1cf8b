//! The actor: what fails in it ends the connections of its clients, and nothing else.

use super::Feed;
use super::server::Server;
use crate::config::{self, Live};
use crate::sockets::Bound;
use crate::supervision::Shutdown;
use actix::prelude::*;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Notify;

/// Serves clients until it is shut down.
pub struct EvapiServer<F> {
    bound: Arc<Bound>,
    config: Live<config::EvapiServer>,
    feed: Box<dyn Fn() -> F>,
    stop: Rc<Notify>,
}

impl<F: Feed> EvapiServer<F> {
    /// A server on `bound`, whose listener stays open across its restarts; each begins with a new feed.
    pub fn new(bound: Arc<Bound>, config: Live<config::EvapiServer>, feed: impl Fn() -> F + 'static) -> Self {
        EvapiServer { bound, config, feed: Box::new(feed), stop: Rc::default() }
    }
}

impl<F: Feed> Actor for EvapiServer<F> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.stop = Rc::default();
        let listener = match self.bound.listener() {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "evapi server cannot be started");
                return ctx.stop();
            }
        };
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "evapi server listens");
        }
        let (server, feed, stop) = (Server::new(self.config.clone()), (self.feed)(), Rc::clone(&self.stop));
        let work = async move { server.run(listener, feed, &stop).await };
        ctx.spawn(work.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl<F: Feed> Supervised for EvapiServer<F> {}

impl<F: Feed> Handler<Shutdown> for EvapiServer<F> {
    type Result = ();

    /// What is queued is written first.
    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) {
        self.stop.notify_one();
    }
}
