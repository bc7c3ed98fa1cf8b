//! Where peers, listeners and databases are. Errors read as those of `units`, without the value.

use super::values::Database;
use crate::wire::Secret;
use crate::wire::event_management::{Callback, guard};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use tokio_postgres::config::Host;

const EMA_PORT: u16 = 8080;
const EMA_PATH: &str = "/CAI3G1.2/services/CAI3G1.2";

/// `HOST:PORT`, as given.
pub(super) fn host_and_port(text: &str) -> Result<String, String> {
    let (host, number) = text.rsplit_once(':').ok_or("is not HOST:PORT, the port is missing")?;
    check_host(host)?;
    port(number)?;
    Ok(text.into())
}

/// `HOST:PORT` of a ZeroMQ socket, with or without `tcp://` before it.
pub(super) fn socket(text: &str) -> Result<String, String> {
    let address = text.strip_prefix("tcp://").unwrap_or(text);
    if address.contains("://") {
        return Err("is not HOST:PORT or tcp://HOST:PORT".into());
    }
    host_and_port(address)
}

/// A port to connect to.
pub(super) fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ => Err("has no port from 1 to 65535".into()),
    }
}

/// A host alone, ready to have `:PORT` put behind it.
pub(super) fn host(text: &str) -> Result<String, String> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok(format!("[{text}]"));
    }
    check_host(text)?;
    Ok(text.into())
}

fn check_host(host: &str) -> Result<(), String> {
    if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside
            .parse::<Ipv6Addr>()
            .map(drop)
            .map_err(|_| "has no IPv6 address in its brackets".into());
    }
    if host.contains(':') {
        return Err("has too many colons (an IPv6 address is written [ADDRESS]:PORT)".into());
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if host.is_empty() || !host.bytes().all(allowed) {
        return Err("has no host name or address".into());
    }
    Ok(())
}

/// `IP:PORT` to listen on; port 0 lets the system choose.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "is not IP:PORT such as 127.0.0.1:8080".into())
}

/// Whether only this host can connect.
pub(super) fn is_loopback(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V6(ip) => ip.to_canonical().is_loopback(),
        IpAddr::V4(ip) => ip.is_loopback(),
    }
}

/// An address, or a network such as `10.0.0.0/8`.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let network: IpNet = text.parse().map_err(|_| "is not an address or a network such as \"10.0.0.0/8\"")?;
    if network != network.trunc() {
        return Err(format!("has more bits than its length says: perhaps {} is meant", network.trunc()));
    }
    Ok(network)
}

/// The URL of a CAI3G service: given in full, or as `HOST` or `HOST:PORT` of an EMA with its usual port and path.
pub(super) fn ema_url(text: &str) -> Result<String, String> {
    if text.contains("://") {
        let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
        let path = if after_scheme.contains(['/', '?']) { "" } else { EMA_PATH };
        return Ok(format!("{}{path}", web_address(text)?));
    }
    if let Ok(host) = host(text) {
        return Ok(format!("http://{host}:{EMA_PORT}{EMA_PATH}"));
    }
    Ok(format!("http://{}{EMA_PATH}", host_and_port(text)?))
}

/// The URL of a service that answers for us.
pub(super) fn webhook(text: &str) -> Result<String, String> {
    if !text.contains("://") {
        return Err("is not a URL such as \"http://127.0.0.1:9000/answer\"".into());
    }
    full_url(text, "a token may stand in its path")
}

/// A URL where users have keys of their own.
pub(super) fn web_address(text: &str) -> Result<String, String> {
    full_url(text, "username and password have keys of their own")
}

/// A URL, unless its host is an address that nobody could mean: one of metadata, of this link alone, or of nobody.
pub(super) fn sensible(url: String) -> Result<String, String> {
    let parsed = reqwest::Url::parse(&url).map_err(|error| format!("is not a URL: {error}"))?;
    let address: Option<IpAddr> = match parsed.host() {
        Some(url::Host::Ipv4(address)) => Some(address.into()),
        Some(url::Host::Ipv6(address)) => Some(address.into()),
        _ => None,
    };
    match address.map(guard::check_configured) {
        Some(Err(what)) => Err(format!("is at {what}, where nothing is sent")),
        _ => Ok(url),
    }
}

/// A URL that others are put behind: without a query, and without a slash at its end.
pub(super) fn base_url(text: &str) -> Result<String, String> {
    let url = web_address(text)?;
    if url.contains('?') {
        return Err("must not hold a \"?\"".to_owned());
    }
    authority_of(&url)?;
    Ok(url.trim_end_matches('/').to_owned())
}

/// `HOST:PORT` as that of a [`Callback`] is written.
pub(super) fn authority(text: &str) -> Result<String, String> {
    host_and_port(text)?;
    authority_of(&format!("https://{text}"))
}

/// `HOST:PORT` of a URL.
pub(super) fn authority_of(url: &str) -> Result<String, String> {
    let callback = Callback::parse(url);
    callback.map(|callback| callback.authority()).map_err(|_| "has no host that can be asked".to_owned())
}

