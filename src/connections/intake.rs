//! The intake: marks duplicates, has events stored, and announces them to the router once they are.
//!
//! It answers a connection when its events are on disk; until then the connection keeps its copy and reads no further
//! than its window allows. That is the back-pressure: the store is the queue, not the peer's socket.

use super::prints::{self, Print};
use super::repeats::{LATE, Recent, Seen, apart};
use crate::config::{Broadworks, Live, Route};
use crate::event::{NewEvent, Status};
use crate::failpoints;
use crate::processors::subject::Subject;
use crate::router::{Announce, Announced, Router};
use crate::steady::Steady;
use crate::store::{Appended, ReadError, Store, StoreError, Tenure};
use crate::supervision::{Backoff, Shutdown};
use crate::telemetry::Labels;
use crate::topics::{Ended, TopicEvent};
use actix::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;
use uuid::Uuid;

/// So many of all are looked up after a restart.
const LOOKED_UP: usize = 100_000;
/// Distance of the attempts to read the notifications of before a restart.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };

/// An event that has been read, with the names in it where it will run.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub event: NewEvent,
    /// When it was read, by a clock that nobody sets.
    pub read: Instant,
    pub subject: Option<Subject>,
}

/// Events that one connection has read, in order. Sending them again stores nothing twice.
#[derive(Message, Clone)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Received {
    /// Tells apart the connections of one server: a repeat on the same one is a new event.
    pub connection: Uuid,
    pub events: Vec<Incoming>,
}

/// Pause before events are handed to an intake again that failed over them.
const PAUSE: Duration = Duration::from_millis(50);

