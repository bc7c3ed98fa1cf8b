//! The agent of an Asterisk: what happens there is told to the agents of others through their server, and what happens at theirs is
//! mirrored here.
//!
//! ```text
//! → [*]   {"msg_type":"AsteriskEvent","uuid":"…","origin":"S1","x_data":{"Event":"DeviceStateChange","Device":"SIP/100","State":"INUSE"}}
//! ← [*]   {"msg_type":"AsteriskEvent","uuid":"…","origin":"S0","x_data":{"Event":"DeviceStateChange","Device":"SIP/200","State":"BUSY"}}
//! ← [S1]  {"msg_type":"AsteriskAction","uuid":"7","origin":"S0","x_data":{"Action":"CoreStatus"}}
//! → [S0]  {"msg_type":"AsteriskActionStatus","uuid":"7","origin":"S1","x_data":{"Action":"CoreStatus","Response":"Success",…}}
//! ```
//!
//! [`bus`] is its connection to the server, which comes and goes apart from that to Asterisk. [`published`] is what the others are to know
//! of this one; [`origins`] is what they say; [`remote`] runs their actions; [`pings`] is what it sends to itself.

mod bus;
#[cfg(test)]
mod manager;
mod origins;
mod pings;
mod published;
mod remote;

pub use bus::Bus;
#[cfg(test)]
pub use manager::Manager;
pub use published::Published;

use crate::config::{DeviceStates, Live};
use std::time::Duration;

/// What an agent is told of the daemon that it is part of.
#[derive(Clone)]
pub struct Household {
    /// The names of all agents of this daemon. What happens at theirs is heard from their own connections.
    pub systems: Live<Vec<String>>,
    /// `None`: no states are mirrored.
    pub rules: Option<Live<DeviceStates>>,
}

impl Household {
    fn has(&self, system: &str) -> bool {
        self.systems.get().iter().any(|ours| ours == system)
    }

    /// What an Asterisk has said that is lost is withdrawn after so long.
    fn lost_origin_grace(&self) -> Duration {
        let default = || DeviceStates::default().lost_origin_grace;
        self.rules.as_ref().map_or_else(default, |rules| rules.get().lost_origin_grace)
    }
}
