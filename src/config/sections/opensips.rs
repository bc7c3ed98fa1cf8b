//! `[[opensips]]`.

use super::evapi_server::allow_from;
use super::{Endpoints, choice};
use crate::config::section::Section;
use crate::config::values::{EventSocket, MiAddress, MiFormat, Opensips};
use crate::config::{addresses, units};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// A path of a socket is shorter.
const SOCKET_PATH: usize = 108;
/// What a subscription may last, in seconds; OpenSIPS forgets one within a second of its time.
const EXPIRES: std::ops::RangeInclusive<usize> = 3..=7 * 86_400;

/// Nothing is probed where the file says what is spoken.
const FORMATS: [(&str, Option<MiFormat>); 3] =
    [("auto", None), ("text", Some(MiFormat::Text)), ("json", Some(MiFormat::Json))];

pub(super) fn opensips(section: &Section, endpoints: &mut Endpoints) -> Opensips {
    section.require(&["name", "mi", "listen", "events"]);
    let name = endpoints.name(section);
    let mi = section.value("mi", mi_address).unwrap_or_else(|| MiAddress::Udp(String::new()));
    if section.has("mi") {
        endpoints.only_one(section, ("mi", &mi.to_string()), &name, "one section names all its events");
    }
    let listen = section.value("listen", event_socket);
    if let Some(listen) = &listen {
        endpoints.listens(section, &listen.to_string(), &name);
    }
    let listen = listen.unwrap_or(EventSocket::Udp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
    let default = Opensips::new(name, mi, listen);
    Opensips {
        mi_format: mi_format(section, &default),
        reply_dir: section.path_to("reply_dir").unwrap_or(default.reply_dir),
        advertise: advertise(section, &default.listen),
        allow_from: allowed(section, &default.listen).unwrap_or(default.allow_from),
        events: events(section),
        expire: section.seconds("expire", EXPIRES).unwrap_or(default.expire),
        verify: section.duration("verify").unwrap_or(default.verify),
        request_timeout: section.duration("request_timeout").unwrap_or(default.request_timeout),
        queue: section.number("queue", 1..=10_000_000).unwrap_or(default.queue),
        receive_buffer: section.size("receive_buffer").unwrap_or(default.receive_buffer),
        name: default.name,
        mi: default.mi,
        listen: default.listen,
    }
}

/// `udp:HOST:PORT`, `unix:PATH`, `fifo:PATH` or a URL.
fn mi_address(text: &str) -> Result<MiAddress, String> {
    if let Some(address) = text.strip_prefix("udp:") {
        return addresses::host_and_port(address).map(MiAddress::Udp);
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return socket_path(path).map(MiAddress::Unix);
    }
    if let Some(path) = text.strip_prefix("fifo:") {
        return absolute(path).map(MiAddress::Fifo);
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return addresses::webhook(text).map(MiAddress::Http);
    }
    Err("is none of \"udp:HOST:PORT\", \"unix:PATH\", \"fifo:PATH\" and \"http://HOST:PORT/mi\"".to_owned())
}

/// `udp:IP:PORT`, `tcp:IP:PORT` or `unix:PATH`.
fn event_socket(text: &str) -> Result<EventSocket, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return socket_path(path).map(EventSocket::Unix);
    }
    let (kind, address) = text.split_once(':').unwrap_or_default();
    let parse = |make: fn(SocketAddr) -> EventSocket| {
        let address: SocketAddr = address.parse().map_err(|_| format!("is not {kind}:IP:PORT"))?;
        match address.is_ipv4() {
            true => Ok(make(address)),
            false => Err("is an IPv6 address, which sockets of OpenSIPS cannot be".to_owned()),
        }
    };
    match kind {
        "udp" => parse(EventSocket::Udp),
        "tcp" => parse(EventSocket::Tcp),
        _ => Err("is none of \"udp:IP:PORT\", \"unix:PATH\" and \"tcp:IP:PORT\"".to_owned()),
    }
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    if !path.starts_with('/') {
        return Err("has no path that begins with \"/\"".to_owned());
    }
    Ok(path.into())
}

