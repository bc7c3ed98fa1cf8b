//! The actor: what fails in it costs what waits to be sent, and no subscription.

use super::answering::{Answered, LIMIT, METHODS, OUTCOMES, count_request};
use super::listeners::Bound;
use super::sending::Outcome;
use super::server::Server;
use crate::config::{Config, Evi, Live};
use crate::store::Store;
use crate::supervision::Shutdown;
use crate::wire::mi::Request;
use actix::prelude::*;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A command of an operator, or what he wants to know.
#[derive(Message)]
#[rtype(result = "Answered")]
pub struct Ask {
    pub request: Request,
    /// Who acts.
    pub actor: String,
}

/// Serves until it is shut down.
pub struct EviServer {
    bound: Arc<Bound>,
    config: Live<Evi>,
    whole: Live<Config>,
    store: Store,
    server: Option<Rc<Server>>,
    stop: Rc<Notify>,
}

impl EviServer {
    /// A server that reads from `bound`, which stays open across its restarts.
    pub fn new(bound: Arc<Bound>, config: Live<Evi>, whole: Live<Config>, store: Store) -> Self {
        EviServer { bound, config, whole, store, server: None, stop: Rc::default() }
    }
}

impl Actor for EviServer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.stop = Rc::default();
        show_metrics();
        let doors = match self.bound.doors() {
            Ok(doors) => doors,
            Err(error) => {
                tracing::error!(%error, "evi cannot be started");
                return ctx.stop();
            }
        };
        if let Some(address) = self.bound.address() {
            tracing::info!(%address, "evi takes commands");
        }
        let (config, whole) = (self.config.clone(), self.whole.clone());
        let server = Rc::new(Server::new(config, whole, self.store.clone(), self.bound.address()));
        self.server = Some(Rc::clone(&server));
        let (stop, bound) = (Rc::clone(&self.stop), Arc::clone(&self.bound));
        let work = async move {
            server.run(doors, &stop).await;
            bound.remove_file();
        };
        ctx.spawn(work.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

/// Zero until something happens.
fn show_metrics() {
    Outcome::ALL.into_iter().for_each(|outcome| outcome.count(0));
    for method in METHODS.into_iter().chain(["other"]) {
        OUTCOMES.into_iter().for_each(|outcome| count_request(method, outcome, 0));
    }
    metrics::counter!("eventmanager_dropped_total", "connection" => "evi").increment(0);
}

impl Supervised for EviServer {}

impl Handler<Ask> for EviServer {
    type Result = ResponseFuture<Answered>;

    fn handle(&mut self, Ask { request, actor }: Ask, _: &mut Context<Self>) -> Self::Result {
        let server = self.server.clone();
        Box::pin(async move {
            match server {
                Some(server) => server.answer(&request, Some(&actor), Instant::now() + LIMIT).await,
                None => Answered::away(),
            }
        })
    }
}

impl Handler<Shutdown> for EviServer {
    type Result = ();

    /// What waits is sent first.
    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) {
        self.stop.notify_one();
    }
}
