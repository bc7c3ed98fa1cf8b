//! Who asks a simulated OpenSIPS, byte by byte, and who receives its events.

use crate::support::daemon::eventually;
use eventmanager::simulators::opensips::{OpensipsHandle, OpensipsOptions, OpensipsSimulator, Version};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// What never comes within this time never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// One with every transport, of which `E_TEST` has the id 9, and whose time stands still.
pub struct Opensips {
    pub server: OpensipsHandle,
    pub directory: TempDir,
}

impl Opensips {
    pub fn start(version: Version) -> Opensips {
        Opensips::start_with(version, |options| options)
    }

    pub fn start_with(version: Version, change: impl FnOnce(OpensipsOptions) -> OpensipsOptions) -> Opensips {
        let directory = TempDir::new().unwrap();
        let mut events: Vec<String> = (0..9).map(|number| format!("E_{number}")).collect();
        events.push("E_TEST".to_owned());
        let options = OpensipsOptions {
            version,
            unix: Some(directory.path().join("mi.sock")),
            fifo: Some(directory.path().join("mi.fifo")),
            reply_dir: directory.path().to_owned(),
            http: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            events,
            still: true,
            ..OpensipsOptions::default()
        };
        Opensips { server: OpensipsSimulator::start(change(options)).unwrap(), directory }
    }

    /// Who asks in datagrams over UDP.
    pub fn udp(&self) -> Udp {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(self.server.udp().unwrap()).unwrap();
        Udp(socket)
    }

    /// Who asks in datagrams over a unix socket.
    pub fn unix(&self) -> Unix {
        let own = self.directory.path().join("client.sock");
        let _ = std::fs::remove_file(&own);
        let socket = UnixDatagram::bind(own).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Unix { socket, server: self.server.unix().unwrap().to_owned() }
    }

    /// Who asks over its FIFO.
    pub fn fifo(&self) -> Fifo {
        Fifo { server: self.server.fifo().unwrap().to_owned(), directory: self.directory.path().to_owned() }
    }