/// Hands events to the intake until it says that they are on disk. Until then this is the only copy of them, so it is `send`;
/// storing them again stores them once.
pub(super) async fn hand_over(intake: Addr<Intake>, received: Received) {
    loop {
        failpoints::pass("intake.hand_over.before").await;
        match intake.send(received.clone()).await {
            Ok(Ok(())) => return failpoints::pass("intake.hand_over.after").await,
            Ok(Err(error)) => tracing::warn!(%error, "events could not be stored: trying again"),
            Err(error) => tracing::warn!(%error, "the intake failed: handing events over again"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// See the module.
pub struct Intake {
    store: Store,
    router: Option<Addr<Router>>,
    servers: Live<Vec<Broadworks>>,
    routes: Live<Vec<Route>>,
    /// Source to the name under which its notifications are compared, and for how long.
    clusters: HashMap<Arc<str>, (Arc<str>, Duration)>,
    recent: HashMap<Arc<str>, Recent>,
    /// Those that were stored before a restart.
    earlier: HashMap<Print, Seen>,
    /// The store was away when it was last looked whether these are still of use.
    was_away: bool,
    /// Whether the notifications of before a restart are known.
    known: watch::Sender<bool>,
    clock: Steady,
    commands: Labels,
}

impl Intake {
    /// The intake of these servers, whose events are handed on by these rules; without a router nothing is pending.
    pub fn new(
        store: Store,
        router: Option<Addr<Router>>,
        servers: Live<Vec<Broadworks>>,
        routes: Live<Vec<Route>>,
    ) -> Self {
        Intake {
            store,
            router,
            clusters: clusters(&servers.get()),
            servers,
            routes,
            recent: HashMap::new(),
            earlier: HashMap::new(),
            was_away: false,
            known: watch::Sender::new(false),
            clock: Steady::start(),
            commands: Labels::default(),
        }
    }

    /// Reads the notifications of before a restart; nothing is received until they are known. The mailbox stays open:
    /// a shutdown does not wait for a database.
    fn remember_stored(&mut self, ctx: &mut Context<Self>, failures: u32) {
        let since = SystemTime::now().checked_sub(self.longest_window()).unwrap_or(SystemTime::UNIX_EPOCH);
        let stored = stored_since(self.store.clone(), since);
        ctx.spawn(stored.into_actor(self).map(move |stored, this, ctx| match stored {
            Ok((stored, tenure)) => {
                // Oldest first: a duplicate does not stand for its original.
                for event in stored.into_iter().rev() {
                    let seen = Seen { event, connection: Uuid::nil(), at: prints::received(event) };
                    this.earlier.entry(Print::of(event)).or_insert(seen);
                }
                this.known.send_replace(true);
                this.watch_tenure(tenure, ctx);
            }
            Err(error) => {
                tracing::warn!(%error, "earlier notifications cannot be read: trying again");
                ctx.run_later(RETRY.delay(failures), move |this, ctx| {
                    this.remember_stored(ctx, failures + 1)
                });
            }
        }));
    }

    fn longest_window(&self) -> Duration {
        self.clusters.values().map(|(_, window)| *window).max().unwrap_or_default()
    }

    /// Forgets those of before a restart of which no repeat can come any more. What was read while the store was away comes when it is
    /// back, however old it is by then.
    fn forget_earlier(&mut self, _: &mut Context<Self>) {
        let is_away = !self.store.health().borrow().is_up();
        let was_away = std::mem::replace(&mut self.was_away, is_away);
        if self.earlier.is_empty() || is_away || was_away {
            return;
        }
        let (now, most) = (self.clock.now(), self.longest_window() + LATE);
        self.earlier.retain(|_, seen| apart(seen.at, now) <= most);
        self.earlier.shrink_to_fit();
    }

    /// What another daemon has stored that has had the database counts as what was stored before a restart.
    fn watch_tenure(&mut self, tenure: Tenure, ctx: &mut Context<Self>) {
        let is_over = self.store.superseded(tenure);
        ctx.spawn(is_over.into_actor(self).map(|(), this, ctx| {
            this.known.send_replace(false);
            this.remember_stored(ctx, 0);
        }));
    }

    /// Marks the event where another connection of its server or cluster has brought it already.
    fn mark_duplicate(&mut self, connection: Uuid, incoming: &mut Incoming) {
        let event = &mut incoming.event;
        let Some((cluster, window)) = self.clusters.get(&event.source) else { return };
        if event.notification_id.is_none() {
            return;
        }
        let print = Print::of(event.uuid);
        let recent = self.recent.entry(Arc::clone(cluster)).or_default();
        let seen = Seen { event: event.uuid, connection, at: self.clock.at(incoming.read) };
        let earlier = self.earlier.get(&print).and_then(|earlier| earlier.original(&seen, *window));
        let Some(original) = earlier.or_else(|| recent.original(print, &seen, *window)) else {
            recent.add(print, seen, (self.clock.now(), *window));
            return;
        };
        event.duplicate_of = Some(original);
        event.status = Status::Ignored;
        event.about.clear();
        incoming.subject = None;
        metrics::counter!("eventmanager_duplicates_total", "source" => event.source.to_string()).increment(1);
    }

    /// Has the events stored, then announces them.
    fn receive(&mut self, mut received: Received) -> ResponseActFuture<Self, Result<(), StoreError>> {
        if let Some(servers) = self.servers.take_new() {
            self.clusters = clusters(&servers);
        }
        for incoming in &mut received.events {
            self.mark_duplicate(received.connection, incoming);
        }
        for incoming in &received.events {
            self.count_final(&incoming.event);
        }
        let (events, subjects): (Vec<NewEvent>, Vec<Option<Subject>>) =
            received.events.into_iter().map(|incoming| (incoming.event, incoming.subject)).unzip();
        // Queued in the store now, in the order of handling; resolved when it is on disk.
        let handed_on = self.hand_on(&events);
        let stored = store_all(self.store.clone(), events, handed_on);
        Box::pin(stored.into_actor(self).map(move |stored, this, _| {
            let stored = stored?.into_iter().zip(subjects);
            let taken = stored.filter(|(appended, _)| appended.rejected.is_none());
            failpoints::pass_at_once("intake.announce.before");
            this.announce(
                taken
                    .filter_map(|(appended, subject)| {
                        Some(Announced { event: appended.uuid, subject: subject? })
                    })
                    .collect(),
            );
            Ok(())
        }))
    }

    /// What is handed on of those that are stored with their final status. The scripts of Kamailios hand theirs on themselves.
    fn hand_on(&self, events: &[NewEvent]) -> Vec<TopicEvent> {
        let routes = self.routes.get();
        let ended = |event: &NewEvent| {
            let is_of_a_server = self.clusters.contains_key(&event.source);
            if event.status == Status::Pending || event.duplicate_of.is_some() || !is_of_a_server {
                return Vec::new();
            }
            let ended = Ended {
                uuid: event.uuid,
                attempt: 1,
                source: &event.source,
                command: &event.command,
                given_by: &event.user_id,
                user: None,
                status: event.status,
                reason: event.note.as_deref(),
                change: None,
                received: event.received,
            };
            ended.hand_on(&routes)
        };
        if routes.is_empty() { Vec::new() } else { events.iter().flat_map(ended).collect() }
    }

    /// A wake-up: the events are in the store, where a router that fails finds them again.
    fn announce(&self, events: Vec<Announced>) {
        if let Some(router) = self.router.as_ref().filter(|_| !events.is_empty()) {
            router.do_send(Announce(events));
        }
    }

    /// Events that are stored with their final status never reach a lane: they are counted here.
    fn count_final(&mut self, event: &NewEvent) {
        if event.status != Status::Pending {
            // What scripts call their events must not take the place of commands.
            let command = match self.clusters.contains_key(&event.source) {
                true => self.commands.label(&event.command),
                false => "script".to_owned(),
            };
            let labels = [("command", command), ("status", event.status.to_string())];
            metrics::counter!("eventmanager_events_total", &labels).increment(1);
        }
    }
}

impl Actor for Intake {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.clusters = clusters(&self.servers.get());
        self.recent.clear();
        self.earlier.clear();
        self.known.send_replace(false);
        self.remember_stored(ctx, 0);
        // No earlier than that anything is of no use any more.
        ctx.run_interval(LATE, Self::forget_earlier);
    }
}

impl Supervised for Intake {}

impl Handler<Received> for Intake {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, received: Received, _: &mut Context<Self>) -> Self::Result {
        let mut known = self.known.subscribe();
        // An error says that this actor is gone, and with it this future.
        let known = async move { known.wait_for(|known| *known).await.is_ok() };
        Box::pin(known.into_actor(self).then(|_, this, _| this.receive(received)))
    }
}

impl Handler<Shutdown> for Intake {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

/// Source to the name under which its notifications are compared, and for how long.
fn clusters(servers: &[Broadworks]) -> HashMap<Arc<str>, (Arc<str>, Duration)> {
    let cluster = |server: &Broadworks| {
        (server.name.as_str().into(), (prints::cluster(server), server.duplicate_window))
    };
    servers.iter().map(cluster).collect()
}

/// The events that were stored since then, the newest first, and the tenure in which they were read.
async fn stored_since(store: Store, since: SystemTime) -> Result<(Vec<Uuid>, Tenure), ReadError> {
    store.wait_until_events_up().await;
    let tenure = store.tenure();
    Ok((store.recent_uuids(prints::first_since(since), LOOKED_UP).await?, tenure))
}

/// Stores the events. One that the database refuses for good is stored as failed, in letters that every database has:
/// what came must not be lost for the way it is written.
fn store_all(
    store: Store,
    events: Vec<NewEvent>,
    handed_on: Vec<TopicEvent>,
) -> impl Future<Output = Result<Vec<Appended>, StoreError>> {
    let copies = events.clone();
    let stored = store.append_and_hand_on(events, handed_on);
    async move {
        let appended = stored.await?;
        let pairs = appended.iter().zip(copies);
        let refused: Vec<NewEvent> = pairs
            .filter_map(|(appended, event)| Some(in_ascii(event, appended.rejected.as_deref()?)))
            .collect();
        if !refused.is_empty() {
            store_refused(store, refused).await?;
        }
        Ok(appended)
    }
}

async fn store_refused(store: Store, events: Vec<NewEvent>) -> Result<(), StoreError> {
    let copies = events.clone();
    for (again, event) in store.append(events).await?.into_iter().zip(copies) {
        let NewEvent { source, notification_id, user_id, command, .. } = event;
        metrics::counter!("eventmanager_events_refused_total", "source" => source.to_string()).increment(1);
        let is_lost = again.rejected.is_some();
        let reason = again.rejected;
        tracing::error!(%source, notification_id, user_id, command, is_lost, reason, "the database refused an event");
    }
    Ok(())
}

/// A failed event with the same content, its letters beyond ASCII as escapes.
fn in_ascii(event: NewEvent, reason: &str) -> NewEvent {
    let escaped = |text: &str| text.chars().flat_map(escape).collect::<String>();
    NewEvent {
        user_id: escaped(&event.user_id),
        command: escaped(&event.command),
        notification_id: event.notification_id.as_deref().map(escaped),
        document: escaped(&event.document).into(),
        about: event.about.iter().map(|user| escaped(user)).collect(),
        status: Status::Failed,
        note: Some(escaped(&format!("the database refuses it as it came: {reason}"))),
        ..event
    }
}

/// Escapes what is not plain ASCII; line ends stay.
fn escape(letter: char) -> Vec<char> {
    match letter {
        '\n' | '\r' | '\t' | ' '..='~' => vec![letter],
        _ => letter.escape_unicode().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_refuses_is_written_so_that_every_database_takes_it() {
        let event = NewEvent {
            uuid: Uuid::from_u128(1),
            source: "as1".into(),
            notification_id: Some("write1".into()),
            command_index: 0,
            user_id: "søren@tele.gl".into(),
            command: "UserAddRequest".into(),
            document: "<a>ø\n漢</a>".into(),
            status: Status::Pending,
            note: None,
            about: vec!["søren@tele.gl".into()],
            duplicate_of: None,
            received: SystemTime::UNIX_EPOCH,
        };
        let plain = in_ascii(event.clone(), "no such letter: 漢");
        assert_eq!((plain.uuid, plain.status), (event.uuid, Status::Failed));
        assert_eq!(&*plain.user_id, "s\\u{f8}ren@tele.gl");
        assert_eq!(plain.about, ["s\\u{f8}ren@tele.gl"]);
        assert_eq!(&*plain.document, "<a>\\u{f8}\n\\u{6f22}</a>");
        assert!(plain.note.is_some_and(|note| note.is_ascii() && note.contains("no such letter")));
    }
}
