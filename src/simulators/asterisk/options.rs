//! How a simulated Asterisk is.

use super::ami::Classes;
use crate::wire::Secret;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How a simulated Asterisk is.
#[derive(Debug, Clone)]
pub struct AsteriskOptions {
    /// Port 0 takes a free one.
    pub addr: SocketAddr,
    /// The only user of its manager interface.
    pub username: String,
    pub secret: Secret,
    /// Classes of events that the user may be told, and of actions that it may send.
    pub read: Classes,
    pub write: Classes,
    /// Whether the user may be logged in more than once.
    pub multiple_logins: bool,
    /// Between a login that is refused and the answer that says so.
    pub login_delay: Duration,
    pub fully_booted: FullyBooted,
    /// In every event, where it is set.
    pub system_name: Option<String>,
    /// res_manager_devicestate and res_manager_presencestate: without them there is neither the list nor are there events.
    pub has_devices: bool,
    pub has_presences: bool,
    /// Has hints for presentities: events `PresenceStatus` too, which have the message as it is, line ends and all.
    pub has_hints: bool,
    /// An event of something else stands between the items of lists.
    pub events_within_lists: bool,
    /// A connection whose client takes nothing for so long is cut.
    pub write_timeout: Duration,
    /// Variables that were set, which are kept to be looked at; 0 keeps none.
    pub journal: usize,
    /// TLS from the first byte on.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// When the event FullyBooted is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullyBooted {
    /// With every login.
    AtLogin,
    /// So long after the start, to who is logged in then; with every login from then on.
    After(Duration),
    Never,
}

impl Default for AsteriskOptions {
    fn default() -> AsteriskOptions {
        AsteriskOptions {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            username: "eventmanager".to_owned(),
            secret: Secret::new("amisecret"),
            read: Classes::ALL,
            write: Classes::ALL,
            multiple_logins: true,
            login_delay: Duration::from_secs(1),
            fully_booted: FullyBooted::AtLogin,
            system_name: None,
            has_devices: true,
            has_presences: true,
            has_hints: false,
            events_within_lists: false,
            write_timeout: Duration::from_millis(500),
            journal: 100_000,
            tls: None,
        }
    }
}
