//! Events and questions of a Kamailio, which keeps nothing: what the network loses is lost; what comes is taken once and in its order, and
//! who asks afterwards is answered.

use crate::faults::{Between, ROWS, Row, Trial, check};
use crate::neighbour::Neighbour;
use crate::place::Place;
use crate::support::daemon::{Site, eventually};
use crate::support::proxy::Fault;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An EVAPI that tells the latest who has connected, and keeps which of its questions were answered.
struct Script {
    address: SocketAddr,
    client: Arc<Mutex<Option<TcpStream>>>,
    answered: Arc<Mutex<BTreeSet<u64>>>,
}

impl Script {
    fn start() -> Script {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let script = Script {
            address: listener.local_addr().expect("an address"),
            client: Arc::default(),
            answered: Arc::default(),
        };
        let (client, answered) = (Arc::clone(&script.client), Arc::clone(&script.answered));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A Kamailio waits for nobody.
                stream.set_write_timeout(Some(Duration::from_millis(100))).expect("a timeout");
                *client.lock().expect("a client") = Some(stream.try_clone().expect("a socket"));
                let answered = Arc::clone(&answered);
                std::thread::spawn(move || keep_answers(stream, &answered));
            }
        });
        script
    }

    fn say(&self, payload: &str) {
        let mut client = self.client.lock().expect("a client");
        let frame = format!("{}:{payload},", payload.len());
        if client.as_mut().is_some_and(|client| client.write_all(frame.as_bytes()).is_err()) {
            *client = None;
        }
    }
}

/// Each answer ends with a brace; what a connection leaves unfinished was none.
fn keep_answers(mut stream: TcpStream, answered: &Mutex<BTreeSet<u64>>) {
    let (mut buffer, mut unread) = ([0; 4096], Vec::new());
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        unread.extend_from_slice(&buffer[..read]);
        while let Some(end) = unread.iter().position(|byte| *byte == b'}') {
            let answer: Vec<u8> = unread.drain(..=end).collect();
            answered.lock().expect("numbers").extend(number_of(&String::from_utf8_lossy(&answer)));
        }
    }
}

/// Of the question that is answered.
fn number_of(answer: &str) -> Option<u64> {
    let (_, rest) = answer.split_once(r#""tr_index":""#)?;
    rest.split_once('"')?.0.parse().ok()
}

pub struct Events {
    between: Between,
    script: Script,
    site: Site,
    said: u64,
}

impl Events {
    pub fn start(place: &Place) -> Events {
        let (script, neighbour) = (Script::start(), Neighbour::new());
        let proxy = place.proxy(script.address);
        let section = format!(
            "[[kamailio]]\nname = \"k1\"\naddress = \"{}\"\nheartbeat_timeout = \"5s\"\nframe_timeout = \"1s\"\n\
             [[kamailio.answer]]\nevent = \"ASK\"\nreply = '{{\"cmd\":\"reply\",\"tr_index\":\"{{tr_index}}\",\"tr_label\":\"{{tr_label}}\"}}'\n\
             [[route]]\nsource = \"k1\"\nevent = \"CALL\"\nstore = true\n",
            proxy.address
        );
        let site = Site::new(&(neighbour.config() + &section));
        let daemon = place.start(&site);
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        let events = Events { between, script, site, said: 0 };
        eventually("it is connected", || events.is_up().then_some(()));
        events
    }

    fn is_up(&self) -> bool {
        self.between.daemon.metric("eventmanager_connection_up", "connection=\"k1\"") == 1.0
    }

    fn say(&mut self) {
        self.said += 1;
        self.script.say(&format!(r#"{{"event":"CALL","n":{}}}"#, self.said));
    }

    /// The numbers of the events that are stored.
    fn stored(&self) -> Vec<u64> {
        let database = self.site.database();
        let mut statement = database
            .prepare("select event from em_event where command = 'CALL' order by id")
            .expect("a statement");
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        let number = |text: String| {
            let event: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            event["n"].as_u64().expect("a number")
        };
        rows.map(|row| number(row.expect("a row"))).collect()
    }
}

impl Trial for Events {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        self.say();
        let number = self.said;
        self.script.say(&format!(r#"{{"event":"ASK","tr_index":{number},"tr_label":1}}"#));
        std::thread::sleep(Duration::from_millis(10));
    }

    fn ends(&self) -> f64 {
        self.between.daemon.metric("eventmanager_reconnects_total", "connection=\"k1\"")
    }

    fn told(&self) -> &'static [&'static str] {
        &["not connected to"]
    }

    /// Answers that are swallowed are missed by whoever asked, and by nobody else.
    fn notices(&self, row: &Row) -> bool {
        let is_unseen = row.is_of_requests() && !matches!(row.to_peer, Fault::Reset(_));
        !row.is_harmless() && !is_unseen
    }

    fn check(&mut self, row: &Row) {
        if row.to_peer == Fault::Swallow || matches!(row.to_peer, Fault::Close(_)) {
            // Nobody but Kamailio sees that its questions are not answered: it would be restarted.
            self.between.proxy.cut();
        }
        eventually("an event comes", || {
            self.say();
            std::thread::sleep(Duration::from_millis(20));
            (self.stored().last() == Some(&self.said)).then_some(())
        });
        // Answers to questions of before may come late, and one that is late itself, on a busy machine, is of no use to anybody and not sent.
        let next = self.said + 1;
        eventually("who asks now is answered", || {
            self.load();
            self.script.answered.lock().expect("numbers").range(next..).next().map(drop)
        });
        eventually("the event of before is stored", || {
            (self.stored().last() == Some(&self.said)).then_some(())
        });
        let stored = self.stored();
        assert!(stored.is_sorted_by(|one, next| one < next), "{}: {stored:?}", row.name);
        assert!(!row.is_harmless() || stored.len() as u64 == self.said, "{}: {stored:?}", row.name);
    }
}

#[test]
fn a_kamailio_over_a_bad_network() {
    check(ROWS.iter(), || Events::start(&Place::Here));
}
