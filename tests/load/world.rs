//! Everybody who offers something, and the daemon to which it is offered.

use crate::bytes::Bytes;
use crate::hub::Hub;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http;
use crate::support::peers::config;
use eventmanager::simulators::asterisk::{AsteriskHandle, AsteriskOptions, AsteriskSimulator};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator};
use eventmanager::simulators::opensips::{OpensipsHandle, OpensipsOptions, OpensipsSimulator};
use eventmanager::states::DeviceState;
use std::time::Duration;

/// Hubs of one topic, one of which takes its time.
pub const HUBS: usize = 10;
/// Devices of each Asterisk, and Asterisks.
pub const DEVICES: usize = 500;
pub const ASTERISKS: usize = 3;
/// Where events are posted that all hubs want.
pub const TOPIC: &str = "/psi-api/event/v2/topic/order";

/// See the module.
pub struct World {
    pub broadworks: Bytes,
    pub kamailio: Bytes,
    pub ema: EmaHandle,
    pub asterisks: Vec<AsteriskHandle>,
    /// The names of the devices of each Asterisk.
    devices: Vec<Vec<String>>,
    pub opensips: OpensipsHandle,
    pub hubs: Vec<Hub>,
    pub site: Site,
    pub daemon: Daemon,
}

impl World {
    pub fn start() -> World {
        let (broadworks, kamailio) = (Bytes::new(), Bytes::new());
        let ema = EmaSimulator::start(EmaOptions { journal: 0, ..EmaOptions::default() }).expect("an ema");
        let asterisk =
            |_| AsteriskSimulator::start(AsteriskOptions { journal: 0, ..AsteriskOptions::default() });
        let asterisks: Vec<_> = (0..ASTERISKS).map(|at| asterisk(at).expect("an Asterisk")).collect();
        let names = |at| (0..DEVICES).map(|device| format!("SIP/{at}{device:03}")).collect();
        let devices = (0..ASTERISKS).map(names).collect();
        let opensips = OpensipsSimulator::start(OpensipsOptions::default()).expect("an OpenSIPS");
        let pause = |hub| if hub == 0 { Duration::from_millis(2) } else { Duration::ZERO };
        let hubs: Vec<_> = (0..HUBS).map(|hub| Hub::start(pause(hub))).collect();
        let mut text = config(&broadworks.address.to_string(), &ema.url(), "");
        text += "[device_state]\n[event_management]\n";
        for hub in &hubs {
            let host = hub.address;
            text += &format!(
                "[[event_management.peer]]\nhost = \"{host}\"\nallow_http = true\nallow_private = true\n"
            );
        }
        for (at, asterisk) in asterisks.iter().enumerate() {
            let (address, AsteriskOptions { username, secret, .. }) =
                (asterisk.addr(), AsteriskOptions::default());
            text += &format!(
                "[[asterisk]]\nname = \"pbx{at}\"\naddress = \"{address}\"\nusername = {username:?}\nsecret = {:?}\n",
                secret.expose()
            );
        }
        text += &format!(
            "[[kamailio]]\nname = \"k1\"\naddress = \"{}\"\nqueue = 200\n[[route]]\nsource = \"k1\"\nevent = \"CALL\"\nstore = true\n\
             [[opensips]]\nname = \"sbc\"\nmi = \"udp:{}\"\nlisten = \"udp:127.0.0.1:0\"\nevents = [\"E_PIKE_BLOCKED\"]\n",
            kamailio.address,
            opensips.udp().expect("an address")
        );
        let site = Site::quiet(&text);
        let daemon = site.start();
        let world = World { broadworks, kamailio, ema, asterisks, devices, opensips, hubs, site, daemon };
        for connection in ["as1", "k1", "pbx0", "pbx1", "pbx2", "sbc"] {
            let label = format!("connection=\"{connection}\"");
            eventually(connection, || (world.metric("connection_up", &label) == 1.0).then_some(()));
        }
        for hub in &world.hubs {
            world.post("hub", &format!(r#"{{"callback":"{}"}}"#, hub.url()));
        }
        world
    }

    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        self.daemon.metric(&format!("eventmanager_{name}"), labels)
    }

    /// Posts there; 503 is waited for.
    pub fn post(&self, path: &str, body: &str) {
        let length = body.len();
        let request = format!(
            "POST {TOPIC}/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        eventually("it is taken", || {
            let answer = http::exchange(self.daemon.http, &request).ok()?;
            (answer.status == 201).then_some(())
        });
    }

    /// Every phone of this server is picked up, or put down the next time; how many those are.
    pub fn change_all(&self, at: usize, times: u64) -> u64 {
        let state = if times.is_multiple_of(2) { DeviceState::InUse } else { DeviceState::NotInUse };
        self.asterisks[at].set_devices(self.devices[at].iter().map(|name| (name, state))) as u64
    }

    /// How many events of this peer were read.
    pub fn read(&self, source: &str) -> u64 {
        self.metric("events_received_total", &format!("source=\"{source}\"")) as u64
    }

    /// How many changes of this Asterisk's own phones were read, beside what it tells of those that it was told.
    pub fn changes_read(&self, at: usize) -> u64 {
        self.read(&format!("pbx{at}")).saturating_sub(self.asterisks[at].counts().changed)
    }

    /// Where an Asterisk holds something else than the others say.
    pub fn differences(&self) -> usize {
        let held: Vec<_> = self.asterisks.iter().map(AsteriskHandle::devices).collect();
        let own = held.iter().enumerate().flat_map(|(at, devices)| {
            devices.iter().filter(|(name, _)| !name.starts_with("Custom:")).map(move |one| (at, one))
        });
        let differs = |(at, (name, state)): &(usize, (&String, &DeviceState))| {
            let mirrored = format!("Custom:{name}");
            held.iter().enumerate().any(|(other, held)| other != *at && held.get(&mirrored) != Some(state))
        };
        own.filter(differs).count()
    }

    pub fn stored(&self, source: &str) -> u64 {
        let sql = "select count(*) from em_event where source = ?";
        let count: i64 = self.site.database().query_row(sql, [source], |row| row.get(0)).expect("a count");
        count as u64
    }
}
