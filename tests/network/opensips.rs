//! The management interface of an OpenSIPS over HTTP: in the end every event is subscribed to, and what is told meanwhile, over a socket of
//! the file system, is read.

use crate::faults::{Between, ROWS, Row, Trial, check};
use crate::neighbour::Neighbour;
use crate::place::Place;
use crate::support::daemon::{Site, eventually};
use eventmanager::simulators::opensips::{OpensipsHandle, OpensipsOptions, OpensipsSimulator, named};
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;

const EVENTS: [&str; 2] = ["E_UL_AOR_INSERT", "E_PIKE_BLOCKED"];

pub struct Subscribed {
    between: Between,
    opensips: OpensipsHandle,
    /// Datagrams that were sent.
    sent: u64,
    _sockets: TempDir,
    _site: Site,
}

impl Subscribed {
    pub fn start(place: &Place) -> Subscribed {
        let http = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let opensips = OpensipsSimulator::start(OpensipsOptions { http, ..OpensipsOptions::default() });
        let (opensips, neighbour) = (opensips.expect("an OpenSIPS"), Neighbour::new());
        let sockets = TempDir::new().expect("a directory");
        let proxy = place.proxy(opensips.http().expect("an address"));
        let section = format!(
            "[[opensips]]\nname = \"sbc\"\nmi = \"http://{}/mi\"\nlisten = \"unix:{}\"\n\
             events = {EVENTS:?}\nverify = \"1s\"\nrequest_timeout = \"3s\"\n",
            proxy.address,
            sockets.path().join("events").display()
        );
        let site = Site::new(&(neighbour.config() + &section));
        let daemon = place.start(&site);
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        let trial = Subscribed { between, opensips, sent: 0, _sockets: sockets, _site: site };
        eventually("it is subscribed", || trial.is_up().then_some(()));
        trial
    }

    fn is_up(&self) -> bool {
        self.between.daemon.metric("eventmanager_connection_up", "connection=\"sbc\"") == 1.0
    }
}

impl Trial for Subscribed {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        let told = self.opensips.raise("E_PIKE_BLOCKED", named([("ip", "203.0.113.7")]));
        assert_eq!(told.sent + told.queued, 1, "the subscription outlasts whatever MI is like");
        self.sent += 1;
        std::thread::sleep(Duration::from_millis(10));
    }

    fn ends(&self) -> f64 {
        self.between.daemon.metric("eventmanager_reconnects_total", "connection=\"sbc\"")
    }

    fn told(&self) -> &'static [&'static str] {
        &["not connected to"]
    }

    fn check(&mut self, row: &Row) {
        eventually(&format!("{}: it is subscribed", row.name), || self.is_up().then_some(()));
        let alive = self.opensips.subscribers().into_iter().filter(|alive| alive.expire > 0);
        let mut events: Vec<String> = alive.map(|alive| alive.event).collect();
        events.sort();
        assert_eq!(events, ["E_PIKE_BLOCKED", "E_UL_AOR_INSERT"], "{}: each once", row.name);
        let read = || self.between.daemon.metric("eventmanager_events_received_total", "source=\"sbc\"");
        eventually(&format!("{}: everything is read", row.name), || {
            (read() == self.sent as f64).then_some(())
        });
    }
}

#[test]
fn the_management_interface_of_an_opensips_over_a_bad_network() {
    check(ROWS.iter(), || Subscribed::start(&Place::Here));
}
