//! `[[broadworks]]`.

use std::time::Duration;

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
