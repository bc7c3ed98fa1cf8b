//! A subscriber of our EVI that is reached over TCP, which acknowledges nothing: whatever becomes of its connections, each of them is a stream
//! of whole events without a hole, and what is raised while there is none comes over the next.

use crate::evi::{SECTIONS, ask, number_of, numbered};
use crate::faults::{Between, ROWS, Row, Trial, check};
use crate::neighbour::Neighbour;
use crate::support::daemon::{PATIENCE, Site, eventually};
use crate::support::proxy::{Fault, Proxy};
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The numbers of the events, by connections.
type Numbers = Arc<Mutex<Vec<Vec<u64>>>>;

struct Subscriber {
    between: Between,
    numbers: Numbers,
    raised: u64,
    _site: Site,
}

/// Keeps what comes over this one, until it ends or means nothing.
fn follow(stream: TcpStream, numbers: &Mutex<Vec<Vec<u64>>>, at: usize) {
    for event in serde_json::Deserializer::from_reader(stream).into_iter::<Value>().map_while(Result::ok) {
        numbers.lock().expect("numbers")[at].push(number_of(&event));
    }
}

fn listen(numbers: Numbers) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            numbers.lock().expect("numbers").push(Vec::new());
            let numbers = Arc::clone(&numbers);
            std::thread::spawn(move || follow(stream, &numbers, at));
        }
    });
    address
}

impl Subscriber {
    fn start() -> Subscriber {
        let (neighbour, numbers) = (Neighbour::new(), Numbers::default());
        let proxy = Proxy::start(listen(Arc::clone(&numbers)));
        let site = Site::new(&(neighbour.config() + SECTIONS));
        let daemon = site.start();
        let socket = format!("tcp:{}", proxy.address);
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        let subscriber = Subscriber { between, numbers, raised: 0, _site: site };
        eventually("it is subscribed", || {
            let answer = subscriber.ask("event_subscribe", &json!({"event": "E_TEST", "socket": socket}));
            (answer["result"] == "OK").then_some(())
        });
        subscriber
    }

    fn ask(&self, method: &str, params: &Value) -> Value {
        ask(PATIENCE, self.between.daemon.http, method, params).expect("an answer")
    }

    fn raise(&mut self) {
        self.raised += 1;
        assert_eq!(self.ask("raise_event", &numbered(self.raised))["result"], "OK");
    }

    fn connections(&self) -> Vec<Vec<u64>> {
        self.numbers.lock().expect("numbers").clone()
    }
}

impl Trial for Subscriber {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        self.raise();
        std::thread::sleep(Duration::from_millis(10));
    }

    fn ends(&self) -> f64 {
        self.between.daemon.log().matches("connection to a subscriber lost").count() as f64
    }

    fn told(&self) -> &'static [&'static str] {
        &["connection to a subscriber lost"]
    }

    /// It says nothing by which we could know that nothing arrives.
    fn notices(&self, row: &Row) -> bool {
        !row.is_harmless() && !row.is_silent()
    }

    fn check(&mut self, row: &Row) {
        if row.is_silent() {
            self.between.proxy.cut();
        }
        eventually(&format!("{}: an event comes", row.name), || {
            self.raise();
            std::thread::sleep(Duration::from_millis(20));
            (self.connections().last()?.last() == Some(&self.raised)).then_some(())
        });
        let connections = self.connections();
        for connection in &connections {
            let is_whole = connection.is_sorted_by(|one, next| one + 1 == *next);
            assert!(is_whole, "{}: something is missing within a connection: {connection:?}", row.name);
        }
        let all: Vec<u64> = (1..=self.raised).collect();
        assert!(!row.is_harmless() || connections == [all], "{}: {connections:?}", row.name);
        if row.is_refused {
            self.check_refused(&connections);
        }
    }
}

impl Subscriber {
    /// While nobody listened everything waited but what was on its way.
    fn check_refused(&self, connections: &[Vec<u64>]) {
        let ends = connections.iter().filter_map(|numbers| Some((*numbers.first()?, *numbers.last()?)));
        let ends: Vec<(u64, u64)> = ends.collect();
        let missing: u64 = ends.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].1 + 1)).sum();
        assert!(missing <= 1, "{missing} are missing: {connections:?}");
    }
}

#[test]
fn a_subscriber_of_our_evi_over_a_bad_network() {
    // Nothing that it would say means anything.
    let meets = |row: &&Row| row.is_refused || row.to_peer != Fault::Pass;
    check(ROWS.iter().filter(meets), Subscriber::start);
}
