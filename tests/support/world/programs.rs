//! Programs that follow: a subscriber of EVI, whose socket is a file, and a consumer of EVAPI.

use super::life::Life;
use super::scripts::frame;
use crate::support::ports::lasting;
use serde_json::{Value, json};
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The name of the events that are subscribed to.
const EVENT: &str = "E_CALL";

/// A subscriber of EVI.
pub struct Subscriber {
    path: PathBuf,
    got: Arc<Mutex<Vec<u64>>>,
    /// The life in which it has subscribed last.
    life: AtomicU64,
    /// Each time that a daemon had ended: how many events had come, and the place in the log that was kept.
    ends: Mutex<Vec<(usize, i64)>>,
}

impl Subscriber {
    /// One whose socket is in this directory.
    pub fn start(directory: &Path) -> Subscriber {
        let path = directory.join("subscriber.sock");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let got: Arc<Mutex<Vec<u64>>> = Arc::default();
        let collected = Arc::clone(&got);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(length) = socket.recv(&mut buffer) {
                let event: Value = serde_json::from_slice(&buffer[..length]).expect("JSON");
                let n = event["params"]["n"].as_u64().expect("a number");
                collected.lock().expect("a lock").push(n);
            }
        });
        Subscriber { path, got, life: AtomicU64::new(0), ends: Mutex::default() }
    }

    /// Subscribes or renews once in each life; true where that is done.
    pub fn subscribe(&self, life: &Life) -> bool {
        let Some((number, _)) = life.now() else { return false };
        if self.life.load(Ordering::Relaxed) == number {
            return true;
        }
        let params =
            json!({"event": EVENT, "socket": format!("unix:{}", self.path.display()), "expire": 3_600});
        let request = json!({"jsonrpc": "2.0", "method": "event_subscribe", "id": 1, "params": params});
        let answer = life.ask("POST", "/mi", &request.to_string());
        let is_done = answer.is_some_and(|answer| answer.body.contains("\"OK\""));
        if is_done {
            self.life.store(number, Ordering::Relaxed);
        }
        is_done
    }

    /// A daemon has ended, and has kept this place.
    pub fn end_life(&self, place: i64) {
        let so_far = self.got.lock().expect("a lock").len();
        self.ends.lock().expect("a lock").push((so_far, place));
    }

    /// The place from which the daemon has gone on that has sent the event which came there; `None`: the first.
    pub fn began(&self, at: usize) -> Option<i64> {
        let ends = self.ends.lock().expect("a lock");
        ends.iter().rev().find(|(so_far, _)| *so_far <= at).map(|(_, place)| *place)
    }

    /// The numbers of the events that came.
    pub fn got(&self) -> Vec<u64> {
        self.got.lock().expect("a lock").clone()
    }
}

/// What a consumer of EVAPI has got over one connection: sequence and id of each event.
pub type Frames = Vec<(i64, String)>;

/// A consumer of EVAPI, which connects again and again.
pub struct Consumer {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Frames>>>,
}

impl Consumer {
    pub fn start() -> Consumer {
        let address = lasting();
        let connections: Arc<Mutex<Vec<Frames>>> = Arc::default();
        let collected = Arc::clone(&connections);
        std::thread::spawn(move || {
            loop {
                if let Ok(stream) = TcpStream::connect(address) {
                    consume(stream, &collected);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Consumer { address, connections }
    }

    pub fn config(&self) -> String {
        format!("[evapi_server]\nlisten = \"{}\"\n", self.address)
    }

    /// What came over each of its connections.
    pub fn connections(&self) -> Vec<Frames> {
        self.connections.lock().expect("a lock").clone()
    }
}

fn consume(mut stream: TcpStream, connections: &Mutex<Vec<Frames>>) {
    let at = {
        let mut connections = connections.lock().expect("a lock");
        connections.push(Frames::new());
        connections.len() - 1
    };
    // Nothing is heard of one that has ended, which the next read finds out.
    let _ = stream.write_all(b"27:{\"cmd\":\"tag\",\"tag\":\"world\"},");
    let mut reader = BufReader::new(stream);
    while let Some(payload) = frame(&mut reader) {
        let event: Value = serde_json::from_slice(&payload).expect("JSON");
        let ours = &event["eventmanager"];
        if let (Some(sequence), Some(id)) = (ours["sequence"].as_i64(), ours["id"].as_str()) {
            connections.lock().expect("a lock")[at].push((sequence, id.to_owned()));
        }
    }
}

/// The sections for both; sockets are in this directory.
pub fn config(directory: &Path, consumer: &Consumer) -> String {
    format!("[evi]\nallowed_unix = [{directory:?}]\n{}", consumer.config())
}
