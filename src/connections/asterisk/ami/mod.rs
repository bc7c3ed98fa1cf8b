//! The connection to one Asterisk over its manager interface (AMI).
//!
//! ```text
//! we connect                                         TCP 5038, or TLS 5039
//! ← Asterisk Call Manager/13.0.0
//! → Action: Login …                                  see [`login`]
//! → Action: Filter …                                 what is to come; see [`filters`]
//! → Action: DeviceStateList, PresenceStateList       see [`listing`]
//! ← Event: DeviceStateChange …                       events, whenever they happen
//! → Action: Setvar …                                 what others say, many at once; see [`writes`]
//! ```
//!
//! [`session`] reads and writes; [`pending`] finds the action that a response answers; [`running`] collects the answer to an action of an
//! operator.

mod filters;
mod listing;
mod login;
mod pending;
mod running;
mod session;
mod stream;
mod writes;

use super::actions::{self, Answer, NotRun, RunAction};
use super::feed::{Feed, StatesManager};
use super::orders::{Order, Orders, Reply};
use super::routing::Routing;
use crate::config::{Ami, Asterisk, Live, Route};
use crate::connections::ending::Ending;
use crate::connections::endpoints::Finish;
use crate::connections::intake::Intake;
use crate::connections::link::Link;
use crate::connections::reconnect::{Attempt, has_stood, keep_connected};
use crate::connections::recorder::Recorder;
use crate::managers::device_state::messages::{List, Tell};
use crate::store::Store;
use crate::supervision::Shutdown;
use crate::telemetry::Seldom;
use crate::wire::ami::Decoder;
use actix::prelude::*;
use login::{LoginError, log_in};
use session::{End, Session, Surroundings};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Whether an action can be written at all.
pub(super) fn check_action(wish: &RunAction) -> Result<(), NotRun> {
    running::action(wish, "0").map(drop)
}

/// Has a session with one Asterisk until it is shut down.
pub struct AmiConnection {
    server: Arc<Asterisk>,
    ami: Arc<Ami>,
    routes: Live<Vec<Route>>,
    intake: Addr<Intake>,
    store: Store,
    states: Option<StatesManager>,
    link: Link,
    ending: Ending,
    orders: Orders,
}

impl AmiConnection {
    /// The connection to `server`, which is reached as `ami` says; `states` is told what it says of devices and presence.
    pub fn new(
        server: Arc<Asterisk>,
        ami: Arc<Ami>,
        routes: Live<Vec<Route>>,
        (intake, store): (Addr<Intake>, Store),
        states: Option<StatesManager>,
        link: Link,
    ) -> Self {
        let (ending, orders) = (Ending::default(), Orders::default());
        AmiConnection { server, ami, routes, intake, store, states, link, ending, orders }
    }
}

impl Actor for AmiConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // After a failure the connection of before is gone, though nobody has said so.
        self.link.down("not connected yet");
        self.orders = Orders::default();
        let stop = self.ending.begin();
        let name = &self.server.name;
        let refused = metrics::counter!("eventmanager_logins_refused_total", "connection" => name.clone());
        refused.increment(0);
        let recorder = Recorder::new(name, self.intake.clone(), self.store.clone());
        let feed = self.states.clone().map(|states| Feed::new(name, states));
        let around = Surroundings {
            routing: Routing::new(name, self.routes.clone(), recorder.clone()),
            feed: feed.clone(),
            orders: self.orders.clone(),
            bad: Seldom::default(),
        };
        let client = Client {
            server: Arc::clone(&self.server),
            ami: Arc::clone(&self.ami),
            link: self.link.clone(),
            stop,
            around,
            refused,
        };
        let work = async move {
            let connect = async {
                client.connect_until_stopped().await;
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

impl Supervised for AmiConnection {}

impl Handler<Shutdown> for AmiConnection {
    type Result = ();

    /// Reads no further; the actor stops when what was read is stored.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        if self.ending.shut_down() {
            ctx.stop();
        }
    }
}

impl Handler<Finish> for AmiConnection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Finish, _: &mut Context<Self>) -> Self::Result {
        Box::pin(self.ending.finish())
    }
}

impl Handler<Tell> for AmiConnection {
    type Result = ();

    /// Of a session that has ended nothing comes of it: the manager is told that it has.
    fn handle(&mut self, tell: Tell, _: &mut Context<Self>) {
        if self.link.state().up {
            self.orders.give(Order::Tell(tell));
        }
    }
}

impl Handler<List> for AmiConnection {
    type Result = ();

    fn handle(&mut self, _: List, _: &mut Context<Self>) {
        if self.link.state().up {
            self.orders.give(Order::List);
        }
    }
}

impl Handler<RunAction> for AmiConnection {
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

/// Connects, again and again.
struct Client {
    server: Arc<Asterisk>,
    ami: Arc<Ami>,
    link: Link,
    stop: Rc<Notify>,
    around: Surroundings,
    refused: metrics::Counter,
}

impl Client {
    async fn connect_until_stopped(&self) {
        keep_connected(&self.link, "asterisk", &self.stop, async || self.attempt().await).await;
    }

    async fn attempt(&self) -> Attempt {
        // Of one session: what answers an action of another one is known for it.
        let prefix = format!("em{:08x}-", fastrand::u32(..));
        let mut decoder = Decoder::new();
        let opened = tokio::select! {
            opened = self.open(&mut decoder, &prefix) => opened,
            () = self.stop.notified() => return Attempt::Stopped,
        };
        let streams = match opened {
            Ok(streams) => streams,
            Err(LoginError::Refused(reason)) => {
                self.refused.increment(1);
                let (connection, username) = (&self.server.name, &self.ami.username);
                tracing::error!(connection, username, reason, "asterisk refuses the login");
                return Attempt::Refused { reason: LoginError::Refused(reason).to_string() };
            }
            Err(error) => return Attempt::Lost { reason: error.to_string(), good: false },
        };
        let (since, address) = (Instant::now(), &self.ami.address);
        tracing::info!(connection = self.server.name, address, tls = self.ami.tls, "connected to asterisk");
        let session = Session::new(&self.server, &self.around, prefix);
        self.link.up();
        match session.run(streams, decoder, &self.stop).await {
            End::Stopped => Attempt::Stopped,
            End::Lost(reason) => Attempt::Lost { reason, good: session.has_answered() || has_stood(since) },
        }
    }

    async fn open(
        &self,
        decoder: &mut Decoder,
        prefix: &str,
    ) -> Result<(stream::Reading, stream::Writing), LoginError> {
        let (mut read, mut write) =
            stream::open(&self.server, &self.ami).await.map_err(LoginError::Failed)?;
        let limit = self.server.request_timeout;
        log_in(&mut read, &mut write, decoder, &self.ami, limit, prefix).await?;
        Ok((read, write))
    }
}
