//! The actor of the subscriptions at one OpenSIPS, and of the events that come of them.

use super::queue::Queue;
use super::receiver::Receiver;
use super::routing::Routing;
use super::session::{self, Around, Session};
use super::subscriptions::Count;
use crate::config::{self, Live, Route};
use crate::connections::ending::Ending;
use crate::connections::endpoints::Finish;
use crate::connections::intake::Intake;
use crate::connections::link::Link;
use crate::connections::reconnect::{Attempt, SHORT_DISTANCES, keep_connected};
use crate::connections::recorder::Recorder;
use crate::failpoints;
use crate::sockets::give_way;
use crate::store::Store;
use crate::supervision::Shutdown;
use actix::prelude::*;
use std::pin::pin;
use std::sync::Arc;

/// Subscribes to the events of one OpenSIPS, and takes them, until it is shut down.
pub struct OpensipsConnection {
    server: Arc<config::Opensips>,
    routes: Live<Vec<Route>>,
    intake: Addr<Intake>,
    store: Store,
    link: Link,
    ending: Ending,
}

impl OpensipsConnection {
    /// The connection to `server`.
    pub fn new(
        server: Arc<config::Opensips>,
        routes: Live<Vec<Route>>,
        intake: Addr<Intake>,
        store: Store,
        link: Link,
    ) -> Self {
        OpensipsConnection { server, routes, intake, store, link, ending: Ending::default() }
    }

    fn queue(&self) -> Arc<Queue> {
        let connection = self.server.name.clone();
        let dropped = metrics::counter!("eventmanager_dropped_total", "connection" => connection);
        Arc::new(Queue::new(self.server.queue, dropped))
    }
}

impl Actor for OpensipsConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // After a failure the subscriptions of before may be there still, and are taken up again by the same socket.
        self.link.down("not connected yet");
        let recorder = Recorder::new(&self.server.name, self.intake.clone(), self.store.clone());
        let routing = Routing::new(&self.server.name, self.routes.clone(), recorder.clone());
        let queue = self.queue();
        let around = Around::new(Arc::clone(&self.server), self.link.clone(), self.ending.begin());
        let work = async move {
            let subscribed = async {
                keep_subscribed(&around, &queue).await;
                queue.close();
            };
            let handled = async {
                while let Some(arrived) = queue.next().await {
                    failpoints::pass("opensips.event.before").await;
                    routing.take(&arrived);
                    give_way().await;
                }
                recorder.close();
            };
            tokio::join!(subscribed, handled, recorder.run());
        };
        ctx.spawn(work.into_actor(self).map(|_, this, ctx| {
            if this.ending.has_worked() {
                ctx.stop();
            }
        }));
    }
}

impl Supervised for OpensipsConnection {}

impl Handler<Shutdown> for OpensipsConnection {
    type Result = ();

    /// Ends the subscriptions; the actor stops when what was read is handled.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        if self.ending.shut_down() {
            ctx.stop();
        }
    }
}

impl Handler<Finish> for OpensipsConnection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Finish, _: &mut Context<Self>) -> Self::Result {
        Box::pin(self.ending.finish())
    }
}

/// Has a receiver as soon as there can be one, and subscriptions for it. It takes events for as long as it is open, also while the
/// Management Interface is silent.
async fn keep_subscribed(around: &Around, queue: &Arc<Queue>) {
    let attempt = async || {
        let receiver = match Receiver::open(&around.server, queue) {
            Ok(receiver) => receiver,
            Err(error) => return Attempt::Lost { reason: format!("{error:#}"), good: false },
        };
        if let Err(reason) = keep_and_end(around, &receiver).await {
            return Attempt::Lost { reason, good: false };
        }
        receiver.close().await;
        Attempt::Stopped
    };
    keep_connected(&around.link, "opensips", &around.stop, SHORT_DISTANCES, attempt).await;
    // Nobody is to be called because of what is not wanted any more.
    session::show(&around.server.name, Count::default());
}

/// Has subscriptions for as long as the receiver is of use, or until we are told to stop: then they end. The error says why the receiver
/// is of no use any more.
async fn keep_and_end(around: &Around, receiver: &Receiver) -> Result<(), String> {
    // One future to the end: the connections of a stream end with it.
    let mut run = pin!(receiver.run());
    tokio::select! {
        () = keep_in_touch(around, &receiver.socket) => {}
        reason = &mut run => return Err(reason),
    }
    // From here on nothing makes us begin again, whatever becomes of the receiver: we are told to stop once only.
    let mut end = pin!(around.end(&receiver.socket));
    tokio::select! {
        () = &mut end => {}
        _ = &mut run => end.await,
    }
    Ok(())
}

/// Has sessions until we are told to stop.
async fn keep_in_touch(around: &Around, socket: &str) {
    let missing = Count { missing: around.server.events.len(), ..Count::default() };
    let attempt = async || {
        let attempt = tokio::select! {
            attempt = keep(around, socket) => attempt,
            () = around.stop.notified() => Attempt::Stopped,
        };
        session::show(&around.server.name, missing);
        attempt
    };
    keep_connected(&around.link, "opensips", &around.stop, SHORT_DISTANCES, attempt).await;
}

async fn keep(around: &Around, socket: &str) -> Attempt {
    match Session::begin(around, socket).await {
        Ok(mut session) => session.keep().await,
        Err(error) => Attempt::Lost { reason: error.to_string(), good: false },
    }
}
