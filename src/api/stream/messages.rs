//! The latest messages of the stream, numbered. Who comes back with the id of the message that it had goes on behind it, as
//! long as that is among them.
//!
//! ```text
//! id: 5f0c2d1e9a7b4c3d-17
//! event: events
//! data: {"events":[…],"skipped":0}
//!
//! ```

use actix_web::web::Bytes;
use serde::Deserialize;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

/// Messages that can be resumed from, and their bytes.
const MESSAGES: usize = 1_000;
const BYTES: usize = 4 << 20;

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

/// The messages of one life of the hub.
pub struct Messages {
    boot: u64,
    /// The number of the latest message, 0 before the first.
    newest: u64,
    latest: VecDeque<Bytes>,
    bytes: usize,
    /// The latest message about status and counts, without its id: what a new reader begins with.
    status: Option<Bytes>,
    counts: Option<Bytes>,
    is_closed: bool,
}

/// What is behind a position.
pub enum Next {
    Message(Bytes),
    /// Nothing yet.
    Nothing,
    /// It is not known any more, or nothing can come.
    End,
}

impl Messages {
    /// None yet.
    pub fn new() -> Messages {
        Messages {
            boot: fastrand::u64(..),
            newest: 0,
            latest: VecDeque::new(),
            bytes: 0,
            status: None,
            counts: None,
            is_closed: false,
        }
    }

    /// Forgets everything; whoever still reads must come back, and is told that it has missed something.
    pub fn renew(&mut self) {
        *self = Messages { is_closed: self.is_closed, ..Messages::new() };
    }

    /// There are no further messages: to those who read, and to those who come.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    fn position(&self) -> Position {
        Position { boot: self.boot, number: self.newest }
    }

    /// Adds one; `data` is one line of JSON.
    pub fn push(&mut self, kind: Kind, data: &str) {
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
        self.latest.push_back(message);
        while self.latest.len() > MESSAGES || (self.bytes > BYTES && self.latest.len() > 1) {
            self.bytes -= self.latest.pop_front().map_or(0, |oldest| oldest.len());
        }
    }

    /// Where a reader goes on, and what it is told first.
    pub fn begin(&self, start: Start) -> (Position, VecDeque<Bytes>) {
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

    /// What is behind a position.
    pub fn after(&self, position: Position) -> Next {
        if self.is_closed || position.boot != self.boot || position.number > self.newest {
            return Next::End;
        }
        let behind = self.newest - position.number;
        match usize::try_from(behind) {
            Ok(0) => Next::Nothing,
            Ok(behind) if behind <= self.latest.len() => {
                Next::Message(self.latest[self.latest.len() - behind].clone())
            }
            _ => Next::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(first: &VecDeque<Bytes>) -> String {
        first.iter().map(|piece| std::str::from_utf8(piece).expect("text")).collect()
    }

    fn behind(messages: &Messages, mut position: Position) -> Vec<String> {
        let mut found = Vec::new();
        while let Next::Message(message) = messages.after(position) {
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
        let mut messages = Messages::new();
        for number in 1..=3 {
            messages.push(Kind::Events, &number.to_string());
        }
        let at = |number| Position { boot: messages.boot, number };
        let (position, first) = messages.begin(Start::After(at(1)));
        assert_eq!((position, first.len()), (at(1), 0));
        let expected = [2, 3].map(|number| format!("id: {}\nevent: events\ndata: {number}\n\n", at(number)));
        assert_eq!(behind(&messages, position), expected);
        assert!(matches!(messages.after(at(3)), Next::Nothing));
        assert!(matches!(messages.after(at(4)), Next::End));
        assert!(matches!(messages.after(Position { boot: !messages.boot, number: 1 }), Next::End));
    }

    #[test]
    fn a_new_reader_is_told_how_it_is_and_one_that_missed_something_to_read_anew() {
        let mut messages = Messages::new();
        let nothing = messages.begin(Start::Now);
        assert_eq!(text(&nothing.1), format!("id: {}\n\n", nothing.0));
        messages.push(Kind::Counts, "1");
        messages.push(Kind::Status, "2");
        messages.push(Kind::Counts, "3");
        let id = messages.position();
        let told = format!("id: {id}\nevent: status\ndata: 2\n\nid: {id}\nevent: counts\ndata: 3\n\n");
        let (position, first) = messages.begin(Start::Now);
        assert_eq!((position, text(&first)), (id, format!("id: {id}\n\n{told}")));
        let (position, first) = messages.begin(Start::Lost);
        assert_eq!((position, text(&first)), (id, format!("id: {id}\nevent: reset\ndata: {{}}\n\n{told}")));
    }

    #[test]
    fn messages_are_bounded_in_number_and_bytes() {
        let mut messages = Messages::new();
        for _ in 0..MESSAGES + 5 {
            messages.push(Kind::Events, "{}");
        }
        assert_eq!(messages.latest.len(), MESSAGES);
        let at = |number| Position { boot: messages.boot, number };
        assert!(matches!(messages.after(at(4)), Next::End));
        assert!(matches!(messages.after(at(5)), Next::Message(_)));
        for _ in 0..20 {
            messages.push(Kind::Events, &"x".repeat(1 << 20));
        }
        assert!(
            messages.bytes <= BYTES && messages.latest.len() == 3,
            "{} of {}",
            messages.bytes,
            messages.latest.len()
        );
        messages.push(Kind::Events, &"x".repeat(BYTES));
        assert_eq!(messages.latest.len(), 1, "a message that is larger than all is sent all the same");
    }
}
