//! One connection to a Kamailio, from connect to its end.
//!
//! The reader waits for nobody but the socket, and at high rates a tenth of a millisecond so that more comes with each read: a client that
//! does not read blocks Kamailio, and then its SIP. What one read has brought is handled before the next. Whatever breaks the rules of the
//! stream ends the connection, since what follows cannot be understood.

use super::decoder::Decoder;
use super::handling::Handling;
use super::outbox::Frames;
use super::queue::{Arrived, Full, Queue};
use crate::config::Kamailio;
use crate::connections::recorder::Recorder;
use crate::failpoints;
use crate::sockets::{self, coalescing::Coalescing};
use crate::telemetry::{Labels, Seldom, count_bad_frame};
use crate::wire::evapi::{Event, NotAnEvent};
use bytes::{BufMut, Bytes, BytesMut};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Weak;
use std::time::SystemTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What is read at once.
const READ: usize = 64 << 10;

/// One connection.
pub struct Session<'a> {
    server: &'a Kamailio,
    queue: &'a Queue,
    recorder: &'a Recorder,
    received: metrics::Counter,
    dropped: metrics::Counter,
    /// For the questions that are dropped.
    handling: &'a Weak<Handling>,
    kept: &'a Kept,
    /// Payloads that were no events, one after the other.
    bad_in_a_row: usize,
    has_brought_events: bool,
}

/// What is kept over all connections, which those who send too much of it can end.
#[derive(Default)]
pub struct Kept {
    /// Payloads that were no events.
    bad: Seldom,
    names: RefCell<Names>,
}

/// The metric of each name.
#[derive(Default)]
struct Names {
    labels: Labels,
    counters: HashMap<String, metrics::Counter>,
}

impl Names {
    fn count(&mut self, connection: &str, name: &str) {
        if let Some(counter) = self.counters.get(name) {
            return counter.increment(1);
        }
        let (connection, label) = (connection.to_owned(), self.labels.label(name));
        let counter = metrics::counter!("eventmanager_kamailio_events_total", "connection" => connection, "event" => label.clone());
        counter.increment(1);
        if label == name {
            self.counters.insert(label, counter);
        }
    }
}

impl<'a> Session<'a> {
    /// A connection to `server`, whose events go to `queue`.
    pub fn new(
        server: &'a Kamailio,
        queue: &'a Queue,
        recorder: &'a Recorder,
        handling: &'a Weak<Handling>,
        kept: &'a Kept,
    ) -> Self {
        let name = || server.name.clone();
        Session {
            server,
            queue,
            recorder,
            received: metrics::counter!("eventmanager_events_received_total", "source" => name()),
            dropped: metrics::counter!("eventmanager_dropped_total", "connection" => name()),
            handling,
            kept,
            bad_in_a_row: 0,
            has_brought_events: false,
        }
    }

    /// Reads and writes until the connection ends; why it did. When `stop` is notified it closes the queue, and ends when there is
    /// nothing more to write: what was asked is answered. What comes meanwhile is read and dropped, since Kamailio would wait for
    /// somebody who does not read.
    pub async fn run(&mut self, stream: TcpStream, frames: &mut Frames, stop: &Notify) -> String {
        if let Err(error) = sockets::keep(&stream) {
            return error.to_string();
        }
        let (mut stream, write) = stream.into_split();
        let (server, queue) = (self.server, self.queue);
        let mut decoder = Decoder::new(server);
        let read = async {
            tokio::select! {
                reason = self.read(&mut stream, &mut decoder) => return reason,
                () = stop.notified() => {}
            }
            tracing::debug!(connection = server.name, "nothing more is taken");
            queue.close();
            self.drop_the_rest(&mut stream, decoder).await
        };
        tokio::select! {
            reason = read => reason,
            reason = send(server, write, frames) => reason,
        }
    }

    /// Whether the peer has sent what it is there for.
    pub fn has_brought_events(&self) -> bool {
        self.has_brought_events
    }

    async fn read(&mut self, stream: &mut OwnedReadHalf, decoder: &mut Decoder) -> String {
        let mut heard = Instant::now();
        let mut began: Option<Instant> = None;
        let mut coalescing = Coalescing::new(heard.into_std());
        loop {
            decoder.buffer_mut().reserve(READ);
            let silent = sockets::until(self.server.heartbeat_timeout.map(|limit| heard + limit));
            let unfinished = sockets::until(began.map(|began| began + self.server.frame_timeout));
            let mut room = decoder.buffer_mut().limit(READ);
            let read = tokio::select! {
                read = stream.read_buf(&mut room) => match read {
                    Ok(0) => return self.ended(decoder),
                    Ok(read) => read,
                    Err(error) => return error.to_string(),
                },
                () = silent => {
                    return format!("nothing heard for {:?}", self.server.heartbeat_timeout.unwrap_or_default());
                }
                () = unfinished => {
                    self.count_bad("unfinished");
                    return format!("a frame that was not whole after {:?}", self.server.frame_timeout);
                }
            };
            heard = Instant::now();
            match self.take(decoder) {
                Ok(frames) if frames > 0 => {
                    began = None;
                    coalescing.take_note(frames, read, heard.into_std());
                    // What fills a read is more than was waited for.
                    if coalescing.is_fast(heard.into_std()) && read < READ / 2 {
                        coalescing.wait().await;
                    } else {
                        sockets::give_way().await;
                    }
                }
                Ok(_) => {}
                Err(reason) => return reason,
            }
            began = decoder.is_inside().then(|| began.unwrap_or_else(Instant::now));
        }
    }

