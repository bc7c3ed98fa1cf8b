//! The configuration as values. `load` reads a file (TOML, or the Erlang release's `em.ini`) and checks it.

use crate::wire::Secret;
use std::collections::BTreeMap;
use std::net::SocketAddr;
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
    pub broadworks: Vec<Broadworks>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub name: String,
    pub data_dir: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

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

#[derive(Debug, Clone, PartialEq)]
pub struct StoreConfig {
    /// Holds `em_event` and our own tables.
    pub events: Database,
    /// Holds `srd_user`; the same value as `events` where it is not configured apart.
    pub subscribers: Database,
    /// Events older than this are deleted; `None` keeps them.
    pub retention_days: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    pub listen: SocketAddr,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub tokens: Vec<Token>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Viewer,
    Operator,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub name: String,
    pub role: Role,
    /// Lower-case hex.
    pub sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Events that share no subscriber, phone or identity run in parallel.
    Subject,
    /// One after the other, as the Erlang release does.
    Strict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    Continue,
    Hold,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Processing {
    pub order: Order,
    pub concurrency: usize,
    pub on_failure: OnFailure,
    pub retry_initial: Duration,
    pub retry_max: Duration,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Numbering {
    pub country_code: String,
    pub default_phone_context: String,
    /// City (`stateOrProvince`, case-sensitive) to phone context.
    pub phone_contexts: BTreeMap<String, String>,
}

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
