//! A socket of libzmq in a process of its own: `tests/zmq/peer.py`.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/pyzmq/bin/python");
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/zmq/peer.py");

/// What never happens within this time never will.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running peer. Dropping it kills it.
pub struct Peer {
    process: Child,
    commands: ChildStdin,
    answers: mpsc::UnboundedReceiver<Value>,
    address: String,
}

impl Peer {
    /// A socket of this type, bound to a free port.
    pub async fn bind(kind: &str, options: &[&str]) -> Peer {
        Peer::start(kind, "bind", "tcp://127.0.0.1:0", options).await
    }

    /// The same at the address of one that has gone.
    pub async fn bind_at(kind: &str, address: &str) -> Peer {
        Peer::start(kind, "bind", &format!("tcp://{address}"), &[]).await
    }

    /// A socket of this type, connected to HOST:PORT.
    pub async fn connect(kind: &str, address: &str, options: &[&str]) -> Peer {
        Peer::start(kind, "connect", &format!("tcp://{address}"), options).await
    }

    async fn start(kind: &str, how: &str, address: &str, options: &[&str]) -> Peer {
        assert!(
            Path::new(PYTHON).is_file(),
            "{PYTHON} is not there: ./tests/run installs it, or ./tests/run zmq alone"
        );
        let mut process = Command::new(PYTHON)
            .args([PEER, kind, how, address])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let commands = process.stdin.take().expect("a pipe");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let (tell, answers) = mpsc::unbounded_channel();
        // Ends with the process.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).expect("JSON"));
            }
        });
        let mut peer = Peer { process, commands, answers, address: String::new() };
        let address = peer.answer().await["address"].as_str().expect("an address").to_owned();
        peer.address = address.trim_start_matches("tcp://").to_owned();
        peer
    }

    /// HOST:PORT of its socket.
    #[allow(dead_code, reason = "some tests only connect")]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A connection to it.
    pub async fn stream(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.expect("it listens")
    }

    /// Has it do something; [`Peer::answer`] waits until it has.
    pub fn tell(&mut self, command: Value) {
        writeln!(self.commands, "{command}").expect("it reads");
    }

    /// What it answers to the oldest command.
    #[track_caller]
    pub fn answer(&mut self) -> impl Future<Output = Value> {
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv());
        async { answer.await.expect("an answer in time").expect("the peer lives") }
    }

    /// Has it do something, and waits until it has.
    pub async fn ask(&mut self, command: Value) -> Value {
        self.tell(command);
        self.answer().await
    }

    /// Has it send a message of these frames.
    pub async fn send(&mut self, frames: &[&str]) {
        self.ask(json!({"do": "send", "frames": frames})).await;
    }

    /// The next message that it gets.
    pub async fn receive(&mut self) -> Vec<String> {
        let messages = self.ask(json!({"do": "receive"})).await["messages"][0].clone();
        serde_json::from_value(messages).expect("frames")
    }

    /// It does nothing more, while its kernel acknowledges whatever comes.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(process, signal).expect("it lives");
    }

    /// Ends at once.
    pub fn kill(mut self) -> String {
        self.end();
        self.address.clone()
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.end();
    }
}
