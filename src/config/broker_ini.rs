//! The Asterisk broker's `config.ini`, as it is: the same sections, keys and meaning.
//!
//! ```ini
//! [general]
//! device_state = yes
//! presence = yes
//! request_timeout = 1000        ; milliseconds
//! [servers]
//! sections = a, b
//! [a]
//! name = pbx-a
//! addr = 10.0.0.1
//! cmd_port = 6967
//! evt_port = 6968
//! ```
//!
//! Everything else has the defaults of a TOML file. What only made the broker print more is accepted and does nothing.

use super::ini_section::{IniFile, Reader};
use super::problem::{Problem, Problems};
use super::values::*;
use super::{Loaded, Surroundings, addresses, defaults, ini, units};
use crate::matching::Pattern;
use std::collections::BTreeSet;
use std::time::Duration;

/// Keys that made the broker print what it did.
const PRINTING: [&str; 2] = ["count_messages", "verbose_messages"];

/// Whether an INI is the broker's, and no `em.ini`.
pub(super) fn is_broker(ini: &ini::Ini) -> bool {
    let has = |name: &str| ini.sections.contains_key(name);
    (has("servers") || has("general")) && !has("em_db")
}

/// What the file says. Fails with every problem found.
pub(super) fn parse(file: IniFile, name: &str, surroundings: &Surroundings) -> Result<Loaded, Problems> {
    let config = config(&file, surroundings);
    file.warn_of_the_rest();
    let mut problems = file.problems.take();
    if !problems.is_empty() {
        problems.extend(file.warnings.take().into_iter().map(Problem::into_warning));
        return Err(Problems::sorted(name, problems));
    }
    Ok(Loaded { config, warnings: Problems::sorted(name, file.warnings.take()) })
}

/// What can be understood of the file.
pub(super) fn config(file: &IniFile, surroundings: &Surroundings) -> Config {
    file.require(&["servers"]);
    let general = file.section("general", general).unwrap_or_default();
    let node = defaults::node(surroundings);
    let events = defaults::events(&node.data_dir);
    Config {
        node,
        log: general.log.clone(),
        store: StoreConfig::new(events),
        cluster: Cluster::default(),
        http: file.section("http", super::em_ini::http).unwrap_or_default(),
        processing: Processing::default(),
        numbering: Numbering::default(),
        service_profiles: ServiceProfiles::default(),
        ema: None,
        surgemail: None,
        shadow: None,
        broadworks: Vec::new(),
        kamailio: Vec::new(),
        asterisk: servers(file, &general),
        opensips: Vec::new(),
        device_state: (general.device_state || general.presence)
            .then_some(DeviceStates { presence: general.presence, ..DeviceStates::default() }),
        zmq_server: None,
        routes: Vec::new(),
        evapi_server: None,
        evi: None,
        event_management: None,
        nats: None,
    }
}

/// `[general]`.
struct General {
    device_state: bool,
    presence: bool,
    log: Log,
    request_timeout: Option<Duration>,
}

impl Default for General {
    fn default() -> Self {
        General { device_state: true, presence: true, log: Log::default(), request_timeout: None }
    }
}

fn general(section: &Reader) -> General {
    let default = General::default();
    for key in PRINTING {
        section.value(key, flag);
    }
    let level = section.value("log_level", log_level);
    General {
        device_state: section.value("device_state", flag).unwrap_or(default.device_state),
        presence: section.value("presence", flag).unwrap_or(default.presence),
        log: Log { level: level.map_or(default.log.level, String::from), format: default.log.format },
        request_timeout: section.value("request_timeout", milliseconds),
    }
}

fn servers(file: &IniFile, general: &General) -> Vec<Asterisk> {
    let names = file.section("servers", |section| section.required("sections")).unwrap_or_default();
    let mut taken = BTreeSet::new();
    let sections = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let servers = sections.filter_map(|name| {
        if !file.ini.sections.contains_key(name) {
            file.require(&[name]);
        }
        let mut server = file.section(name, |section| server(section, &mut taken))?;
        server.request_timeout = general.request_timeout.unwrap_or(server.request_timeout);
        if !general.device_state {
            // Presence alone is mirrored.
            server.exclude = vec![Pattern::any()];
        }
        Some(server)
    });
    servers.collect()
}

fn server(section: &Reader, taken: &mut BTreeSet<String>) -> Asterisk {
    section.value("ami_trace", flag);
    let name = section.text("name").unwrap_or_else(|| section.name.clone());
    let label = label(&name);
    if let Err(problem) = units::endpoint_name(&label) {
        section.problem("name", &problem);
    } else if !taken.insert(label.clone()) {
        section.problem("name", &format!("{label:?} is the name of another server already"));
    }
    section.required("addr");
    let host = section.value("addr", host).unwrap_or_default();
    let port = |key: &str| {
        section.required(key);
        format!("{host}:{}", section.value(key, addresses::port).unwrap_or_default())
    };
    Asterisk::new(label, AsteriskTransport::Zmq(ZmqManager { cmd: port("cmd_port"), evt: port("evt_port") }))
}

