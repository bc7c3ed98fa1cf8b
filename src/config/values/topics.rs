//! What is handed on, and how: `[[route]]`, `[evapi_server]` with its `[[evapi_server.topic]]`, and `[evi]`.

use crate::matching::{Conditions, Pattern};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

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
        contain(&self.allow_from, address)
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

/// The source and the topic of events that are raised over `[evi]`.
pub const EVI_SOURCE: &str = "evi";
/// Bytes of the name of an event of EVI, at most.
pub const LONGEST_EVI_NAME: usize = 100;

/// Our own EVI, for programs that are written for OpenSIPS'.
#[derive(Debug, Clone, PartialEq)]
pub struct Evi {
    /// Where commands come in as datagrams; there is no login.
    pub udp: Option<SocketAddr>,
    /// The same, as a socket of the file system.
    pub unix: Option<PathBuf>,
    /// Who may send commands over UDP.
    pub allow_from: Vec<IpNet>,
    /// Where subscribers may be that are reached over UDP and TCP.
    pub allowed_targets: Vec<IpNet>,
    /// Folders in which the sockets of subscribers may be.
    pub allowed_unix: Vec<PathBuf>,
    /// Events that wait for one subscriber, at most.
    pub queue: usize,
    pub max_subscriptions: usize,
    /// The longest life of a subscription, in whole seconds.
    pub max_expire: Duration,
    /// The longest pattern first: of those that mean an event the first names it.
    pub names: Vec<EviName>,
}

impl Evi {
    /// Whether a command may come from there.
    pub fn allows(&self, address: IpAddr) -> bool {
        contain(&self.allow_from, address)
    }

    /// Whether a subscriber may be there.
    pub fn allows_target(&self, address: IpAddr) -> bool {
        contain(&self.allowed_targets, address)
    }
}

fn contain(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// What events are called over EVI.
#[derive(Debug, Clone, PartialEq)]
pub struct EviName {
    pub event: Pattern,
    /// [An event's name](is_evi_name).
    pub name: String,
}

/// Whether who listens at `listener` takes what is sent to `address`, where that is one of this host.
pub fn covers(listener: SocketAddr, address: SocketAddr) -> bool {
    let is_any = listener.ip().is_unspecified() && (listener.is_ipv6() || address.is_ipv4());
    listener.port() == address.port() && (listener.ip() == address.ip() || is_any)
}

/// Whether this is a name that an event may have over EVI: `E_` and capitals, digits and `_` behind it.
pub fn is_evi_name(text: &str) -> bool {
    let rest = text.strip_prefix("E_").unwrap_or_default();
    let is_fine = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !rest.is_empty() && text.len() <= LONGEST_EVI_NAME && rest.bytes().all(is_fine)
}
