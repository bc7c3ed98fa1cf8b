//! The actor: what fails in it ends the connections of its agents, and nothing else.

use super::server::Server;
use crate::config::ZmqServer;
use crate::sockets;
use crate::supervision::Shutdown;
use actix::prelude::*;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Notify;

/// Both listeners, which a restarted server takes up again.
pub struct Bound {
    pull: sockets::Bound,
    publish: sockets::Bound,
}

/// Takes both addresses, so that one that is taken ends the start with a clear error.
pub fn bind(config: &ZmqServer) -> anyhow::Result<Bound> {
    Ok(Bound {
        pull: sockets::bind("zmq_server.pull", config.pull, None)?,
        publish: sockets::bind("zmq_server.pub", config.publish, None)?,
    })
}

/// Serves agents until it is shut down.
pub struct AgentServer {
    bound: Arc<Bound>,
    config: ZmqServer,
    stop: Rc<Notify>,
}

impl AgentServer {
    /// A server on `bound`, whose listeners stay open across its restarts.
    pub fn new(bound: Arc<Bound>, config: ZmqServer) -> Self {
        AgentServer { bound, config, stop: Rc::default() }
    }

    fn server(&self) -> io::Result<Server> {
        let (pull, publish) = (self.bound.pull.listener()?, self.bound.publish.listener()?);
        tracing::info!(pull = %pull.local_addr()?, publish = %publish.local_addr()?, "server of agents listens");
        Ok(Server::new(&self.config, pull, publish))
    }
}

impl Actor for AgentServer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.stop = Rc::default();
        let server = match self.server() {
            Ok(server) => server,
            Err(error) => {
                tracing::error!(%error, "server of agents cannot be started");
                return ctx.stop();
            }
        };
        let stop = Rc::clone(&self.stop);
        let work = async move { server.run(&stop).await };
        ctx.spawn(work.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl Supervised for AgentServer {}

impl Handler<Shutdown> for AgentServer {
    type Result = ();

    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) {
        self.stop.notify_one();
    }
}
