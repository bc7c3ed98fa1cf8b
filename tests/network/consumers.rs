//! Consumers of our EVAPI server: who is connected gets what is handed on, once and in its order; what a network loses of it is lost to its
//! own consumer and to nobody else.

use crate::faults::{Between, ROWS, RUBBISH, Row, Trial, check};
use crate::neighbour::{Neighbour, hand_on};
use crate::support::daemon::{Site, eventually};
use crate::support::proxy::{Fault, Proxy};
use eventmanager::wire::netstring::Decoder;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often it asks, which is answered.
const ASKS: Duration = Duration::from_millis(300);
/// Where nothing comes for so long it connects anew.
const SILENCE: Duration = Duration::from_secs(5);
const SUBSCRIBE: &[u8] = br#"38:{"cmd":"subscribe","topics":["order"]},"#;

/// A program that stays connected, as good as it can.
struct Consumer {
    seen: Arc<Seen>,
    is_over: Arc<AtomicBool>,
}

/// What has come.
#[derive(Default)]
struct Seen {
    is_subscribed: AtomicBool,
    /// The numbers of the events, by connections.
    numbers: Mutex<Vec<Vec<u64>>>,
}

impl Consumer {
    /// One that is subscribed.
    fn start(address: SocketAddr) -> Consumer {
        let consumer = Consumer { seen: Arc::default(), is_over: Arc::default() };
        let (seen, is_over) = (Arc::clone(&consumer.seen), Arc::clone(&consumer.is_over));
        std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                if let Ok(stream) = TcpStream::connect(address) {
                    // It connects anew, whatever has ended it.
                    let _ = seen.follow(stream, &is_over);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        eventually("it is subscribed", || consumer.seen.is_subscribed.load(Ordering::Relaxed).then_some(()));
        consumer
    }

    fn connections(&self) -> Vec<Vec<u64>> {
        self.seen.numbers.lock().expect("numbers").clone()
    }

    fn numbers(&self) -> Vec<u64> {
        self.connections().concat()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Seen {
    /// One connection, until it has ended or means nothing.
    fn follow(&self, mut stream: TcpStream, is_over: &AtomicBool) -> std::io::Result<()> {
        stream.set_read_timeout(Some(ASKS))?;
        self.numbers.lock().expect("numbers").push(Vec::new());
        let (mut decoder, mut buffer) = (Decoder::new(1 << 20), [0; 4096]);
        let (mut heard, mut asked) = (Instant::now(), None::<Instant>);
        while heard.elapsed() < SILENCE && !is_over.load(Ordering::Relaxed) {
            if asked.is_none_or(|asked| asked.elapsed() > ASKS) {
                stream.write_all(SUBSCRIBE)?;
                asked = Some(Instant::now());
            }
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    heard = Instant::now();
                    decoder.buffer_mut().extend_from_slice(&buffer[..read]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            while let Some(payload) = decoder.next_frame().map_err(std::io::Error::other)? {
                self.note(&serde_json::from_slice(&payload)?);
            }
        }
        Ok(())
    }

    fn note(&self, message: &serde_json::Value) {
        if message["event"] == "subscribed" {
            self.is_subscribed.store(true, Ordering::Relaxed);
        } else if message["eventmanager"]["topics"] == serde_json::json!(["order"]) {
            let number = message["event"]["n"].as_u64().expect("a number");
            self.numbers.lock().expect("numbers").last_mut().expect("a connection").push(number);
        }
        // Else it is of another topic, and came before we were subscribed.
    }
}

/// A consumer behind the fault, and one that is reached directly.
struct Consumers {
    between: Between,
    far: Consumer,
    near: Consumer,
    posted: u64,
    _site: Site,
}

impl Consumers {
    fn start() -> Consumers {
        let neighbour = Neighbour::new();
        let site = Site::new(&format!("{}[evapi_server]\nlisten = \"127.0.0.1:0\"\n", neighbour.config()));
        let daemon = site.start();
        let line = daemon.logged(&["evapi server listens", "address="]);
        let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let address = address.expect("an address").parse().expect("an address");
        let proxy = Proxy::start(address);
        let (far, near) = (Consumer::start(proxy.address), Consumer::start(address));
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        Consumers { between, far, near, posted: 0, _site: site }
    }

    fn post(&mut self) {
        self.posted += 1;
        hand_on(&self.between.daemon, "order", self.posted);
    }
}

impl Trial for Consumers {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        self.post();
        std::thread::sleep(Duration::from_millis(10));
    }

    fn ends(&self) -> f64 {
        self.between.daemon.metric("eventmanager_evapi_disconnects_total", "")
    }

    fn told(&self) -> &'static [&'static str] {
        &["evapi client disconnected"]
    }

    /// A consumer that hears nothing goes, and we see that unless it is lost as well.
    fn notices(&self, row: &Row) -> bool {
        !row.is_harmless() && row.to_peer != Fault::Swallow
    }

    fn check(&mut self, row: &Row) {
        eventually(&format!("{}: an event comes", row.name), || {
            self.post();
            std::thread::sleep(Duration::from_millis(20));
            (self.far.numbers().last() == Some(&self.posted)).then_some(())
        });
        let seen = self.far.numbers();
        assert!(seen.is_sorted_by(|one, next| one < next), "{}: {seen:?}", row.name);
        for connection in self.far.connections() {
            let is_whole = connection.is_sorted_by(|one, next| one + 1 == *next);
            assert!(is_whole, "{}: something is missing within a connection: {connection:?}", row.name);
        }
        let all: Vec<u64> = (1..=self.posted).collect();
        assert!(!row.is_harmless() || seen == all, "{}: {seen:?}", row.name);
        eventually("whoever is reached directly gets everything", || {
            (self.near.connections() == [all.clone()]).then_some(())
        });
    }
}

#[test]
fn consumers_of_our_evapi_over_a_bad_network() {
    check(ROWS.iter().chain([RUBBISH]), Consumers::start);
}
