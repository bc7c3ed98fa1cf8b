//! Events that a route wants, on their way to the disk, and samples of what could not be read.
//!
//! Kamailio does not wait for a disk. While the database is away events wait here, as many as fit; of more the oldest are
//! dropped and counted.

use super::queue::Arrived;
use crate::connections::intake::{Incoming, Intake, Received, hand_over};
use crate::event::{NewEvent, Status};
use crate::store::Store;
use crate::topics::{TopicEvent, hand_on};
use actix::prelude::Addr;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Notify;
use uuid::Uuid;

/// Records that may wait for the disk.
const WAITING: usize = 10_000;
/// And bytes of them.
const BYTES: usize = 64 << 20;
/// Records that are handed over at once.
const BATCH: usize = 1_000;

/// See the module. Clones are of the same one.
#[derive(Clone)]
pub struct Recorder(Rc<Inner>);

struct Inner {
    source: Arc<str>,
    intake: Addr<Intake>,
    store: Store,
    waiting: RefCell<VecDeque<Record>>,
    bytes: Cell<usize>,
    came: Notify,
    closed: Cell<bool>,
    dropped: metrics::Counter,
}

/// What becomes of one event.
enum Record {
    /// A row among all events.
    Stored(NewEvent),
    /// A row of the topic log for each of its topics.
    HandedOn(Vec<TopicEvent>),
}

impl Record {
    fn bytes(&self) -> usize {
        match self {
            Record::Stored(event) => event.document.len(),
            Record::HandedOn(events) => events.first().map_or(0, |event| event.payload.len()),
        }
    }
}

impl Recorder {
    /// Has events of `source` stored by `intake`, and handed on by `store`.
    pub fn new(source: &str, intake: Addr<Intake>, store: Store) -> Self {
        Recorder(Rc::new(Inner {
            source: source.into(),
            intake,
            store,
            waiting: RefCell::default(),
            bytes: Cell::default(),
            came: Notify::new(),
            closed: Cell::default(),
            dropped: metrics::counter!("eventmanager_dropped_total", "connection" => source.to_owned()),
        }))
    }

    /// Stores an event that a route wants. Nothing is done about it, so it is ignored from the start.
    pub fn store(&self, name: &str, arrived: &Arrived) {
        let document = String::from_utf8_lossy(&arrived.payload);
        let event = self.event(name, &document, Status::Ignored, "stored by a route", arrived.received);
        self.add(Record::Stored(event));
    }

    /// Stores what could not be read, as failed with its reason.
    pub fn unreadable(&self, payload: &[u8], reason: &str) {
        let document = String::from_utf8_lossy(payload);
        self.add(Record::Stored(self.event("", &document, Status::Failed, reason, SystemTime::now())));
    }

    /// Hands an event on under these topics.
    pub fn hand_on(&self, name: &str, arrived: &Arrived, topics: impl IntoIterator<Item = String>) {
        let uuid = Uuid::now_v7();
        let payload: Arc<str> = arrived.event.to_json(&arrived.payload).into();
        let event = |topic| TopicEvent {
            uuid,
            topic,
            source: Arc::clone(&self.0.source),
            name: name.to_owned(),
            at: arrived.received,
            payload: Arc::clone(&payload),
        };
        self.add(Record::HandedOn(topics.into_iter().map(event).collect()));
    }

    fn event(
        &self,
        command: &str,
        document: &str,
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
            document: document.into(),
            status,
            note: Some(note.to_owned()),
            about: Vec::new(),
            duplicate_of: None,
            received,
        }
    }

    fn add(&self, record: Record) {
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
                tokio::join!(
                    async {
                        if !received.events.is_empty() {
                            hand_over(self.0.intake.clone(), received).await;
                        }
                    },
                    hand_on(&self.0.store, handed_on)
                );
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
            match record {
                Record::Stored(event) => stored.push(Incoming { event, subject: None }),
                Record::HandedOn(events) => handed_on.extend(events),
            }
        }
        (stored, handed_on)
    }
}
