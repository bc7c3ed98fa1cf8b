//! Where a subscription has its events sent, as text and as an address.
//!
//! ```text
//! udp:127.0.0.1:9011    unix:/run/events.sock    tcp:127.0.0.1:9012    tcp:127.0.0.1:9012/method
//! ```

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// A path of a unix socket has fewer bytes than this.
const PATH_LIMIT: usize = 108;

/// A socket of a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub target: Target,
    transport: Transport,
    /// The host or the path, as it was written: this is what is compared.
    host: String,
    /// 0 of a unix socket.
    port: u16,
    method: Option<String>,
}

/// Where that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Udp(SocketAddr),
    Unix(PathBuf),
    Tcp(SocketAddr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Unix,
    Tcp,
}

impl Destination {
    /// Reads one; `None` where OpenSIPS knows no such transport, or cannot read or resolve the address. IPv4 alone.
    pub fn parse(socket: &str, has_streams: bool) -> Option<Destination> {
        let (transport, address) = socket.split_once(':')?;
        match transport {
            "unix" => {
                let fits = !address.is_empty() && address.len() < PATH_LIMIT;
                let target = Target::Unix(PathBuf::from(address));
                fits.then(|| Destination::new(target, Transport::Unix, address, 0, None))
            }
            "udp" => {
                let (host, port) = host_and_port(address)?;
                let target = Target::Udp(resolve(host, port)?);
                Some(Destination::new(target, Transport::Udp, host, port, None))
            }
            "tcp" if has_streams => {
                let (address, method) = address
                    .split_once('/')
                    .map_or((address, None), |(address, method)| (address, Some(method)));
                let (host, port) = host_and_port(address)?;
                let target = Target::Tcp(resolve(host, port)?);
                let method = method.filter(|method| !method.is_empty()).map(str::to_owned);
                Some(Destination::new(target, Transport::Tcp, host, port, method))
            }
            _ => None,
        }
    }

    fn new(
        target: Target,
        transport: Transport,
        host: &str,
        port: u16,
        method: Option<String>,
    ) -> Destination {
        Destination { target, transport, host: host.to_owned(), port, method }
    }

    /// Whether a subscription to this socket is taken for a renewal of `existing`. Of datagrams that is so already where it is a prefix of
    /// it, at the same port; over TCP it has to be the same, and one with a method is never found again.
    pub fn refreshes(&self, existing: &Destination) -> bool {
        if (self.transport, self.port) != (existing.transport, existing.port) {
            return false;
        }
        match self.transport {
            Transport::Udp | Transport::Unix => existing.host.starts_with(&self.host),
            Transport::Tcp => {
                self.host == existing.host && self.method.is_none() && existing.method.is_none()
            }
        }
    }

    /// What stands in an event's place as its method, over TCP.
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Unix => write!(f, "unix:{}", self.host),
            Transport::Udp => write!(f, "udp:{}:{}", self.host, self.port),
            Transport::Tcp => {
                write!(f, "tcp:{}:{}", self.host, self.port)?;
                self.method.iter().try_for_each(|method| write!(f, "/{method}"))
            }
        }
    }
}

fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.split_once(':')?;
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_number && *port > 0)?;
    (!host.is_empty()).then_some((host, port))
}

fn resolve(host: &str, port: u16) -> Option<SocketAddr> {
    (host, port).to_socket_addrs().ok()?.find(SocketAddr::is_ipv4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(socket: &str) -> Destination {
        Destination::parse(socket, true).expect(socket)
    }

    #[test]
    fn what_is_a_socket_and_what_is_none() {
        let long = format!("unix:/{}", "x".repeat(106));
        for socket in ["udp:127.0.0.1:9", "unix:/a", "tcp:127.0.0.1:65535", "tcp:127.0.0.1:9/m", &long] {
            assert_eq!(read(socket).to_string(), *socket);
        }
        let longer = format!("{long}x");
        for socket in [
            "",
            "udp",
            "udp:",
            "udp:127.0.0.1",
            "udp::9",
            "udp:127.0.0.1:0",
            "udp:127.0.0.1:65536",
            "udp:127.0.0.1:+9",
            "udp:127.0.0.1:x",
            "udp:[::1]:9",
            "udp:127.0.0.1:9/m",
            "unix:",
            "sctp:127.0.0.1:9",
            "tcp:127.0.0.1:/m",
            &longer,
        ] {
            assert_eq!(Destination::parse(socket, true), None, "{socket}");
        }
        assert_eq!(Destination::parse("tcp:127.0.0.1:9", false), None);
    }

    #[test]
    fn a_prefix_is_taken_for_the_longer_one() {
        let check = |new: &str, existing: &str, expected: bool| {
            assert_eq!(read(new).refreshes(&read(existing)), expected, "{new} while {existing} exists");
        };
        check("udp:127.0.0.1:9001", "udp:127.0.0.1:9001", true);
        check("udp:127.0.0.1:9001", "udp:127.0.0.11:9001", true);
        check("udp:127.0.0.11:9001", "udp:127.0.0.1:9001", false);
        check("udp:127.0.0.1:9001", "udp:127.0.0.11:9002", false);
        check("udp:127.0.0.1:900", "udp:127.0.0.1:9001", false);
        check("udp:localhost:9001", "udp:127.0.0.1:9001", false);
        check("unix:/run/a", "unix:/run/ab", true);
        check("unix:/run/ab", "unix:/run/a", false);
        check("tcp:127.0.0.1:9001", "udp:127.0.0.1:9001", false);
        check("tcp:127.0.0.1:9001", "tcp:127.0.0.1:9001", true);
        check("tcp:127.0.0.1:9001", "tcp:127.0.0.11:9001", false);
        check("tcp:127.0.0.1:9001/m", "tcp:127.0.0.1:9001/m", false);
    }
}