fn socket_path(path: &str) -> Result<PathBuf, String> {
    if path.len() >= SOCKET_PATH {
        return Err(format!("has a path of {} bytes: a socket takes {}", path.len(), SOCKET_PATH - 1));
    }
    absolute(path)
}

fn mi_format(section: &Section, server: &Opensips) -> Option<MiFormat> {
    let format = section.value("mi_format", choice(&FORMATS)).flatten();
    if format == Some(MiFormat::Text) {
        if matches!(server.mi, MiAddress::Http(_)) {
            section.problem("mi_format", "cannot be \"text\" over HTTP, which speaks JSON");
        }
        if matches!(server.listen, EventSocket::Tcp(_)) {
            section.problem(
                "listen",
                "cannot be \"tcp:\" with mi_format = \"text\": OpenSIPS connects since 3.1",
            );
        }
    }
    format
}

/// The socket as OpenSIPS is told; an address that means every one of this host is none that can be sent to.
fn advertise(section: &Section, listen: &EventSocket) -> Option<String> {
    let (kind, address) = match listen {
        EventSocket::Udp(address) => ("udp", *address),
        EventSocket::Tcp(address) => ("tcp", *address),
        EventSocket::Unix(_) => {
            section.rule_out("advertise", "has no meaning with a unix: socket");
            return None;
        }
    };
    if address.ip().is_unspecified() && section.lacks("advertise") {
        section
            .problem("listen", "is no address that can be sent to: advertise = \"HOST:PORT\" says which is");
    }
    section.value("advertise", addresses::host_and_port).map(|address| format!("{kind}:{address}"))
}

fn allowed(section: &Section, listen: &EventSocket) -> Option<Vec<ipnet::IpNet>> {
    match listen {
        EventSocket::Udp(address) | EventSocket::Tcp(address) => allow_from(section, &[("listen", *address)]),
        EventSocket::Unix(_) => {
            section.rule_out("allow_from", "has no meaning with a unix: socket, which has permissions");
            None
        }
    }
}

fn events(section: &Section) -> Vec<String> {
    let events = section.list("events", event).unwrap_or_default();
    if events.is_empty() && section.has("events") {
        section.problem("events", "names no event");
    }
    for (at, event) in events.iter().enumerate() {
        if events[..at].contains(event) {
            section.problem("events", format!("has {event:?} twice"));
        }
    }
    events
}

