//! `[evapi_server]`, with its `[[evapi_server.topic]]`.

use super::choice;
use crate::config::section::Section;
use crate::config::values::{EvapiSend, EvapiServer, EvapiTopic};
use crate::config::{addresses, units};
use crate::matching::Pattern;
use ipnet::IpNet;
use std::net::{Ipv4Addr, SocketAddr};

/// How an event is sent, before it is known to whom.
#[derive(Clone, Copy)]
enum Send {
    Relay,
    Multicast,
    Unicast,
}

const SENDS: [(&str, Send); 3] =
    [("relay", Send::Relay), ("multicast", Send::Multicast), ("unicast", Send::Unicast)];

pub(super) fn evapi_server(section: &Section) -> EvapiServer {
    section.require(&["listen"]);
    let listen = section.value("listen", addresses::listen);
    let default = EvapiServer::new(listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
    let allowed = allow_from(section, &[("listen", default.listen)]);
    EvapiServer {
        allow_from: allowed.unwrap_or(default.allow_from),
        queue: section.number("queue", 1..=1_000_000).unwrap_or(default.queue),
        max_clients: section.number("max_clients", 1..=10_000).unwrap_or(default.max_clients),
        envelope: section.flag("envelope").unwrap_or(default.envelope),
        topics: section.sections("topic", topic),
        listen: default.listen,
    }
}

/// Who may connect to listeners that have no login, given by the keys that name them.
pub(super) fn allow_from(section: &Section, listeners: &[(&str, SocketAddr)]) -> Option<Vec<IpNet>> {
    let allowed = section.list("allow_from", addresses::network);
    for (key, listener) in listeners {
        if !addresses::is_loopback(*listener) && section.lacks("allow_from") {
            let needs = "can be reached from other hosts, which needs allow_from, such as [\"10.0.0.0/8\"]: there is no login";
            section.problem(key, needs);
        }
    }
    if allowed.as_ref().is_some_and(Vec::is_empty) {
        section.problem("allow_from", "names nobody");
    }
    allowed
}

fn topic(section: &Section) -> EvapiTopic {
    section.require(&["topic", "send"]);
    let send = section.value("send", choice(&SENDS));
    let tag = section.value("tag", units::text);
    match send {
        Some(Send::Relay) if section.has("tag") => {
            section.problem("tag", "has no effect: \"relay\" goes to all clients");
        }
        Some(Send::Multicast | Send::Unicast) => section.require(&["tag"]),
        _ => {}
    }
    let tag = tag.unwrap_or_default();
    EvapiTopic {
        topic: section.value("topic", Pattern::parse).unwrap_or_else(Pattern::any),
        send: match send.unwrap_or(Send::Relay) {
            Send::Relay => EvapiSend::Relay,
            Send::Multicast => EvapiSend::Multicast(tag),
            Send::Unicast => EvapiSend::Unicast(tag),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loaded, Surroundings, parse_toml};
    use std::path::Path;

    fn parse(keys: &str) -> Result<EvapiServer, String> {
        let text = format!("[evapi_server]\n{keys}\n");
        match parse_toml(&text, "a.toml", &Surroundings::of_process(Path::new("."))) {
            Ok(Loaded { config, .. }) => Ok(config.evapi_server.expect("the section")),
            Err(problems) => Err(problems.to_string()),
        }
    }

    #[track_caller]
    fn check(keys: &str, problem: &str) {
        let problems = parse(keys).expect_err(keys);
        assert!(problems.contains(problem) && problems.lines().count() == 1, "{keys}: {problems:?}");
    }

    #[test]
    fn who_may_connect_is_loopback_or_what_is_said() {
        let allows =
            |keys: &str, address: &str| parse(keys).expect(keys).allows(address.parse().expect("an address"));
        let here = "listen = '127.0.0.1:8448'";
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("::", false),
        ] {
            assert_eq!(allows(here, address), expected, "{address}");
        }
        let there = "listen = '0.0.0.0:8448'\nallow_from = ['10.0.0.0/8', '192.0.2.1', '2001:db8::/32']";
        for (address, expected) in [
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("2001:db8::7", true),
            ("2001:db9::7", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(allows(there, address), expected, "{address}");
        }
    }

    #[test]
    fn beyond_loopback_somebody_is_named() {
        check("listen = '0.0.0.0:8448'", "needs allow_from");
        check("listen = '[::]:8448'", "needs allow_from");
        check("listen = '0.0.0.0:8448'\nallow_from = []", "names nobody");
        check("listen = '127.0.0.1:8448'\nallow_from = '10.0.0.0/8'", "must be a list");
        check("listen = '127.0.0.1:8448'\nallow_from = [10]", "must be a string in quotes");
        check("listen = '127.0.0.1:8448'\nallow_from = ['10.0.0.0/33']", "is not an address");
        check("listen = '127.0.0.1:8448'\nallow_from = ['localhost']", "is not an address");
        check("listen = '127.0.0.1:8448'\nallow_from = ['10.0.0.1/8']", "10.0.0.0/8 is meant");
        check("queue = 1", "listen: is missing");
    }

    #[test]
    fn a_topic_goes_to_all_or_to_those_with_a_tag() {
        let with = |keys: &str| {
            format!("listen = '127.0.0.1:8448'\n[[evapi_server.topic]]\ntopic = 'calls*'\n{keys}")
        };
        let send = |keys: &str| parse(&with(keys)).expect(keys).topics.remove(0).send;
        assert_eq!(send("send = 'relay'"), EvapiSend::Relay);
        assert_eq!(send("send = 'multicast'\ntag = 'x'"), EvapiSend::Multicast("x".to_owned()));
        assert_eq!(send("send = 'unicast'\ntag = 'x'"), EvapiSend::Unicast("x".to_owned()));
        check(&with("send = 'unicast'"), "tag: is missing");
        check(&with("send = 'relay'\ntag = 'x'"), "has no effect");
        check(&with("send = 'broadcast'\ntag = 'x'"), "is not one of");
        check(&with("tag = 'x'"), "send: is missing");
    }
}
