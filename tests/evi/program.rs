//! A program that is written for OpenSIPS: it knows its bytes and nothing else.

use crate::support::daemon::{Daemon, PATIENCE, Site, eventually};
use crate::support::http::{self, Answer};
use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// What has not come by then does not come.
pub const SILENCE: Duration = Duration::from_millis(300);

/// Whatever there is is handed on.
pub const ALL: &str = "[[route]]\nevent = \"*\"\nto = [\"all\"]\n";

/// A daemon that serves programs.
pub struct Served {
    pub site: Site,
    pub daemon: Daemon,
    pub udp: SocketAddr,
}

impl Served {
    /// With these sections before `[evi]`, and these keys in it.
    pub fn start(sections: &str, keys: &str) -> Served {
        let mut evi = "[evi]\nudp = \"127.0.0.1:0\"\nunix = \"evi.sock\"\n".to_owned();
        if !keys.contains("allowed_unix") {
            // Where sites are.
            evi += &format!("allowed_unix = [{:?}]\n", std::env::temp_dir());
        }
        Served::at(Site::new(&format!("\n{sections}{evi}{keys}\n")))
    }

    /// One that hands on whatever there is.
    pub fn open() -> Served {
        Served::start(ALL, "")
    }

    fn at(site: Site) -> Served {
        let daemon = site.start();
        let line = daemon.logged(&["evi takes commands", "address="]);
        let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let udp = address.expect("an address").parse().expect("an address");
        let served = Served { site, daemon, udp };
        eventually("it knows who has subscribed", || {
            served.text(":subscribers_list:\n").starts_with("200").then_some(())
        });
        served
    }

    /// Ends it as power loss does, and starts it once more.
    pub fn killed(self) -> Served {
        let Served { site, daemon, .. } = self;
        daemon.kill();
        Served::at(site)
    }

    /// Ends it as systemd does.
    pub fn stopped(self) -> Site {
        assert_eq!(self.daemon.terminate(), Some(0));
        self.site
    }

    /// Ends it as systemd does, and starts it once more.
    pub fn restarted(self) -> Served {
        Served::at(self.stopped())
    }

    /// Starts it at a site that was left.
    pub fn again(site: Site) -> Served {
        Served::at(site)
    }

    /// Sends a datagram over UDP; the answer.
    #[track_caller]
    pub fn ask(&self, request: &[u8]) -> String {
        self.try_ask(request).expect("an answer")
    }

    /// `None`: nothing is answered.
    pub fn try_ask(&self, request: &[u8]) -> Option<String> {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.send_to(request, self.udp).expect("sent");
        answer(|buffer, wait| {
            socket.set_read_timeout(Some(wait)).expect("a timeout");
            socket.recv(buffer).ok()
        })
    }

    /// In text over UDP.
    pub fn text(&self, request: &str) -> String {
        self.ask(request.as_bytes())
    }

    /// In JSON over UDP: the whole answer.
    #[track_caller]
    pub fn json(&self, method: &str, params: Value) -> Value {
        let answer = self.ask(request(method, params).as_bytes());
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// Over the socket of the file system.
    pub fn unix(&self, request: &str) -> String {
        let directory = TempDir::new().expect("a directory");
        let socket = UnixDatagram::bind(directory.path().join("own")).expect("a socket");
        socket.send_to(request.as_bytes(), self.site.directory.path().join("evi.sock")).expect("sent");
        let read = |buffer: &mut [u8], wait| {
            socket.set_read_timeout(Some(wait)).expect("a timeout");
            socket.recv(buffer).ok()
        };
        answer(read).expect("an answer")
    }

    /// Over HTTP, with header lines.
    pub fn post(&self, body: &str, headers: &str) -> Answer {
        let length = body.len();
        let head =
            "POST /mi HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json";
        let request = format!("{head}\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
        http::send(self.daemon.http, &request)
    }

    /// Subscribes in JSON; fails unless it is done.
    #[track_caller]
    pub fn subscribe(&self, event: &str, socket: &str, more: Value) {
        let mut params = json!({"event": event, "socket": socket});
        let more = more.as_object().cloned().unwrap_or_default();
        params.as_object_mut().expect("an object").extend(more);
        let answer = self.json("event_subscribe", params);
        assert_eq!(answer["result"], "OK", "{answer}");
    }

    /// Raises an event in text, with lines of parameters.
    #[track_caller]
    pub fn raise(&self, event: &str, lines: &str) {
        assert_eq!(self.text(&format!(":raise_event:\n{event}\n{lines}")), "200 OK\n\n");
    }

    /// The sockets that are subscribed to an event.
    pub fn sockets(&self, event: &str) -> Vec<String> {
        let answer = self.json("subscribers_list", json!({"event": event}));
        let list = answer["result"]["Event"]["Subscribers"].as_array().cloned().unwrap_or_default();
        list.iter().map(|it| it["socket"].as_str().expect("a socket").to_owned()).collect()
    }

    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        self.daemon.metric(&format!("eventmanager_{name}"), labels)
    }
}

/// As it is on the wire.
pub fn request(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "id": 1, "params": params}).to_string()
}

fn answer(mut read: impl FnMut(&mut [u8], Duration) -> Option<usize>) -> Option<String> {
    let mut buffer = vec![0; 65_536];
    let length = read(&mut buffer, SILENCE * 10)?;
    Some(String::from_utf8(buffer[..length].to_vec()).expect("UTF-8"))
}

/// Where events come over UDP.
pub struct Receiver(UdpSocket);

impl Receiver {
    pub fn bind() -> Receiver {
        Receiver::on("127.0.0.1:0")
    }

    pub fn on(address: &str) -> Receiver {
        let socket = UdpSocket::bind(address).expect("a free port");
        socket2::SockRef::from(&socket).set_recv_buffer_size(8 << 20).expect("a buffer");
        Receiver(socket)
    }

    /// As it subscribes.
    pub fn socket(&self) -> String {
        format!("udp:{}", self.0.local_addr().expect("an address"))
    }

    /// The next event, as it is on the wire.
    #[track_caller]
    pub fn next(&self) -> String {
        self.within(PATIENCE).expect("an event")
    }

    /// Whether nothing comes.
    pub fn is_silent(&self) -> bool {
        self.within(SILENCE).is_none()
    }

    fn within(&self, wait: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(wait)).expect("a timeout");
        let mut buffer = vec![0; 65_536];
        let length = self.0.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).expect("UTF-8"))
    }
}

/// Where events come over a socket of the file system.
pub fn receive(socket: &UnixDatagram, wait: Duration) -> Option<String> {
    socket.set_read_timeout(Some(wait)).expect("a timeout");
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).ok()?;
    Some(String::from_utf8(buffer[..length].to_vec()).expect("UTF-8"))
}

/// As a program subscribes that reads there.
pub fn unix_socket(path: &Path) -> String {
    format!("unix:{}", path.display())
}
