//! What a new configuration changes: key by key, and what of it can be applied while the daemon runs.
//!
//! [`difference`] is pure; the reload shows its changes and puts [`Difference::in_force`] in force. What is compared are the
//! `lines` of both configurations; their sections are in `daemon`, `systems`, `endpoints`, `topics` and `event_management`. What waits for a restart
//! is here.

mod daemon;
mod endpoints;
mod event_management;
mod lines;
mod systems;
mod topics;

use super::values::{Config, StoreConfig};
use lines::{Value, lines};
use std::collections::BTreeSet;
use std::fmt;

/// What happens to one key. `Display` is `KEY: OLD → NEW`, with `***` for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// As problems name it; sections that come several times by their name: `broadworks.as1.address`.
    pub key: String,
    pub old: String,
    pub new: String,
    /// Why it waits for a restart; `None`: it is applied now.
    pub restart: Option<&'static str>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.key, self.old, self.new)
    }
}

/// What is different, and what is in force once it has been applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// In the order of their keys.
    pub changes: Vec<Change>,
    /// The new configuration, but for what waits for a restart.
    pub in_force: Config,
}

/// What `new` changes where `old` is in force.
pub fn difference(old: &Config, new: &Config) -> Difference {
    let (before, after) = (lines(old), lines(new));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let restarts = Restarts::of(old, new);
    let changed = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    let changes = changed.map(|key| Change {
        key: key.clone(),
        old: shown(before.get(key)),
        new: shown(after.get(key)),
        restart: restarts.reason(key),
    });
    Difference { changes: changes.collect(), in_force: restarts.in_force(old, new) }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or("(not set)", |value| &value.shown).to_owned()
}

const FIXED: &str = "it is read at the start alone";
const NAMED: &str = "the other nodes of the cluster know it by its name";
const ORDER: &str = "events that are under way have the keys of the order in force";
const COUNTRY: &str = "events that are under way have the keys of the country code in force";
const PARTS: &str = "the actors of [ema] and [surgemail] are made at the start";
const OPEN: &str = "the address in force can be reached from other hosts, which needs a token";
const HANDS_ON: &str = "what hands on is made at the start";
const LISTENER: &str = "its listener is made at the start";
const TLS: &str = "the listener is made at the start: with TLS, or without";

/// Which keys cannot change while the daemon runs.
struct Restarts {
    /// There are other nodes.
    cluster: bool,
    /// `[ema]` comes or goes.
    provisioning: bool,
    /// `[surgemail]` comes or goes.
    mail: bool,
    /// Without a token the daemon would be open to other hosts.
    tokens: bool,
    /// TLS comes or goes.
    tls: bool,
    /// `[evapi_server]` comes or goes.
    evapi_server: bool,
    /// `[evi]` comes or goes.
    evi: bool,
    /// `[device_state]` comes or goes.
    device_state: bool,
    /// `[event_management]` comes or goes.
    event_management: bool,
}

impl Restarts {
    fn of(old: &Config, new: &Config) -> Restarts {
        let provisioning = old.ema.is_some() != new.ema.is_some();
        Restarts {
            cluster: old.cluster.enabled,
            provisioning,
            mail: provisioning || old.surgemail.is_some() != new.surgemail.is_some(),
            tokens: !super::addresses::is_loopback(old.http.listen) && new.http.tokens.is_empty(),
            tls: old.http.tls_cert.is_some() != new.http.tls_cert.is_some(),
            evapi_server: old.evapi_server.is_some() != new.evapi_server.is_some(),
            evi: old.evi.is_some() != new.evi.is_some(),
            device_state: old.device_state.is_some() != new.device_state.is_some(),
            event_management: old.event_management.is_some() != new.event_management.is_some(),
        }
    }

    fn reason(&self, key: &str) -> Option<&'static str> {
        let section = key.split('.').next().unwrap_or_default();
        match (section, key) {
            (_, "node.name") if self.cluster => Some(NAMED),
            (_, "node.data_dir" | "node.core_dumps" | "log.format" | "http.listen" | "processing.mode") => {
                Some(FIXED)
            }
            (_, "store.events" | "store.subscribers") => Some(FIXED),
            ("cluster", _) => Some(FIXED),
            (_, "processing.order") => Some(ORDER),
            (_, "http.tls_cert" | "http.tls_key") => self.tls.then_some(TLS),
            ("http", _) => self.tokens.then_some(OPEN),
            ("ema" | "numbering" | "service_profiles", _) if self.provisioning => Some(PARTS),
            ("surgemail", _) if self.mail => Some(PARTS),
            ("evapi_server", _) if self.evapi_server => Some(LISTENER),
            (_, "evapi_server.listen") => Some(LISTENER),
            ("evi", _) if self.evi => Some(LISTENER),
            (_, "evi.udp" | "evi.unix") => Some(LISTENER),
            ("zmq_server", _) => Some(LISTENER),
            ("device_state", _) if self.device_state => Some(PARTS),
            ("event_management", _) if self.event_management => Some(HANDS_ON),
            ("nats", _) => Some(HANDS_ON),
            (_, "numbering.country_code") => Some(COUNTRY),
            _ => None,
        }
    }

    /// The new configuration with everything of the old one that waits for a restart.
    fn in_force(&self, old: &Config, new: &Config) -> Config {
        let mut config = new.clone();
        config.node.data_dir.clone_from(&old.node.data_dir);
        config.node.core_dumps = old.node.core_dumps;
        if self.cluster {
            config.node.name.clone_from(&old.node.name);
        }
        config.cluster.clone_from(&old.cluster);
        config.log.format = old.log.format;
        config.http.listen = old.http.listen;
        (config.processing.mode, config.processing.order) = (old.processing.mode, old.processing.order);
        config.numbering.country_code.clone_from(&old.numbering.country_code);
        let StoreConfig { retention_days, topic_log, disk_low, .. } = new.store;
        config.store = StoreConfig { retention_days, topic_log, disk_low, ..old.store.clone() };
        if self.tokens {
            config.http.tokens.clone_from(&old.http.tokens);
        }
        if self.tls {
            config.http.tls_cert.clone_from(&old.http.tls_cert);
            config.http.tls_key.clone_from(&old.http.tls_key);
        }
        if self.provisioning {
            config.ema.clone_from(&old.ema);
            config.numbering.clone_from(&old.numbering);
            config.service_profiles.clone_from(&old.service_profiles);
        }
        if self.mail {
            config.surgemail.clone_from(&old.surgemail);
        }
        config.zmq_server.clone_from(&old.zmq_server);
        config.nats.clone_from(&old.nats);
        if self.event_management {
            config.event_management.clone_from(&old.event_management);
        }
        if self.device_state {
            config.device_state.clone_from(&old.device_state);
        }
        match (&old.evapi_server, &mut config.evapi_server) {
            (Some(old), Some(new)) => new.listen = old.listen,
            (old, new) => new.clone_from(old),
        }
        match (&old.evi, &mut config.evi) {
            (Some(old), Some(new)) => (new.udp, new.unix) = (old.udp, old.unix.clone()),
            (old, new) => new.clone_from(old),
        }
        config
    }
}

#[cfg(test)]
mod tests;
