//! Documents of an application server, which are acknowledged by nobody: what the network loses is lost, and its gaps are counted to the
//! last one.

use crate::faults::{Between, ROWS, Row, Trial, check};
use crate::neighbour::Neighbour;
use crate::place::Place;
use crate::support::daemon::{Site, eventually};
use crate::support::documents::report;
use crate::support::proxy::Fault;
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksOptions, BroadworksSimulator};
use std::time::Duration;

pub struct Documents {
    between: Between,
    server: BroadworksHandle,
    site: Site,
    sent: u64,
}

impl Documents {
    pub fn start(place: &Place) -> Documents {
        let keepalive = Some(Duration::from_millis(200));
        let options = BroadworksOptions { keepalive, ..BroadworksOptions::default() };
        let server = BroadworksSimulator::start_with(options).expect("a server");
        let proxy = place.proxy(server.addr());
        let neighbour = Neighbour::new();
        let section = format!(
            "[[broadworks]]\nname = \"as1\"\naddress = \"{}\"\nkeepalive_timeout = \"5s\"\n",
            proxy.address
        );
        let site = Site::new(&(neighbour.config() + &section));
        let daemon = place.start(&site);
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        Documents { between, server, site, sent: 0 }
    }

    fn send(&mut self) {
        self.sent += 1;
        let group = format!("<groupId>g{}</groupId>", self.sent);
        self.server.send(&report(self.sent, "GroupAddRequest", &group));
    }

    /// The numbers of the documents that are stored as they were sent, in order of their storage.
    fn stored(&self) -> Vec<u64> {
        let database = self.site.database();
        let sql = "select notification_id from em_event where status = 'ignored' order by id";
        let mut statement = database.prepare(sql).expect("a statement");
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        rows.map(|id| id.expect("an id").trim_start_matches("write").parse().expect("a number")).collect()
    }

    /// What is stored of what cannot be read, with its reason.
    fn unreadable(&self) -> Vec<String> {
        self.site.events().into_iter().filter(|row| row.status == "failed").map(|row| row.reason).collect()
    }
}

impl Trial for Documents {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        self.send();
        std::thread::sleep(Duration::from_millis(10));
    }

    /// Rubbish ends no connection; it is counted as what it is.
    fn ends(&self) -> f64 {
        self.between.daemon.metric("eventmanager_reconnects_total", "connection=\"as1\"")
            + self.between.daemon.metric("eventmanager_frames_bad_total", "connection=\"as1\"")
    }

    fn told(&self) -> &'static [&'static str] {
        &["not connected to", "broadworks sent what cannot be read"]
    }

    /// Rubbish may be a long document, until an end of one comes.
    fn notices(&self, row: &Row) -> bool {
        !row.is_harmless() && row.from_peer != Fault::Garbage
    }

    fn check(&mut self, row: &Row) {
        // Behind whatever was lost one comes that must arrive, and shows what is missing before it.
        eventually("a document arrives", || {
            self.send();
            std::thread::sleep(Duration::from_millis(50));
            (self.stored().last() == Some(&self.sent)).then_some(())
        });
        let stored = self.stored();
        assert!(stored.is_sorted_by(|one, next| one < next), "{}: {stored:?}", row.name);
        let gaps =
            || self.between.daemon.metric("eventmanager_notification_gaps_total", "connection=\"as1\"");
        let missing = self.sent - stored.len() as u64;
        assert_eq!(gaps(), missing as f64, "{}: what is missing is counted", row.name);
        assert!(!row.is_harmless() || missing == 0, "{}: {missing} are missing", row.name);
        let bad = self.between.daemon.metric("eventmanager_frames_bad_total", "connection=\"as1\"");
        assert_eq!(bad, self.unreadable().len() as f64, "{}", row.name);
        assert!(row.from_peer != Fault::Garbage || bad > 0.0, "{}: rubbish is told", row.name);
        for reason in self.unreadable() {
            assert!(!reason.is_empty() && !row.is_harmless(), "{}: {reason}", row.name);
        }
    }
}

#[test]
fn documents_of_an_application_server_over_a_bad_network() {
    // What we do not say cannot be lost.
    check(ROWS.iter().filter(|row| !row.is_of_requests()), || Documents::start(&Place::Here));
}
