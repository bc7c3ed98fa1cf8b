//! The latest messages of the stream, numbered: [`super::hub`] writes them once, every reader reads them from here.
//!
//! A reader is a position and nothing more, so a hundred of them cost what one does. Who comes back with the id of the
//! message that it had goes on behind it, as long as that is among the latest.
//!
//! ```text
//! id: 5f0c2d1e9a7b4c3d-17
//! event: events
//! data: {"events":[…],"skipped":0}
//!
//! ```

use super::reader::Reader;
use actix_web::web::Bytes;
use serde::Deserialize;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Messages that can be resumed from, and their bytes.
const MESSAGES: usize = 1_000;
const BYTES: usize = 4 << 20;
/// Readers at a time: half of the server's connections, so that the other half is there for requests.
pub const READERS: usize = 256;
/// The hub answers its first reader sooner.
const READY_LIMIT: Duration = Duration::from_secs(2);

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Events,
    Counts,
    Status,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Events => "events",
            Kind::Counts => "counts",
            Kind::Status => "status",
        }
    }
}

/// The id of a message: which life of the hub it is of, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Position {
    pub boot: u64,
    pub number: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.boot, self.number)
    }
}

impl FromStr for Position {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('-').filter(|(boot, _)| boot.len() == 16);
        let parsed = parts.and_then(|(boot, number)| {
            Some(Position { boot: u64::from_str_radix(boot, 16).ok()?, number: number.parse().ok()? })
        });
        parsed.ok_or("not the id of a message of this stream")
    }
}

impl TryFrom<String> for Position {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what happens from now on.
    Now,
    /// Behind the message that it had last.
    After(Position),
    /// It had messages of which nothing is known.
    Lost,
}

/// Why there is no stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are [`READERS`] already.
    Full,
    /// The hub is being restarted, or the daemon ends.
    NotServing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody reads, and the hub does nothing.
    Idle,
    Live,
    Closed,
}

/// A handle to the messages.
#[derive(Clone)]
pub struct Channel(Arc<Inner>);

struct Inner {
    log: Mutex<Log>,
    phase: watch::Sender<Phase>,
    /// Says that there is something new in the log.
    news: watch::Sender<()>,
    readers: watch::Sender<usize>,
}

/// The messages of one life of the hub.
struct Log {
    boot: u64,
    /// The number of the latest message, 0 before the first.
    newest: u64,
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// The latest message about status and counts, without its id: what a new reader begins with.
    status: Option<Bytes>,
    counts: Option<Bytes>,
    is_closed: bool,
}

/// What is behind a position.
pub(super) enum Next {
    Message(Bytes),
    /// Nothing yet.
    Nothing,
    /// It is not known any more, or nothing can come.
    End,
}

impl Default for Channel {
    /// Without messages and readers.
    fn default() -> Channel {
        Channel(Arc::new(Inner {
            log: Mutex::new(Log::new()),
            phase: watch::Sender::new(Phase::Idle),
            news: watch::Sender::new(()),
            readers: watch::Sender::new(0),
        }))
    }
}

impl Channel {
    /// A reader, once the hub is at work.
    pub async fn open(&self, start: Start) -> Result<Reader, Refused> {
        let place = self.take_place()?;
        let mut phase = self.0.phase.subscribe();
        let ready = tokio::time::timeout(READY_LIMIT, phase.wait_for(|phase| *phase != Phase::Idle)).await;
        if !ready.is_ok_and(|phase| phase.is_ok_and(|phase| *phase == Phase::Live)) {
            return Err(Refused::NotServing);
        }
        let news = self.0.news.subscribe();
        let log = self.lock();
        let (position, first) = log.begin(start);
        drop(log);
        Ok(Reader::new(place, position, first, news))
    }

    fn take_place(&self) -> Result<Place, Refused> {
        let taken = self.0.readers.send_if_modified(|readers| {
            let free = *readers < READERS;
            *readers += usize::from(free);
            free
        });
        metrics::gauge!("eventmanager_stream_readers").set(self.readers() as f64);
        if taken { Ok(Place(self.clone())) } else { Err(Refused::Full) }
    }

