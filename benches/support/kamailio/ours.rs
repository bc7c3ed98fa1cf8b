//! The daemon with one connection, `k1`.

use crate::support::daemon::{Daemon, Site, eventually};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at the metrics, which cost the daemon something.
const GLANCE: Duration = Duration::from_millis(5);

pub struct Ours {
    pub site: Site,
    daemon: Daemon,
}

impl Ours {
    /// Connected to this address, with more of its section.
    pub fn start(address: &str, more: &str) -> Ours {
        let site = Site::quiet(&format!("[[kamailio]]\nname = \"k1\"\naddress = \"{address}\"\n{more}\n"));
        let ours = Ours { daemon: site.start(), site };
        eventually("it is ready and connected", || {
            (ours.daemon.get("/readyz").0 == 200 && ours.metric("connection_up", "k1") == 1).then_some(())
        });
        ours
    }

    /// A counter of ours, without its prefix.
    pub fn metric(&self, name: &str, labels: &str) -> u64 {
        self.daemon.metric(&format!("eventmanager_{name}"), labels) as u64
    }

    /// Events that were read.
    pub fn received(&self) -> u64 {
        self.metric("events_received_total", "k1")
    }

    /// Waits until so many have been; when that was.
    pub fn wait_received(&self, events: u64) -> Instant {
        while self.received() < events {
            thread::sleep(GLANCE);
        }
        Instant::now()
    }

    /// Fails where an event was read and not handled.
    pub fn check_nothing_dropped(&self) {
        assert_eq!(self.metric("dropped_total", "k1"), 0, "events were dropped");
    }
}
