//! States between two Asterisks, one of them behind the fault, over its manager interface or one of the sockets of its ZeroMQ module: in
//! the end both hold what the other says.

use crate::faults::{Between, ROWS, Row, Trial, check};
use crate::neighbour::Neighbour;
use crate::place::Place;
use crate::support::daemon::{Site, eventually};
use crate::support::proxy::Proxy;
use eventmanager::simulators::asterisk::{
    AsteriskHandle, AsteriskOptions, AsteriskSimulator, ZmqModule, ZmqOptions,
};
use eventmanager::states::DeviceState;
use std::net::SocketAddr;
use std::time::Duration;

/// Devices of each server.
const DEVICES: usize = 20;

pub struct States {
    between: Between,
    servers: [AsteriskHandle; 2],
    /// Of the one behind the fault, where it is reached through it.
    _module: Option<ZmqModule>,
    random: fastrand::Rng,
    _site: Site,
}

/// A socket of a ZeroMQ module.
#[derive(PartialEq)]
enum Socket {
    /// That takes actions.
    Cmd,
    /// That publishes events.
    Evt,
}

const TIMES: &str = "ping = \"1s\"\nrequest_timeout = \"3s\"\n";

fn over_ami(name: &str, address: SocketAddr) -> String {
    let AsteriskOptions { username, secret, .. } = AsteriskOptions::default();
    let secret = secret.expose();
    format!(
        "[[asterisk]]\nname = \"{name}\"\naddress = \"{address}\"\nusername = \"{username}\"\nsecret = \"{secret}\"\n{TIMES}"
    )
}

fn over_zmq(name: &str, cmd: SocketAddr, evt: SocketAddr) -> String {
    format!("[[asterisk]]\nname = \"{name}\"\ntransport = \"zmq\"\ncmd = \"{cmd}\"\nevt = \"{evt}\"\n{TIMES}")
}

/// One that holds nothing yet.
pub fn asterisk() -> AsteriskHandle {
    AsteriskSimulator::start(AsteriskOptions::default()).expect("a simulator")
}

impl States {
    /// Over the manager interface.
    pub fn start(place: &Place) -> States {
        let servers = [asterisk(), asterisk()];
        let proxy = place.proxy(servers[0].addr());
        let far = over_ami("far", proxy.address);
        States::of(place, servers, None, proxy, &far)
    }

    /// With this socket of the module behind the fault; the other one is reached directly.
    fn of_module(socket: &Socket) -> States {
        let servers = [asterisk(), asterisk()];
        let module = servers[0].load_zmq(ZmqOptions::default()).expect("a module");
        let (cmd, evt) = (module.cmd(), module.evt());
        let proxy = Place::Here.proxy(if *socket == Socket::Cmd { cmd } else { evt });
        let far = match socket {
            Socket::Cmd => over_zmq("far", proxy.address, evt),
            Socket::Evt => over_zmq("far", cmd, proxy.address),
        };
        States::of(&Place::Here, servers, Some(module), proxy, &far)
    }

    fn of(
        place: &Place,
        servers: [AsteriskHandle; 2],
        module: Option<ZmqModule>,
        proxy: Proxy,
        far: &str,
    ) -> States {
        let neighbour = Neighbour::new();
        let mirror = "[device_state]\nlost_origin_grace = \"10m\"\n";
        let near = over_ami("near", servers[1].addr());
        let site = Site::new(&(neighbour.config() + mirror + far + &near));
        let daemon = place.start(&site);
        let between = Between { daemon, proxy, neighbour: Some(neighbour) };
        States { between, servers, _module: module, random: fastrand::Rng::with_seed(9), _site: site }
    }
}

/// A phone of each server is picked up, or put down.
pub fn change(servers: &[AsteriskHandle; 2], random: &mut fastrand::Rng) {
    const STATES: [DeviceState; 4] =
        [DeviceState::InUse, DeviceState::NotInUse, DeviceState::Ringing, DeviceState::Busy];
    for (at, server) in servers.iter().enumerate() {
        let device = format!("SIP/{at}{:02}", random.usize(..DEVICES));
        server.set_device(device, STATES[random.usize(..STATES.len())]);
    }
}

/// Waits until each server holds what the other says of its phones.
#[track_caller]
pub fn settle(row: &Row, servers: &[AsteriskHandle; 2]) {
    eventually(&format!("{}: both hold what the other says", row.name), || {
        differences(servers).is_empty().then_some(())
    });
}

fn differences(servers: &[AsteriskHandle; 2]) -> Vec<String> {
    let mut differences = Vec::new();
    for (at, other) in [(0, 1), (1, 0)] {
        let held = servers[at].devices();
        for (name, state) in servers[other].devices() {
            let mirrored = held.get(&format!("Custom:{name}"));
            if !name.starts_with("Custom:") && mirrored != Some(&state) {
                differences.push(format!("{at} holds {mirrored:?} for {name}, and not {state:?}"));
            }
        }
    }
    differences
}

impl Trial for States {
    fn between(&mut self) -> &mut Between {
        &mut self.between
    }

    fn load(&mut self) {
        change(&self.servers, &mut self.random);
        std::thread::sleep(Duration::from_millis(10));
    }

    fn ends(&self) -> f64 {
        assert_eq!(self.between.daemon.metric("eventmanager_reconnects_total", "connection=\"near\""), 0.0);
        self.between.daemon.metric("eventmanager_reconnects_total", "connection=\"far\"")
    }

    fn told(&self) -> &'static [&'static str] {
        &["not connected to"]
    }

    fn check(&mut self, row: &Row) {
        settle(row, &self.servers);
        let rest = |name| self.between.daemon.metric(name, "");
        eventually("nothing is under way", || {
            (rest("eventmanager_state_queue") == 0.0 && rest("eventmanager_state_divergence") == 0.0)
                .then_some(())
        });
    }
}

#[test]
fn the_manager_interface_of_an_asterisk_over_a_bad_network() {
    check(ROWS.iter(), || States::start(&Place::Here));
}

#[test]
fn the_actions_of_an_asterisk_over_zeromq_over_a_bad_network() {
    check(ROWS.iter(), || States::of_module(&Socket::Cmd));
}

#[test]
fn the_events_of_an_asterisk_over_zeromq_over_a_bad_network() {
    // We say nothing there while events come.
    check(ROWS.iter().filter(|row| !row.is_of_requests()), || States::of_module(&Socket::Evt));
}
