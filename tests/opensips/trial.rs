//! A daemon with one OpenSIPS, `sbc`.

use crate::support::daemon::{Daemon, Site, eventually};
use std::net::{SocketAddr, UdpSocket};

pub struct Trial {
    pub site: Site,
    pub daemon: Daemon,
}

/// An address of this host where nobody answers.
pub fn nobody() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("an address")
}

impl Trial {
    /// With these keys of its section, and other sections behind; not subscribed yet, perhaps.
    pub fn start(keys: &str, sections: &str) -> Trial {
        Trial::at(Site::new(&format!("[[opensips]]\nname = \"sbc\"\n{keys}\n{sections}\n")))
    }

    /// In a site that there is.
    pub fn at(site: Site) -> Trial {
        let daemon = site.start();
        Trial { site, daemon }
    }

    /// The same, subscribed.
    pub fn subscribed(keys: &str, sections: &str) -> Trial {
        let trial = Trial::start(keys, sections);
        trial.wait_up();
        trial
    }

    pub fn is_up(&self) -> bool {
        self.metric("connection_up", "connection=\"sbc\"") == 1.0
    }

    #[track_caller]
    pub fn wait_up(&self) {
        eventually("it is subscribed", || self.is_up().then_some(()));
    }

    /// A metric of ours, without its prefix.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        self.daemon.metric(&format!("eventmanager_{name}"), labels)
    }

    /// Events that were read.
    pub fn received(&self) -> f64 {
        self.metric("events_received_total", "source=\"sbc\"")
    }

    #[track_caller]
    pub fn wait_received(&self, events: f64) {
        eventually(&format!("{events} events are read"), || (self.received() == events).then_some(()));
    }

    /// What was of no use, for this reason.
    pub fn bad(&self, reason: &str) -> f64 {
        self.metric("frames_bad_total", &format!("reason=\"{reason}\""))
    }

    /// Where it takes events over UDP.
    pub fn listens_at(&self) -> SocketAddr {
        let line = self.daemon.logged(&["receive", "udp:"]);
        let address = line.split("udp:").nth(1).expect("an address");
        let end = address.find(|letter: char| letter != '.' && letter != ':' && !letter.is_ascii_digit());
        address[..end.unwrap_or(address.len())].parse().expect("an address")
    }

    /// Sends datagrams to it, one after the other.
    pub fn send<'a>(&self, datagrams: impl IntoIterator<Item = &'a [u8]>) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(self.listens_at()).expect("it listens");
        for datagram in datagrams {
            socket.send(datagram).expect("sent");
        }
    }
}
