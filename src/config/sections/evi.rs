//! `[evi]`, with its `[evi.names]`.

use super::Endpoints;
use super::evapi_server::allow_from;
use crate::config::addresses;
use crate::config::section::Section;
use crate::config::values::{Evi, EviName, LONGEST_EVI_NAME, is_evi_name};
use crate::matching::Pattern;
use std::cmp::Reverse;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of the path of a socket, at most: the system has 108, and a zero ends it.
const LONGEST_PATH: usize = 107;
/// Seconds are sent as 32 bits.
const LONGEST_LIFE: Duration = Duration::from_secs(u32::MAX as u64);

pub(super) fn evi(section: &Section, endpoints: &Endpoints) -> Evi {
    let default = Evi::default();
    let udp = section.value("udp", addresses::listen);
    if let Some(udp) = udp {
        endpoints.not_at_udp(section, "udp", udp);
    }
    let listeners: Vec<_> = udp.iter().map(|address| ("udp", *address)).collect();
    let allowed_targets = section.list("allowed_targets", addresses::network);
    Evi {
        udp,
        unix: unix(section, endpoints),
        allow_from: allow_from(section, &listeners).unwrap_or(default.allow_from),
        allowed_targets: allowed_targets.unwrap_or(default.allowed_targets),
        allowed_unix: section.list("allowed_unix", folder).unwrap_or(default.allowed_unix),
        queue: section.number("queue", 1..=1_000_000).unwrap_or(default.queue),
        max_subscriptions: section
            .number("max_subscriptions", 1..=100_000)
            .unwrap_or(default.max_subscriptions),
        max_expire: max_expire(section).unwrap_or(default.max_expire),
        names: names(section),
    }
}

fn folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    path.is_absolute().then_some(path).ok_or_else(|| "is no absolute path of a folder".to_owned())
}

fn unix(section: &Section, endpoints: &Endpoints) -> Option<PathBuf> {
    let path = section.path_to("unix")?;
    endpoints.not_at_path(section, "unix", &path);
    let length = path.as_os_str().len();
    if length > LONGEST_PATH {
        section
            .problem("unix", format!("has {length} bytes, and a socket's path has {LONGEST_PATH} at most"));
    }
    Some(path)
}

fn max_expire(section: &Section) -> Option<Duration> {
    let longest = section.duration("max_expire")?;
    if longest.subsec_nanos() != 0 || longest.is_zero() || longest > LONGEST_LIFE {
        section.problem("max_expire", "is no number of whole seconds from 1 to 4294967295");
    }
    Some(longest)
}

/// The order of the file is not known here: the longest pattern says most of its events, and of equally long ones the first in the
/// order of the alphabet counts.
fn names(section: &Section) -> Vec<EviName> {
    let pattern = |text: &str| Pattern::parse(text).map(|_| text.to_owned());
    let mut names: Vec<(String, String)> = section.entries("names", pattern, name).into_iter().collect();
    names.sort_by_key(|(pattern, _)| Reverse(pattern.len()));
    let name =
        |(pattern, name): (String, String)| Some(EviName { event: Pattern::parse(&pattern).ok()?, name });
    names.into_iter().filter_map(name).collect()
}

