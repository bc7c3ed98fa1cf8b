//! A peer that speaks EVAPI as a test wants, well or badly.

use crate::support::daemon::PATIENCE;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

pub struct Peer(TcpListener);

/// Somebody who has connected to it.
pub struct Client(TcpStream);

impl Peer {
    pub fn start() -> Peer {
        Peer(TcpListener::bind("127.0.0.1:0").expect("a free port"))
    }

    pub fn address(&self) -> String {
        self.0.local_addr().expect("an address").to_string()
    }

    /// The next who connects.
    pub fn accept(&self) -> Client {
        let (stream, _) = self.0.accept().expect("a client");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Client(stream)
    }
}

impl Client {
    /// Sends bytes; that the client has gone meanwhile is no matter.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Sends a payload as a netstring.
    pub fn event(&mut self, payload: &str) {
        self.send(format!("{}:{payload},", payload.len()).as_bytes());
    }

    /// The next netstring that it sends.
    #[track_caller]
    pub fn next(&mut self) -> String {
        let mut length = 0;
        loop {
            match self.byte() {
                b':' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut payload = vec![0; length + 1];
        self.0.read_exact(&mut payload).expect("a payload");
        assert_eq!(payload.pop(), Some(b','));
        String::from_utf8(payload).expect("UTF-8")
    }

    #[track_caller]
    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.read_exact(&mut byte).expect("a byte");
        byte[0]
    }

    /// Waits until it closes the connection.
    #[track_caller]
    pub fn wait_closed(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end as well.
        if let Err(error) = self.0.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
    }
}
