//! Event Management over REST: what is posted, filters, where events go, and how deliveries are signed.

use super::source::{Source, seed};
use super::{Target, samples};
use base64::prelude::{BASE64_STANDARD, Engine};
use eventmanager::topics::hubs::outbound::guard::{Kind, check, kind};
use eventmanager::wire::event_management::{Callback, Filter, Host, Selection, event_create, hub_request};
use eventmanager::wire::webhooks::{SigningKey, sign, verify};
use ipnet::IpNet;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub fn targets() -> Vec<Target> {
    let target = |name, run, seeds, words| Target { name, run, seeds, words, longest: 8 << 10 };
    vec![
        target(
            "fields",
            fields,
            || vec![seed(&["eventId,eventType"], &[]), seed(&["none"], &[])],
            &["id", "href", ","],
        ),
        target("filter", filter, samples::filters, &[".gt", ".gte", "%2C", "event.", "&", "=", "eventType"]),
        target("filter_written", filter_written, || vec![seed(&["state", "pend,ing"], &[])], &[]),
        target(
            "callback",
            callback,
            callbacks,
            &["https://", "http://", "127.1", "[::ffff:", "@", "%00", "0x7f", ":443"],
        ),
        target("callback_guard", guard, guarded, &[]),
        target("bodies", bodies, samples::bodies, samples::JSON_WORDS),
        target(
            "webhooks",
            webhooks,
            || vec![seed(&["0198", "v1,xx v1a,yy", "{}"], &[0; 40])],
            &["v1,", "v1a,", "whsec_", "whsk_"],
        ),
    ]
}

fn fields(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let resource = json!({ "id": 1, "href": "h", "eventId": 2, "x-y": 3 });
    let Value::Object(resource) = resource else { return };
    match Selection::parse(Some(&text)) {
        Ok(selection) => {
            let chosen = selection.of(resource.clone());
            assert!(chosen.contains_key("id") && chosen.contains_key("href"));
            let is_wanted = |name: &String| {
                ["id", "href"].contains(&name.as_str()) || text.split(',').any(|it| it == name)
            };
            assert!(
                chosen.keys().all(is_wanted)
                    && chosen.iter().all(|(name, value)| resource.get(name) == Some(value))
            );
        }
        Err(reason) => assert!(reason.len() < 200 + 10 * text.len()),
    }
}

fn filter(data: &[u8]) {
    let mut source = Source::new(data);
    let (query, event) = (source.text(), source.text());
    match Filter::parse(&query) {
        Ok(filter) => {
            assert!(query.len() <= 2_048 && query.split('&').count() <= 32);
            if let Ok(event) = serde_json::from_str::<Map<String, Value>>(&event) {
                let _ = filter.matches(&event);
                assert!(!filter.matches_all() || filter.matches(&event));
            }
        }
        Err(error) => assert!(error.to_string().len() < 500, "{error}"),
    }
}

/// What is escaped stands for itself: a condition of any name and value means the event that has them.
fn filter_written(data: &[u8]) {
    let mut source = Source::new(data);
    let (name, value) = (source.text(), source.text());
    let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let Ok(filter) = Filter::parse(&format!("{}={}", escape(&name), escape(&value))) else {
        return assert!(name.is_empty() || 3 * (name.len() + value.len()) > 2_000);
    };
    if name == "event" {
        return;
    }
    let event = |value: &str| match json!({ &name: value, "event": { &name: value } }) {
        Value::Object(event) => event,
        _ => Map::new(),
    };
    assert!(filter.matches(&event(&value)), "{name:?}={value:?}");
    assert!(!filter.matches(&event(&format!("{value}x"))), "{name:?}={value:?}");
}

fn callbacks() -> Vec<Vec<u8>> {
    let all = [
        "https://a.example/x?y=1",
        "http://127.0.0.1:8080/",
        "https://[2001:db8::1]:8443/",
        "http://[::ffff:127.0.0.1]/",
        "HTTPS://A.Example/b/../c",
    ];
    all.iter().map(|url| seed(&[url], &[])).collect()
}

/// What is accepted is read in one way, by others too: whoever was checked is who is asked.
fn callback(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(callback) = Callback::parse(&text) else { return };
    assert_eq!(Callback::parse(&callback.url).as_ref(), Ok(&callback), "{text:?}");
    assert!(
        callback.url.is_ascii() && !callback.url.contains([' ', '\r', '\n', '@', '#', '\\'].as_slice())
            || callback.url.contains('@')
    );
    for address in [text.as_ref(), callback.url.as_str()] {
        let other: actix_web::http::Uri =
            address.parse().unwrap_or_else(|error| panic!("{error}: {address:?}"));
        let host = other.host().expect("a host").to_ascii_lowercase();
        let port = other.port_u16().unwrap_or(if callback.is_https { 443 } else { 80 });
        assert_eq!(other.authority().map(|it| it.as_str().contains('@')), Some(false));
        match &callback.host {
            Host::Name(name) => assert_eq!((host.as_str(), port), (name.as_str(), callback.port)),
            Host::Ip(ip) => {
                let read: IpAddr = host.trim_matches(['[', ']']).parse().expect("an address");
                assert_eq!((read, port), (*ip, callback.port));
            }
        }
    }
}