/// The name of an endpoint, which labels metrics: in small letters, and with `-` for what no label has.
fn label(name: &str) -> String {
    let letter = |letter: char| match letter {
        'a'..='z' | '0'..='9' | '_' | '.' | '-' => letter,
        _ => '-',
    };
    name.to_ascii_lowercase().chars().map(letter).collect()
}

fn host(text: &str) -> Result<String, String> {
    addresses::host(text.strip_prefix("tcp://").unwrap_or(text))
}

fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Ok(true),
        "0" | "no" | "false" | "off" => Ok(false),
        _ => Err("is neither yes nor no".to_owned()),
    }
}

/// Words of the broker's log, or their numbers.
fn log_level(text: &str) -> Result<&'static str, String> {
    match text.to_ascii_lowercase().as_str() {
        "debug" | "10" => Ok("debug"),
        "info" | "20" => Ok("info"),
        "warning" | "warn" | "30" => Ok("warn"),
        "error" | "critical" | "fatal" | "40" | "50" => Ok("error"),
        _ => Err("is no level: debug, info, warning, error, critical".to_owned()),
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(count @ 1..=3_600_000) => Ok(Duration::from_millis(count)),
        _ => Err("is no number of milliseconds from 1 to 3600000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const BROKER: &str = "[general]\ndevice_state = yes\npresence = 0\nlog_level = DEBUG\nrequest_timeout = 1500\n\
        count_messages = 1\nverbose_messages = no\n[servers]\nsections = a, b\n[a]\nname = PBX A\naddr = 10.0.0.1\n\
        cmd_port = 6967\nevt_port = 6968\nami_trace = no\n[b]\naddr = tcp://pbx-b\ncmd_port = 1\nevt_port = 2\n";

    fn load(text: &str) -> Result<Loaded, String> {
        let surroundings = Surroundings::of_process(Path::new("."));
        super::super::parse_ini(text, "config.ini", &surroundings).map_err(|problems| problems.to_string())
    }

    #[test]
    fn the_brokers_file_means_what_it_meant() {
        let Loaded { config, warnings } = load(BROKER).expect("a configuration");
        assert!(warnings.is_empty(), "{warnings}");
        let states = config.device_state.expect("states are mirrored");
        assert_eq!((states.presence, config.log.level.as_str()), (false, "debug"));
        let server = |name: &str, cmd: &str, evt: &str| {
            let manager = ZmqManager { cmd: cmd.to_owned(), evt: evt.to_owned() };
            let server = Asterisk::new(name, AsteriskTransport::Zmq(manager));
            Asterisk { request_timeout: Duration::from_millis(1500), ..server }
        };
        let expected = [server("pbx-a", "10.0.0.1:6967", "10.0.0.1:6968"), server("b", "pbx-b:1", "pbx-b:2")];
        assert_eq!(config.asterisk, expected);
    }

    #[test]
    fn devices_and_presence_are_turned_off_each_alone() {
        let with = |devices: &str, presence: &str| {
            let text = BROKER.replace("device_state = yes", &format!("device_state = {devices}"));
            load(&text.replace("presence = 0", &format!("presence = {presence}")))
                .expect("a configuration")
                .config
        };
        let presence_alone = with("no", "yes");
        assert!(presence_alone.device_state.is_some_and(|states| states.presence));
        assert!(presence_alone.asterisk.iter().all(|server| server.exclude == [Pattern::any()]));
        assert_eq!(with("no", "no").device_state, None);
    }

    #[test]
    fn what_is_wrong_with_it_is_told_by_line() {
        let check = |from: &str, to: &str, expected: &str| {
            assert_eq!(load(&BROKER.replace(from, to)).expect_err(to), expected);
        };
        check(
            "presence = 0",
            "presence = maybe",
            "config.ini:3: general.presence: \"maybe\" is neither yes nor no",
        );
        check("a, b", "a, c, b", "config.ini: the section [c] is missing");
        check("addr = 10.0.0.1", "", "config.ini:10: a.addr: is missing");
        check(
            "[b]\n",
            "[b]\nname = pbx-a\n",
            "config.ini:17: b.name: \"pbx-a\" is the name of another server already",
        );
        check(
            "evt_port = 2",
            "evt_port = 70000",
            "config.ini:19: b.evt_port: \"70000\" has no port from 1 to 65535",
        );
        let unknown = load(&BROKER.replace("ami_trace", "ami_trce")).expect("a configuration").warnings;
        assert!(
            unknown.to_string().contains("a.ami_trce: unknown key, ignored; did you mean \"ami_trace\"?")
        );
    }
}
