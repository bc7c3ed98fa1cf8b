//! A desk: the daemon between its peers, and what has happened before somebody looks.

use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::{add, set_phone};
use crate::support::http;
use crate::support::peers::Peers;
use eventmanager::simulators::asterisk::{AsteriskHandle, AsteriskOptions, AsteriskSimulator};
use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use eventmanager::states::{DeviceState, Presence, PresenceState};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;

/// Where nobody listens: the port of a service that nobody has any more.
const NOBODY: &str = "127.0.0.1:9";

pub struct Desk {
    pub peers: Peers,
    pub site: Site,
    pub daemon: Option<Daemon>,
    pub asterisks: Vec<AsteriskHandle>,
}

impl Desk {
    /// A daemon that is ready; everybody on this machine may act.
    pub fn new() -> Desk {
        Desk::configured("")
    }

    /// The same where `look` is the token of a viewer and `act` that of an operator.
    pub fn with_tokens() -> Desk {
        let sha256 = |token: &str| -> String {
            Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let token = |name: &str, role: &str, text: &str| {
            format!("[[http.token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{}\"\n", sha256(text))
        };
        Desk::configured(&(token("desk", "viewer", "look") + &token("noc", "operator", "act")))
    }

    /// A daemon that mirrors the states of two Asterisks, `pbx-a` with a phone in use and `pbx-b`.
    pub fn with_asterisks() -> Desk {
        let start = |_| AsteriskSimulator::start(AsteriskOptions::default()).expect("an Asterisk");
        let asterisks: Vec<AsteriskHandle> = ["pbx-a", "pbx-b"].map(start).into();
        asterisks[0].set_device("SIP/100", DeviceState::InUse);
        asterisks[0].set_device("SIP/101", DeviceState::NotInUse);
        asterisks[1].set_presence("CustomPresence:anna", Presence::plain(PresenceState::Away));
        let section = |(name, asterisk): (&str, &AsteriskHandle)| {
            let address = asterisk.addr();
            format!(
                "[[asterisk]]\nname = \"{name}\"\naddress = \"{address}\"\nusername = \"eventmanager\"\nsecret = \"amisecret\"\n"
            )
        };
        let sections: String = ["pbx-a", "pbx-b"].into_iter().zip(&asterisks).map(section).collect();
        let desk = Desk::configured(&format!("[device_state]\n{sections}{}", event_management(NOBODY)));
        let told = || (asterisks[1].device("Custom:SIP/100") == Some(DeviceState::InUse)).then_some(());
        eventually("it is mirrored", told);
        Desk { asterisks, ..desk }
    }

    /// A daemon with a hub of the topic `order` at this address, to which an event goes.
    pub fn with_hub(address: SocketAddr) -> Desk {
        let desk = Desk::configured(&event_management(&address.to_string()));
        desk.register(&address.to_string(), "/events?key=secret");
        desk
    }

    /// A hub where nobody listens; of a desk with Asterisks.
    pub fn with_hub_of_nobody(&self) {
        self.with_hub_of_nobody_at("/events?key=secret");
    }

    /// The same with a callback of this path.
    pub fn with_hub_of_nobody_at(&self, path: &str) {
        self.register(NOBODY, path);
    }

    fn register(&self, address: &str, path: &str) {
        let callback = format!(r#"{{"callback":"http://{address}{path}"}}"#);
        self.post("/psi-api/event/v2/topic/order/hub", &callback);
        self.order(1);
    }

    /// Hands an event to the hubs.
    pub fn order(&self, id: u32) {
        let event = format!(r#"{{"eventType":"created","event":{{"id":"{id}"}}}}"#);
        self.post("/psi-api/event/v2/topic/order/event", &event);
    }

    fn configured(http: &str) -> Desk {
        let peers = Peers::start();
        let site = Site::new(&peers.config(""));
        let listen = "listen = \"127.0.0.1:0\"\n";
        configure(&site, listen, &format!("{listen}{http}"));
        let mut desk = Desk { peers, site, daemon: None, asterisks: Vec::new() };
        desk.start();
        // Started anew it is found where it was.
        configure(&desk.site, "127.0.0.1:0", &desk.daemon().http.to_string());
        desk
    }

    /// Starts the daemon and waits until its store is open.
    pub fn start(&mut self) {
        let daemon = self.site.start();
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        self.daemon = Some(daemon);
    }

    /// Ends it as power loss does.
    pub fn kill(&mut self) {
        self.daemon.take().expect("a daemon").kill();
    }

    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("a daemon")
    }

    /// The address of a place of the page.
    pub fn url(&self, place: &str) -> String {
        format!("http://{}/{place}", self.daemon().http)
    }

    /// Takes an event and waits until so many have ended.
    pub fn ended(&self, document: &str, count: u64) {
        self.peers.broadworks.send(document);
        self.site.wait_ended(count);
    }

    /// Event 1 has completed, 2 is refused by the HSS, 3 is about nobody whom we know.
    pub fn with_failures(&self) {
        self.ended(&add(1, "anna@tele.gl"), 1);
        self.refuse();
        self.ended(&set_phone(2, "anna@tele.gl", "+299-321044"), 2);
        self.peers.ema.script(vec![]);
        self.ended(&set_phone(3, "nobody@tele.gl", "+299-321045"), 3);
    }

    /// Does what an operator may do.
    pub fn act(&self, path: &str, body: &str) {
        assert_eq!(self.post(path, body), 200, "{path}");
    }

    /// Sends this, and says how it was answered.
    fn post(&self, path: &str, body: &str) -> u16 {
        let length = body.len();
        let headers = "Host: localhost\r\nContent-Type: application/json\r\n";
        let request = format!("POST {path} HTTP/1.0\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        let answer = http::send(self.daemon().http, &request);
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
        answer.status
    }

    /// Event 1 has completed, 2 waits until `hss` is resumed.
    pub fn with_one_that_waits(&self) {
        self.ended(&add(1, "anna@tele.gl"), 1);
        self.act("/api/v1/systems/hss/pause", "{}");
        self.peers.broadworks.send(&set_phone(2, "anna@tele.gl", "+299-321044"));
        eventually("it waits", || (self.site.count(&["pending"]) == 1).then_some(()));
    }

    /// The core refuses everything but logins, with a fault of no class.
    pub fn refuse(&self) {
        let fault = || Action::Fault { code: 4099, detail_code: Some(77), style: FaultStyle::ErrorCode };
        let ops = ["Create", "Set", "Delete"];
        self.peers.ema.script(ops.map(|op| Rule::new(fault()).op(op)).into());
    }
}

fn event_management(host: &str) -> String {
    let peer = format!("host = \"{host}\"\nallow_http = true\nallow_private = true\n");
    format!("[event_management]\n[[event_management.peer]]\n{peer}")
}

/// Rewrites the site's configuration.
pub fn configure(site: &Site, from: &str, to: &str) {
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    assert!(text.contains(from), "{text}");
    std::fs::write(site.config(), text.replacen(from, to, 1)).expect("written");
}
