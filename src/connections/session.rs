//! One connection to an application server, from connect to its end: cuts and reads what comes, and has it stored.
//!
//! Reading goes on only as the store commits, so that little is lost with the process.

use super::broadworks::Reader;
use super::documents::{Bad, FrameContent};
use super::intake::{Incoming, Received, hand_over};
use crate::telemetry::{Labels, Seldom, count_bad_frame};
use crate::wire::ocir::{FrameError, Framer};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;
use uuid::Uuid;

/// What is read at once, and the kernel's receive buffer: what is in them is lost with the process.
pub(super) const READ_BUFFER: usize = 128 * 1024;
/// Events, and bytes of them, that may be read while the ones before are on their way to the disk.
const READ_AHEAD: usize = 1000;
const READ_AHEAD_BYTES: usize = 4 << 20;

/// How a connection ended.
pub(super) enum End {
    /// The peer or the network ended it.
    Lost(String),
    /// We were told to stop.
    Stopped,
}

/// The bytes of the documents, as the store will count them.
fn size(events: &[Incoming]) -> usize {
    events.iter().map(|incoming| incoming.event.document.len()).sum()
}

/// Events on their way to the disk.
type Delivery = LocalBoxFuture<'static, ()>;

/// Waits for a delivery; for ever where there is none.
async fn finished(delivery: &mut Option<Delivery>) {
    match delivery {
        Some(delivery) => delivery.await,
        None => std::future::pending().await,
    }
}

/// What is kept over all connections, which a server can end and begin anew.
#[derive(Default)]
pub(super) struct Kept {
    bad: Seldom,
    kinds: RefCell<Labels>,
}

/// One connection, from connect to its end.
pub(super) struct Session<'a> {
    reader: &'a Reader,
    connection: Uuid,
    framer: Framer,
}

impl<'a> Session<'a> {
    pub fn new(reader: &'a Reader) -> Self {
        reader.ids.borrow_mut().connected();
        Session { reader, connection: Uuid::now_v7(), framer: Framer::new(reader.server.max_document) }
    }

    /// Reads until the connection ends; returns how it did. Everything read is stored by then.
    ///
    /// One delivery at a time keeps the order even where the intake fails in between; what is read meanwhile makes
    /// the next one, so a slow disk gets larger transactions.
    pub async fn read(mut self, mut stream: TcpStream) -> End {
        let silence = self.reader.server.keepalive_timeout;
        let mut delivery = None;
        let mut ahead = Vec::new();
        let mut buffer = vec![0; READ_BUFFER];
        let mut heard = Instant::now();
        let end = loop {
            let may_read = ahead.len() < READ_AHEAD && size(&ahead) < READ_AHEAD_BYTES;
            tokio::select! {
                biased;
                () = finished(&mut delivery) => {
                    if !may_read {
                        heard = Instant::now();
                    }
                    delivery = self.deliver(std::mem::take(&mut ahead));
                }
                read = stream.read(&mut buffer), if may_read => match read {
                    Ok(0) => break End::Lost("closed by the peer".to_owned()),
                    Ok(count) => {
                        heard = Instant::now();
                        ahead.extend(self.understand(&buffer[..count]));
                        if delivery.is_none() {
                            delivery = self.deliver(std::mem::take(&mut ahead));
                        }
                    }
                    Err(error) => break End::Lost(error.to_string()),
                },
                () = tokio::time::sleep_until(heard + silence), if may_read => {
                    break End::Lost(format!("nothing heard for {silence:?}"));
                }
                () = self.reader.stop.notified() => break End::Stopped,
            }
        };
        self.store_the_rest(&end, delivery, ahead).await;
        end
    }

