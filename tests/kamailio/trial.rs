//! A daemon with one connection, `k1`.

use crate::support::daemon::{Daemon, Site, eventually};

pub struct Trial {
    pub site: Site,
    pub daemon: Daemon,
}

impl Trial {
    /// With this address and more of its section; connected.
    pub fn start(address: &str, more: &str) -> Trial {
        Trial::start_with(address, more, "")
    }

    /// The same, with other sections before.
    pub fn start_with(address: &str, more: &str, sections: &str) -> Trial {
        let site =
            Site::new(&format!("{sections}\n[[kamailio]]\nname = \"k1\"\naddress = \"{address}\"\n{more}\n"));
        let daemon = site.start();
        let trial = Trial { site, daemon };
        trial.wait_connected();
        trial
    }

    pub fn wait_connected(&self) {
        eventually("it is connected", || {
            (self.metric("connection_up", "connection=\"k1\"") == 1.0).then_some(())
        });
    }

    /// A metric of ours, without its prefix.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        self.daemon.metric(&format!("eventmanager_{name}"), labels)
    }

    /// Events that were read.
    pub fn received(&self) -> f64 {
        self.metric("events_received_total", "k1")
    }

    /// Waits until so many have been.
    #[track_caller]
    pub fn wait_received(&self, events: f64) {
        eventually(&format!("{events} events are read"), || (self.received() >= events).then_some(()));
    }

    /// Waits until so many answers have come about like this. (An answer is counted when it is written, which its caller may
    /// learn earlier.)
    #[track_caller]
    pub fn wait_answers(&self, outcome: &str, count: f64) {
        let answers =
            || self.metric("kamailio_answers_total", &format!("connection=\"k1\",outcome=\"{outcome}\""));
        eventually(&format!("{count} answers are {outcome}"), || (answers() >= count).then_some(()));
        assert_eq!(answers(), count, "{outcome}");
    }
}