/// A URL as given; `instead`: where a user would belong.
fn full_url(text: &str, instead: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("is not a URL with http:// or https://".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("must not hold a user; {instead}"));
    }
    if url.fragment().is_some() {
        return Err("must not hold a \"#\"".into());
    }
    Ok(text.to_owned())
}

/// `sqlite:PATH` (relative as given) or `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`.
pub(super) fn database(text: &str) -> Result<Database, String> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        return sqlite(path);
    }
    if !text.starts_with("postgresql://") && !text.starts_with("postgres://") {
        return Err("is neither \"sqlite:PATH\" nor \"postgresql://USER:PASSWORD@HOST:PORT/DATABASE\"".into());
    }
    // The driver's own words may quote a piece of the password, hence ours.
    let config = ssl_mode(text).0.parse::<tokio_postgres::Config>().map_err(
        |_| "is not a valid postgresql:// address (are the special characters of the password percent-encoded?)",
    )?;
    if config.get_hosts().is_empty() {
        return Err("names no database host".into());
    }
    Ok(Database::Postgres(Secret::new(text)))
}

/// The address as the driver reads it, and whether the server's certificate is verified. The driver knows `disable`, `prefer` and
/// `require`, none of which says that. As in libpq, it is for `verify-ca` and `verify-full`, both of which we take as the stricter.
pub fn ssl_mode(dsn: &str) -> (String, bool) {
    let Some((place, query)) = dsn.split_once('?') else { return (dsn.to_owned(), false) };
    let mut is_verified = false;
    let parameter = |parameter| match parameter {
        "sslmode=verify-full" | "sslmode=verify-ca" => {
            is_verified = true;
            "sslmode=require"
        }
        "sslmode=allow" => "sslmode=prefer",
        other => other,
    };
    let query: Vec<&str> = query.split('&').map(parameter).collect();
    (format!("{place}?{}", query.join("&")), is_verified)
}

/// Whether both are the same database, whatever the user, the options and the spelling of this host. (Two names of one
/// host are told apart by nobody but the database's administrator.)
pub(super) fn same_database(one: &Database, other: &Database) -> bool {
    match (one, other) {
        (Database::Sqlite(one), Database::Sqlite(other)) => {
            let file = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
            file(one) == file(other)
        }
        (Database::Postgres(one), Database::Postgres(other)) => {
            let others = places(other);
            places(one).iter().any(|place| others.contains(place))
        }
        _ => false,
    }
}

/// Host, port and name of the database, once for each host of the address.
fn places(dsn: &Secret) -> Vec<(String, u16, String)> {
    let Ok(config) = ssl_mode(dsn.expose()).0.parse::<tokio_postgres::Config>() else { return Vec::new() };
    let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
    let ports = config.get_ports();
    let place = |(index, host): (usize, &Host)| {
        let host = match host {
            Host::Tcp(host) => host.to_lowercase(),
            Host::Unix(path) => path.display().to_string(),
        };
        let is_loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let host = if is_loopback { "localhost".to_owned() } else { host };
        (host, ports.get(index).or(ports.first()).copied().unwrap_or(5432), name.to_owned())
    };
    config.get_hosts().iter().enumerate().map(place).collect()
}

