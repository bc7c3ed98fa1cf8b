//! Events that a route wants stored, on their way to the disk, and samples of what could not be read.
//!
//! Kamailio does not wait for a disk. While the database is away events wait here, as many as fit; of more the oldest are
//! dropped and counted.

use super::queue::Arrived;
use crate::connections::intake::{Incoming, Intake, Received, hand_over};
use crate::event::{NewEvent, Status};
use actix::prelude::Addr;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Notify;
use uuid::Uuid;

/// Events that may wait for the disk.
const WAITING: usize = 10_000;
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
    waiting: RefCell<VecDeque<NewEvent>>,
    bytes: Cell<usize>,
    came: Notify,
    closed: Cell<bool>,
    dropped: metrics::Counter,
}

impl Recorder {
    /// Has events of `source` stored by `intake`.
    pub fn new(source: &str, intake: Addr<Intake>) -> Self {
        Recorder(Rc::new(Inner {
            source: source.into(),
            intake,
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
        self.add(name, &document, Status::Ignored, "stored by a route".to_owned(), arrived.received);
    }

    /// Stores what could not be read, as failed with its reason.
    pub fn unreadable(&self, payload: &[u8], reason: String) {
        self.add("", &String::from_utf8_lossy(payload), Status::Failed, reason, SystemTime::now());
    }

    fn add(&self, command: &str, document: &str, status: Status, note: String, received: SystemTime) {
        let event = NewEvent {
            uuid: Uuid::now_v7(),
            source: Arc::clone(&self.0.source),
            notification_id: None,
            command_index: 0,
            user_id: String::new(),
            command: command.to_owned(),
            document: document.into(),
            status,
            note: Some(note),
            about: Vec::new(),
            duplicate_of: None,
            received,
        };
        let mut waiting = self.0.waiting.borrow_mut();
        let mut bytes = self.0.bytes.get() + event.document.len();
        while waiting.len() >= WAITING || (bytes > BYTES && !waiting.is_empty()) {
            bytes -= waiting.pop_front().map_or(0, |oldest| oldest.document.len());
            self.0.dropped.increment(1);
        }
        self.0.bytes.set(bytes);
        waiting.push_back(event);
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
            let events = self.take();
            if !events.is_empty() {
                let received = Received { connection: Uuid::now_v7(), events };
                hand_over(self.0.intake.clone(), received).await;
            } else if self.0.closed.get() {
                return;
            } else {
                self.0.came.notified().await;
            }
        }
    }

    fn take(&self) -> Vec<Incoming> {
        let mut waiting = self.0.waiting.borrow_mut();
        let count = waiting.len().min(BATCH);
        let events: Vec<_> = waiting.drain(..count).map(|event| Incoming { event, subject: None }).collect();
        let bytes: usize = events.iter().map(|incoming| incoming.event.document.len()).sum();
        self.0.bytes.set(self.0.bytes.get() - bytes);
        events
    }
}
