//! PostgreSQL: whatever becomes of its connections, every event that was read is a row, once and in its order.

use crate::faults::{Between, ROWS, Row, Trial, check};
use crate::place::Place;
use crate::support::daemon::{PATIENCE, Site, eventually};
use crate::support::peers::Peers;
use crate::support::postgres::{Cluster, execute, query};
use eventmanager::simulators::traffic::{Traffic, TrafficOptions};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub struct Database {
    between: Between,
    peers: Peers,
    traffic: Traffic,
    sent: usize,
    /// Past the proxy.
    url: String,
    _site: Site,
}

static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Database {
    pub fn start(place: &Place, cluster: &Cluster) -> Database {
        let name = format!("network{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        execute(&cluster.url("postgres"), &format!("create database {name}")).expect("a database");
        let (url, peers) = (cluster.url(&name), Peers::start());
        let proxy = place.proxy(cluster.address());
        let through = url.replace(&cluster.address().to_string(), &proxy.address.to_string());
        let store = format!("[store]\nevents = {through:?}\n");
        let site = Site::new(&(store + &peers.config("")));
        let daemon = place.start(&site);
        let traffic = Traffic::new(9, TrafficOptions { users: 20, ..TrafficOptions::default() });
        let between = Between { daemon, proxy, neighbour: None };
        Database { between, peers, traffic, sent: 0, url, _site: site }
    }

    /// The statuses of all events, in the order in which they are stored, and their numbers.
    fn events(&self) -> Vec<(u64, String)> {
        let sql = "select notification_id, status from em_event order by id";
        let rows = query(&self.url, sql).unwrap_or_default().into_iter();
        let number = |id: &str| id.trim_start_matches("write").parse().expect("a number");
        rows.map(|row| (number(row[0].as_deref().unwrap_or_default()), row[1].clone().unwrap_or_default()))
            .collect()
    }
}

impl Trial for Database {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        for _ in 0..4 {
            self.peers.broadworks.send(&self.traffic.next_message().document);
            self.sent += 1;
        }
        std::thread::sleep(Duration::from_millis(20));
        // Whoever asks is answered, whatever the database does.
        assert_eq!(self.between.daemon.get("/healthz").0, 200);
    }

    fn ends(&self) -> f64 {
        self.between.daemon.log().matches("database unavailable").count() as f64
    }

    fn told(&self) -> &'static [&'static str] {
        &["database unavailable, trying again"]
    }

    fn check(&mut self, row: &Row) {
        let ended = || {
            let events = self.events();
            let is_over = events.len() >= self.sent && events.iter().all(|(_, status)| status != "pending");
            is_over.then_some(events)
        };
        // Whoever had asked a connection that is dead waits for as long as a read may take.
        let since = Instant::now();
        let events = loop {
            if let Some(events) = ended() {
                break events;
            }
            assert!(
                since.elapsed() < 3 * PATIENCE,
                "{}: events wait\n{}",
                row.name,
                self.between.daemon.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        };
        let numbers: Vec<u64> = events.iter().map(|(number, _)| *number).collect();
        let sent: Vec<u64> = (1..=self.sent as u64).collect();
        assert_eq!(numbers, sent, "{}", row.name);
        assert!(events.iter().all(|(_, status)| status != "failed"), "{}: {events:?}", row.name);
        let core = self.peers.ema.state();
        assert_eq!(core.without_passwords(), self.traffic.expected_state(), "{}", row.name);
        assert_eq!(self.peers.surgemail.state(), self.traffic.expected_mail(), "{}", row.name);
        eventually("it is ready", || (self.between.daemon.get("/readyz").0 == 200).then_some(()));
        assert_eq!(self.between.daemon.metric("eventmanager_store_up", ""), 2.0, "{}", row.name);
    }
}

#[test]
fn postgresql_over_a_bad_network() {
    let cluster = Cluster::start();
    // One that is silent is given up after 40 s: the long form waits for that.
    check(ROWS.iter().filter(|row| !row.is_silent()), || Database::start(&Place::Here, &cluster));
}

#[test]
#[ignore = "long: a database that is silent is given up after 40 s, run by ./tests/run --long"]
fn postgresql_over_a_network_that_swallows() {
    let cluster = Cluster::start();
    check(ROWS.iter().filter(|row| row.is_silent()), || Database::start(&Place::Here, &cluster));
}
