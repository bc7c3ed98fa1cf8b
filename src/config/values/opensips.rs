//! `[[opensips]]`.

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// One OpenSIPS, to whose events we subscribe.
#[derive(Debug, Clone, PartialEq)]
pub struct Opensips {
    pub name: String,
    pub mi: MiAddress,
    /// What its Management Interface speaks; `None`: found out at each connect.
    pub mi_format: Option<MiFormat>,
    /// Where it writes its replies, with `fifo:` and `unix:`.
    pub reply_dir: PathBuf,
    /// Where its events come in.
    pub listen: EventSocket,
    /// The socket as it is told, where it reaches us by another address.
    pub advertise: Option<String>,
    /// Who may send events; there is no login.
    pub allow_from: Vec<IpNet>,
    pub events: Vec<String>,
    /// So long a subscription lasts; it is renewed at a third of it. Whole seconds.
    pub expire: Duration,
    /// How often it is asked whether our subscriptions are there; never less often than they are renewed.
    pub verify: Duration,
    /// A request that is not answered by then has failed.
    pub request_timeout: Duration,
    /// Events that wait to be handled, at most.
    pub queue: usize,
    /// Bytes that the kernel is asked to hold of datagrams that were not read yet.
    pub receive_buffer: usize,
}

impl Opensips {
    /// Whether events may come from there.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow_from.iter().any(|network| network.contains(&address))
    }
}

/// Where a Management Interface takes requests. `Display` is as the file writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MiAddress {
    /// HOST:PORT.
    Udp(String),
    Unix(PathBuf),
    Fifo(PathBuf),
    /// A full URL.
    Http(String),
}

impl fmt::Display for MiAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MiAddress::Udp(address) => write!(f, "udp:{address}"),
            MiAddress::Unix(path) => write!(f, "unix:{}", path.display()),
            MiAddress::Fifo(path) => write!(f, "fifo:{}", path.display()),
            MiAddress::Http(url) => f.write_str(url),
        }
    }
}

/// The two languages of Management Interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MiFormat {
    /// Up to 2.4.
    Text,
    /// JSON-RPC, since 3.0.
    Json,
}

/// Where events come in. `Display` is what OpenSIPS is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventSocket {
    /// IPv4 alone.
    Udp(SocketAddr),
    Unix(PathBuf),
    /// OpenSIPS connects to it, since 3.1.
    Tcp(SocketAddr),
}

impl fmt::Display for EventSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventSocket::Udp(address) => write!(f, "udp:{address}"),
            EventSocket::Unix(path) => write!(f, "unix:{}", path.display()),
            EventSocket::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}
