//! Where a subscriber is: `udp:HOST:PORT`, `tcp:HOST:PORT` or `unix:/PATH`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// Bytes of the path of a socket, at most.
const LONGEST_PATH: usize = 107;
/// Bytes of a host's name, at most.
const LONGEST_HOST: usize = 253;
/// A name is found within this time, or not at all.
const LOOKUP: Duration = Duration::from_secs(2);

/// A socket as its subscriber writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Host { protocol: Protocol, host: String, port: u16 },
    Unix(PathBuf),
}

/// How a host is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Udp,
    Tcp,
}

/// Where events are sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Udp(SocketAddr),
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Target {
    /// IP and port, where it has such.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Target::Udp(address) | Target::Tcp(address) => Some(*address),
            Target::Unix(_) => None,
        }
    }

    /// Whether an event is one datagram, which has a size.
    pub fn is_datagram(&self) -> bool {
        !matches!(self, Target::Tcp(_))
    }
}

impl Address {
    /// Reads a socket; the error says what is wrong with it.
    pub fn parse(socket: &str) -> Result<Address, String> {
        if socket.chars().any(char::is_control) {
            return Err("it has control characters".to_owned());
        }
        match socket.split_once(':') {
            Some(("udp", rest)) => host(Protocol::Udp, rest),
            Some(("tcp", rest)) => host(Protocol::Tcp, rest),
            Some(("unix", path)) => unix(path),
            _ => Err("it is none of udp:HOST:PORT, tcp:HOST:PORT and unix:/PATH".to_owned()),
        }
    }

    /// Where that is now: of a host, where its name leads. Every address of it must be allowed.
    pub async fn resolve(&self, is_allowed: impl Fn(IpAddr) -> bool) -> Result<Target, String> {
        let (protocol, host, port) = match self {
            Address::Unix(path) => return Ok(Target::Unix(path.clone())),
            Address::Host { protocol, host, port } => (protocol, host, *port),
        };
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => find(host, port).await?,
        };
        if let Some(other) = found.iter().find(|address| !is_allowed(**address)) {
            return Err(format!("{other} is not among evi.allowed_targets"));
        }
        let first = found.first().ok_or_else(|| format!("the host {host} has no address"))?;
        Ok(self.at(*protocol, SocketAddr::new(first.to_canonical(), port)))
    }

    /// Where it was found before.
    pub fn pinned(&self, address: Option<SocketAddr>) -> Option<Target> {
        match (self, address) {
            (Address::Unix(path), _) => Some(Target::Unix(path.clone())),
            (Address::Host { protocol, .. }, Some(address)) => Some(self.at(*protocol, address)),
            (Address::Host { .. }, None) => None,
        }
    }

    fn at(&self, protocol: Protocol, address: SocketAddr) -> Target {
        match protocol {
            Protocol::Udp => Target::Udp(address),
            Protocol::Tcp => Target::Tcp(address),
        }
    }
}

fn host(protocol: Protocol, rest: &str) -> Result<Address, String> {
    let (host, port) = rest.rsplit_once(':').ok_or("the port is missing")?;
    if protocol == Protocol::Tcp && port.contains('/') {
        return Err("a method behind the port is not understood".to_owned());
    }
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| *port > 0 && is_number);
    let port = port.ok_or("the port is none from 1 to 65535")?;
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = match inside {
        Some(inside) if inside.parse::<std::net::Ipv6Addr>().is_ok() => inside,
        Some(_) => return Err("there is no IPv6 address in the brackets".to_owned()),
        None => host,
    };
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if inside.is_none() && (host.is_empty() || host.len() > LONGEST_HOST || !host.bytes().all(is_fine)) {
        return Err("there is no host".to_owned());
    }
    Ok(Address::Host { protocol, host: host.to_owned(), port })
}

fn unix(path: &str) -> Result<Address, String> {
    if !path.starts_with('/') {
        return Err("the path does not begin with /".to_owned());
    }
    if path.len() > LONGEST_PATH {
        return Err(format!("the path has {} bytes, allowed are {LONGEST_PATH}", path.len()));
    }
    Ok(Address::Unix(path.into()))
}

async fn find(host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
    match timeout(LOOKUP, lookup_host((host, port))).await {
        Ok(Ok(found)) => Ok(found.map(|address| address.ip()).collect()),
        Ok(Err(error)) => Err(format!("the host {host} is not found: {error}")),
        Err(_) => Err(format!("the host {host} is not found within {LOOKUP:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_read_and_what_is_wrong_is_told() {
        let good = |socket: &str, host: &str, port: u16| match Address::parse(socket) {
            Ok(Address::Host { host: found, port: read, .. }) => {
                assert_eq!((found.as_str(), read), (host, port))
            }
            other => panic!("{socket}: {other:?}"),
        };
        good("udp:127.0.0.1:9001", "127.0.0.1", 9001);
        good("tcp:a-b.example.net:1", "a-b.example.net", 1);
        good("udp:[::1]:65535", "::1", 65535);
        assert_eq!(Address::parse("unix:/run/a b"), Ok(Address::Unix("/run/a b".into())));
        assert!(Address::parse(&format!("unix:/{}", "x".repeat(106))).is_ok());
        let bad = |socket: &str, part: &str| {
            let error = Address::parse(socket).expect_err(socket);
            assert!(error.contains(part), "{socket}: {error}");
        };
        bad("", "none of");
        bad("127.0.0.1:9001", "none of");
        bad("UDP:127.0.0.1:1", "none of");
        bad("udp:127.0.0.1", "port");
        bad("udp:127.0.0.1:0", "1 to 65535");
        bad("udp:127.0.0.1:65536", "1 to 65535");
        bad("udp:127.0.0.1:+1", "1 to 65535");
        bad("udp:127.0.0.1:1 ", "1 to 65535");
        bad("udp::9", "no host");
        bad("udp:::1:9", "no host");
        bad("udp:[x]:9", "no IPv6 address");
        bad("udp:a/b:9", "no host");
        bad("udp:a\nb:9", "control");
        bad("tcp:a:9/method", "method");
        bad("unix:run", "begin with /");
        bad(&format!("unix:/{}", "x".repeat(107)), "allowed are 107");
    }

    #[tokio::test]
    async fn every_address_of_a_host_must_be_allowed() {
        let address = |socket: &str| Address::parse(socket).expect(socket);
        let here = |address: IpAddr| address.is_loopback();
        let found = address("udp:localhost:9").resolve(here).await.expect("it is here");
        assert!(found.address().is_some_and(|it| it.ip().is_loopback()), "{found:?}");
        let refused = address("tcp:10.0.0.1:9").resolve(here).await.expect_err("it is elsewhere");
        assert!(refused.contains("10.0.0.1 is not among"), "{refused}");
        assert!(address("udp:localhost:9").resolve(|_| false).await.is_err());
        let unknown = address("udp:nowhere.invalid:9").resolve(here).await.expect_err("nowhere");
        assert!(unknown.contains("not found"), "{unknown}");
        let unix = address("unix:/run/x").resolve(|_| false).await;
        assert_eq!(unix, Ok(Target::Unix("/run/x".into())));
    }
}
