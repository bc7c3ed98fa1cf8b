//! `[[asterisk]]` with its transports, `[device_state]`, by which what they say is mirrored, and `[zmq_server]`, the
//! server of agents.

use crate::matching::Pattern;
use crate::states::NameTemplate;
use crate::wire::Secret;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One Asterisk.
#[derive(Debug, Clone, PartialEq)]
pub struct Asterisk {
    pub name: String,
    pub transport: AsteriskTransport,
    /// Devices whose states are told to other servers: those that any of these means …
    pub include: Vec<Pattern>,
    /// … and none of these.
    pub exclude: Vec<Pattern>,
    /// The actions that operators may have run.
    pub actions: Vec<String>,
    /// How often its manager is asked whether it is there.
    pub ping: Duration,
    /// An action that is not answered by then ends the connection.
    pub request_timeout: Duration,
}

impl Asterisk {
    /// Whether what it says of this device is told to others.
    pub fn includes(&self, device: &str) -> bool {
        let means = |patterns: &[Pattern]| patterns.iter().any(|it| it.means(Some(device)));
        means(&self.include) && !means(&self.exclude)
    }
}

/// How an Asterisk is reached.
#[derive(Debug, Clone, PartialEq)]
pub enum AsteriskTransport {
    Ami(Ami),
    Zmq(ZmqManager),
    Agent(Agent),
}

impl AsteriskTransport {
    /// HOST:PORT where it takes actions.
    pub fn address(&self) -> &str {
        match self {
            AsteriskTransport::Ami(ami) => &ami.address,
            AsteriskTransport::Zmq(manager) => &manager.cmd,
            AsteriskTransport::Agent(agent) => &agent.manager.cmd,
        }
    }
}

/// The manager interface over TCP.
#[derive(Debug, Clone, PartialEq)]
pub struct Ami {
    /// HOST:PORT.
    pub address: String,
    pub tls: bool,
    /// Whose certificates count, besides those that the system trusts.
    pub tls_ca: Option<PathBuf>,
    pub username: String,
    pub secret: Secret,
    pub login: AmiLogin,
}

/// How the secret is shown to an Asterisk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmiLogin {
    /// Its hash with a challenge.
    Md5,
    /// As it is.
    Plain,
}

/// The sockets of Asterisk's ZeroMQ manager module.
#[derive(Debug, Clone, PartialEq)]
pub struct ZmqManager {
    /// HOST:PORT, takes actions.
    pub cmd: String,
    /// HOST:PORT, publishes events.
    pub evt: String,
}

/// An agent beside an Asterisk, between it and the agents of others.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    pub manager: ZmqManager,
    /// Its name among the agents.
    pub system_name: String,
    /// HOST:PORT where the server takes messages.
    pub server_pull: String,
    /// HOST:PORT where the server publishes them.
    pub server_pub: String,
    pub keepalive: Duration,
    /// The actions that other agents may have run here.
    pub remote_actions: Vec<String>,
}

/// How states are mirrored.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceStates {
    pub presence: bool,
    pub name: NameTemplate,
    /// A server that was lost has its say for so long.
    pub lost_origin_grace: Duration,
    /// How often what servers hold is compared with what they were told.
    pub verify: Duration,
}

/// The server of agents.
#[derive(Debug, Clone, PartialEq)]
pub struct ZmqServer {
    /// Takes messages.
    pub pull: SocketAddr,
    /// Publishes them.
    pub publish: SocketAddr,
    /// Who may connect; there is no login.
    pub allow_from: Vec<IpNet>,
    /// Messages that wait for one agent, at most.
    pub queue: usize,
}