/// A name such as `E_UL_AOR_INSERT`.
fn event(text: &str) -> Result<String, String> {
    let text = units::text(text)?;
    match text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        true => Ok(text),
        false => Err("is no name of an event, such as \"E_UL_AOR_INSERT\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, EventSocket, MiFormat, Opensips, Surroundings, parse_toml};
    use std::path::Path;
    use std::time::Duration;

    fn parse(text: &str) -> Result<Config, String> {
        parse_toml(text, "a.toml", &Surroundings::of_process(Path::new(".")))
            .map(|loaded| loaded.config)
            .map_err(|problems| problems.to_string())
    }

    fn with(keys: &str) -> String {
        format!("[[opensips]]\nname = 'sbc'\nevents = ['E_PIKE_BLOCKED']\n{keys}\n")
    }

    fn opensips(keys: &str) -> Opensips {
        parse(&with(keys)).expect(keys).opensips.remove(0)
    }

    #[track_caller]
    fn check(keys: &str, problem: &str) {
        let problems = parse(&with(keys)).expect_err(keys);
        assert!(problems.contains(problem) && problems.lines().count() == 1, "{keys}: {problems:?}");
    }

    const UDP: &str = "mi = 'udp:sbc:8888'\nlisten = 'udp:127.0.0.1:9001'";

    #[test]
    fn an_opensips_says_how_it_is_asked_and_where_its_events_come_in() {
        for (mi, listen) in [
            ("udp:sbc:8888", "udp:127.0.0.1:9001"),
            ("unix:/run/sbc/mi.sock", "unix:/run/em/sbc.sock"),
            ("fifo:/run/sbc/fifo", "tcp:127.0.0.1:9001"),
            ("http://sbc:8888/mi", "udp:127.0.0.1:9001"),
        ] {
            let server = opensips(&format!("mi = '{mi}'\nlisten = '{listen}'"));
            assert_eq!((server.mi.to_string(), server.listen.to_string()), (mi.into(), listen.into()));
        }
        check("mi = 'sbc:8888'\nlisten = 'udp:127.0.0.1:9001'", "is none of");
        check("mi = 'udp:sbc'\nlisten = 'udp:127.0.0.1:9001'", "the port is missing");
        check("mi = 'fifo:run/sbc'\nlisten = 'udp:127.0.0.1:9001'", "begins with");
        check("mi = 'udp:sbc:8888'\nlisten = '127.0.0.1:9001'", "is none of");
        check("mi = 'udp:sbc:8888'\nlisten = 'udp:[::1]:9001'", "IPv6");
        let long = format!("mi = 'udp:sbc:8888'\nlisten = 'unix:/{}'", "x".repeat(107));
        check(&long, "has a path of 108 bytes");
        check("mi = 'http://sbc/mi'\nlisten = 'udp:127.0.0.1:9001'\nmi_format = 'text'", "over HTTP");
        check("mi = 'udp:sbc:1'\nlisten = 'tcp:127.0.0.1:9001'\nmi_format = 'text'", "since 3.1");
        assert_eq!(opensips(&format!("{UDP}\nmi_format = 'json'")).mi_format, Some(MiFormat::Json));
        assert_eq!(opensips(&format!("{UDP}\nmi_format = 'auto'")).mi_format, None);
    }

    #[test]
    fn beyond_loopback_it_is_said_who_may_send_and_where_to() {
        let there = "mi = 'udp:sbc:8888'\nlisten = 'udp:0.0.0.0:9001'\nallow_from = ['10.0.0.0/8']";
        check(there, "advertise");
        let server = opensips(&format!("{there}\nadvertise = 'em:9001'"));
        assert_eq!(server.advertise.as_deref(), Some("udp:em:9001"));
        assert!(server.allows([10, 0, 0, 1].into()) && !server.allows([127, 0, 0, 1].into()));
        check("mi = 'udp:sbc:8888'\nlisten = 'tcp:192.0.2.1:9001'", "needs allow_from");
        assert!(opensips(UDP).allows([127, 0, 0, 1].into()) && !opensips(UDP).allows([10, 0, 0, 1].into()));
    }

    #[test]
    fn a_subscription_lasts_whole_seconds() {
        let expire = |value: &str| opensips(&format!("{UDP}\nexpire = {value}")).expire;
        assert_eq!((expire("60"), expire("'30m'")), (Duration::from_secs(60), Duration::from_secs(1800)));
        check(&format!("{UDP}\nexpire = 2"), "must be from 3 to 604800");
        check(&format!("{UDP}\nexpire = '3500ms'"), "whole seconds");
    }

    #[test]
    fn an_event_is_named_once_and_a_socket_taken_once() {
        let events = |list: &str| {
            parse(&format!("[[opensips]]\nname = 'sbc'\n{UDP}\nevents = {list}")).expect_err(list)
        };
        assert!(events("[]").contains("names no event"));
        assert!(events("['E_A', 'E_A']").contains("twice"));
        assert!(events("['E A']").contains("no name of an event"));
        let other = with(UDP).replace("'sbc'", "'other'").replace(":8888", ":8889");
        let problems = parse(&(with(UDP) + &other)).expect_err("two on one socket");
        assert!(problems.contains("listens there already"), "{problems}");
        let alike = other.replace(":9001", ":900");
        let loaded = parse_toml(&(with(UDP) + &alike), "a.toml", &Surroundings::of_process(Path::new(".")));
        let warnings = loaded.expect("they may work").warnings.to_string();
        assert!(warnings.contains("begins as \"udp:127.0.0.1:9001\" does"), "{warnings}");
        assert_eq!(opensips(UDP).listen, EventSocket::Udp(([127, 0, 0, 1], 9001).into()));
    }
}
