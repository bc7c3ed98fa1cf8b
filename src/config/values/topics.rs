//! What is handed on, and how: `[[route]]`, and `[evapi_server]` with its `[[evapi_server.topic]]`.

use crate::matching::{Conditions, Pattern};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Which events of endpoints are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Names of endpoints.
    pub source: Pattern,
    pub event: Pattern,
    pub when: Conditions,
    /// The topics under which they are handed on.
    pub to: Vec<String>,
    /// Whether they are stored among the events.
    pub store: bool,
}

/// Our own EVAPI, for programs that are written for Kamailio's.
#[derive(Debug, Clone, PartialEq)]
pub struct EvapiServer {
    pub listen: SocketAddr,
    /// Who may connect; there is no login.
    pub allow_from: Vec<IpNet>,
    /// Frames that wait for one client, at most.
    pub queue: usize,
    pub max_clients: usize,
    /// Whether a frame says what we know of its event.
    pub envelope: bool,
    /// How events are sent, by the first whose pattern means their topic; to all clients where none does.
    pub topics: Vec<EvapiTopic>,
}

impl EvapiServer {
    /// Whether a client may come from there.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow_from.iter().any(|network| network.contains(&address))
    }
}

/// How events of some topics are sent.
#[derive(Debug, Clone, PartialEq)]
pub struct EvapiTopic {
    pub topic: Pattern,
    pub send: EvapiSend,
}

/// The ways of Kamailio to send an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvapiSend {
    /// To all clients.
    Relay,
    /// To all with this tag.
    Multicast(String),
    /// To the first with this tag.
    Unicast(String),
}
