//! Who asks a simulated Asterisk: AMI, byte by byte.

use eventmanager::simulators::asterisk::{AsteriskHandle, AsteriskOptions, AsteriskSimulator};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection that is read message by message.
pub struct Ami<S = TcpStream> {
    pub stream: S,
    buffer: Vec<u8>,
}

impl Ami {
    /// A connection, of which nothing is read yet.
    pub fn open(addr: SocketAddr) -> Ami {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Ami::over(stream)
    }

    /// A connection behind the banner.
    pub fn connect(server: &AsteriskHandle) -> Ami {
        let mut ami = Ami::open(server.addr());
        ami.read_banner();
        ami
    }

    /// A session that is told these events.
    pub fn log_in(server: &AsteriskHandle, events: &str) -> Ami {
        let mut ami = Ami::connect(server);
        ami.log_in_as_usual(events);
        ami
    }
}

impl<S: Read + Write> Ami<S> {
    pub fn over(stream: S) -> Ami<S> {
        Ami { stream, buffer: Vec::new() }
    }

    #[track_caller]
    pub fn read_banner(&mut self) {
        assert_eq!(self.until("\r\n").as_deref(), Some("Asterisk Call Manager/13.0.0"));
    }

    #[track_caller]
    pub fn log_in_as_usual(&mut self, events: &str) {
        let login =
            format!("Action: Login|ActionID: in|Username: eventmanager|Secret: amisecret|Events: {events}");
        self.expect(&login, "Response: Success|ActionID: in|Message: Authentication accepted");
    }

    /// Sends an action, of which `|` are the line ends.
    pub fn send(&mut self, action: &str) {
        self.send_bytes(format!("{}\r\n\r\n", action.replace('|', "\r\n")).as_bytes());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next message, with `|` for the line ends in it; `None` at the end of the connection.
    #[track_caller]
    pub fn next(&mut self) -> Option<String> {
        Some(self.until("\r\n\r\n")?.replace("\r\n", "|"))
    }

    /// The next message is this one.
    #[track_caller]
    pub fn read(&mut self, message: &str) {
        assert_eq!(self.next().as_deref(), Some(message));
    }

    /// An action is answered by this, and nothing comes before.
    #[track_caller]
    pub fn expect(&mut self, action: &str, answer: &str) {
        self.send(action);
        assert_eq!(self.next().as_deref(), Some(answer), "to {action}");
    }

    /// Sets a variable, and says how that is answered.
    #[track_caller]
    pub fn set(&mut self, variable: &str, value: &str, message: &str) {
        let kind = if message == "Variable Set" { "Success" } else { "Error" };
        let action = format!("Action: Setvar|ActionID: s|Variable: {variable}|Value: {value}");
        self.expect(&action, &format!("Response: {kind}|ActionID: s|Message: {message}"));
    }

    /// Nothing has come, and nothing does before the answer to a ping.
    #[track_caller]
    pub fn nothing_comes(&mut self) {
        self.send("Action: Ping|ActionID: p");
        let answer = self.next().expect("an answer");
        let time =
            answer.strip_prefix("Response: Success|ActionID: p|Ping: Pong|Timestamp: ").expect(&answer);
        assert!(time.parse::<f64>().is_ok_and(|time| time > 1e9), "{answer}");
    }

    /// The connection ends here, in order or not.
    #[track_caller]
    pub fn ended(&mut self) {
        assert_eq!(self.rest(), "");
    }

    /// What still comes before the connection ends.
    #[track_caller]
    pub fn rest(&mut self) -> String {
        while self.more() {}
        String::from_utf8(std::mem::take(&mut self.buffer)).unwrap()
    }

    #[track_caller]
    fn until(&mut self, end: &str) -> Option<String> {
        let mut seen = 0;
        loop {
            let from = seen;
            let found = self.buffer[from..].windows(end.len()).position(|it| it == end.as_bytes());
            if let Some(at) = found {
                let message = self.buffer.drain(..from + at + end.len()).take(from + at).collect();
                return Some(String::from_utf8(message).unwrap());
            }
            seen = self.buffer.len().saturating_sub(end.len() - 1);
            if !self.more() {
                assert_eq!(String::from_utf8_lossy(&self.buffer), "", "the end of the connection");
                return None;
            }
        }
    }

    #[track_caller]
    fn more(&mut self) -> bool {
        let mut bytes = [0; 65_536];
        let ends = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::UnexpectedEof];
        match self.stream.read(&mut bytes) {
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                count > 0
            }
            Err(error) if ends.contains(&error.kind()) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// One that has no FullyBooted to tell, so that tests need not read it.
pub fn quiet() -> AsteriskOptions {
    AsteriskOptions {
        fully_booted: eventmanager::simulators::asterisk::FullyBooted::Never,
        login_delay: Duration::from_millis(50),
        ..AsteriskOptions::default()
    }
}

pub fn start(options: AsteriskOptions) -> AsteriskHandle {
    AsteriskSimulator::start(options).unwrap()
}
