//! The actor of a connection to an Asterisk, however that is reached.

use super::actions::{self, Answer, NotRun, RunAction};
use super::agent::{Bus, Household};
use super::feed::{Feed, StatesManager};
use super::listing::List;
use super::orders::{Order, Orders, Reply};
use super::reading::NoChange;
use super::routing::Routing;
use super::{ami, zmq};
use crate::config::{Asterisk, AsteriskTransport, Live, Route};
use crate::connections::ending::Ending;
use crate::connections::endpoints::Finish;
use crate::connections::intake::Intake;
use crate::connections::link::Link;
use crate::connections::reconnect::{Attempt, SHORT_DISTANCES, keep_connected};
use crate::connections::recorder::Recorder;
use crate::lease::Lease;
use crate::managers::device_state::messages::{self, Tell};
use crate::store::Store;
use crate::supervision::Shutdown;
use crate::telemetry::{Seldom, count_bad_frame};
use actix::prelude::*;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::timeout_at;

/// Has a session with one Asterisk until it is shut down.
pub struct AsteriskConnection {
    server: Arc<Asterisk>,
    routes: Live<Vec<Route>>,
    intake: Addr<Intake>,
    store: Store,
    states: Option<StatesManager>,
    household: Household,
    link: Link,
    ending: Ending,
    orders: Orders,
    /// The manager wants to know what is heard of others, too.
    wanted: Rc<Notify>,
}

/// What all sessions of a connection work with.
pub struct Around {
    pub server: Arc<Asterisk>,
    pub link: Link,
    pub stop: Rc<Notify>,
    pub routing: Routing,
    /// `None`: no states are mirrored.
    pub feed: Option<Feed>,
    pub orders: Orders,
    /// What the server sent and is of no use.
    pub bad: Seldom,
    /// While it is not held no state is written and no action of anybody's is sent; the server is asked all the same whether it is there,
    /// and what it has.
    pub lease: Lease,
}

impl Around {
    /// Counts what is of no use, by a word of ours.
    pub fn count_bad(&self, reason: &'static str) {
        count_bad_frame(&self.server.name, reason);
    }

    /// A state that none is, as an event or an item tells it.
    pub fn no_change(&self, error: NoChange) {
        let reason = error.label();
        self.count_bad(reason);
        if let Some(so_far) = self.bad.count() {
            tracing::warn!(
                connection = self.server.name,
                reason,
                so_far,
                "asterisk tells a state that is none"
            );
        }
    }

    /// A list that cannot be had.
    pub fn cannot_list(&self, list: List, reason: &str) {
        let list = list.action();
        tracing::warn!(connection = self.server.name, list, reason, "asterisk does not list its states");
    }

    /// A list that has other items than it says.
    pub fn wrong_count(&self, list: List, items: Option<usize>) {
        self.count_bad("list_count");
        let (connection, list) = (&self.server.name, list.action());
        tracing::warn!(connection, list, items, "asterisk lists more or less than it says");
    }
}

impl AsteriskConnection {
    /// The connection to `server`; `states` is told what it says of devices and presence.
    pub fn new(
        server: Arc<Asterisk>,
        routes: Live<Vec<Route>>,
        (intake, store): (Addr<Intake>, Store),
        (states, household): (Option<StatesManager>, Household),
        link: Link,
    ) -> Self {
        let (ending, orders) = (Ending::default(), Orders::default());
        let wanted = Rc::default();
        AsteriskConnection { server, routes, intake, store, states, household, link, ending, orders, wanted }
    }

    /// The agent's connection to its server, where it is one.
    fn bus(&self) -> Option<Bus> {
        let AsteriskTransport::Agent(agent) = &self.server.transport else { return None };
        let around = (self.states.clone(), self.household.clone());
        let orders = (self.orders.clone(), Rc::clone(&self.wanted));
        Some(Bus::new(&self.server, agent.clone(), around, orders, self.store.lease()))
    }

