//! The configuration as values: what the rest of the daemon reads. Files become these in the modules beside.
//!
//! `daemon` is about the daemon itself, `systems` about what requests go to. Each kind of endpoint has its file, that
//! of Asterisk also what mirrors states; `topics` has what is handed on, `event_management` to whom over HTTP and NATS.

mod asterisk;
mod broadworks;
mod daemon;
mod event_management;
mod kamailio;
mod opensips;
mod systems;
mod topics;

pub use asterisk::*;
pub use broadworks::*;
pub use daemon::*;
pub use event_management::*;
pub use kamailio::*;
pub use opensips::*;
pub use systems::*;
pub use topics::*;

use std::borrow::Cow;

/// Everything that a file says, checked, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub node: Node,
    pub log: Log,
    pub store: StoreConfig,
    pub cluster: Cluster,
    pub http: Http,
    pub processing: Processing,
    pub numbering: Numbering,
    pub service_profiles: ServiceProfiles,
    /// Absent: nothing is provisioned; events of commands that need it are stored as ignored.
    pub ema: Option<Ema>,
    pub surgemail: Option<SurgeMail>,
    /// The release that we run beside, where there is one.
    pub shadow: Option<Shadow>,
    pub broadworks: Vec<Broadworks>,
    pub kamailio: Vec<Kamailio>,
    pub asterisk: Vec<Asterisk>,
    pub opensips: Vec<Opensips>,
    /// Absent: no states are mirrored.
    pub device_state: Option<DeviceStates>,
    /// Absent: no agents are served.
    pub zmq_server: Option<ZmqServer>,
    pub routes: Vec<Route>,
    /// Absent: nobody is served.
    pub evapi_server: Option<EvapiServer>,
    /// Absent: nobody can subscribe.
    pub evi: Option<Evi>,
    /// Absent: its paths are not there.
    pub event_management: Option<EventManagement>,
    /// Absent: nothing is published.
    pub nats: Option<Nats>,
}

/// An endpoint of whatever kind.
#[derive(Debug, Clone, PartialEq)]
pub enum EndpointConfig {
    Broadworks(Broadworks),
    Kamailio(Kamailio),
    Asterisk(Asterisk),
    Opensips(Opensips),
}

impl EndpointConfig {
    /// Its name, which no other has.
    pub fn name(&self) -> &str {
        match self {
            EndpointConfig::Broadworks(server) => &server.name,
            EndpointConfig::Kamailio(server) => &server.name,
            EndpointConfig::Asterisk(server) => &server.name,
            EndpointConfig::Opensips(server) => &server.name,
        }
    }

    /// HOST:PORT, or how else it is reached.
    pub fn address(&self) -> Cow<'_, str> {
        match self {
            EndpointConfig::Broadworks(server) => Cow::Borrowed(&server.address),
            EndpointConfig::Kamailio(server) => Cow::Borrowed(&server.address),
            EndpointConfig::Asterisk(server) => Cow::Borrowed(server.transport.address()),
            EndpointConfig::Opensips(server) => Cow::Owned(server.mi.to_string()),
        }
    }
}

impl Config {
    /// All endpoints.
    pub fn endpoints(&self) -> Vec<EndpointConfig> {
        let broadworks = self.broadworks.iter().cloned().map(EndpointConfig::Broadworks);
        let kamailio = self.kamailio.iter().cloned().map(EndpointConfig::Kamailio);
        let asterisk = self.asterisk.iter().cloned().map(EndpointConfig::Asterisk);
        let opensips = self.opensips.iter().cloned().map(EndpointConfig::Opensips);
        broadworks.chain(kamailio).chain(asterisk).chain(opensips).collect()
    }
}
