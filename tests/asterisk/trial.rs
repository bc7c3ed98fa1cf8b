//! A daemon with one Asterisk, `pbx-a`.

use crate::support::daemon::{Daemon, Site, eventually};
use std::net::SocketAddr;

pub struct Trial {
    pub site: Site,
    pub daemon: Daemon,
}

/// The section of an Asterisk at `address`, whose user and secret are those of the simulator, with more keys.
pub fn section(address: SocketAddr, more: &str) -> String {
    format!(
        "[[asterisk]]\nname = \"pbx-a\"\naddress = \"{address}\"\nusername = \"eventmanager\"\nsecret = \"amisecret\"\n{more}\n"
    )
}

impl Trial {
    /// With more keys of its section, and other sections behind; not connected yet, perhaps.
    pub fn start(address: SocketAddr, more: &str, sections: &str) -> Trial {
        let site = Site::new(&format!("{}{sections}\n", section(address, more)));
        let daemon = site.start();
        Trial { site, daemon }
    }

    /// The same, connected.
    pub fn connected(address: SocketAddr, more: &str, sections: &str) -> Trial {
        let trial = Trial::start(address, more, sections);
        trial.wait_connected();
        trial
    }

    pub fn is_up(&self) -> bool {
        self.metric("connection_up", "connection=\"pbx-a\"") == 1.0
    }

    #[track_caller]
    pub fn wait_connected(&self) {
        eventually("it is connected", || self.is_up().then_some(()));
    }

    #[track_caller]
    pub fn wait_down(&self) {
        eventually("it is not connected", || (!self.is_up()).then_some(()));
    }

    /// Waits until the database is there too.
    #[track_caller]
    pub fn wait_ready(&self) {
        eventually("it is ready", || (self.daemon.get("/readyz").0 == 200).then_some(()));
    }

    /// A metric of ours, without its prefix.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        self.daemon.metric(&format!("eventmanager_{name}"), labels)
    }

    /// Messages that were of no use, for this reason.
    pub fn bad(&self, reason: &str) -> f64 {
        self.metric("frames_bad_total", &format!("reason=\"{reason}\""))
    }

    /// Events that were read.
    pub fn received(&self) -> f64 {
        self.metric("events_received_total", "pbx-a")
    }
}
