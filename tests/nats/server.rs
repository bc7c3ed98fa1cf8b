//! A server of NATS with JetStream, as Debian installs it: a process that a test kills and starts again.

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Runs until its input ends, which the end of the test sees to as well; then the server is killed.
const KEEPER: &str = r#""$@" & read -r _; kill -KILL $!; wait $!"#;

/// One that is killed when it is dropped, and forgets everything then.
pub struct Server {
    directory: TempDir,
    port: u16,
    keeper: Option<Child>,
}

impl Server {
    /// One that lets everybody in.
    pub fn start() -> Server {
        Server::with("")
    }

    /// One with these lines more in its configuration.
    pub fn with(more: &str) -> Server {
        let directory = tempfile::Builder::new().prefix("em-nats-").tempdir().expect("a directory");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let store = directory.path().join("store");
        let config = format!("listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {store:?} }}\n{more}\n");
        std::fs::write(directory.path().join("nats.conf"), config).expect("written");
        let mut server = Server { directory, port, keeper: None };
        server.resume();
        server
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Ends it as power loss ends a process.
    pub fn kill(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().expect("ended");
        }
    }

    /// Starts it again with what it has on disk, and waits until it takes connections.
    pub fn resume(&mut self) {
        let log = self.directory.path().join("log");
        let keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "keeper", "nats-server", "-l"])
            .arg(log)
            .arg("-c")
            .arg(self.directory.path().join("nats.conf"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        self.keeper = Some(keeper);
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(since.elapsed() < Duration::from_secs(30), "no nats-server: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it has told so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// JetStream, over a connection of the test's own.
    pub async fn jetstream(&self) -> Context {
        let client = async_nats::connect(self.url()).await.expect("a connection");
        async_nats::jetstream::new(client)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A stream for these subjects, which takes no more than so many messages.
pub fn stream(name: &str, subject: &str, max_messages: i64) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        max_messages,
        discard: DiscardPolicy::New,
        duplicate_window: Duration::from_secs(120),
        ..Config::default()
    }
}

/// A message as it stands in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub subject: String,
    pub id: String,
    pub topics: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Everything that stands in a stream, in its order; nothing where there is none.
pub async fn stored(context: &Context, name: &str) -> Vec<Stored> {
    let Ok(stream) = context.get_stream(name).await else { return Vec::new() };
    let state = stream.cached_info().state.clone();
    let mut stored = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        // One that was deleted meanwhile.
        let Ok(message) = stream.get_raw_message(sequence).await else { continue };
        let all = |name: &str| message.headers.get_all(name).map(ToString::to_string).collect::<Vec<_>>();
        let one = |name: &&str| Some(((*name).to_owned(), all(name).into_iter().next()?));
        stored.push(Stored {
            subject: message.subject.to_string(),
            id: all("Nats-Msg-Id").concat(),
            topics: all("Event-Topics").concat(),
            headers: ["Event-Source", "Event-Name", "Event-Time", "Event-Form"]
                .iter()
                .filter_map(one)
                .collect(),
            body: String::from_utf8_lossy(&message.payload).into_owned(),
        });
    }
    stored
}
