//! The connection to one BroadWorks application server.
//!
//! ```text
//! we connect                       TCP 8025
//! ← documents, one after another   no login, no acknowledgement
//! ← OCIReportingServerStatusNotification about every 30 s
//! ```
//!
//! There is no acknowledgement, so what was read and not yet stored is lost when the process ends. This file connects
//! again and again; a connection that stands is a `Session`.

use super::connect::connect;
use super::documents::Source;
use super::ending::Ending;
use super::endpoints::Finish;
use super::intake::Intake;
use super::link::Link;
use super::notification_ids::NotificationWatch;
use super::prints::{self, Uuids};
use super::reconnect::{Attempt, DISTANCES, has_stood, keep_connected};
use super::session::{End, Kept, READ_BUFFER, Session};
use crate::config::{self, Live};
use crate::processors::attributes::Rules;
use crate::store::Store;
use crate::supervision::{Backoff, Shutdown};
use actix::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Distance of the attempts to read the last notification of before a start.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };

/// Reads one application server until it is shut down.
pub struct BroadworksConnection {
    server: config::Broadworks,
    rules: Option<Live<Rules>>,
    intake: Addr<Intake>,
    store: Store,
    link: Link,
    ids: Rc<RefCell<NotificationWatch>>,
    kept: Rc<Kept>,
    ending: Ending,
}

impl BroadworksConnection {
    /// The connection to `server`; without rules every command is stored as ignored.
    pub fn new(
        server: config::Broadworks,
        rules: Option<Live<Rules>>,
        intake: Addr<Intake>,
        store: Store,
        link: Link,
    ) -> Self {
        let ids = Rc::new(RefCell::new(NotificationWatch::new(&server.name)));
        let kept = Rc::default();
        BroadworksConnection { server, rules, intake, store, link, ids, kept, ending: Ending::default() }
    }

    /// Has the ids that come compared with the last one that is stored, as soon as it can be read: the server has gone
    /// on while we were away. Connecting does not wait for a database.
    fn look_up_last_id(&self, ctx: &mut Context<Self>) {
        let last = last_stored_id(self.store.clone(), self.server.name.clone(), SystemTime::now());
        ctx.spawn(last.into_actor(self).map(|last, this, _| {
            last.inspect(|id| this.ids.borrow_mut().came_before(id));
        }));
    }
}

impl Actor for BroadworksConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // After a failure the connection of before is gone, though nobody has said so.
        self.link.down("not connected yet");
        let stop = self.ending.begin();
        self.look_up_last_id(ctx);
        let reader = Reader {
            source: Source {
                name: self.server.name.as_str().into(),
                rules: self.rules.clone(),
                uuids: Uuids::new(prints::cluster(&self.server)),
            },
            server: self.server.clone(),
            intake: self.intake.clone(),
            link: self.link.clone(),
            ids: Rc::clone(&self.ids),
            kept: Rc::clone(&self.kept),
            stop,
        };
        let reading = async move {
            let attempt = async || reader.connect_and_read().await;
            keep_connected(&reader.link, "broadworks", &reader.stop, DISTANCES, attempt).await;
        };
        ctx.spawn(reading.into_actor(self).map(|(), this, ctx| {
            if this.ending.has_worked() {
                ctx.stop();
            }
        }));
    }
}

impl Supervised for BroadworksConnection {}

impl Handler<Shutdown> for BroadworksConnection {
    type Result = ();

    /// Reads no further; the actor stops when what was read is stored.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        if self.ending.shut_down() {
            ctx.stop();
        }
    }
}

impl Handler<Finish> for BroadworksConnection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Finish, _: &mut Context<Self>) -> Self::Result {
        Box::pin(self.ending.finish())
    }
}

/// What all connections to one server share.
pub(super) struct Reader {
    pub source: Source,
    pub server: config::Broadworks,
    pub intake: Addr<Intake>,
    pub link: Link,
    /// Over all connections: the gap between two of them is where something may be lost.
    pub ids: Rc<RefCell<NotificationWatch>>,
    pub kept: Rc<Kept>,
    pub stop: Rc<Notify>,
}

impl Reader {
    async fn connect_and_read(&self) -> Attempt {
        let attempt = tokio::select! {
            attempt = connect(&self.server.address, Some(READ_BUFFER)) => attempt,
            () = self.stop.notified() => return Attempt::Stopped,
        };
        let stream = match attempt {
            Ok(stream) => stream,
            Err(reason) => return Attempt::Lost { reason, good: false },
        };
        let (since, address) = (Instant::now(), &self.server.address);
        self.link.up();
        tracing::info!(connection = self.server.name, address, "connected to broadworks");
        match Session::new(self).read(stream).await {
            End::Lost(reason) => Attempt::Lost { reason, good: has_stood(since) },
            End::Stopped => Attempt::Stopped,
        }
    }
}

/// The last notification id of this server that was stored before `started`; read as soon as the database can be.
async fn last_stored_id(store: Store, server: String, started: SystemTime) -> Option<String> {
    let mut failures = 0;
    loop {
        store.wait_until_events_up().await;
        match store.last_notification_id(&server, started).await {
            Ok(id) => return id,
            Err(error) => tracing::warn!(%error, "the last notification cannot be read: trying again"),
        }
        tokio::time::sleep(RETRY.delay(failures)).await;
        failures += 1;
    }
}
