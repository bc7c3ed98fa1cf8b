//! Events that a route wants, on their way to the disk, and samples of what could not be read.
//!
//! Neither Kamailio nor Asterisk waits for a disk. While the database is away events wait here, as many as fit; of more the oldest are
//! dropped and counted. While another daemon has it they are left to that one, which stores them if it lives and reads them as well.

use super::intake::{Incoming, Intake, Received, hand_over};
use crate::event::{NewEvent, Status};
use crate::failpoints;
use crate::store::{DatabaseHealth, IN_USE, Store, StoreHealth};
use crate::topics::{TopicEvent, Wanted, hand_on};
use actix::prelude::Addr;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// Events that may wait for the disk.
const WAITING: usize = 100_000;
/// And bytes of them.
const BYTES: usize = 64 << 20;
/// Events that are handed over at once.
const BATCH: usize = 1_000;

/// See the module. Clones are of the same one.
#[derive(Clone)]
pub struct Recorder(Rc<Inner>);

struct Inner {
    source: Arc<str>,
    intake: Addr<Intake>,
    store: Store,
    health: watch::Receiver<StoreHealth>,
    waiting: RefCell<VecDeque<Record>>,
    bytes: Cell<usize>,
    came: Notify,
    closed: Cell<bool>,
    dropped: metrics::Counter,
    /// What is left to another daemon.
    left: metrics::Counter,
    /// So many since that one was seen to have the database.
    left_now: Cell<u64>,
}

/// An event that a route wants; its texts are made where they are needed.
pub struct Routed<'a> {
    /// What its sender calls it.
    pub name: Arc<str>,
    pub received: SystemTime,
    /// As it is stored.
    pub document: &'a dyn Fn() -> Arc<str>,
    /// As it is handed on: a JSON object.
    pub payload: &'a dyn Fn() -> Arc<str>,
}

/// What becomes of one event.
#[derive(Default)]
struct Record {
    /// A row among all events.
    stored: Option<NewEvent>,
    /// A row of the topic log for each of its topics. They know it by the same id.
    handed_on: Vec<TopicEvent>,
}

impl Record {
    fn bytes(&self) -> usize {
        let document = self.stored.as_ref().map(|event| &event.document);
        let payload = self.handed_on.first().map(|event| &event.payload);
        let texts = document.map_or(0, |text| text.len()) + payload.map_or(0, |text| text.len());
        let topics = self.handed_on.iter().map(|event| size_of::<TopicEvent>() + event.topic.len());
        size_of::<Record>() + texts + topics.sum::<usize>()
    }
}

impl Recorder {
    /// Has events of `source` stored by `intake`, and handed on by `store`.
    pub fn new(source: &str, intake: Addr<Intake>, store: Store) -> Self {
        Recorder(Rc::new(Inner {
            source: source.into(),
            intake,
            health: store.health(),
            store,
            waiting: RefCell::default(),
            bytes: Cell::default(),
            came: Notify::new(),
            closed: Cell::default(),
            dropped: metrics::counter!("eventmanager_dropped_total", "connection" => source.to_owned()),
            left: metrics::counter!("eventmanager_left_to_other_total", "connection" => source.to_owned()),
            left_now: Cell::default(),
        }))
    }

    /// Has an event stored and handed on as the routes want it. Nothing is done about one that is stored, so it is ignored from the
    /// start.
    pub fn record(&self, event: &Routed<'_>, wanted: Wanted) {
        let uuid = Uuid::now_v7();
        let stored = wanted.store.then(|| {
            let (document, note) = ((event.document)(), "stored by a route");
            NewEvent { uuid, ..self.event(&event.name, document, Status::Ignored, note, event.received) }
        });
        self.add(Record { stored, handed_on: self.hand_on(uuid, event, wanted.topics) });
    }

    /// Stores what could not be read, as failed with its reason.
    pub fn unreadable(&self, payload: &[u8], reason: &str) {
        let document = String::from_utf8_lossy(payload);
        let event = self.event("", document.into(), Status::Failed, reason, SystemTime::now());
        self.add(Record { stored: Some(event), ..Record::default() });
    }

