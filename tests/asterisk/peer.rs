//! A peer that speaks AMI as a test wants, well or badly.

use crate::support::daemon::PATIENCE;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

pub const BANNER: &[u8] = b"Asterisk Call Manager/13.0.0\r\n";

pub struct Peer(TcpListener);

/// Somebody who has connected to it.
pub struct Client(BufReader<TcpStream>);

/// An action that it was sent: its lines.
#[derive(Debug)]
pub struct Asked(Vec<String>);

impl Asked {
    /// The first value of a header.
    pub fn get(&self, name: &str) -> &str {
        let begin = format!("{name}: ");
        self.0.iter().find_map(|line| line.strip_prefix(&begin)).unwrap_or_default()
    }
}

impl Peer {
    pub fn start() -> Peer {
        Peer(TcpListener::bind("127.0.0.1:0").expect("a free port"))
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    /// The next who connects.
    pub fn accept(&self) -> Client {
        let (stream, _) = self.0.accept().expect("a client");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Client(BufReader::new(stream))
    }

    /// The next who connects, logged in with a plain login; its filters are taken.
    pub fn log_in(&self) -> Client {
        let mut client = self.accept();
        client.send(BANNER);
        let login = client.next();
        assert_eq!(login.get("Action"), "Login");
        client.answer(&login, "Success", "");
        client
    }
}

impl Client {
    /// Sends bytes; that the client has gone meanwhile is no matter.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.get_mut().write_all(bytes);
    }

    /// Answers an action, with more lines.
    pub fn answer(&mut self, asked: &Asked, response: &str, more: &str) {
        let id = asked.get("ActionID");
        self.send(format!("Response: {response}\r\nActionID: {id}\r\n{more}\r\n").as_bytes());
    }

    /// The next action.
    #[track_caller]
    pub fn next(&mut self) -> Asked {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).expect("a line"), 0, "closed after {lines:?}");
            match line.trim_end() {
                "" => return Asked(lines),
                line => lines.push(line.to_owned()),
            }
        }
    }

    /// The next action of this name; filters and pings before it are answered.
    #[track_caller]
    pub fn next_of(&mut self, name: &str) -> Asked {
        loop {
            let asked = self.next();
            match asked.get("Action") {
                action if action == name => return asked,
                "Filter" | "Ping" => self.answer(&asked, "Success", ""),
                other => panic!("{other} in place of {name}"),
            }
        }
    }

    /// Sends nothing more, and waits until it closes the connection.
    #[track_caller]
    pub fn finish(&mut self) {
        let _ = self.0.get_mut().shutdown(Shutdown::Write); // it may be closed already
        self.wait_closed();
    }

    /// Waits until it closes the connection.
    #[track_caller]
    pub fn wait_closed(&mut self) {
        let mut line = Vec::new();
        while self.0.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            line.clear();
        }
    }
}