    /// How many read at the moment.
    pub fn readers(&self) -> usize {
        *self.0.readers.borrow()
    }

    /// Resolves when somebody reads.
    pub(super) async fn wanted(&self) {
        self.wait_for_readers(|readers| readers > 0).await;
    }

    /// Resolves when nobody has read for so long.
    pub(super) async fn deserted(&self, linger: Duration) {
        loop {
            self.wait_for_readers(|readers| readers == 0).await;
            if tokio::time::timeout(linger, self.wanted()).await.is_err() {
                return;
            }
        }
    }

    async fn wait_for_readers(&self, enough: impl Fn(usize) -> bool) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.readers.subscribe().wait_for(|readers| enough(*readers)).await;
    }

    /// The hub is at work: readers may begin.
    pub(super) fn serve(&self) {
        self.0.phase.send_if_modified(|phase| {
            let idle = *phase == Phase::Idle;
            if idle {
                *phase = Phase::Live;
            }
            idle
        });
    }

    /// Forgets everything; whoever still reads must come back, and is told that it has missed something.
    pub(super) fn renew(&self) {
        let mut log = self.lock();
        let is_closed = log.is_closed;
        *log = Log { is_closed, ..Log::new() };
        drop(log);
        self.0.phase.send_if_modified(|phase| {
            let live = *phase == Phase::Live;
            if live {
                *phase = Phase::Idle;
            }
            live
        });
        self.0.news.send_replace(());
    }

    /// Ends all streams, and takes no more readers.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.0.phase.send_replace(Phase::Closed);
        self.0.news.send_replace(());
    }

    /// Resolves when the last reader is gone.
    pub(super) async fn empty(&self) {
        self.wait_for_readers(|readers| readers == 0).await;
    }

    /// A message for everybody; `data` is one line of JSON.
    pub(super) fn publish(&self, kind: Kind, data: &str) {
        self.lock().push(kind, data);
        self.0.news.send_replace(());
    }

    pub(super) fn after(&self, position: Position) -> Next {
        self.lock().after(position)
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // Nothing panics half-way through a change of the log.
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn new() -> Log {
        Log {
            boot: fastrand::u64(..),
            newest: 0,
            messages: VecDeque::new(),
            bytes: 0,
            status: None,
            counts: None,
            is_closed: false,
        }
    }

    fn position(&self) -> Position {
        Position { boot: self.boot, number: self.newest }
    }

    fn push(&mut self, kind: Kind, data: &str) {
        self.newest += 1;
        let id = format!("id: {}\n", self.position());
        let message = Bytes::from(format!("{id}event: {}\ndata: {data}\n\n", kind.as_str()));
        let body = message.slice(id.len()..);
        match kind {
            Kind::Events => {}
            Kind::Counts => self.counts = Some(body),
            Kind::Status => self.status = Some(body),
        }
        self.bytes += message.len();
        self.messages.push_back(message);
        while self.messages.len() > MESSAGES || (self.bytes > BYTES && self.messages.len() > 1) {
            self.bytes -= self.messages.pop_front().map_or(0, |oldest| oldest.len());
        }
    }

    /// Where a reader goes on, and what it is told first.
    fn begin(&self, start: Start) -> (Position, VecDeque<Bytes>) {
        let id = Bytes::from(format!("id: {}\n", self.position()));
        let known = |position: Position| !matches!(self.after(position), Next::End);
        let mut first = match start {
            Start::After(position) if known(position) => return (position, VecDeque::new()),
            // A message without data is none: it only tells where to resume.
            Start::Now => VecDeque::from([id.clone(), Bytes::from_static(b"\n")]),
            Start::After(_) | Start::Lost => {
                VecDeque::from([id.clone(), Bytes::from_static(b"event: reset\ndata: {}\n\n")])
            }
        };
        for message in [&self.status, &self.counts].into_iter().flatten() {
            first.extend([id.clone(), message.clone()]);
        }
        (self.position(), first)
    }

    fn after(&self, position: Position) -> Next {
        if self.is_closed || position.boot != self.boot || position.number > self.newest {
            return Next::End;
        }
        let behind = self.newest - position.number;
        match usize::try_from(behind) {
            Ok(0) => Next::Nothing,
            Ok(behind) if behind <= self.messages.len() => {
                Next::Message(self.messages[self.messages.len() - behind].clone())
            }
            _ => Next::End,
        }
    }
}

