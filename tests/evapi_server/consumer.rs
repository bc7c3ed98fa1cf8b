//! A program that consumes EVAPI, in the style of those for Kamailio: it connects, cuts netstrings, and looks at the JSON.

use crate::support::daemon::PATIENCE;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub struct Consumer {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Consumer {
    pub fn connect(address: SocketAddr) -> Consumer {
        Consumer::of(TcpStream::connect(address).expect("it listens"))
    }

    /// From this address of the host.
    pub fn connect_from(from: &str, address: SocketAddr) -> Consumer {
        let from: SocketAddr = format!("{from}:0").parse().expect("an address");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&from.into()).expect("an address of this host");
        socket.connect(&address.into()).expect("it listens");
        Consumer::of(socket.into())
    }

    /// One for which the kernel holds little.
    pub fn connect_small(address: SocketAddr) -> Consumer {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        socket.connect(&address.into()).expect("it listens");
        Consumer::of(socket.into())
    }

    fn of(stream: TcpStream) -> Consumer {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        let reader = BufReader::new(stream.try_clone().expect("a descriptor"));
        Consumer { stream, reader }
    }

    /// Waits until it is one of the clients: what it asks for cannot be meant, and so changes nothing.
    pub fn ready(mut self) -> Consumer {
        self.send(r#"{"cmd":"subscribe"}"#);
        assert_eq!(self.next()["event"], "refused");
        self
    }

    /// With this tag.
    pub fn tagged(mut self, tag: &str) -> Consumer {
        self.send(&format!(r#"{{"cmd":"tag","tag":"{tag}"}}"#));
        self.ready()
    }

    /// Subscribes to topics, and checks the answer.
    pub fn subscribe(&mut self, topics: Value) {
        self.send(&serde_json::json!({"cmd": "subscribe", "topics": topics}).to_string());
        assert_eq!(self.next(), serde_json::json!({"event": "subscribed", "topics": topics}));
    }

    /// Sends a payload as a netstring.
    pub fn send(&mut self, payload: &str) {
        self.write(format!("{}:{payload},", payload.len()).as_bytes());
    }

    /// Sends bytes; that the server has gone meanwhile is no matter.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that it sends no more.
    pub fn close_sending(&self) {
        self.stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    }

    /// The payload of the next frame.
    #[track_caller]
    pub fn payload(&mut self) -> String {
        self.try_payload().expect("a frame")
    }

    /// The same; `None` where the server has closed the connection.
    #[track_caller]
    pub fn try_payload(&mut self) -> Option<String> {
        let mut length = 0;
        loop {
            let mut byte = [0];
            match self.reader.read(&mut byte) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
            match byte[0] {
                b':' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut payload = vec![0; length + 1];
        if let Err(error) = self.reader.read_exact(&mut payload) {
            assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{error}");
            return None;
        }
        assert_eq!(payload.pop(), Some(b','));
        Some(String::from_utf8(payload).expect("UTF-8"))
    }

    /// The next event.
    #[track_caller]
    pub fn next(&mut self) -> Value {
        serde_json::from_str(&self.payload()).expect("JSON")
    }

    /// The names of the next events.
    #[track_caller]
    pub fn names(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next()["event"].as_str().expect("a name").to_owned()).collect()
    }

    /// Whether something has come that it has not looked at.
    pub fn has_more(&self) -> bool {
        let waits = |stream: &TcpStream| stream.peek(&mut [0]).is_ok_and(|read| read > 0);
        self.stream.set_nonblocking(true).expect("a socket");
        let more = !self.reader.buffer().is_empty() || waits(&self.stream);
        self.stream.set_nonblocking(false).expect("a socket");
        more
    }

    /// Waits until the server closes the connection.
    #[track_caller]
    pub fn wait_closed(&mut self) {
        while self.try_payload().is_some() {}
    }
}
