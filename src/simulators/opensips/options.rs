//! How a simulated OpenSIPS is.

use super::version::Version;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How a simulated OpenSIPS is.
#[derive(Debug, Clone)]
pub struct OpensipsOptions {
    pub version: Version,
    /// Where its management interface takes datagrams (mi_datagram); port 0 takes a free one.
    pub udp: Option<SocketAddr>,
    /// The same as a unix socket. A socket that is there already is replaced.
    pub unix: Option<PathBuf>,
    /// Its FIFO (mi_fifo). A FIFO that is there already is replaced.
    pub fifo: Option<PathBuf>,
    /// Where the FIFOs of replies are.
    pub reply_dir: PathBuf,
    /// `POST /mi` (mi_http); of 3.0 and later alone.
    pub http: Option<SocketAddr>,
    /// What is published. An event's id is its place.
    pub events: Vec<String>,
    /// Events over TCP have ids and are to be answered (event_stream's reliable_mode).
    pub reliable: bool,
    /// Its time does not pass but by [`OpensipsHandle::advance`](super::OpensipsHandle::advance).
    pub still: bool,
}

/// What a usual one publishes, as far as somebody who watches it cares, and an event of its script.
pub const EVENTS: [&str; 18] = [
    "E_CORE_THRESHOLD",
    "E_CORE_PKG_THRESHOLD",
    "E_CORE_SHM_THRESHOLD",
    "E_PIKE_BLOCKED",
    "E_UL_AOR_INSERT",
    "E_UL_AOR_DELETE",
    "E_UL_CONTACT_INSERT",
    "E_UL_CONTACT_UPDATE",
    "E_UL_CONTACT_DELETE",
    "E_DISPATCHER_STATUS",
    "E_LOAD_BALANCER_STATUS",
    "E_RTPPROXY_STATUS",
    "E_RTPENGINE_STATUS",
    "E_ACC_EVENT",
    "E_ACC_MISSED_EVENT",
    "E_ACC_CDR",
    "E_DLG_STATE_CHANGED",
    "E_TEST",
];

impl Default for OpensipsOptions {
    fn default() -> OpensipsOptions {
        OpensipsOptions {
            version: Version::V3_6,
            udp: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            unix: None,
            fifo: None,
            reply_dir: PathBuf::from("/tmp"),
            http: None,
            events: EVENTS.map(str::to_owned).to_vec(),
            reliable: false,
            still: false,
        }
    }
}