    fn hand_on(&self, uuid: Uuid, routed: &Routed<'_>, topics: BTreeSet<String>) -> Vec<TopicEvent> {
        if topics.is_empty() {
            return Vec::new();
        }
        let payload = (routed.payload)();
        let event = |topic| TopicEvent {
            uuid,
            topic,
            source: Arc::clone(&self.0.source),
            name: Arc::clone(&routed.name),
            at: routed.received,
            payload: Arc::clone(&payload),
            form: crate::event::Form::Fields,
        };
        topics.into_iter().map(event).collect()
    }

    fn event(
        &self,
        command: &str,
        document: Arc<str>,
        status: Status,
        note: &str,
        received: SystemTime,
    ) -> NewEvent {
        NewEvent {
            uuid: Uuid::now_v7(),
            source: Arc::clone(&self.0.source),
            notification_id: None,
            command_index: 0,
            user_id: String::new(),
            command: command.to_owned(),
            document,
            status,
            note: Some(note.to_owned()),
            about: Vec::new(),
            duplicate_of: None,
            received,
        }
    }

    /// Kept here what comes now would be there twice once this one takes over, where the other one reads it too. That cannot be known: it
    /// may read other peers, or be dead, and its session not.
    fn is_left_to_another(&self) -> bool {
        match &self.0.health.borrow().events {
            DatabaseHealth::Down { reason } => reason == IN_USE,
            DatabaseHealth::Up => false,
        }
    }

    fn add(&self, record: Record) {
        if self.is_left_to_another() {
            return self.leave();
        }
        self.tell_left();
        let mut waiting = self.0.waiting.borrow_mut();
        let mut bytes = self.0.bytes.get() + record.bytes();
        while waiting.len() >= WAITING || (bytes > BYTES && !waiting.is_empty()) {
            bytes -= waiting.pop_front().map_or(0, |oldest| oldest.bytes());
            self.0.dropped.increment(1);
        }
        self.0.bytes.set(bytes);
        waiting.push_back(record);
        self.0.came.notify_one();
    }

    fn leave(&self) {
        let before = self.0.left_now.replace(self.0.left_now.get() + 1);
        if before == 0 {
            let connection = &*self.0.source;
            tracing::warn!(
                connection,
                "another daemon has the database: events are left to it, and lost where it does not read them"
            );
        }
        self.0.left.increment(1);
    }

    /// Says how many were left to the one that had the database, as soon as something comes that is not.
    fn tell_left(&self) {
        let (events, connection) = (self.0.left_now.take(), &*self.0.source);
        if events > 0 {
            tracing::warn!(connection, events, "events were left to the daemon that had the database");
        }
    }

    /// Nothing more comes: [`Recorder::run`] ends when everything is stored.
    pub fn close(&self) {
        self.0.closed.set(true);
        self.0.came.notify_one();
    }

    /// Has stored what comes, one batch at a time and in order.
    pub async fn run(&self) {
        loop {
            let (stored, handed_on) = self.take();
            if !stored.is_empty() || !handed_on.is_empty() {
                let received = Received { connection: Uuid::now_v7(), events: stored };
                failpoints::pass("recorder.store.before").await;
                tokio::join!(
                    async {
                        if !received.events.is_empty() {
                            hand_over(self.0.intake.clone(), received).await;
                        }
                    },
                    hand_on(&self.0.store, handed_on)
                );
                failpoints::pass("recorder.store.after").await;
            } else if self.0.closed.get() {
                return;
            } else {
                self.0.came.notified().await;
            }
        }
    }

    fn take(&self) -> (Vec<Incoming>, Vec<TopicEvent>) {
        let mut waiting = self.0.waiting.borrow_mut();
        let (mut stored, mut handed_on) = (Vec::new(), Vec::new());
        let count = waiting.len().min(BATCH);
        for record in waiting.drain(..count) {
            self.0.bytes.set(self.0.bytes.get() - record.bytes());
            stored.extend(record.stored.map(|event| Incoming { event, read: Instant::now(), subject: None }));
            handed_on.extend(record.handed_on);
        }
        (stored, handed_on)
    }
}
