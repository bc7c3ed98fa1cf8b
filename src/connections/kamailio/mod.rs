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
//! nobody; [`queue`] is bounded; [`handling`] answers and has stored what a route wants; [`commands`] are those of operators.

mod answers;
mod asking;
mod commands;
mod decoder;
mod duplicates;
mod handling;
mod keys;
mod outbox;
mod pace;
mod queue;
mod session;

pub use commands::{Command, Kamailio, Kamailios};
pub use outbox::{NotSent, Payload, Sent};

use super::connect::connect;
use super::ending::Ending;
use super::endpoints::Finish;
use super::intake::Intake;
use super::link::Link;
use super::reconnect::{Attempt, DISTANCES, has_stood, keep_connected};
use super::recorder::Recorder;
use crate::config::{self, Live, Route};
use crate::store::Store;
use crate::supervision::Shutdown;
use actix::prelude::*;
use asking::Asking;
use handling::Handling;
use outbox::{Frames, Outbox, WeakOutbox};
use queue::Queue;
use session::{Kept, Session};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Reads and answers one Kamailio until it is shut down.
pub struct KamailioConnection {
    server: Arc<config::Kamailio>,
    routes: Live<Vec<Route>>,
    intake: Addr<Intake>,
    store: Store,
    link: Link,
    ending: Ending,
    /// For commands of operators; what is answered has the one that ends with the answers. `None` until the actor runs.
    outbox: Option<WeakOutbox>,
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
            ending: Ending::default(),
            outbox: None,
        }
    }
}

impl Actor for KamailioConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // After a failure the connection of before is gone, though nobody has said so.
        self.link.down("not connected yet");
        let stop = self.ending.begin();
        let (outbox, frames) = Outbox::new();
        let frames = frames.governed_by(self.store.lease());
        self.outbox = Some(outbox.downgrade());
        let queue = Queue::new(self.server.queue, self.server.on_overflow);
        let asking = Asking::new(self.store.clone(), &self.server.answers, outbox.load());
        let recorder = Recorder::new(&self.server.name, self.intake.clone(), self.store.clone());
        let handling = Rc::new(Handling::new(
            Arc::clone(&self.server),
            self.routes.clone(),
            queue.clone(),
            outbox,
            recorder.clone(),
            asking,
        ));
        let reader = Reader {
            server: Arc::clone(&self.server),
            link: self.link.clone(),
            stop,
            queue: queue.clone(),
            recorder: recorder.clone(),
            handling: Rc::downgrade(&handling),
            kept: Kept::default(),
        };
        let work = async move {
            let read = async {
                reader.read_until_stopped(frames).await;
                queue.close();
            };
            let handled = async {
                handling.run().await;
                // What is sent ends with it.
                drop(handling);
                recorder.close();
            };
            // In this order: when the reader gives way, what it has read is handled before it goes on.
            tokio::join!(biased; read, handled, recorder.run());
        };
        ctx.spawn(work.into_actor(self).map(|_, this, ctx| {
            if this.ending.has_worked() {
                ctx.stop();
            }
        }));
    }
}

impl Supervised for KamailioConnection {}

impl Handler<Shutdown> for KamailioConnection {
    type Result = ();

    /// Reads no further; the actor stops when what was read is handled.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        if self.ending.shut_down() {
            ctx.stop();
        }
    }
}

impl Handler<Finish> for KamailioConnection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Finish, _: &mut Context<Self>) -> Self::Result {
        Box::pin(self.ending.finish())
    }
}

/// Has what comes queued.
struct Reader {
    server: Arc<config::Kamailio>,
    link: Link,
    stop: Rc<Notify>,
    queue: Queue,
    recorder: Recorder,
    /// For questions that are dropped. Not kept alive: what is sent ends with it.
    handling: Weak<Handling>,
    kept: Kept,
}

impl Reader {
    async fn read_until_stopped(self, mut frames: Frames) {
        let attempt = async || self.connect_and_read(&mut frames).await;
        keep_connected(&self.link, "kamailio", &self.stop, DISTANCES, attempt).await;
    }

    async fn connect_and_read(&self, frames: &mut Frames) -> Attempt {
        let attempt = tokio::select! {
            attempt = connect(&self.server.address, None) => attempt,
            () = self.stop.notified() => return Attempt::Stopped,
        };
        let stream = match attempt {
            Ok(stream) => stream,
            Err(reason) => return Attempt::Lost { reason, good: false },
        };
        let (since, address) = (Instant::now(), &self.server.address);
        self.link.up();
        tracing::info!(connection = self.server.name, address, "connected to kamailio");
        let mut session = Session::new(&self.server, &self.queue, &self.recorder, &self.handling, &self.kept);
        let reason = session.run(stream, frames, &self.stop).await;
        if self.queue.is_closed() {
            return Attempt::Stopped;
        }
        // Whoever can end a connection by what he says must not keep us away for longer each time.
        Attempt::Lost { reason, good: session.has_brought_events() || has_stood(since) }
    }
}
