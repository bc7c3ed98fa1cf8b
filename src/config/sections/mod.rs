//! What each section means: one function per section, one line per key.

mod asterisk;
mod base;
mod broadworks;
mod core_network;
mod evapi_server;
mod event_management;
mod event_peer;
mod evi;
mod http;
mod kamailio;
mod mail;
mod nats;
mod opensips;
mod route;
mod shadow;
mod zmq_server;

use super::section::Section;
use super::values::*;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

/// Why a shadow wants to know what it runs beside.
const SHADOW_ALONE: &str =
    "mode \"shadow\" without [shadow]: the table of subscribers starts empty, and nothing can be compared";

/// The whole file.
pub(super) fn config(file: &Section) -> Config {
    let node = base::node(file);
    let mut endpoints = Endpoints { reserved: reserved(file), ..Endpoints::default() };
    let store = base::store(file, &node.data_dir);
    let mut config = Config {
        log: file.section("log", base::log).unwrap_or_default(),
        cluster: file.section("cluster", |section| base::cluster(section, &store)).unwrap_or_default(),
        http: file.section("http", http::http).unwrap_or_default(),
        processing: file.section("processing", base::processing).unwrap_or_default(),
        numbering: file.section("numbering", core_network::numbering).unwrap_or_default(),
        service_profiles: file
            .section("service_profiles", core_network::service_profiles)
            .unwrap_or_default(),
        ema: file.section("ema", core_network::ema),
        surgemail: file.section("surgemail", mail::surgemail),
        shadow: file.section("shadow", |section| shadow::shadow(section, &store)).flatten(),
        store,
        broadworks: file.sections("broadworks", |section| broadworks::broadworks(section, &mut endpoints)),
        kamailio: file.sections("kamailio", |section| kamailio::kamailio(section, &mut endpoints)),
        asterisk: file.sections("asterisk", |section| asterisk::asterisk(section, &mut endpoints)),
        opensips: file.sections("opensips", |section| opensips::opensips(section, &mut endpoints)),
        device_state: file.section("device_state", asterisk::device_state).flatten(),
        zmq_server: file.section("zmq_server", zmq_server::zmq_server),
        routes: file.sections("route", route::route),
        evapi_server: file.section("evapi_server", evapi_server::evapi_server),
        evi: file.section("evi", |section| evi::evi(section, &endpoints)),
        event_management: None,
        nats: file.section("nats", nats::nats),
        node,
    };
    config.event_management = file.section("event_management", |section| {
        event_management::event_management(section, &config, &endpoints)
    });
    if file.has("ema") {
        core_network::check_ema_has_what_it_needs(file);
    } else if file.has("surgemail") {
        file.warn("surgemail", super::MAIL_ALONE);
    }
    if config.processing.mode == Mode::Shadow && config.shadow.is_none() {
        file.warn("processing", SHADOW_ALONE);
    }
    config
}

/// The sources of what comes in over the sections that are there.
fn reserved(file: &Section) -> Vec<(&'static str, &'static str)> {
    let sources = [
        ("evi", EVI_SOURCE, "what is raised over [evi]"),
        ("event_management", EVENT_MANAGEMENT_SOURCE, "what is posted to [event_management]"),
        ("event_management", ALARM_SOURCE, "the alarms of [event_management]"),
        ("nats", NATS_SOURCE, "what is fed in over [nats]"),
    ];
    let is_there = |(section, ..): &(&str, &str, &str)| file.has(section);
    sources.into_iter().filter(is_there).map(|(_, source, what)| (source, what)).collect()
}

/// The names of all endpoints, of whatever kind: they label metrics and so must differ. So must their addresses: two
/// connections to one server bring everything twice.
#[derive(Default)]
struct Endpoints {
    names: BTreeSet<String>,
    /// Address to the name of its endpoint.
    addresses: BTreeMap<String, String>,
    /// The same of sockets that endpoints listen at.
    sockets: BTreeMap<String, String>,
    /// Sources of events that are no endpoints, and what they are.
    reserved: Vec<(&'static str, &'static str)>,
    /// Of agents, among other agents.
    systems: BTreeSet<String>,
}

