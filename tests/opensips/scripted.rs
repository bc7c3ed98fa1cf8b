//! A Management Interface over UDP that answers what a test says, also what no OpenSIPS would.

use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

pub struct Scripted {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Value>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// Answers each request of JSON-RPC with the datagrams that `answer` gives; text it answers as OpenSIPS 3 does.
    pub fn start(mut answer: impl FnMut(&Value) -> Vec<String> + Send + 'static) -> Scripted {
        let asked = Arc::<Mutex<Vec<Value>>>::default();
        let log = Arc::clone(&asked);
        let answer = move |bytes: &[u8]| match serde_json::from_slice::<Value>(bytes) {
            Ok(request) => {
                log.lock().expect("the log").push(request.clone());
                answer(&request)
            }
            Err(_) => vec!["400 Parse_error\n\n".to_owned()],
        };
        let mut scripted = Scripted::raw(answer);
        scripted.asked = asked;
        scripted
    }

    /// Answers whatever it is sent with these datagrams.
    pub fn raw(mut answer: impl FnMut(&[u8]) -> Vec<String> + Send + 'static) -> Scripted {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
        let address = socket.local_addr().expect("an address");
        let stop = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while !end.load(Ordering::Relaxed) {
                let Ok((bytes, from)) = socket.recv_from(&mut buffer) else { continue };
                for answer in answer(&buffer[..bytes]) {
                    socket.send_to(answer.as_bytes(), from).expect("sent");
                }
            }
        });
        Scripted { address, asked: Arc::default(), stop, thread: Some(thread) }
    }

    /// The requests of this method so far.
    pub fn asked(&self, method: &str) -> Vec<Value> {
        let asked = self.asked.lock().expect("the log");
        asked.iter().filter(|request| request["method"] == method).cloned().collect()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}

/// What OpenSIPS 3 answers where all is well.
pub fn well(request: &Value) -> String {
    let event = &request["params"]["event"];
    let result = match request["method"].as_str() {
        Some("event_subscribe") => json!("OK"),
        Some("version") => json!({"Server": "OpenSIPS (3.6.8 (x86_64/linux))"}),
        _ => {
            let subscriber = json!({"socket": "udp:127.0.0.1:9001", "expire": 60, "ttl": 60});
            json!({"Event": {"name": event, "id": 7, "Subscribers": [subscriber]}})
        }
    };
    json!({"jsonrpc": "2.0", "result": result, "id": request["id"]}).to_string()
}