    /// Reads until the connection ends, and counts what it drops.
    async fn drop_the_rest(&self, stream: &mut OwnedReadHalf, decoder: Decoder) -> String {
        let mut decoder = Some(decoder);
        let mut unread = BytesMut::new();
        loop {
            let buffer = decoder.as_mut().map_or(&mut unread, Decoder::buffer_mut);
            buffer.reserve(READ);
            match stream.read_buf(&mut buffer.limit(READ)).await {
                Ok(0) => return "closed by the peer".to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
            unread.clear();
            // Where the place in the stream is lost, the rest is read all the same.
            let is_lost = decoder.as_mut().is_some_and(|decoder| self.drop_frames(decoder).is_err());
            if is_lost {
                decoder = None;
            }
            sockets::give_way().await;
        }
    }

    fn drop_frames(&self, decoder: &mut Decoder) -> Result<(), (&'static str, String)> {
        while decoder.next()?.is_some() {
            self.dropped.increment(1);
        }
        Ok(())
    }

    fn ended(&self, decoder: &Decoder) -> String {
        if !decoder.is_inside() {
            return "closed by the peer".to_owned();
        }
        self.count_bad("truncated");
        "closed by the peer within a frame".to_owned()
    }

    /// Queues what has come; how many frames that were, or why the connection has to end.
    fn take(&mut self, decoder: &mut Decoder) -> Result<usize, String> {
        let (received, at) = (SystemTime::now(), std::time::Instant::now());
        let mut frames = 0;
        loop {
            let payload = match decoder.next() {
                Ok(Some(payload)) => payload,
                Ok(None) => return Ok(frames),
                Err((label, reason)) => {
                    self.count_bad(label);
                    return Err(format!("{reason}: what follows cannot be understood"));
                }
            };
            frames += 1;
            // A copy: what is kept of one event must not keep all that was read with it, which is up to a frame of the largest size.
            let payload = Bytes::copy_from_slice(&payload);
            match Event::parse(payload.clone()) {
                Ok(event) => {
                    let arrived = Arrived::new(event, payload, &self.server.keys, (received, at));
                    self.count_event(&arrived);
                    self.queue(arrived)?;
                }
                Err(error) => self.not_an_event(&payload, &error)?,
            }
        }
    }

    fn queue(&self, arrived: Arrived) -> Result<(), String> {
        match self.queue.push(arrived) {
            Ok(dropped) => {
                dropped.iter().for_each(|dropped| self.count_dropped(dropped));
                Ok(())
            }
            Err(Full(arrived)) => {
                self.count_dropped(&arrived);
                Err("the queue of events is full".to_owned())
            }
        }
    }

    /// Whoever waits for an answer to it gets one.
    fn count_dropped(&self, dropped: &Arrived) {
        self.dropped.increment(1);
        if let Some(handling) = self.handling.upgrade() {
            handling.refuse(dropped);
        }
    }

    fn count_event(&mut self, arrived: &Arrived) {
        self.received.increment(1);
        self.bad_in_a_row = 0;
        self.has_brought_events = true;
        if self.server.keys.find_doubtful(&arrived.event) {
            let connection = self.server.name.clone();
            metrics::counter!("eventmanager_kamailio_doubtful_total", "connection" => connection)
                .increment(1);
        }
        self.kept.names.borrow_mut().count(&self.server.name, arrived.name());
    }

    /// Counts it, keeps a sample; too many of them mean that we read at the wrong place.
    fn not_an_event(&mut self, payload: &[u8], error: &NotAnEvent) -> Result<(), String> {
        self.count_bad(error.label());
        self.bad_in_a_row += 1;
        if let Some(so_far) = self.kept.bad.count() {
            let connection = &self.server.name;
            tracing::warn!(connection, reason = %error, so_far, "kamailio sent what is no event");
            self.recorder.unreadable(payload, &error.to_string());
        }
        if self.bad_in_a_row >= self.server.max_bad {
            let count = self.bad_in_a_row;
            return Err(format!("{count} payloads in a row were no events: the place in the stream is lost"));
        }
        Ok(())
    }

    fn count_bad(&self, reason: &'static str) {
        count_bad_frame(&self.server.name, reason);
    }
}

/// The one writer: the command that every connection begins with, then what is put into the outbox.
async fn send(server: &Kamailio, mut stream: OwnedWriteHalf, frames: &mut Frames) -> String {
    frames.begin(server.tag_command.as_deref());
    loop {
        let Some(frame) = frames.next(server.framing).await else { return "everything is sent".to_owned() };
        failpoints::pass("kamailio.answer.before").await;
        if let Err(error) = stream.write_all(&frame).await {
            return error.to_string();
        }
        failpoints::pass("kamailio.answer.after").await;
        frames.written();
    }
}
