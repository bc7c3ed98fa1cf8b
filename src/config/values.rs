//! The configuration as values: what the rest of the daemon reads. Files become these in the modules beside.

use crate::matching::{Conditions, Pattern, Template, Text};
use crate::states::NameTemplate;
use crate::wire::Secret;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Everything that a file says, checked, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub node: Node,
    pub log: Log,
    pub store: StoreConfig,
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
    /// Absent: no states are mirrored.
    pub device_state: Option<DeviceStates>,
    /// Absent: no agents are served.
    pub zmq_server: Option<ZmqServer>,
    pub routes: Vec<Route>,
    /// Absent: nobody is served.
    pub evapi_server: Option<EvapiServer>,
}

/// An endpoint of whatever kind.
#[derive(Debug, Clone, PartialEq)]
pub enum EndpointConfig {
    Broadworks(Broadworks),
    Kamailio(Kamailio),
    Asterisk(Asterisk),
}

impl EndpointConfig {
    /// Its name, which no other has.
    pub fn name(&self) -> &str {
        match self {
            EndpointConfig::Broadworks(server) => &server.name,
            EndpointConfig::Kamailio(server) => &server.name,
            EndpointConfig::Asterisk(server) => &server.name,
        }
    }

    /// HOST:PORT.
    pub fn address(&self) -> &str {
        match self {
            EndpointConfig::Broadworks(server) => &server.address,
            EndpointConfig::Kamailio(server) => &server.address,
            EndpointConfig::Asterisk(server) => server.transport.address(),
        }
    }
}

impl Config {
    /// All endpoints.
    pub fn endpoints(&self) -> Vec<EndpointConfig> {
        let broadworks = self.broadworks.iter().cloned().map(EndpointConfig::Broadworks);
        let kamailio = self.kamailio.iter().cloned().map(EndpointConfig::Kamailio);
        let asterisk = self.asterisk.iter().cloned().map(EndpointConfig::Asterisk);
        broadworks.chain(kamailio).chain(asterisk).collect()
    }
}

/// This daemon.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub name: String,
    pub data_dir: PathBuf,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// How much can be logged, from little to much.
pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// What is logged and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace` (an `em.ini` `notice` becomes `info`).
    pub level: String,
    pub format: LogFormat,
}

/// Where a table lives.
#[derive(Debug, Clone, PartialEq)]
pub enum Database {
    Sqlite(PathBuf),
    /// A `postgresql://` DSN; it carries a password.
    Postgres(Secret),
}

/// Which databases hold the tables.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreConfig {
    /// Holds `em_event` and our own tables.
    pub events: Database,
    /// Holds `srd_user`; the same value as `events` where it is not configured apart.
    pub subscribers: Database,
    /// Events older than this are deleted; `None` keeps them.
    pub retention_days: Option<u32>,
    /// What is handed on is kept so long for those who follow it.
    pub topic_log: Duration,
    /// Less room than this on the file system of an embedded database is told.
    pub disk_low: DiskLow,
}

/// How much room is little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskLow {
    /// Nothing is, where it is 0.
    Bytes(u64),
    /// Of the whole file system.
    Percent(u8),
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    pub listen: SocketAddr,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub tokens: Vec<Token>,
}

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Viewer,
    Operator,
}

/// A bearer token, known by its digest alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub name: String,
    pub role: Role,
    /// Lower-case hex.
    pub sha256: String,
}

/// Which events may run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOrder {
    /// Events that share no subscriber, phone or identity run in parallel.
    Subject,
    /// One after the other, as the Erlang release does.
    Strict,
}

/// What a failed event means for the later ones of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    Continue,
    Hold,
}

/// Whether the daemon acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Requests are sent.
    Active,
    /// Events are received, stored and planned, nothing is sent: for running beside another release.
    Shadow,
}

/// How events are run.
#[derive(Debug, Clone, PartialEq)]
pub struct Processing {
    pub order: RunOrder,
    pub mode: Mode,
    /// Requests to the core that are under way at the same time, at most.
    pub concurrency: usize,
    pub on_failure: OnFailure,
    pub retry_initial: Duration,
    pub retry_max: Duration,
}

/// How phone numbers and phone contexts are made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Numbering {
    pub country_code: String,
    pub default_phone_context: String,
    /// City (`stateOrProvince`, case-sensitive) to phone context.
    pub phone_contexts: BTreeMap<String, String>,
}

