//! The connection to one Kamailio.
//!
//! ```text
//! we connect                                         TCP 8448
//! → 25:{"cmd":"tag","tag":"em1"},                    the command of the configuration, if any
//! ← 30:{"event":"heartbeat","n":1234},               events, whenever the script says so
//! ← 96:{"event":"AUTH_REQUEST","tr_index":"491","tr_label":"1820328478","call_id":"a84b4c76e66710",…},
//! → 80:{"cmd":"reply","tr_index":"491","tr_label":"1820328478","code":"202",…},
//! ```
//!
//! There is no acknowledgement and no replay: what is sent while nobody is connected is lost. [`session`] reads and waits for
//! nobody; [`queue`] is bounded; [`handling`] answers and has stored what a route wants.

mod answers;
mod asking;
mod duplicates;
mod handling;
mod outbox;
mod queue;
mod recorder;
mod session;

use super::connect::connect;
use super::endpoints::Finish;
use super::intake::Intake;
use super::link::Link;
use crate::config::{self, Live, Route};
use crate::store::Store;
use crate::supervision::{Backoff, Shutdown};
use actix::prelude::*;
use asking::Asking;
use handling::Handling;
use outbox::{Frames, NotSent, Outbox};
use queue::Queue;
use recorder::Recorder;
use session::Session;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// The first attempt to reconnect comes within a second, later ones at growing distances.
const RECONNECT: Backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(30) };
/// A connection that stood this long was a good one: the next attempt is a first one again. One client too many is accepted
/// and closed at once.
const GOOD_AFTER: Duration = Duration::from_secs(10);
/// A command that is not written by then is given up.
const COMMAND_LIMIT: Duration = Duration::from_secs(2);

/// Reads and answers one Kamailio until it is shut down.
pub struct KamailioConnection {
    server: Arc<config::Kamailio>,
    routes: Live<Vec<Route>>,
    intake: Addr<Intake>,
    store: Store,
    link: Link,
    outbox: Option<Outbox>,
    stop: Rc<Notify>,
    /// It reads, or what it has read is not handled yet.
    working: bool,
    finishing: Vec<oneshot::Sender<()>>,
    ending: bool,
}

/// Sends a command; resolves when it was written. Nobody knows what became of it: there is no answer.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), CommandError>")]
pub struct SendCommand(pub String);

/// Why a command was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("not connected: {0}")]
    Down(String),
    #[error("{0}")]
    NotSent(#[from] NotSent),
    #[error("the connection was lost before it was written")]
    Lost,
}

impl KamailioConnection {
    /// The connection to `server`.
    pub fn new(
        server: config::Kamailio,
        routes: Live<Vec<Route>>,
        intake: Addr<Intake>,
        store: Store,
        link: Link,
    ) -> Self {
        KamailioConnection {
            server: Arc::new(server),
            routes,
            intake,
            store,
            link,
            outbox: None,
            stop: Rc::default(),
            working: false,
            finishing: Vec::new(),
            ending: false,
        }
    }

    fn has_finished(&mut self, ctx: &mut Context<Self>) {
        self.working = false;
        if self.ending || self.finishing.is_empty() {
            return ctx.stop();
        }
        for waiting in self.finishing.drain(..) {
            let _ = waiting.send(()); // it may have lost its patience
        }
    }
}

impl Actor for KamailioConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // After a failure the connection of before is gone, though nobody has said so.
        self.link.down("not connected yet");
        (self.working, self.ending) = (true, false);
        self.finishing.clear();
        self.stop = Rc::default();
        let (outbox, frames) = Outbox::new();
        self.outbox = Some(outbox.clone());
        let queue = Queue::new(self.server.queue, self.server.on_overflow);
        let recorder = Recorder::new(&self.server.name, self.intake.clone());
        let handling = Handling {
            server: Arc::clone(&self.server),
            routes: self.routes.clone(),
            queue: queue.clone(),
            outbox,
            recorder: recorder.clone(),
            asking: Asking::new(self.store.clone(), &self.server.answers),
        };
        let reader = Reader {
            server: Arc::clone(&self.server),
            link: self.link.clone(),
            stop: Rc::clone(&self.stop),
            queue: queue.clone(),
            recorder: recorder.clone(),
        };
        let work = async move {
            let read = async {
                reader.read_until_stopped(frames).await;
                queue.close();
            };
            let handled = async {
                handling.run().await;
                recorder.close();
            };
            // In this order: when the reader gives way, what it has read is handled before it goes on.
            tokio::join!(biased; read, handled, recorder.run());
        };
        ctx.spawn(work.into_actor(self).map(|_, this, ctx| this.has_finished(ctx)));
    }
}

impl Supervised for KamailioConnection {}

impl Handler<SendCommand> for KamailioConnection {
    type Result = ResponseFuture<Result<(), CommandError>>;

    fn handle(&mut self, SendCommand(command): SendCommand, _: &mut Context<Self>) -> Self::Result {
        if let Some(reason) = self.link.why_down() {
            return Box::pin(std::future::ready(Err(CommandError::Down(reason))));
        }
        let written = match &self.outbox {
            Some(outbox) => outbox.put_and_tell(command, Instant::now() + COMMAND_LIMIT),
            None => return Box::pin(std::future::ready(Err(CommandError::Lost))),
        };
        Box::pin(async { written?.await.map_err(|_| CommandError::Lost) })
    }
}

impl Handler<Shutdown> for KamailioConnection {
    type Result = ();

    /// Reads no further; the actor stops when what was read is handled.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        self.ending = true;
        self.stop.notify_one();
        if !self.working {
            ctx.stop();
        }
    }
}

impl Handler<Finish> for KamailioConnection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Finish, _: &mut Context<Self>) -> Self::Result {
        if !self.working {
            return Box::pin(std::future::ready(()));
        }
        let (tell, told) = oneshot::channel();
        self.finishing.push(tell);
        self.stop.notify_one();
        Box::pin(async {
            // Dropped where this actor fails, and what it had read is lost with it.
            let _ = told.await;
        })
    }
}

/// Connects again and again.
struct Reader {
    server: Arc<config::Kamailio>,
    link: Link,
    stop: Rc<Notify>,
    queue: Queue,
    recorder: Recorder,
}

impl Reader {
    async fn read_until_stopped(self, mut frames: Frames) {
        let name = self.server.name.as_str();
        let mut failures = 0;
        loop {
            let (lost, was_good) = tokio::select! {
                ended = self.connect_and_read(&mut frames) => ended,
                () = self.stop.notified() => break,
            };
            failures = if was_good { 0 } else { failures };
            self.link.down(&lost);
            let delay = RECONNECT.delay(failures);
            failures += 1;
            tracing::warn!(
                connection = name,
                reason = lost,
                ?delay,
                attempt = failures,
                "not connected to kamailio"
            );
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.stop.notified() => break,
            }
            metrics::counter!("eventmanager_reconnects_total", "connection" => name.to_owned()).increment(1);
        }
        self.link.down("stopped");
    }

    /// Why there is no connection (any more), and whether there was a good one.
    async fn connect_and_read(&self, frames: &mut Frames) -> (String, bool) {
        let stream = match connect(&self.server.address, None).await {
            Ok(stream) => stream,
            Err(reason) => return (reason, false),
        };
        let (since, address) = (Instant::now(), &self.server.address);
        self.link.up();
        tracing::info!(connection = self.server.name, address, "connected to kamailio");
        let lost = Session::new(&self.server, &self.queue, &self.recorder).run(stream, frames).await;
        (lost, since.elapsed() >= GOOD_AFTER)
    }
}
