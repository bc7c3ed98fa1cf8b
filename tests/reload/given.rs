//! A daemon whose configuration is edited while it runs.

use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http::{self, Answer};
use crate::support::peers::Peers;
use eventmanager::simulators::broadworks::BroadworksHandle;

pub const OUTCOMES: [&str; 5] = ["unchanged", "applied", "partial", "refused", "failed"];

/// Peers, a site that names them, and its daemon.
pub struct World {
    pub peers: Peers,
    pub site: Site,
    pub daemon: Daemon,
}

impl World {
    /// Begins once the daemon is connected and the store commits.
    pub fn start() -> World {
        let peers = Peers::start();
        let site = Site::quiet(&format!("[log]\nlevel = \"info\"\n{}", peers.config("sessions = 4")));
        let daemon = site.start();
        let world = World { peers, site, daemon };
        connected(&world.peers.broadworks);
        eventually("the store commits", || (world.daemon.get("/readyz").0 == 200).then_some(()));
        world
    }

    /// Replaces `from`, which must be there, in the file.
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.site.config()).expect("a configuration");
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        std::fs::write(self.site.config(), text.replacen(from, to, 1)).expect("written");
    }

    /// Adds to the end of the file.
    pub fn append(&self, more: &str) {
        let text = std::fs::read_to_string(self.site.config()).expect("a configuration");
        std::fs::write(self.site.config(), text + more).expect("written");
    }

    /// Has the configuration read again, and waits for what comes of it.
    #[track_caller]
    pub fn reload(&self) -> &'static str {
        let counts = || OUTCOMES.map(|outcome| self.daemon.metric("eventmanager_reloads_total", outcome));
        let before = counts();
        self.daemon.signal("HUP");
        eventually("a reload ends", || {
            let grown = counts().iter().zip(before).position(|(now, before)| *now > before);
            grown.map(|outcome| OUTCOMES[outcome])
        })
    }

    /// Edits, and reloads what must be applied.
    #[track_caller]
    pub fn change(&self, from: &str, to: &str) {
        self.edit(from, to);
        assert_eq!(self.reload(), "applied", "{}", self.daemon.log());
    }

    /// A POST of JSON without a token.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n");
        http::send(self.daemon.http, &format!("{head}Content-Length: {length}\r\n\r\n{body}"))
    }

    /// Waits for a line of the log with all of these.
    #[track_caller]
    pub fn logged(&self, parts: &[&str]) -> String {
        self.daemon.logged(parts)
    }
}

/// Waits until somebody is connected to a server.
#[track_caller]
pub fn connected(server: &BroadworksHandle) {
    eventually("it is connected", || (server.progress().connected > 0).then_some(()));
}
