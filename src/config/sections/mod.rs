//! What each section means: one function per section, one line per key.

mod asterisk;
mod base;
mod broadworks;
mod core_network;
mod evapi_server;
mod evi;
mod http;
mod kamailio;
mod mail;
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
    let mut endpoints = Endpoints { reserves_evi: file.has("evi"), ..Endpoints::default() };
    let store = base::store(file, &node.data_dir);
    let config = Config {
        log: file.section("log", base::log).unwrap_or_default(),
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
        nats: None,
        node,
    };
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

/// The names of all endpoints, of whatever kind: they label metrics and so must differ. So must their addresses: two
/// connections to one server bring everything twice.
#[derive(Default)]
struct Endpoints {
    names: BTreeSet<String>,
    /// Address to the name of its endpoint.
    addresses: BTreeMap<String, String>,
    /// The same of sockets that endpoints listen at.
    sockets: BTreeMap<String, String>,
    /// `evi` is the source of what is raised over `[evi]`.
    reserves_evi: bool,
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
        if self.reserves_evi && name == EVI_SOURCE {
            section.problem("name", format!("{name:?} is the name of what is raised over [evi]"));
        }
        name
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