    fn client(&self, bus: Option<&Bus>) -> Client {
        match &self.server.transport {
            AsteriskTransport::Ami(ami) => Client::Ami(ami::Client::new(&self.server.name, ami.clone())),
            AsteriskTransport::Zmq(manager) => Client::Zmq(zmq::Client::new(manager.clone(), None)),
            AsteriskTransport::Agent(agent) => {
                Client::Zmq(zmq::Client::new(agent.manager.clone(), bus.map(|bus| Rc::clone(&bus.published))))
            }
        }
    }
}

/// How a server is reached.
enum Client {
    Ami(ami::Client),
    Zmq(zmq::Client),
}

impl Client {
    async fn attempt(&self, around: &Around) -> Attempt {
        match self {
            Client::Ami(client) => client.attempt(around).await,
            Client::Zmq(client) => client.attempt(around).await,
        }
    }
}

impl Actor for AsteriskConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // After a failure the connection of before is gone, though nobody has said so.
        self.link.down("not connected yet");
        self.orders = Orders::default();
        let recorder = Recorder::new(&self.server.name, self.intake.clone(), self.store.clone());
        let feed = self.states.clone().map(|states| Feed::new(&self.server.name, states));
        feed.iter().for_each(Feed::begins);
        let around = Around {
            server: Arc::clone(&self.server),
            link: self.link.clone(),
            stop: self.ending.begin(),
            routing: Routing::new(&self.server.name, self.routes.clone(), recorder.clone()),
            feed: feed.clone(),
            orders: self.orders.clone(),
            bad: Seldom::default(),
            lease: self.store.lease(),
        };
        let bus = self.bus();
        let client = self.client(bus.as_ref());
        let work = async move {
            let connect = async {
                let attempt = async || client.attempt(&around).await;
                let connected =
                    keep_connected(&around.link, "asterisk", &around.stop, SHORT_DISTANCES, attempt);
                match bus {
                    // It ends with the connection.
                    Some(mut bus) => tokio::select! {
                        () = connected => {}
                        () = bus.run() => {}
                    },
                    None => connected.await,
                }
                recorder.close();
                feed.iter().for_each(Feed::close);
            };
            let tell = async {
                if let Some(feed) = &feed {
                    feed.run().await;
                }
            };
            // In this order: when the reader gives way, what it has read is told before it goes on.
            tokio::join!(biased; connect, tell, recorder.run());
        };
        ctx.spawn(work.into_actor(self).map(|_, this, ctx| {
            if this.ending.has_worked() {
                ctx.stop();
            }
        }));
    }
}

impl Supervised for AsteriskConnection {}

impl Handler<Shutdown> for AsteriskConnection {
    type Result = ();

    /// Reads no further; the actor stops when what was read is stored.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        if self.ending.shut_down() {
            ctx.stop();
        }
    }
}

impl Handler<Finish> for AsteriskConnection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Finish, _: &mut Context<Self>) -> Self::Result {
        Box::pin(self.ending.finish())
    }
}

impl Handler<Tell> for AsteriskConnection {
    type Result = ();

    /// Of a session that has ended nothing comes of it: the manager is told that it has.
    fn handle(&mut self, tell: Tell, _: &mut Context<Self>) {
        if self.link.state().up {
            self.orders.give(Order::Tell(tell));
        }
    }
}

impl Handler<messages::List> for AsteriskConnection {
    type Result = ();

    fn handle(&mut self, _: messages::List, _: &mut Context<Self>) {
        self.wanted.notify_one();
        if self.link.state().up {
            self.orders.give(Order::List);
        }
    }
}

impl Handler<RunAction> for AsteriskConnection {
    type Result = ResponseFuture<Result<Answer, NotRun>>;

    fn handle(&mut self, wish: RunAction, _: &mut Context<Self>) -> Self::Result {
        if let Err(reason) = actions::check(&self.link.state()) {
            return Box::pin(async { Err(reason) });
        }
        let until = wish.until;
        let (reply, told) = Reply::new();
        self.orders.give(Order::Run(wish, reply));
        Box::pin(async move {
            match timeout_at(until, told).await {
                Ok(told) => told.unwrap_or(Err(NotRun::Lost)),
                Err(_) => Err(NotRun::Late),
            }
        })
    }
}