/// The configured service profile of each type of subscriber.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceProfiles {
    pub r#virtual: String,
    pub user: String,
    pub pilot: String,
    pub trunk: String,
}

/// What a fault code means for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultClass {
    /// Already there.
    Exists,
    /// Not there.
    Absent,
    /// The session is not known any more: log in again.
    Session,
    /// The login was refused.
    Login,
    Transient,
    Permanent,
}

/// The Ericsson provisioning gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Ema {
    /// Full URL of the CAI3G service.
    pub primary: String,
    pub secondary: Option<String>,
    pub username: String,
    pub password: Secret,
    /// Sessions held open at most, over all systems behind the EMA.
    pub sessions: usize,
    pub timeout: Duration,
    /// Fault code (outer or detail) to class; the defaults are filled in.
    pub faults: BTreeMap<u32, FaultClass>,
}

/// The mail server.
#[derive(Debug, Clone, PartialEq)]
pub struct SurgeMail {
    /// HOST:PORT.
    pub primary: String,
    pub secondary: Option<String>,
    pub username: String,
    pub password: Secret,
    pub domain_password: Secret,
    pub timeout: Duration,
    pub delete_replaced: bool,
}

/// The databases of the release that we run beside: only ever read.
#[derive(Debug, Clone, PartialEq)]
pub struct Shadow {
    /// Holds its `em_event`.
    pub events: Database,
    /// Holds its `srd_user`.
    pub subscribers: Database,
}

/// One BroadWorks application server.
#[derive(Debug, Clone, PartialEq)]
pub struct Broadworks {
    pub name: String,
    /// HOST:PORT.
    pub address: String,
    pub keepalive_timeout: Duration,
    /// Identical notifications of the servers of one cluster are one event.
    pub cluster: Option<String>,
    /// An OCI-R document larger than this is refused, in bytes.
    pub max_document: usize,
    /// Within this time a repeat on another connection is a duplicate.
    pub duplicate_window: Duration,
}

/// How a Kamailio tells its events apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Netstring,
    /// JSON objects that run together (`netstring_format=0`).
    None,
}

/// What happens where events come faster than they are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest are dropped, and counted.
    DropOldest,
    /// The connection is closed and made anew; what waits is still handled.
    Disconnect,
}

/// What a script calls the fields that mean something to us; of several names the first counts that an event has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKeys {
    pub event: Vec<String>,
    /// Index and label of a suspended transaction.
    pub index: Vec<String>,
    pub label: Vec<String>,
    /// An event without one is never a duplicate.
    pub call_id: Vec<String>,
    /// What must be the same besides source, event and Call-ID.
    pub identity: Vec<String>,
}

/// One Kamailio.
#[derive(Debug, Clone, PartialEq)]
pub struct Kamailio {
    pub name: String,
    /// HOST:PORT of its EVAPI.
    pub address: String,
    pub framing: Framing,
    /// Sent after each connect.
    pub tag_command: Option<String>,
    /// A connection that brings nothing for so long is dead; `None`: its script sends no heartbeat.
    pub heartbeat_timeout: Option<Duration>,
    /// A frame that has begun must be whole by then.
    pub frame_timeout: Duration,
    /// Bytes of a frame, at most.
    pub max_frame: usize,
    /// Events that wait to be handled, at most.
    pub queue: usize,
    pub on_overflow: Overflow,
    /// So many payloads of a connection that are no events, one after the other, mean that its place in the stream is lost.
    pub max_bad: usize,
    /// Within this time an event that is the same is a duplicate.
    pub duplicate_window: Duration,
    pub keys: EventKeys,
    pub answers: Vec<Answer>,
}

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

/// How suspended transactions are answered: the first whose event and conditions fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub event: Pattern,
    pub when: Conditions,
    pub by: AnswerBy,
    pub reply: Template,
    /// What is answered where `by` says no, fails, or is late; there wherever somebody is asked.
    pub default: Option<Template>,
    pub deadline: Duration,
}

/// Whom an answer depends on.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerBy {
    /// Nobody else.
    Rule,
    /// The row of a subscriber, by its id.
    Subscriber { user: Text, when: Conditions },
    /// A service of our own: the event is posted to this URL, which may hold a token, and its answer may be quoted as
    /// `{webhook.KEY}`.
    Webhook(Secret),
}

/// The columns of a subscriber that conditions and templates may look at.
pub const SUBSCRIBER_COLUMNS: [&str; 8] =
    ["id", "group_id", "sipurl", "user_type", "phonecontext", "association_id", "e164", "blf_user"];

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
