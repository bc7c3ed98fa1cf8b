//! A real Kamailio, and somebody who sends it SIP.

use crate::support::daemon::eventually;
use crate::support::ports::lasting;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kamailio/kamailio.cfg");

/// A running Kamailio. Dropping it kills it with its processes.
pub struct Kamailio {
    process: Option<Child>,
    directory: TempDir,
    script: PathBuf,
    defines: Vec<&'static str>,
    sip: SocketAddr,
    evapi: SocketAddr,
}

impl Kamailio {
    /// Starts one with these defines of its configuration, on ports of its own.
    pub fn start(defines: &[&'static str]) -> Kamailio {
        let (sip, evapi) = (lasting(), lasting());
        let directory = TempDir::with_prefix("eventmanager-kamailio-").expect("a directory");
        let (defines, script) = (defines.to_vec(), PathBuf::from(CONFIG));
        let mut kamailio = Kamailio { process: None, directory, script, defines, sip, evapi };
        kamailio.start_again();
        kamailio
    }

    /// Starts one with a script of its own, once it has been told where to listen for SIP and for EVAPI. It answers OPTIONS.
    #[allow(dead_code, reason = "the bench has the script of the tests")]
    pub fn start_script(script: impl FnOnce(SocketAddr, SocketAddr) -> String) -> Kamailio {
        let (sip, evapi) = (lasting(), lasting());
        let directory = TempDir::with_prefix("eventmanager-kamailio-").expect("a directory");
        let path = directory.path().join("kamailio.cfg");
        std::fs::write(&path, script(sip, evapi)).expect("written");
        let mut kamailio =
            Kamailio { process: None, directory, script: path, defines: Vec::new(), sip, evapi };
        kamailio.start_again();
        kamailio
    }

    /// Starts it once more on the same ports.
    pub fn start_again(&mut self) {
        let directory = self.directory.path();
        let log = std::fs::File::create(directory.join("log")).expect("a log");
        let mut command = Command::new("/usr/sbin/kamailio");
        command.args(["-DD", "-E", "-m", "512", "-M", "8", "-f"]).arg(&self.script).arg("-Y").arg(directory);
        command.arg("-P").arg(directory.join("pid"));
        command.args(["-A", &format!("SIP_PORT={}", self.sip.port())]);
        command.args(["-A", &format!("EVAPI=\"{}\"", self.evapi)]);
        self.defines.iter().for_each(|define| _ = command.args(["-A", define]));
        // A group of its own: it has several processes, which end together.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().expect("kamailio is installed: ./tests/run does that"));
        eventually("kamailio is alive", || self.is_alive().then_some(()));
    }

    /// HOST:PORT of its EVAPI.
    pub fn evapi(&self) -> String {
        self.evapi.to_string()
    }

    /// Where it takes SIP, for somebody else who sends it.
    #[allow(dead_code, reason = "the bench has calls made")]
    pub fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// Whether it answers OPTIONS.
    pub fn is_alive(&self) -> bool {
        let answer = self.ask(&Request::new("OPTIONS"), Duration::from_millis(300));
        answer.is_some_and(|line| line.contains("200"))
    }

    /// Sends a request; the first line of its final answer.
    #[track_caller]
    pub fn send(&self, request: &Request) -> String {
        self.ask(request, Duration::from_secs(20))
            .unwrap_or_else(|| panic!("{} is not answered", request.method))
    }

    fn ask(&self, request: &Request, patience: Duration) -> Option<String> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.set_read_timeout(Some(patience)).expect("a timeout");
        let port = socket.local_addr().expect("an address").port();
        socket.send_to(&request.to_bytes(port), self.sip).expect("sent");
        let mut buffer = [0; 4096];
        loop {
            let size = socket.recv(&mut buffer).ok()?;
            let answer = String::from_utf8_lossy(&buffer[..size]);
            let line = answer.lines().next().unwrap_or_default();
            if !line.starts_with("SIP/2.0 1") {
                return Some(line.to_owned());
            }
        }
    }

    /// Ends it at once, with all its processes.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let group = format!("-{}", process.id());
            let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
            let _ = process.wait();
        }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A SIP request.
pub struct Request {
    pub method: &'static str,
    pub from: String,
    pub to: String,
    pub call_id: String,
    pub body: String,
}

impl Request {
    /// A request of its own call.
    pub fn new(method: &'static str) -> Request {
        let call_id = format!("call-{:016x}", fastrand::u64(..));
        Request { method, from: "anna".to_owned(), to: "bo".to_owned(), call_id, body: String::new() }
    }

    pub fn from(self, user: &str) -> Request {
        Request { from: user.to_owned(), ..self }
    }

    pub fn to(self, user: &str) -> Request {
        Request { to: user.to_owned(), ..self }
    }

    pub fn body(self, body: &str) -> Request {
        Request { body: body.to_owned(), ..self }
    }

    fn to_bytes(&self, port: u16) -> Vec<u8> {
        let Request { method, from, to, call_id, body } = self;
        // A Call-ID may hold more than a branch.
        let branch: String = call_id.chars().filter(char::is_ascii_alphanumeric).collect();
        format!(
            "{method} sip:{to}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{branch};rport\r\n\
             From: <sip:{from}@tele.gl>;tag=1\r\nTo: <sip:{to}@tele.gl>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\
             Max-Forwards: 70\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}
