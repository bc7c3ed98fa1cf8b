//! Event Management over REST, and NATS: `[event_management]` with its `[[event_management.peer]]`, and `[nats]`.

use crate::matching::Pattern;
use crate::wire::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// The topics that there are in any case.
pub const TOPICS_ALWAYS: [&str; 3] = ["order", "inquiry", "alarm"];
/// The base paths that are in use; whichever is configured, the others are aliases of it.
pub const BASE_PATHS: [&str; 4] = ["/psi-api/event/v2", "/event/v2", "/psi/event/v2", "/eventManagement/v2"];
/// The source of alarms.
pub const ALARM_SOURCE: &str = "alarm";
/// The source of what is posted by nobody in particular.
pub const EVENT_MANAGEMENT_SOURCE: &str = "event_management";

/// Event Management, as provider and as consumer.
#[derive(Debug, Clone, PartialEq)]
pub struct EventManagement {
    /// Where its paths begin; no slash at its end.
    pub base_path: String,
    /// All topics, each once: those that there are always, those of the configuration, and those that a `[[route]]` names.
    pub topics: Vec<String>,
    /// Whose posted events go back to their origin, too.
    pub echo: Vec<Pattern>,
    /// Where peers reach us, such as `https://em.example.net:8443`; no slash at its end.
    pub public_url: Option<String>,
    /// The first distance of two attempts; it doubles.
    pub retry_initial: Duration,
    pub retry_max: Duration,
    /// A hub that has taken nothing for so long is halted.
    pub give_up_after: Duration,
    pub connect_timeout: Duration,
    /// Of a whole request.
    pub timeout: Duration,
    pub max_hubs: usize,
    /// Of them, so many at most are of one owner: the name of a token.
    pub max_hubs_per_owner: usize,
    /// Of what is posted, in bytes.
    pub max_body: usize,
    /// What a hub has not got stays in the topic log at most so long.
    pub keep_backlog: Duration,
    /// How often it is looked whether peers know our callbacks still.
    pub verify: Duration,
    pub peers: Vec<EventPeer>,
}

/// A host to which events may be delivered, and at which we may register.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPeer {
    /// HOST:PORT, in small letters.
    pub host: String,
    pub allow_http: bool,
    /// Whether its addresses may be private ones, or those of this host.
    pub allow_private: bool,
    /// Whether TLS 1.2 does.
    pub allow_tls12: bool,
    /// Whose certificates are trusted; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// How we show who we are.
    pub auth: PeerAuth,
    /// By what deliveries are signed, the newest first; two while one replaces the other.
    pub signing_keys: Vec<Secret>,
    /// The topics that are delivered there.
    pub topics: Pattern,
    /// The name of the `[[http.token]]` that it shows to us.
    pub token: Option<String>,
    /// The topics at which we register there.
    pub subscribe: Vec<String>,
    /// The filter with which we do.
    pub query: Option<String>,
    /// Where its paths begin: `https://HOST:PORT/psi-api/event/v2`.
    pub url: String,
}

impl EventPeer {
    /// What it is called: by its token, or by its host.
    pub fn name(&self) -> &str {
        self.token.as_deref().unwrap_or(&self.host)
    }
}

/// How we show to a peer who we are.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerAuth {
    None,
    Basic {
        username: String,
        password: Secret,
    },
    Bearer(Secret),
    /// Client credentials (RFC 6749, 4.4).
    OAuth2 {
        token_url: String,
        client_id: String,
        client_secret: Secret,
        scope: Option<String>,
    },
    /// With a certificate of ours, both as PEM.
    Mtls {
        certificate: PathBuf,
        key: PathBuf,
    },
}

impl PeerAuth {
    /// Whether it is something that nobody else may read on its way.
    pub fn is_secret(&self) -> bool {
        matches!(self, PeerAuth::Basic { .. } | PeerAuth::Bearer(_) | PeerAuth::OAuth2 { .. })
    }

    /// What of it is in the configuration, and must not be told.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            PeerAuth::Basic { password: secret, .. }
            | PeerAuth::Bearer(secret)
            | PeerAuth::OAuth2 { client_secret: secret, .. } => Some(secret),
            PeerAuth::None | PeerAuth::Mtls { .. } => None,
        }
    }
}

/// The source of what is fed in over NATS.
pub const NATS_SOURCE: &str = "nats";

/// NATS JetStream.
#[derive(Debug, Clone, PartialEq)]
pub struct Nats {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`; several where they are a cluster.
    pub urls: Vec<String>,
    pub stream: String,
    /// Subjects are PREFIX.SOURCE.EVENT.
    pub subject_prefix: String,
    pub auth: NatsAuth,
    /// Whose certificates are trusted; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// Messages whose acknowledgement is waited for, at most.
    pub in_flight: usize,
    /// What the server has not got stays in the topic log so long, at most.
    pub keep_backlog: Duration,
    /// What others feed in; `None`: nothing.
    pub consume: Option<NatsConsume>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NatsAuth {
    None,
    Token(Secret),
    User {
        username: String,
        password: Secret,
    },
    /// A file of credentials, as `nsc` writes it.
    Credentials(PathBuf),
}

impl NatsAuth {
    /// What a server is sent that lets us in, and may quote.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            NatsAuth::Token(secret) | NatsAuth::User { password: secret, .. } => Some(secret),
            // Of these only what was signed with them is sent.
            NatsAuth::None | NatsAuth::Credentials(_) => None,
        }
    }
}

/// What is fed in over NATS.
#[derive(Debug, Clone, PartialEq)]
pub struct NatsConsume {
    pub stream: String,
    pub subject: String,
    /// The name of the consumer that the server keeps for us.
    pub durable: String,
    /// Under which topic its events are handed on.
    pub topic: String,
}