fn guarded() -> Vec<Vec<u8>> {
    let all = [
        "8.8.8.8",
        "169.254.169.254",
        "10.0.0.1",
        "::1",
        "2002:a00:1::",
        "64:ff9b::a9fe:a9fe",
        "2a00:1450::1",
        "::ffff:192.168.0.1",
    ];
    let octets = |address: &str| match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.octets().to_vec(),
        Ok(IpAddr::V6(address)) => address.octets().to_vec(),
        Err(_) => Vec::new(),
    };
    all.map(octets).into()
}

/// What IANA's registries of special purposes (RFC 6890 and later) do not call reachable from everywhere, written independently of
/// what is tested.
const SPECIAL: [&str; 33] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "100.100.100.200/32",
    "::/128",
    "::1/128",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001:2::/48",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "4000::/2",
    "8000::/1",
    "400::/6",
];

/// An address that may be called is none of a special purpose, nor does it stand for one.
fn guard(data: &[u8]) {
    let address = match data.len() {
        0..16 => {
            let mut octets = [0; 4];
            data.iter().zip(&mut octets).for_each(|(byte, octet)| *octet = *byte);
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        _ => {
            let mut octets = [0; 16];
            octets.copy_from_slice(&data[..16]);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
    };
    let kind = kind(address);
    let is_allowed = |private| check(&[address], private).is_ok();
    assert_eq!(
        (is_allowed(false), is_allowed(true)),
        (kind == Kind::Public, matches!(kind, Kind::Public | Kind::Private))
    );
    if kind == Kind::Public {
        for net in SPECIAL {
            let net: IpNet = net.parse().expect("a network");
            assert!(!net.contains(&address), "{address} is of {net}");
            for inner in stands_for(address) {
                assert!(!net.contains(&IpAddr::V4(inner)), "{address} stands for {inner}, of {net}");
            }
        }
    }
}

fn stands_for(address: IpAddr) -> Vec<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return Vec::new() };
    let octets = address.octets();
    let at =
        |start: usize| Ipv4Addr::new(octets[start], octets[start + 1], octets[start + 2], octets[start + 3]);
    let mut found = Vec::new();
    if octets.starts_with(&[0; 8]) || octets.starts_with(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]) {
        found.push(at(12));
    }
    if octets.starts_with(&[0x20, 0x02]) {
        found.push(at(2));
    }
    found
}

fn bodies(data: &[u8]) {
    let read = serde_json::from_slice::<Map<String, Value>>(data);
    match event_create(data) {
        Ok(members) => {
            let read = read.as_ref().expect("an object");
            assert!(members.iter().all(|(name, value)| read.get(name) == Some(value)));
            assert!(depth(&Value::Object(members)) <= 64);
        }
        Err(error) => assert!(error.to_string().len() <= 8_000 + 10 * data.len()),
    }
    if let Ok(hub) = hub_request(data) {
        let read = read.expect("an object");
        assert_eq!(read.get("callback").and_then(Value::as_str), Some(hub.callback.as_str()));
        assert_eq!(read.get("query").and_then(Value::as_str), hub.query.as_deref());
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

fn webhooks(data: &[u8]) {
    let mut source = Source::new(data);
    let length = 20 + usize::from(source.byte() % 48);
    let secret: Vec<u8> = (0..length).map(|_| source.byte()).collect();
    let (id, forged, written) = (source.text(), source.text(), source.text());
    let timestamp = source.number(4);
    let body = source.rest();
    let parse =
        |kind: &str, secret: &[u8]| SigningKey::parse(&format!("{kind}{}", BASE64_STANDARD.encode(secret)));
    let hmac = parse("whsec_", &secret);
    assert_eq!(hmac.is_ok(), (24..=64).contains(&length));
    let mut seed = secret.clone();
    seed.resize(32, 7);
    let keys: Vec<SigningKey> = [hmac, parse("whsk_", &seed)].into_iter().flatten().collect();
    let signature = sign(&keys, &id, timestamp, body);
    assert!(signature.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
    assert!(verify(&keys, &id, timestamp, body, &signature));
    let forged_too = format!("{forged} {signature}");
    assert!(verify(&keys, &id, timestamp, body, &forged_too));
    assert!(!verify(&keys, &id, timestamp, body, &forged), "a forged signature");
    assert!(!verify(&keys, &id, timestamp.wrapping_add(1), body, &signature), "another time");
    assert!(!verify(&keys, &id, timestamp, &[body, b"x"].concat(), &signature), "another body");
    if let Err(reason) = SigningKey::parse(&written) {
        // What it says of no key at all may be written as well.
        let of_none = ["", "whsec_", "whsk_"].map(|none| SigningKey::parse(none).err().unwrap_or_default());
        let is_told_anyway = of_none.iter().any(|said| said.contains(&written));
        assert!(written.len() < 16 || is_told_anyway || !reason.contains(&written), "a key shows");
    }
}