fn sqlite(path: &str) -> Result<Database, String> {
    match path {
        "" => Err("has no path after \"sqlite:\"".into()),
        ":memory:" => Err("keeps events in memory only, where they are lost".into()),
        path => Ok(Database::Sqlite(path.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::units::tests::{bad, good};

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for text in ["as1:8025", "10.0.0.1:1", "[::1]:8025", "as_1.example.org:65535"] {
            good(host_and_port, text, text.into());
        }
        bad(host_and_port, "as1", "the port is missing");
        bad(host_and_port, "as1:", "no port");
        bad(host_and_port, "as1:0", "no port");
        bad(host_and_port, "as1:65536", "no port");
        bad(host_and_port, "as1:+80", "no port");
        bad(host_and_port, ":8025", "no host");
        bad(host_and_port, "::1:8025", "too many colons");
        bad(host_and_port, "[::x]:8025", "no IPv6 address");
        bad(host_and_port, "as 1:8025", "no host name");
        bad(host_and_port, "tcp://as1:8025", "too many colons");
    }

    #[test]
    fn an_ema_is_a_host_or_a_url() {
        let check = |text: &str, expected: &str| good(ema_url, text, expected.into());
        check("ema1", "http://ema1:8080/CAI3G1.2/services/CAI3G1.2");
        check("ema1:9000", "http://ema1:9000/CAI3G1.2/services/CAI3G1.2");
        check("::1", "http://[::1]:8080/CAI3G1.2/services/CAI3G1.2");
        check("[::1]:9000", "http://[::1]:9000/CAI3G1.2/services/CAI3G1.2");
        check("https://ema1:8443", "https://ema1:8443/CAI3G1.2/services/CAI3G1.2");
        check("https://ema1/x", "https://ema1/x");
        check("http://ema1/", "http://ema1/");
        bad(ema_url, "ftp://ema1", "http:// or https://");
        bad(ema_url, "http://", "is not a URL");
        bad(ema_url, "http://u:p@ema1", "keys of their own");
        bad(ema_url, "http://ema1/#x", "must not hold");
        bad(ema_url, "http://ema1:99999/", "is not a URL");
        bad(ema_url, "ema1/path", "port is missing");
        bad(ema_url, "", "port is missing");
    }

    #[test]
    fn an_authority_is_written_as_urls_have_it() {
        good(authority, "PSS.Example.net:8443", "pss.example.net:8443".into());
        good(authority, "pss:443", "pss:443".into());
        good(authority, "127.0.0.1:80", "127.0.0.1:80".into());
        bad(authority, "0x7f.1:80", "no host that can be");
        good(authority, "[0::1]:8443", "[::1]:8443".into());
        bad(authority, "pss", "the port is missing");
        bad(authority, "300.1.1.1:80", "no host that can be");
        bad(authority, "a..b:80", "no host that can be");
        good(authority_of, "https://PSS/x", "pss:443".into());
        good(authority_of, "http://pss:8080/x", "pss:8080".into());
    }

    #[test]
    fn a_base_has_no_slash_at_its_end() {
        good(base_url, "https://em:8443/", "https://em:8443".into());
        good(base_url, "http://em/a/b", "http://em/a/b".into());
        bad(base_url, "https://em/?x=1", "must not hold");
        bad(base_url, "em:8443", "is not a URL");
        bad(base_url, "https://a:b@em", "keys of their own");
    }

    #[test]
    fn a_database_is_sqlite_or_postgresql() {
        let postgres = |dsn: &str| good(database, dsn, Database::Postgres(Secret::new(dsn)));
        good(database, "sqlite:/var/events.db", Database::Sqlite("/var/events.db".into()));
        good(database, "sqlite:events.db", Database::Sqlite("events.db".into()));
        postgres("postgresql://em:p%40ss@db1,db2:5433/em?sslmode=require");
        postgres("postgres://em@[::1]/em");
        for mode in ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] {
            postgres(&format!("postgresql://em@db1/em?connect_timeout=3&sslmode={mode}"));
        }
        bad(database, "postgresql://em@db1/em?sslmode=verify", "is not a valid");
        bad(database, "sqlite:", "no path");
        bad(database, "sqlite::memory:", "in memory only");
        bad(database, "mysql://x", "is neither");
        bad(database, "", "is neither");
        bad(database, "postgresql:///em", "no database host");
        bad(database, "postgresql://u:p@h:port/em", "is not a valid");
        bad(database, "postgresql://u:p@h/em?secret=1", "is not a valid");
    }

    #[test]
    fn one_database_may_be_written_in_several_ways() {
        let check = |one: &str, other: &str, expected: bool| {
            let same = same_database(&database(one).unwrap(), &database(other).unwrap());
            assert_eq!(same, expected, "{one} {other}");
        };
        check("postgresql://em:a@db1/em", "postgres://other:b@DB1:5432/em?sslmode=require", true);
        check("postgresql://em@127.0.0.1/em", "postgresql://em@localhost/em", true);
        check("postgresql://em@db1/em?sslmode=verify-full", "postgresql://em@db1/em", true);
        check("postgresql://em@[::1]:5433/em", "postgresql://em@localhost:5433/em", true);
        check("postgresql://em@db1,db2/em", "postgresql://em@db3,db2/em", true);
        check("postgresql://em@db1", "postgresql://x@db1/em", true);
        check("postgresql://em@db1/em", "postgresql://em@db1/shadow", false);
        check("postgresql://em@db1/em", "postgresql://em@db1:5433/em", false);
        check("postgresql://em@db1/em", "postgresql://em@db2/em", false);
        check("sqlite:/a/events.db", "sqlite:/a/events.db", true);
        check("sqlite:/a/events.db", "sqlite:/b/events.db", false);
        check("sqlite:/dev/null", "sqlite:/dev/../dev/null", true);
        check("sqlite:/a/em", "postgresql://em@db1/em", false);
    }

    #[test]
    fn only_this_host_reaches_a_loopback_address() {
        let check =
            |text: &str, expected: bool| assert_eq!(listen(text).map(is_loopback), Ok(expected), "{text}");
        check("127.0.0.1:8080", true);
        check("127.9.9.9:0", true);
        check("[::1]:8080", true);
        check("[::ffff:127.0.0.1]:8080", true);
        check("0.0.0.0:8080", false);
        check("[::]:8080", false);
        check("10.0.0.1:8080", false);
        bad(listen, "localhost:8080", "is not IP:PORT");
        bad(listen, "8080", "is not IP:PORT");
    }
}