impl Endpoints {
    /// The `name` of the endpoint that `section` describes.
    fn name(&mut self, section: &Section) -> String {
        let name = section.value("name", super::units::endpoint_name).unwrap_or_default();
        if !name.is_empty() && !self.names.insert(name.clone()) {
            section.problem("name", format!("{name:?} is the name of another endpoint already"));
        }
        if let Some((_, what)) = self.reserved.iter().find(|(reserved, _)| *reserved == name) {
            section.problem("name", format!("{name:?} is the name of {what}"));
        }
        name
    }

    /// Whether events of somebody else have this source already.
    fn is_taken(&self, name: &str) -> bool {
        self.names.contains(name) || self.reserved.iter().any(|(reserved, _)| *reserved == name)
    }

    /// The name of an agent among other agents, which stands in `key`.
    fn system(&mut self, section: &Section, key: &'static str, system: &str) {
        if !self.systems.insert(system.to_owned()) {
            section.problem(key, format!("{system:?} is the system name of another agent already"));
        }
    }

    /// The `address` of the endpoint `name`.
    fn address(&mut self, section: &Section, name: &str) -> String {
        self.address_in(section, "address", name)
    }

    /// The address of the endpoint `name`, which stands in `key`.
    fn address_in(&mut self, section: &Section, key: &'static str, name: &str) -> String {
        let address = section.value(key, super::addresses::socket).unwrap_or_default();
        self.only_one(section, (key, &address), name, "every event would run twice");
        address
    }

    /// The socket where the endpoint `name` listens.
    fn listens(&mut self, section: &Section, socket: &str, name: &str) {
        // Of port 0 the system chooses one that is free.
        if socket.ends_with(":0") {
            return;
        }
        match self.sockets.entry(socket.to_owned()) {
            Entry::Vacant(entry) => drop(entry.insert(name.to_owned())),
            Entry::Occupied(entry) => {
                section.problem("listen", format!("{socket:?}: {:?} listens there already", entry.get()));
            }
        }
        let alike = |other: &&String| {
            *other != socket && (other.starts_with(socket) || socket.starts_with(other.as_str()))
        };
        if let Some(other) = self.sockets.keys().find(alike) {
            let why =
                "one OpenSIPS would take the one for the other, as it compares no more than their beginning";
            section.warn("listen", format!("{socket:?} begins as {other:?} does: {why}"));
        }
    }

    /// Reports a socket of UDP in `key` of another section at which an endpoint listens.
    fn not_at_udp(&self, section: &Section, key: &'static str, udp: SocketAddr) {
        if udp.port() == 0 {
            return;
        }
        let at = |socket: &str| socket.strip_prefix("udp:")?.parse::<SocketAddr>().ok();
        let clash = |socket: &str| at(socket).is_some_and(|at| covers(at, udp) || covers(udp, at));
        self.not_where(section, key, clash);
    }

    /// Reports a socket of the file system in `key` of another section at which an endpoint listens.
    fn not_at_path(&self, section: &Section, key: &'static str, path: &Path) {
        self.not_where(section, key, |socket| {
            socket.strip_prefix("unix:").is_some_and(|at| Path::new(at) == path)
        });
    }

    fn not_where(&self, section: &Section, key: &'static str, clash: impl Fn(&str) -> bool) {
        if let Some((socket, name)) = self.sockets.iter().find(|(socket, _)| clash(socket)) {
            section.problem(key, format!("{socket:?}: {name:?} listens there already"));
        }
    }

    /// Reports an address in `key` that is the one of another endpoint, and what comes of that.
    fn only_one(&mut self, section: &Section, (key, address): (&'static str, &str), name: &str, why: &str) {
        if address.is_empty() {
            return;
        }
        match self.addresses.entry(address.to_lowercase()) {
            Entry::Vacant(entry) => drop(entry.insert(name.to_owned())),
            Entry::Occupied(entry) => section
                .problem(key, format!("{address:?} is the address of {:?} already: {why}", entry.get())),
        }
    }
}

/// One of a few words.
fn choice<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| match choices.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            Err(format!("is not one of {}", words.join(", ")))
        }
    }
}