    /// A connection to its HTTP.
    pub fn http(&self) -> Http {
        let stream = TcpStream::connect(self.server.http().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Http(stream)
    }

    /// Subscribes to `E_TEST` over UDP.
    #[track_caller]
    pub fn subscribe(&self, socket: &str, expire: u32) {
        let is_text = self.server.http().is_none();
        let (request, expected) = if is_text {
            (format!(":event_subscribe:\nE_TEST\n{socket}\n{expire}\n"), "200 OK\n\n")
        } else {
            let params = format!(r#"{{"event":"E_TEST","socket":"{socket}","expire":{expire}}}"#);
            (json("event_subscribe", &params), r#"{"jsonrpc":"2.0","result":"OK","id":1}"#)
        };
        assert_eq!(self.udp().ask(&request), expected);
    }

    /// The sockets that are subscribed to `E_TEST` now.
    pub fn subscribed(&self) -> Vec<String> {
        self.server.subscribers().into_iter().map(|alive| alive.socket).collect()
    }
}

/// A request of JSON with the id 1.
pub fn json(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":1,"params":{params}}}"#)
}

pub struct Udp(UdpSocket);

impl Udp {
    #[track_caller]
    pub fn ask(&self, request: &str) -> String {
        self.send(request);
        self.receive().expect("an answer")
    }

    pub fn send(&self, request: &str) {
        // What was refused before may be told now.
        let _ = self.0.send(request.as_bytes()).or_else(|_| self.0.send(request.as_bytes()));
    }

    pub fn receive(&self) -> std::io::Result<String> {
        let mut buffer = vec![0; 64 << 10];
        let length = self.0.recv(&mut buffer)?;
        Ok(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }
}

pub struct Unix {
    socket: UnixDatagram,
    server: PathBuf,
}

impl Unix {
    #[track_caller]
    pub fn ask(&self, request: &str) -> String {
        self.socket.send_to(request.as_bytes(), &self.server).unwrap();
        let mut buffer = vec![0; 64 << 10];
        let length = self.socket.recv(&mut buffer).expect("an answer");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

pub struct Fifo {
    server: PathBuf,
    directory: PathBuf,
}

impl Fifo {
    /// Writes `request`, and reads what comes out of the FIFO `name`.
    #[track_caller]
    pub fn ask(&self, name: &str, request: &str) -> String {
        let mut reply = self.reply(name);
        self.write(request);
        let mut answer = Vec::new();
        eventually("an answer comes out of the FIFO, and ends", || {
            // An error says that it is open at the other end, with nothing in it.
            let ended = reply.read_to_end(&mut answer).is_ok();
            (ended && !answer.is_empty()).then_some(())
        });
        String::from_utf8(answer).unwrap()
    }

    /// Makes a FIFO, which is read from now on.
    pub fn reply(&self, name: &str) -> File {
        use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
        let path = self.directory.join(name);
        let _ = std::fs::remove_file(&path);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        OpenOptions::new().read(true).custom_flags(nonblocking).open(path).unwrap()
    }

    pub fn write(&self, request: &str) {
        OpenOptions::new().write(true).open(&self.server).unwrap().write_all(request.as_bytes()).unwrap();
    }
}

pub struct Http(pub TcpStream);

impl Http {
    pub fn post(&mut self, path: &str, kind: &str, body: &str) {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {length}");
        self.0.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
    }

    /// Posts a request, and reads the body of its answer.
    #[track_caller]
    pub fn ask(&mut self, request: &str) -> String {
        self.post("/mi", "application/json", request);
        let (head, body) = self.answer();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        body
    }

    #[track_caller]
    pub fn answer(&mut self) -> (String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("a head");
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// Nothing has come, and it is open.
    #[track_caller]
    pub fn hangs(&mut self) {
        self.0.set_nonblocking(true).unwrap();
        let error = self.0.read(&mut [0]).expect_err("neither an answer nor an end");
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }

    /// It has ended, and nothing came. It is a reset where the server has not read everything.
    #[track_caller]
    pub fn ended(&mut self) {
        match self.0.read(&mut [0]) {
            Ok(length) => assert_eq!(length, 0),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

/// Who receives events over UDP.
pub struct UdpReceiver(UdpSocket);

impl UdpReceiver {
    pub fn new() -> UdpReceiver {
        UdpReceiver::at("127.0.0.1:0")
    }

    pub fn at(addr: &str) -> UdpReceiver {
        let socket = UdpSocket::bind(addr).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        UdpReceiver(socket)
    }

    pub fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub fn port(&self) -> u16 {
        self.addr().port()
    }

    pub fn socket(&self) -> String {
        format!("udp:{}", self.0.local_addr().unwrap())
    }

    #[track_caller]
    pub fn next(&self) -> String {
        let mut buffer = vec![0; 64 << 10];
        let length = self.0.recv(&mut buffer).expect("an event");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// Nothing has come: what is sent over loopback is there when it is sent.
    #[track_caller]
    pub fn is_empty(&self) {
        self.0.set_nonblocking(true).unwrap();
        let error = self.0.recv(&mut [0]).expect_err("no event");
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        self.0.set_nonblocking(false).unwrap();
    }
}

/// Who receives events over a unix socket.
pub struct UnixReceiver(pub UnixDatagram, PathBuf);

impl UnixReceiver {
    pub fn new(directory: &Path, name: &str) -> UnixReceiver {
        let path = directory.join(name);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        UnixReceiver(socket, path)
    }

    pub fn socket(&self) -> String {
        format!("unix:{}", self.1.display())
    }

    #[track_caller]
    pub fn next(&self) -> String {
        let mut buffer = vec![0; 64 << 10];
        let length = self.0.recv(&mut buffer).expect("an event");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

/// Who receives events over TCP.
pub struct TcpReceiver(TcpListener);

impl TcpReceiver {
    pub fn new() -> TcpReceiver {
        TcpReceiver(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn socket(&self) -> String {
        format!("tcp:{}", self.0.local_addr().unwrap())
    }

    pub fn accept(&self) -> TcpStream {
        let stream = self.0.accept().unwrap().0;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}
