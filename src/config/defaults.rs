//! What holds where a file says nothing.

use super::surroundings::Surroundings;
use super::values::*;
use crate::matching::Pattern;
use crate::states::NameTemplate;
use crate::wire::Secret;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// Of a request to the EMA or to SurgeMail.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const EMA_SESSIONS: usize = 16;
pub(super) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(90);
pub(super) const MAX_DOCUMENT: usize = 1 << 20;
pub(super) const DISK_LOW: DiskLow = DiskLow::Bytes(1 << 30);
pub(super) const DUPLICATE_WINDOW: Duration = Duration::from_secs(5 * 60);
/// A week-end, and whoever follows has until Monday to come back.
pub(super) const TOPIC_LOG: Duration = Duration::from_secs(72 * 3600);
/// Of a frame of EVAPI.
pub(super) const LARGEST_FRAME: usize = 16 << 20;
/// Shorter than the timer of the transaction, which is 30 s by default and often 5 s.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(2);
pub(super) const SHORTEST_DEADLINE: Duration = Duration::from_millis(100);

impl Default for Log {
    fn default() -> Self {
        Log { level: "info".into(), format: LogFormat::Text }
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Cluster { enabled: false, lease: Duration::from_secs(3), address: None }
    }
}

impl StoreConfig {
    /// One database with the defaults of everything else.
    pub fn new(database: Database) -> Self {
        StoreConfig {
            subscribers: database.clone(),
            events: database,
            retention_days: None,
            topic_log: TOPIC_LOG,
            disk_low: DISK_LOW,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        Http { listen, tls_cert: None, tls_key: None, tokens: Vec::new(), original_paths_open: true }
    }
}

impl Default for Processing {
    fn default() -> Self {
        Processing {
            order: RunOrder::Subject,
            mode: Mode::Active,
            concurrency: 16,
            on_failure: OnFailure::Continue,
            retry_initial: Duration::from_secs(1),
            retry_max: Duration::from_secs(30),
        }
    }
}

/// Named after the host, with its files where systemd or custom put them.
pub(super) fn node(surroundings: &Surroundings) -> Node {
    Node { name: surroundings.host_name.clone(), data_dir: surroundings.state_directory(), core_dumps: false }
}

/// SQLite in the data directory; for both, where only one database is named.
pub(super) fn events(data_dir: &Path) -> Database {
    Database::Sqlite(data_dir.join("events.db"))
}

/// Fault codes that every EMA uses alike.
pub(super) fn faults() -> BTreeMap<u32, FaultClass> {
    BTreeMap::from([(3012, FaultClass::Session), (3014, FaultClass::Login), (13004, FaultClass::Exists)])
}

impl Broadworks {
    /// A server with the defaults of everything but name and address (HOST:PORT).
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Broadworks {
            name: name.into(),
            address: address.into(),
            keepalive_timeout: KEEPALIVE_TIMEOUT,
            cluster: None,
            max_document: MAX_DOCUMENT,
            duplicate_window: DUPLICATE_WINDOW,
        }
    }
}

impl Ema {
    /// One host (a full URL) with the defaults of everything else.
    pub fn new(primary: impl Into<String>, username: impl Into<String>, password: Secret) -> Self {
        Ema {
            primary: primary.into(),
            secondary: None,
            username: username.into(),
            password,
            sessions: EMA_SESSIONS,
            timeout: REQUEST_TIMEOUT,
            faults: faults(),
        }
    }
}

impl Default for EventKeys {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        EventKeys {
            event: names(&["event", "Event"]),
            index: names(&["tr_index", "TransactionIndex"]),
            label: names(&["tr_label", "TransactionLabel"]),
            call_id: names(&["call_id", "callid", "Call-ID"]),
            identity: names(&["method", "cseq", "from_tag", "to_tag", "dlg_id"]),
        }
    }
}

impl Kamailio {
    /// A Kamailio with the defaults of everything but name and address (HOST:PORT).
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Kamailio {
            name: name.into(),
            address: address.into(),
            framing: Framing::Netstring,
            tag_command: None,
            heartbeat_timeout: None,
            frame_timeout: Duration::from_secs(10),
            max_frame: 1 << 20,
            queue: 10_000,
            on_overflow: Overflow::DropOldest,
            max_bad: 10,
            // As long as a SIP request is retransmitted.
            duplicate_window: Duration::from_secs(32),
            keys: EventKeys::default(),
            answers: Vec::new(),
        }
    }
}

impl Asterisk {
    /// An Asterisk with the defaults of everything but name and transport.
    pub fn new(name: impl Into<String>, transport: AsteriskTransport) -> Self {
        let patterns =
            |patterns: &[&str]| patterns.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
        Asterisk {
            name: name.into(),
            transport,
            include: vec![Pattern::any()],
            exclude: patterns(&["Custom:*", "Local/*"]),
            actions: Vec::new(),
            ping: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
        }
    }
}

