//! Requests to the provisioning gateway and to the mail server: whatever becomes of them, in the end HSS, ENUM, mail server and our own
//! table hold what the portal asked for.

use crate::faults::{Between, ROWS, Row, Trial, check};
use crate::neighbour::Neighbour;
use crate::place::Place;
use crate::support::daemon::Site;
use crate::support::peers::Peers;
use eventmanager::simulators::traffic::{Traffic, TrafficOptions};
use std::time::Duration;

pub struct Provisioning {
    between: Between,
    peers: Peers,
    site: Site,
    traffic: Traffic,
    sent: u64,
    /// The systems that are reached through the proxy.
    systems: &'static [&'static str],
}

impl Provisioning {
    pub fn with_ema(place: &Place) -> Provisioning {
        Provisioning::start(place, &["hss", "enum"], |peers| peers.ema.addr())
    }

    pub fn with_mail(place: &Place) -> Provisioning {
        Provisioning::start(place, &["mail"], |peers| peers.surgemail.addr())
    }

    fn start(
        place: &Place,
        systems: &'static [&'static str],
        of: impl Fn(&Peers) -> std::net::SocketAddr,
    ) -> Provisioning {
        let (peers, neighbour) = (Peers::start(), Neighbour::new());
        let address = of(&peers);
        let proxy = place.proxy(address);
        let config =
            peers.config("timeout = \"3s\"").replace("[surgemail]\n", "[surgemail]\ntimeout = \"3s\"\n");
        let config = config.replace(&address.to_string(), &proxy.address.to_string());
        let site = Site::new(&(neighbour.config() + &config));
        let daemon = place.start(&site);
        let traffic = Traffic::new(9, TrafficOptions { users: 20, ..TrafficOptions::default() });
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        Provisioning { between, peers, site, traffic, sent: 0, systems }
    }
}

impl Trial for Provisioning {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        for _ in 0..4 {
            self.peers.broadworks.send(&self.traffic.next_message().document);
            self.sent += 1;
        }
        std::thread::sleep(Duration::from_millis(20));
    }

    fn ends(&self) -> f64 {
        let of = |system: &str, outcome: &str| {
            let series = format!("system=\"{system}\"");
            let text = self.between.daemon.get("/metrics").1;
            let lines = text.lines().filter(|line| {
                line.starts_with("eventmanager_southbound_request_seconds_count")
                    && line.contains(&series)
                    && line.contains(&format!("outcome=\"{outcome}\""))
            });
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>()
        };
        let outcomes = ["not_taken", "unanswered", "not_understood"];
        self.systems.iter().flat_map(|system| outcomes.map(|outcome| of(system, outcome))).sum()
    }

    fn told(&self) -> &'static [&'static str] {
        &["event waits", "host is away"]
    }

    fn check(&mut self, row: &Row) {
        self.site.wait_ended(self.sent);
        let failed: Vec<_> =
            self.site.events().into_iter().filter(|event| event.status == "failed").collect();
        assert!(failed.is_empty(), "{}: {failed:?}", row.name);
        self.peers.check(&self.traffic, &self.site);
        // What nothing was lost of is asked for once.
        let repeated = self.peers.ema.created_twice().refused;
        assert!(!row.is_harmless() || repeated == 0, "{}: {repeated} were created again", row.name);
    }
}

#[test]
fn the_provisioning_gateway_over_a_bad_network() {
    check(ROWS.iter(), || Provisioning::with_ema(&Place::Here));
}

#[test]
fn the_mail_server_over_a_bad_network() {
    check(ROWS.iter(), || Provisioning::with_mail(&Place::Here));
}