fn name(text: &str) -> Result<String, String> {
    match is_evi_name(text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "is no name of an event: E_ and capitals, digits and \"_\", {LONGEST_EVI_NAME} letters at most"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loaded, Surroundings, parse_toml};
    use std::path::Path;

    fn parse(keys: &str) -> Result<Evi, String> {
        let text = format!("[evi]\n{keys}\n");
        match parse_toml(&text, "a.toml", &Surroundings::of_process(Path::new("."))) {
            Ok(Loaded { config, .. }) => Ok(config.evi.expect("the section")),
            Err(problems) => Err(problems.to_string()),
        }
    }

    #[track_caller]
    fn check(keys: &str, problem: &str) {
        let problems = parse(keys).expect_err(keys);
        assert!(problems.contains(problem) && problems.lines().count() == 1, "{keys}: {problems:?}");
    }

    #[test]
    fn an_empty_section_is_served_over_http_alone() {
        assert_eq!(parse(""), Ok(Evi::default()));
    }

    #[test]
    fn what_has_no_login_names_who_may_send() {
        let evi = parse("udp = '0.0.0.0:8888'\nallow_from = ['10.0.0.0/8']").expect("it is named");
        assert!(evi.allows("10.1.2.3".parse().expect("an address")));
        assert!(!evi.allows("127.0.0.1".parse().expect("an address")));
        check("udp = '0.0.0.0:8888'", "udp: can be reached from other hosts");
        check("udp = '8888'", "is not IP:PORT");
    }

    #[test]
    fn subscribers_are_on_this_host_or_where_it_is_said() {
        let allows = |keys: &str, address: &str| {
            parse(keys).expect(keys).allows_target(address.parse().expect("an address"))
        };
        assert!(allows("", "127.0.0.9") && allows("", "::ffff:127.0.0.1") && !allows("", "10.0.0.1"));
        let there = "allowed_targets = ['10.0.0.0/8']";
        assert!(allows(there, "10.9.9.9") && !allows(there, "127.0.0.1"));
        assert!(!allows("allowed_targets = []", "127.0.0.1"));
    }

    #[test]
    fn the_path_of_a_socket_is_short() {
        let path = |length: usize| format!("unix = '/{}'", "x".repeat(length - 1));
        assert!(parse(&path(107)).is_ok());
        check(&path(108), "unix: has 108 bytes");
    }

    #[test]
    fn the_longest_life_is_whole_seconds() {
        assert_eq!(parse("max_expire = '90s'").expect("a time").max_expire, Duration::from_secs(90));
        check("max_expire = '1500ms'", "whole seconds");
    }

    #[test]
    fn of_several_names_the_longest_pattern_counts() {
        let names = "[evi.names]\n'call_*' = 'E_CALL'\n'*' = 'E_ANY'\n'call_start' = 'E_START'";
        let evi = parse(names).expect(names);
        let names: Vec<&str> = evi.names.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["E_START", "E_CALL", "E_ANY"]);
        for name in ["E_", "e_x", "E_x", "X", "E_A B", &format!("E_{}", "X".repeat(99))] {
            check(&format!("[evi.names]\n'x' = '{name}'"), "is no name of an event");
        }
        check("[evi.names]\n'a||b' = 'E_X'", "is no pattern");
    }

    #[test]
    fn folders_of_subscribers_are_absolute() {
        let evi = parse("allowed_unix = ['/run/a', '/run/b']").expect("folders");
        assert_eq!(evi.allowed_unix, [PathBuf::from("/run/a"), PathBuf::from("/run/b")]);
        assert!(parse("allowed_unix = []").expect("no folder").allowed_unix.is_empty());
        check("allowed_unix = ['run']", "is no absolute path");
    }

    #[test]
    fn it_does_not_listen_where_an_opensips_is_heard() {
        let beside = |keys: &str, listen: &str| {
            let opensips = "name = 'sbc'\nmi = 'udp:127.0.0.1:8080'\nevents = ['E_A']";
            let allowed = if listen.starts_with("unix:") { "" } else { "\nallow_from = ['127.0.0.1']" };
            parse(&format!("{keys}\n[[opensips]]\n{opensips}\nlisten = '{listen}'{allowed}"))
        };
        let taken = |keys: &str, listen: &str| {
            let problems = beside(keys, listen).expect_err(keys);
            assert!(problems.contains("\"sbc\" listens there already"), "{keys}: {problems}");
        };
        taken("udp = '127.0.0.1:9001'", "udp:127.0.0.1:9001");
        taken("udp = '127.0.0.1:9001'", "udp:0.0.0.0:9001'\nadvertise = '127.0.0.1:9001");
        taken("udp = '0.0.0.0:9001'\nallow_from = ['127.0.0.1']", "udp:127.0.0.1:9001");
        taken("unix = '/run/x.sock'", "unix:/run/x.sock");
        for (keys, listen) in [
            ("udp = '127.0.0.1:9001'", "udp:127.0.0.1:9002"),
            ("udp = '127.0.0.1:9001'", "tcp:127.0.0.1:9001"),
            ("udp = '127.0.0.1:0'", "udp:127.0.0.1:0"),
            ("unix = '/run/x.sock'", "unix:/run/y.sock"),
        ] {
            assert!(beside(keys, listen).is_ok(), "{keys} {listen}: {:?}", beside(keys, listen));
        }
    }

    #[test]
    fn its_name_is_no_endpoint_s() {
        check("[[kamailio]]\nname = 'evi'\naddress = 'k:1'", "is the name of what is raised over [evi]");
    }
}
