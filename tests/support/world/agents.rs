//! Two Asterisks with an agent beside each: the daemon has the one here, and the server in the middle; the one far away is of another
//! daemon, which lives through everything.

use super::Around;
use crate::support::daemon::{Daemon, Site};
use crate::support::ports::lasting;
use eventmanager::simulators::asterisk::{
    AsteriskHandle, AsteriskOptions, AsteriskSimulator, ZmqModule, ZmqOptions,
};
use eventmanager::states::DeviceState;
use std::net::SocketAddr;

/// Devices of each of the two.
const DEVICES: usize = 10;

pub struct Agents {
    here: Beside,
    far: Beside,
    pull: SocketAddr,
    publish: SocketAddr,
}

/// An Asterisk with its module, and what it is called.
struct Beside {
    name: &'static str,
    asterisk: AsteriskHandle,
    module: ZmqModule,
}

/// The daemon of the one far away, for as long as this lives.
pub struct Far {
    _daemon: Daemon,
    _site: Site,
}

impl Agents {
    pub fn start() -> Agents {
        let beside = |name| {
            let asterisk = AsteriskSimulator::start(AsteriskOptions::default()).expect("an asterisk");
            let module = asterisk.load_zmq(ZmqOptions::default()).expect("a module");
            Beside { name, asterisk, module }
        };
        Agents { here: beside("here"), far: beside("far"), pull: lasting(), publish: lasting() }
    }

    /// The server, and the agent here.
    pub fn config(&self) -> String {
        let server = format!("[zmq_server]\npull = \"{}\"\npub = \"{}\"\n", self.pull, self.publish);
        server + &self.agent(&self.here)
    }

    /// Starts the agent far away.
    pub fn start_far(&self) -> Far {
        let site = Site::quiet(&("[device_state]\n".to_owned() + &self.agent(&self.far)));
        Far { _daemon: site.start(), _site: site }
    }

    fn agent(&self, beside: &Beside) -> String {
        format!(
            "[[asterisk]]\nname = \"{}\"\ntransport = \"agent\"\ncmd = \"{}\"\nevt = \"{}\"\nserver_pull = \"{}\"\n\
             server_pub = \"{}\"\nkeepalive = \"1s\"\n",
            beside.name,
            beside.module.cmd(),
            beside.module.evt(),
            self.pull,
            self.publish
        )
    }

    /// A device of one of the two changes.
    pub fn change(&self) {
        let beside = if fastrand::bool() { &self.here } else { &self.far };
        // That a state is not known is told to nobody.
        let states = DeviceState::ALL.map(|state| match state {
            DeviceState::Unknown => DeviceState::NotInUse,
            state => state,
        });
        let state = states[fastrand::usize(..states.len())];
        beside.asterisk.set_device(format!("SIP/{}-{}", beside.name, fastrand::usize(..DEVICES)), state);
    }
}

/// Where somebody does not hold what an agent's Asterisk says.
pub fn differences(around: &Around) -> Vec<String> {
    let Agents { here, far, .. } = &around.agents;
    let fleet = || around.fleet.peers.iter().zip(["pbx0", "pbx1", "pbx2"]);
    let mut differences = Vec::new();
    for (beside, other) in [(here, far), (far, here)] {
        for (device, state) in beside.asterisk.devices() {
            if device.starts_with("Custom:") {
                continue;
            }
            for (holder, name) in fleet().chain([(&other.asterisk, other.name)]) {
                let held = holder.device(format!("Custom:{device}"));
                // What a server does not have is as good as invalid.
                if held.unwrap_or(DeviceState::Invalid) != state {
                    differences.push(format!("{name} holds {held:?} for {device}, and not {state:?}"));
                }
            }
        }
    }
    differences
}
