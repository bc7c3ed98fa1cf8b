//! Why a client is not connected any more.

use std::fmt;

/// See the module; `Display` is for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It has closed its side, or all of it.
    Closed,
    /// So many frames waited for it, which it does not get any more.
    Slow { lost: usize },
    /// What it sent cannot be understood.
    Bad(String),
    /// The connection has failed.
    Failed(String),
    /// Its address may not connect any more.
    Address,
    /// The daemon stops.
    Stopped,
}

impl End {
    /// Every label, so that metrics have it from the start.
    pub const LABELS: [&str; 6] = ["closed", "slow", "bad", "failed", "address", "stopped"];

    /// One word for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            End::Closed => "closed",
            End::Slow { .. } => "slow",
            End::Bad(_) => "bad",
            End::Failed(_) => "failed",
            End::Address => "address",
            End::Stopped => "stopped",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Closed => f.write_str("closed by the client"),
            End::Slow { lost } => write!(f, "it reads too slowly: {lost} frames are lost to it"),
            End::Bad(reason) | End::Failed(reason) => f.write_str(reason),
            End::Address => f.write_str("its address is not in allow_from any more"),
            End::Stopped => f.write_str("the daemon stops"),
        }
    }
}