impl Ami {
    /// The manager interface at HOST:PORT, without TLS.
    pub fn new(address: impl Into<String>, username: impl Into<String>, secret: Secret) -> Self {
        Ami {
            address: address.into(),
            tls: false,
            tls_ca: None,
            username: username.into(),
            secret,
            login: AmiLogin::Md5,
        }
    }
}

impl Opensips {
    /// An OpenSIPS with the defaults of everything else: none of its events is subscribed to.
    pub fn new(name: impl Into<String>, mi: MiAddress, listen: EventSocket) -> Self {
        Opensips {
            name: name.into(),
            mi,
            mi_format: None,
            reply_dir: "/tmp".into(),
            listen,
            advertise: None,
            allow_from: this_host(),
            events: Vec::new(),
            expire: Duration::from_secs(1_800),
            verify: Duration::from_secs(30),
            request_timeout: Duration::from_secs(5),
            queue: 100_000,
            receive_buffer: 8 << 20,
        }
    }
}

impl Default for DeviceStates {
    fn default() -> Self {
        DeviceStates {
            presence: true,
            name: NameTemplate::default(),
            lost_origin_grace: Duration::from_secs(60),
            verify: Duration::from_secs(600),
        }
    }
}

/// How often an agent says that it is there.
pub(super) const AGENT_KEEPALIVE: Duration = Duration::from_secs(30);

impl ZmqServer {
    /// A server on these addresses with the defaults of everything else: only this host may connect.
    pub fn new(pull: SocketAddr, publish: SocketAddr) -> Self {
        ZmqServer { pull, publish, allow_from: this_host(), queue: 100_000 }
    }
}

impl Default for ZmqServer {
    fn default() -> Self {
        let on = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        ZmqServer::new(on(55_556), on(55_555))
    }
}

/// The networks of this host alone.
fn this_host() -> Vec<IpNet> {
    let network = |address: IpAddr, length| IpNet::new_assert(address, length);
    vec![network(Ipv4Addr::new(127, 0, 0, 0).into(), 8), network(Ipv6Addr::LOCALHOST.into(), 128)]
}

impl EvapiServer {
    /// A server on this address with the defaults of everything else: only this host may connect.
    pub fn new(listen: SocketAddr) -> Self {
        EvapiServer {
            listen,
            allow_from: this_host(),
            queue: 10_000,
            max_clients: 64,
            envelope: true,
            topics: Vec::new(),
        }
    }
}

impl Default for Evi {
    /// It is served over HTTP alone, and subscribers are on this host.
    fn default() -> Self {
        Evi {
            udp: None,
            unix: None,
            allow_from: this_host(),
            allowed_targets: this_host(),
            // Where programs put their sockets; those of the system are elsewhere.
            allowed_unix: vec!["/tmp".into(), "/run/eventmanager".into()],
            queue: 10_000,
            max_subscriptions: 1_000,
            max_expire: Duration::from_secs(24 * 3600),
            names: Vec::new(),
        }
    }
}

impl Default for EventManagement {
    fn default() -> Self {
        let topics = TOPICS_ALWAYS.iter().chain(&TOPICS_OF_SOURCES).map(|topic| (*topic).to_owned());
        EventManagement {
            base_path: BASE_PATHS[0].to_owned(),
            topics: topics.collect(),
            echo: Vec::new(),
            public_url: None,
            retry_initial: Duration::from_secs(1),
            retry_max: Duration::from_secs(15 * 60),
            give_up_after: Duration::from_secs(72 * 3600),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            max_hubs: 1_000,
            max_hubs_per_owner: 500,
            max_body: 1 << 20,
            keep_backlog: BACKLOG,
            verify: Duration::from_secs(60),
            peers: Vec::new(),
        }
    }
}

/// The topics that there are beside [`TOPICS_ALWAYS`] where the file names none.
pub(super) const TOPICS_OF_SOURCES: [&str; 4] = ["broadworks", "asterisk", "kamailio", "opensips"];

impl EventPeer {
    /// A peer at HOST:PORT with the defaults of everything else: TLS 1.3, a public address, and nobody asks who we are.
    pub fn new(host: impl Into<String>) -> Self {
        let host = host.into();
        EventPeer {
            url: format!("https://{host}{}", BASE_PATHS[0]),
            host,
            allow_http: false,
            allow_private: false,
            allow_tls12: false,
            ca: None,
            auth: PeerAuth::None,
            signing_keys: Vec::new(),
            topics: Pattern::any(),
            token: None,
            subscribe: Vec::new(),
            query: None,
        }
    }
}

impl Nats {
    /// Servers (`nats://HOST:PORT`) with the defaults of everything else.
    pub fn new(urls: Vec<String>) -> Self {
        Nats {
            urls,
            stream: "EVENTS".to_owned(),
            subject_prefix: "eventmanager".to_owned(),
            auth: NatsAuth::None,
            ca: None,
            in_flight: 1_000,
            keep_backlog: BACKLOG,
            consume: None,
        }
    }
}

/// So long rows of the topic log wait for who is to get them.
const BACKLOG: Duration = Duration::from_secs(30 * 24 * 3600);
/// What the server calls our consumer.
pub(super) const NATS_DURABLE: &str = "eventmanager";
