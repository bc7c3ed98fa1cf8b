//! `[[asterisk]]`, and `[device_state]`, by which what they say is mirrored.

use super::{Endpoints, choice};
use crate::config::defaults;
use crate::config::section::Section;
use crate::config::values::{Agent, Ami, AmiLogin, Asterisk, AsteriskTransport, DeviceStates, ZmqManager};
use crate::config::{addresses, units};
use crate::matching::Pattern;
use crate::states::NameTemplate;
use crate::wire::Secret;

#[derive(Clone, Copy, PartialEq)]
enum Transport {
    Ami,
    Zmq,
    Agent,
}

const TRANSPORTS: [(&str, Transport); 3] =
    [("ami", Transport::Ami), ("zmq", Transport::Zmq), ("agent", Transport::Agent)];

/// Keys that belong to some transports alone.
const OWN_KEYS: [(&str, &[Transport]); 13] = [
    ("address", &[Transport::Ami]),
    ("tls", &[Transport::Ami]),
    ("tls_ca", &[Transport::Ami]),
    ("username", &[Transport::Ami]),
    ("secret", &[Transport::Ami]),
    ("login", &[Transport::Ami]),
    ("cmd", &[Transport::Zmq, Transport::Agent]),
    ("evt", &[Transport::Zmq, Transport::Agent]),
    ("system_name", &[Transport::Agent]),
    ("server_pull", &[Transport::Agent]),
    ("server_pub", &[Transport::Agent]),
    ("keepalive", &[Transport::Agent]),
    ("remote_actions", &[Transport::Agent]),
];

pub(super) fn asterisk(section: &Section, endpoints: &mut Endpoints) -> Asterisk {
    section.require(&["name"]);
    let name = endpoints.name(section);
    let transport = section.value("transport", choice(&TRANSPORTS)).unwrap_or(Transport::Ami);
    let word = TRANSPORTS.iter().find(|(_, it)| *it == transport).map_or("", |(word, _)| word);
    for (key, transports) in OWN_KEYS {
        if !transports.contains(&transport) {
            section.rule_out(key, &format!("has no meaning where transport is \"{word}\""));
        }
    }
    let transport = match transport {
        Transport::Ami => AsteriskTransport::Ami(ami(section, endpoints, &name)),
        Transport::Zmq => AsteriskTransport::Zmq(manager(section, endpoints, &name)),
        Transport::Agent => AsteriskTransport::Agent(agent(section, endpoints, &name)),
    };
    let default = Asterisk::new(name, transport);
    Asterisk {
        include: section.list("include", Pattern::parse).unwrap_or(default.include),
        exclude: section.list("exclude", Pattern::parse).unwrap_or(default.exclude),
        actions: section.list("actions", action).unwrap_or(default.actions),
        ping: section.duration("ping").unwrap_or(default.ping),
        request_timeout: section.duration("request_timeout").unwrap_or(default.request_timeout),
        name: default.name,
        transport: default.transport,
    }
}

fn ami(section: &Section, endpoints: &mut Endpoints, name: &str) -> Ami {
    section.require(&["address", "username", "secret"]);
    let address = endpoints.address(section, name);
    let username = section.value("username", header).unwrap_or_default();
    let secret = section.hidden("secret", header).unwrap_or_default();
    let default = Ami::new(address, username, Secret::new(secret));
    let logins = [("md5", AmiLogin::Md5), ("plain", AmiLogin::Plain)];
    let tls = section.flag("tls").unwrap_or(default.tls);
    if section.has("tls_ca") && !tls {
        section.problem("tls_ca", "has no effect without tls = true");
    }
    Ami {
        tls,
        tls_ca: section.path_to("tls_ca"),
        login: section.value("login", choice(&logins)).unwrap_or(default.login),
        ..default
    }
}

fn manager(section: &Section, endpoints: &mut Endpoints, name: &str) -> ZmqManager {
    section.require(&["cmd", "evt"]);
    ZmqManager {
        cmd: endpoints.address_in(section, "cmd", name),
        evt: section.value("evt", addresses::socket).unwrap_or_default(),
    }
}

fn agent(section: &Section, endpoints: &mut Endpoints, name: &str) -> Agent {
    section.require(&["server_pull", "server_pub"]);
    let system = section.value("system_name", system_name).unwrap_or_else(|| name.to_owned());
    endpoints.system(section, if section.has("system_name") { "system_name" } else { "name" }, &system);
    let socket = |key| section.value(key, addresses::socket).unwrap_or_default();
    Agent {
        manager: manager(section, endpoints, name),
        system_name: system,
        server_pull: socket("server_pull"),
        server_pub: socket("server_pub"),
        keepalive: section.duration("keepalive").unwrap_or(defaults::AGENT_KEEPALIVE),
        remote_actions: section.list("remote_actions", action).unwrap_or_default(),
    }
}

/// A name that stands in brackets as a topic.
fn system_name(text: &str) -> Result<String, String> {
    let text = units::text(text)?;
    match text.contains(['[', ']', '*']) {
        true => Err("has a bracket or a \"*\", which topics are written with".to_owned()),
        false => Ok(text),
    }
}

