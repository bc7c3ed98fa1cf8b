//! A reader of the daemon's server-sent events, over HTTP/1.0: no chunks, the end of the connection is the end.

use super::daemon::PATIENCE;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// A message as a browser hands it to the page.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: String,
    pub kind: String,
    pub data: serde_json::Value,
}

/// An open stream.
pub struct Events {
    lines: BufReader<TcpStream>,
    pub head: String,
    /// The id to come back with.
    pub last_id: String,
}

impl Events {
    /// `GET /api/v1/stream`.
    #[track_caller]
    pub fn open(address: SocketAddr) -> Events {
        Events::open_with(address, "", "")
    }

    /// The same behind the message with this id.
    #[track_caller]
    pub fn resume(address: SocketAddr, id: &str) -> Events {
        Events::open_with(address, "", &format!("Last-Event-ID: {id}\r\n"))
    }

    /// With a query and header lines, each ending in CRLF; it must be answered 200.
    #[track_caller]
    pub fn open_with(address: SocketAddr, query: &str, headers: &str) -> Events {
        let events = Events::try_open_with(address, query, headers).expect("a head");
        assert!(events.head.starts_with("HTTP/1.0 200"), "{}", events.head);
        events
    }

    /// The same of a daemon that there may not be; whatever it answers.
    pub fn try_open_with(address: SocketAddr, query: &str, headers: &str) -> std::io::Result<Events> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!("GET /api/v1/stream{query} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(request.as_bytes())?;
        let mut events =
            Events { lines: BufReader::new(stream), head: String::new(), last_id: String::new() };
        while !events.head.ends_with("\r\n\r\n") {
            if events.lines.read_line(&mut events.head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(events)
    }

    /// The next message, or `None` at the end of the stream. Comments are no messages.
    #[track_caller]
    pub fn next(&mut self) -> Option<Message> {
        let (mut kind, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            // A connection that was reset has ended as well, perhaps within a line.
            if self.lines.read_line(&mut line).is_err() || !line.ends_with('\n') {
                return None;
            }
            let line = line.trim_end();
            match line.split_once(": ") {
                Some(("id", id)) => self.last_id = id.to_owned(),
                Some(("event", event)) => kind = event.to_owned(),
                Some(("data", text)) => data += text,
                Some(("retry", _)) => {}
                _ if line == ":" => {}
                _ if line.is_empty() && data.is_empty() => {}
                _ if line.is_empty() => {
                    let data = serde_json::from_str(&data).expect("data are JSON");
                    return Some(Message { id: self.last_id.clone(), kind, data });
                }
                _ => panic!("no line of an event stream: {line:?}"),
            }
        }
    }

    /// The next line that is not empty, as it came.
    #[track_caller]
    pub fn raw_line(&mut self) -> String {
        let mut line = String::new();
        while line.trim().is_empty() {
            line.clear();
            assert_ne!(self.lines.read_line(&mut line).expect("a line"), 0, "the stream ended");
        }
        line
    }

    /// Reads on until a message satisfies `holds`.
    #[track_caller]
    pub fn until<T>(&mut self, what: &str, mut holds: impl FnMut(&Message) -> Option<T>) -> T {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let message = self.next().unwrap_or_else(|| panic!("the stream ended before {what}"));
            if let Some(value) = holds(&message) {
                return value;
            }
        }
        panic!("never came: {what}");
    }
}
