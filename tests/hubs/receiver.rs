//! A receiver of events with a script: what it answers, and how.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub at: Instant,
    pub method: String,
    pub path: String,
    /// Names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Received {
    /// The header of this name; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The event.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// What stands in the field `n` of the event's own fields.
    pub fn n(&self) -> i64 {
        self.json()["event"]["n"].as_i64().expect("a number")
    }

    /// `webhook-sequence`.
    pub fn sequence(&self) -> i64 {
        self.header("webhook-sequence").parse().expect("a number")
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub enum Reply {
    Status(u16),
    /// With these lines of a header.
    With(u16, String),
    /// A body, with its status.
    Body(u16, String),
    /// The status after this time.
    Late(u16, Duration),
    /// The head at once, and then a byte now and then for this time.
    Drip(u16, Duration),
    /// A body without an end.
    Endless(u16),
    /// The connection ends.
    Nothing,
}

type Script = Box<dyn Fn(&Received, usize) -> Reply + Send + Sync>;

/// See the module. It listens for as long as the test's process lives, unless it is stopped.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    received: Mutex<Vec<Received>>,
    script: Mutex<Arc<Script>>,
}

impl Receiver {
    /// One that takes everything.
    pub fn start() -> Receiver {
        Receiver::scripted(|_, _| Reply::Status(204))
    }

    /// One that answers so; the number counts its requests, from 0.
    pub fn scripted(script: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Receiver {
        Receiver::with("127.0.0.1:0".parse().expect("an address"), script, None)
    }

    /// One that takes everything, at an address where nobody listened.
    pub fn at(address: SocketAddr) -> Receiver {
        Receiver::with(address, |_, _| Reply::Status(204), None)
    }

    /// The same over TLS.
    pub fn tls(
        config: ServerConfig,
        script: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) -> Receiver {
        Receiver::with("127.0.0.1:0".parse().expect("an address"), script, Some(Arc::new(config)))
    }

    fn with(
        address: SocketAddr,
        script: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
        tls: Option<Arc<ServerConfig>>,
    ) -> Receiver {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let script: Arc<Script> = Arc::new(Box::new(script));
        let shared = Arc::new(Shared { received: Mutex::default(), script: Mutex::new(script) });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Answers are written in pieces, of which the kernel would hold the second back for 40 ms.
                stream.set_nodelay(true).expect("an option");
                let (shared, tls) = (Arc::clone(&serving), tls.clone());
                std::thread::spawn(move || match tls {
                    // What is wrong with a connection ends it.
                    Some(config) => drop(
                        ServerConnection::new(config)
                            .map(|connection| serve(StreamOwned::new(connection, stream), &shared)),
                    ),
                    None => drop(serve(stream, &shared)),
                });
            }
        });
        Receiver { address, shared }
    }

    /// From now on it answers so.
    pub fn answer(&self, script: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) {
        *self.shared.script.lock().expect("a lock") = Arc::new(Box::new(script));
    }

    /// All that came, in its order.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("a lock").clone()
    }

    /// The one that came last.
    pub fn latest(&self) -> Option<Received> {
        self.shared.received.lock().expect("a lock").last().cloned()
    }

    /// How many came.
    pub fn count(&self) -> usize {
        self.shared.received.lock().expect("a lock").len()
    }

    /// The first so many, as soon as they are there.
    #[track_caller]
    pub fn wait(&self, count: usize) -> Vec<Received> {
        crate::support::daemon::eventually(&format!("{count} requests"), || {
            (self.count() >= count).then(|| self.received())
        })
    }

    /// What stands in the field `n` of the events of all requests.
    pub fn ns(&self) -> Vec<i64> {
        self.received().iter().map(Received::n).collect()
    }

    pub fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }
}

fn serve<S: Read + Write>(stream: S, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let Some(received) = read(&mut stream)? else { return Ok(()) };
        let number = {
            let mut all = shared.received.lock().expect("a lock");
            all.push(received.clone());
            all.len() - 1
        };
        let script = Arc::clone(&shared.script.lock().expect("a lock"));
        let writing = stream.get_mut();
        match script(&received, number) {
            Reply::Status(status) => write!(writing, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")?,
            Reply::With(status, lines) => {
                write!(writing, "HTTP/1.1 {status} X\r\n{lines}\r\ncontent-length: 0\r\n\r\n")?
            }
            Reply::Body(status, body) => {
                let length = body.len();
                write!(
                    writing,
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
                )?
            }
            Reply::Late(status, pause) => {
                std::thread::sleep(pause);
                write!(writing, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")?
            }
            Reply::Drip(status, pause) => {
                write!(writing, "HTTP/1.1 {status} X\r\ncontent-length: 1000000\r\n\r\n")?;
                let until = Instant::now() + pause;
                while Instant::now() < until {
                    write!(writing, "x")?;
                    writing.flush()?;
                    std::thread::sleep(Duration::from_millis(50));
                }
                return Ok(());
            }
            Reply::Endless(status) => {
                write!(writing, "HTTP/1.1 {status} X\r\ntransfer-encoding: chunked\r\n\r\n")?;
                loop {
                    write!(writing, "1000\r\n{}\r\n", "x".repeat(4096))?;
                }
            }
            Reply::Nothing => return Ok(()),
        }
        writing.flush()?;
    }
}

/// The next request; `None` where there are no more.
fn read<S: Read + Write>(stream: &mut BufReader<S>) -> std::io::Result<Option<Received>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        if !line.ends_with('\n') {
            // Cut off: that was no request.
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Received { at: Instant::now(), method, path, headers, body }))
}

/// An address at which nobody listens.
pub fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs()
}
