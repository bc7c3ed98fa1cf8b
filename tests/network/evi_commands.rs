//! Clients of our EVI over HTTP: whatever becomes of their requests and answers, who was answered has got what was asked for, once, and who
//! was cut off in the midst of a request has asked for nothing.

use crate::evi::{SECTIONS, ask, number_of, numbered};
use crate::faults::{Between, ROWS, RUBBISH, Row, Trial, check};
use crate::neighbour::Neighbour;
use crate::support::daemon::{PATIENCE, Site, eventually};
use crate::support::proxy::{Fault, Proxy};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

/// A client gives up then. Longer than the slowest answer that comes.
const LIMIT: Duration = Duration::from_secs(5);

/// A client that raises events over HTTP, and a subscriber that is reached over UDP.
struct Commands {
    between: Between,
    subscriber: UdpSocket,
    raised: u64,
    /// The numbers of the events whose request was answered, and of those that came.
    answered: BTreeSet<u64>,
    came: Vec<u64>,
    unanswered: u64,
    _site: Site,
}

impl Commands {
    fn start() -> Commands {
        let neighbour = Neighbour::new();
        let site = Site::new(&(neighbour.config() + SECTIONS));
        let daemon = site.start();
        let list = || ask(LIMIT, daemon.http, "subscribers_list", &json!({})).ok();
        eventually("it knows who has subscribed", || list()?.get("result").is_some().then_some(()));
        let proxy = Proxy::start(daemon.http);
        let subscriber = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        subscriber.set_nonblocking(true).expect("a socket");
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        let (answered, came) = (BTreeSet::new(), Vec::new());
        Commands { between, subscriber, raised: 0, answered, came, unanswered: 0, _site: site }
    }

    /// Over the bad network. A subscription may be asked for as often as one likes; of an event nobody knows what has become of it.
    fn ask(&mut self) {
        let socket = format!("udp:{}", self.subscriber.local_addr().expect("an address"));
        let subscription = json!({"event": "E_TEST", "socket": socket});
        self.raised += 1;
        let wishes = [("event_subscribe", subscription), ("raise_event", numbered(self.raised))];
        for (method, params) in wishes {
            match ask(LIMIT, self.between.proxy.address, method, &params) {
                Ok(answer) => {
                    assert_eq!(answer["result"], "OK", "{answer}");
                    self.answered.extend((method == "raise_event").then_some(self.raised));
                }
                Err(_) => self.unanswered += 1,
            }
        }
        self.read();
    }

    /// What has come meanwhile.
    fn read(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok(length) = self.subscriber.recv(&mut buffer) {
            self.came.push(number_of(&serde_json::from_slice(&buffer[..length]).expect("JSON")));
        }
    }
}

impl Trial for Commands {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        self.ask();
        std::thread::sleep(Duration::from_millis(10));
    }

    fn ends(&self) -> f64 {
        self.unanswered as f64
    }

    fn told(&self) -> &'static [&'static str] {
        &[]
    }

    fn check(&mut self, row: &Row) {
        eventually(&format!("{}: it is answered, and the event comes", row.name), || {
            self.ask();
            eventually("the event of before is there, or never comes", || {
                self.read();
                let is_answered = self.answered.contains(&self.raised);
                (!is_answered || self.came.last() == Some(&self.raised)).then_some(())
            });
            (self.came.last() == Some(&self.raised)).then_some(())
        });
        assert!(self.came.is_sorted_by(|one, next| one < next), "{}: {:?}", row.name, self.came);
        let came: BTreeSet<u64> = self.came.iter().copied().collect();
        assert!(came.is_superset(&self.answered), "{}: answered, and not done", row.name);
        // Of these nothing has arrived whole.
        let is_cut = row.to_peer != Fault::Pass && !row.is_harmless();
        assert!(!is_cut || came == self.answered, "{}: half a request was carried out", row.name);
        let list = ask(PATIENCE, self.between.daemon.http, "subscribers_list", &json!({"event": "E_TEST"}));
        let list = list.expect("an answer");
        let subscribers = list["result"]["Event"]["Subscribers"].as_array();
        assert_eq!(subscribers.map(Vec::len), Some(1), "it has subscribed once: {list}");
    }
}

#[test]
fn clients_of_our_evi_over_a_bad_network() {
    check(ROWS.iter().chain([RUBBISH]), Commands::start);
}
