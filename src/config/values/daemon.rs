//! The daemon itself: `[node]`, `[log]`, `[store]`, `[cluster]`, `[http]` and `[processing]`, and `[shadow]`, the release
//! that it runs beside.

use crate::wire::Secret;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// This daemon.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub name: String,
    pub data_dir: PathBuf,
    /// Whether the system may write a core of the process, which holds secrets.
    pub core_dumps: bool,
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
    /// The paths of the Erlang release are read on loopback without a token, also where there are tokens.
    pub original_paths_open: bool,
}

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and acts.
    Operator,
    /// Reads and acts by the paths of Event Management, and by no others: another program.
    Peer,
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

/// Which of several daemons on one database acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Otherwise this daemon is the only one.
    pub enabled: bool,
    /// The active one is believed to be gone when it has not been heard of for so long.
    pub lease: Duration,
    /// Where the others tell people to find this node, HOST:PORT; otherwise where HTTP listens.
    pub address: Option<String>,
}

impl Cluster {
    /// No node has a longer lease, whatever its file says.
    pub const LONGEST_LEASE: Duration = Duration::from_secs(30);
}

/// The databases of the release that we run beside: only ever read.
#[derive(Debug, Clone, PartialEq)]
pub struct Shadow {
    /// Holds its `em_event`.
    pub events: Database,
    /// Holds its `srd_user`.
    pub subscribers: Database,
}