    /// Waits until everything that was read is stored, the cut-off document too.
    async fn store_the_rest(&mut self, end: &End, delivery: Option<Delivery>, mut ahead: Vec<Incoming>) {
        let reason = match end {
            End::Lost(reason) => {
                // Said before what was read is stored: that may take as long as the database is away.
                self.reader.link.down(reason);
                reason
            }
            // The server does not repeat what it has begun: the next connection brings another document, if there is one.
            End::Stopped => "ended by this daemon",
        };
        ahead.extend(self.cut_off(reason));
        for delivery in [delivery, self.deliver(ahead)].into_iter().flatten() {
            delivery.await;
        }
    }

    /// Cuts and reads what has come; counts and logs what is wrong with it.
    fn understand(&mut self, bytes: &[u8]) -> Vec<Incoming> {
        let mut events = Vec::new();
        self.framer.push(bytes);
        loop {
            let content = match self.framer.next_frame() {
                Ok(Some(frame)) => self.read_frame(&frame),
                Ok(None) => break,
                Err(error) => self.not_a_document(error),
            };
            events.extend(self.take(content));
        }
        events
    }

    /// Reads a frame. One over which we panic is kept as failed: it and what was read before it would be lost else.
    fn read_frame(&self, frame: &[u8]) -> FrameContent {
        let read = catch_unwind(AssertUnwindSafe(|| self.reader.source.read(frame)));
        read.unwrap_or_else(|_| {
            let text = String::from_utf8_lossy(frame).into_owned();
            self.reader.source.unreadable(text, "defect", "reading it panicked (see the log)".into())
        })
    }

    fn not_a_document(&self, error: FrameError) -> FrameContent {
        let reason = error.to_string();
        let source = &self.reader.source;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match error {
            FrameError::Oversize { .. } => source.unreadable(String::new(), "oversize", reason),
            FrameError::Stray { bytes } => source.stray(&bytes, reason),
            FrameError::Unfinished { bytes } => source.unreadable(text(&bytes), "unfinished", reason),
        }
    }

    fn take(&mut self, content: FrameContent) -> Vec<Incoming> {
        let name = &self.reader.server.name;
        if let Some(bad) = &content.bad {
            self.count_bad(bad);
        }
        if content.mislabelled {
            metrics::counter!("eventmanager_mislabelled_total", "connection" => name.clone()).increment(1);
        }
        for kind in content.others {
            let kind = self.reader.kept.kinds.borrow_mut().label(&kind);
            metrics::counter!("eventmanager_notifications_total", "connection" => name.clone(), "kind" => kind)
                .increment(1);
        }
        let mut ids = self.reader.ids.borrow_mut();
        content.ids.iter().for_each(|id| ids.follow(id));
        for incoming in &content.events {
            if !incoming.event.command.is_empty() {
                metrics::counter!("eventmanager_events_received_total", "source" => name.clone())
                    .increment(1);
            }
        }
        content.events
    }

    /// An event for the document that the end of the connection has cut off.
    fn cut_off(&mut self, reason: &str) -> Option<Incoming> {
        let bytes = self.framer.pending();
        if bytes == 0 {
            return None;
        }
        let note = format!("the connection ended within the document, after {bytes} bytes: {reason}");
        let text = String::from_utf8_lossy(self.framer.unfinished()).into_owned();
        let content = self.reader.source.unreadable(text, "cut_off", note);
        if let Some(bad) = &content.bad {
            self.count_bad(bad);
        }
        content.events.into_iter().next()
    }

    /// Counts, and logs less and less the more there are: a peer must not fill the log.
    fn count_bad(&mut self, bad: &Bad) {
        let name = &self.reader.server.name;
        count_bad_frame(name, bad.label);
        if let Some(so_far) = self.reader.kept.bad.count() {
            tracing::warn!(connection = %name, reason = bad.reason, so_far, "broadworks sent what cannot be read");
        }
    }

    /// Hands events to the intake until it says that they are on disk.
    fn deliver(&self, events: Vec<Incoming>) -> Option<Delivery> {
        if events.is_empty() {
            return None;
        }
        let received = Received { connection: self.connection, events };
        let delivery = hand_over(self.reader.intake.clone(), received);
        Some(delivery.boxed_local())
    }
}