/// One of the [`READERS`] places, given back when it is dropped.
pub(super) struct Place(Channel);

impl Place {
    pub fn channel(&self) -> &Channel {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.readers.send_modify(|readers| *readers -= 1);
        metrics::gauge!("eventmanager_stream_readers").set(self.0.readers() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(first: &VecDeque<Bytes>) -> String {
        first.iter().map(|piece| std::str::from_utf8(piece).expect("text")).collect()
    }

    fn messages(log: &Log, mut position: Position) -> Vec<String> {
        let mut found = Vec::new();
        while let Next::Message(message) = log.after(position) {
            found.push(String::from_utf8(message.to_vec()).expect("text"));
            position.number += 1;
        }
        found
    }

    #[test]
    fn an_id_names_a_message_and_what_is_none_is_refused() {
        let position = Position { boot: 0x0ab, number: 17 };
        assert_eq!(position.to_string(), "00000000000000ab-17");
        assert_eq!("00000000000000ab-17".parse(), Ok(position));
        for bad in [
            "",
            "-",
            "17",
            "ab-17",
            "00000000000000ab-",
            "00000000000000ab-x",
            "00000000000000xy-1",
            "æøåæøåæø-1",
        ] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reader_goes_on_behind_the_message_that_it_had() {
        let mut log = Log::new();
        for number in 1..=3 {
            log.push(Kind::Events, &number.to_string());
        }
        let at = |number| Position { boot: log.boot, number };
        let (position, first) = log.begin(Start::After(at(1)));
        assert_eq!((position, first.len()), (at(1), 0));
        let expected = [2, 3].map(|number| format!("id: {}\nevent: events\ndata: {number}\n\n", at(number)));
        assert_eq!(messages(&log, position), expected);
        assert!(matches!(log.after(at(3)), Next::Nothing));
        assert!(matches!(log.after(at(4)), Next::End));
        assert!(matches!(log.after(Position { boot: !log.boot, number: 1 }), Next::End));
    }

    #[test]
    fn a_new_reader_is_told_how_it_is_and_one_that_missed_something_to_read_anew() {
        let mut log = Log::new();
        let nothing = log.begin(Start::Now);
        assert_eq!(text(&nothing.1), format!("id: {}\n\n", nothing.0));
        log.push(Kind::Counts, "1");
        log.push(Kind::Status, "2");
        log.push(Kind::Counts, "3");
        let id = log.position();
        let told = format!("id: {id}\nevent: status\ndata: 2\n\nid: {id}\nevent: counts\ndata: 3\n\n");
        let (position, first) = log.begin(Start::Now);
        assert_eq!((position, text(&first)), (id, format!("id: {id}\n\n{told}")));
        let (position, first) = log.begin(Start::Lost);
        assert_eq!((position, text(&first)), (id, format!("id: {id}\nevent: reset\ndata: {{}}\n\n{told}")));
    }

    #[test]
    fn messages_are_bounded_in_number_and_bytes() {
        let mut log = Log::new();
        for _ in 0..MESSAGES + 5 {
            log.push(Kind::Events, "{}");
        }
        assert_eq!(log.messages.len(), MESSAGES);
        let at = |number| Position { boot: log.boot, number };
        assert!(matches!(log.after(at(4)), Next::End));
        assert!(matches!(log.after(at(5)), Next::Message(_)));
        for _ in 0..20 {
            log.push(Kind::Events, &"x".repeat(1 << 20));
        }
        assert!(log.bytes <= BYTES && log.messages.len() == 3, "{} of {}", log.bytes, log.messages.len());
        log.push(Kind::Events, &"x".repeat(BYTES));
        assert_eq!(log.messages.len(), 1, "a message that is larger than all is sent all the same");
    }
}