/// The name of an action of the manager interface.
fn action(text: &str) -> Result<String, String> {
    let text = units::text(text)?;
    match text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        true => Ok(text),
        false => Err("is no name of an action, such as \"CoreStatus\"".to_owned()),
    }
}

/// What stands behind a colon in a line.
fn header(text: &str) -> Result<String, String> {
    let text = units::text(text)?;
    if text.chars().any(char::is_control) { Err("has a control character".to_owned()) } else { Ok(text) }
}

/// `None` where it is turned off.
pub(super) fn device_state(section: &Section) -> Option<DeviceStates> {
    let default = DeviceStates::default();
    let enabled = section.flag("enabled").unwrap_or(true);
    let template = section.text("name_template").unwrap_or_else(|| default.name.as_written());
    let slash = section.text("name_slash").unwrap_or_else(|| default.name.slash().to_owned());
    let name = NameTemplate::parse(&template, &slash).unwrap_or_else(|problem| {
        section.problem("name_template", format!("{template:?} {problem}"));
        NameTemplate::default()
    });
    let states = DeviceStates {
        presence: section.flag("presence").unwrap_or(default.presence),
        name,
        lost_origin_grace: section
            .value("lost_origin_grace", units::duration_or_zero)
            .unwrap_or(default.lost_origin_grace),
        verify: section.duration("verify").unwrap_or(default.verify),
    };
    enabled.then_some(states)
}

#[cfg(test)]
mod tests {
    use crate::config::{AsteriskTransport, Config, Surroundings, parse_toml};
    use std::path::Path;

    fn parse(text: &str) -> Result<Config, String> {
        parse_toml(text, "a.toml", &Surroundings::of_process(Path::new(".")))
            .map(|loaded| loaded.config)
            .map_err(|problems| problems.to_string())
    }

    #[track_caller]
    fn check(keys: &str, problem: &str) {
        let problems = parse(&format!("[[asterisk]]\nname = 'pbx-a'\n{keys}\n")).expect_err(keys);
        assert!(problems.contains(problem) && problems.lines().count() == 1, "{keys}: {problems:?}");
        assert!(!problems.contains("s3cret"), "{problems}");
    }

    const AMI: &str = "address = 'pbx-a:5038'\nusername = 'em'\nsecret = 's3cret'";

    #[test]
    fn an_asterisk_says_how_it_is_reached() {
        let asterisk = |keys: &str| {
            let config = parse(&format!("[[asterisk]]\nname = 'pbx-a'\n{keys}\n")).expect(keys);
            config.asterisk[0].clone()
        };
        assert_eq!(asterisk(AMI).transport.address(), "pbx-a:5038");
        let zmq = asterisk("transport = 'zmq'\ncmd = 'tcp://pbx-a:55556'\nevt = 'pbx-a:55555'");
        let AsteriskTransport::Zmq(zmq) = zmq.transport else { panic!("{zmq:?}") };
        assert_eq!((&*zmq.cmd, &*zmq.evt), ("pbx-a:55556", "pbx-a:55555"));
        check("address = 'pbx-a:5038'\nusername = 'em'", "secret");
        check(&format!("{AMI}\ncmd = 'pbx-a:1'"), "has no meaning where transport is \"ami\"");
        check(&format!("{AMI}\ntls_ca = 'ca.pem'"), "has no effect without tls");
        check("address = 'pbx-a:5038'\nusername = 'em'\nsecret = \"s3cret\\nAction: Originate\"", "control");
        check("transport = 'zmq'\ncmd = 'ipc:///tmp/x'\nevt = 'pbx-a:1'", "tcp://");
        check(&format!("{AMI}\nactions = ['Core Status']"), "is no name of an action");
    }

    #[test]
    fn agents_have_different_system_names() {
        let agent = |name: &str, system: &str| {
            format!(
                "[[asterisk]]\nname = '{name}'\ntransport = 'agent'\ncmd = '{name}:1'\nevt = '{name}:2'\n\
                 server_pull = 'x:1'\nserver_pub = 'x:2'\n{system}\n"
            )
        };
        let both = |one: &str, two: &str| parse(&format!("{}{}", agent("s1", one), agent("s2", two)));
        assert!(both("", "").is_ok());
        for (one, two) in [("system_name = 'S'", "system_name = 'S'"), ("system_name = 's2'", "")] {
            let problems = both(one, two).expect_err("a problem");
            assert!(problems.contains("is the system name of another agent already"), "{problems}");
        }
    }

    #[test]
    fn what_is_mirrored_is_said_once_for_all() {
        let states = |keys: &str| parse(&format!("[device_state]\n{keys}\n")).expect(keys).device_state;
        assert_eq!(states("enabled = false"), None);
        let name = states("name_template = 'Custom:em-{device}'\nname_slash = '_'").expect("states").name;
        assert_eq!(name.name(b"SIP/100"), Ok(b"Custom:em-SIP_100".to_vec()));
        let problems = parse("[device_state]\nname_template = 'SIP/{device}'").expect_err("a problem");
        assert!(problems.contains("does not begin with"), "{problems}");
    }
}
