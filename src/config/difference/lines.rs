//! A configuration as lines: every key with its value, as it is compared and as it is shown.
//!
//! Each section writes its own, in the modules beside; the ways to write a value are here.

use crate::config::values::{Config, Database};
use crate::wire::{Secret, mask_secrets};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// A value as it is compared, and how it is shown.
#[derive(PartialEq)]
pub(super) struct Value {
    text: String,
    pub shown: String,
}

/// Every key with its value, defaults filled in.
pub(super) fn lines(config: &Config) -> BTreeMap<String, Value> {
    let mut lines = Lines(BTreeMap::new());
    // Taken apart in full, here and in each section: a new key is not forgotten.
    let Config {
        node,
        log,
        store,
        cluster,
        http,
        processing,
        numbering,
        service_profiles,
        ema,
        surgemail,
        shadow,
        broadworks,
        kamailio,
        asterisk,
        opensips,
        device_state,
        zmq_server,
        routes,
        evapi_server,
        evi,
        event_management,
        nats,
    } = config;
    lines.node(node);
    lines.log(log);
    lines.store(store);
    lines.cluster(cluster);
    lines.http(http);
    lines.processing(processing);
    lines.numbering(numbering, service_profiles);
    ema.iter().for_each(|ema| lines.ema(ema));
    surgemail.iter().for_each(|surgemail| lines.surgemail(surgemail));
    shadow.iter().for_each(|release| lines.shadow(release));
    broadworks.iter().for_each(|server| lines.broadworks(server));
    kamailio.iter().for_each(|server| lines.kamailio(server));
    asterisk.iter().for_each(|server| lines.asterisk(server));
    opensips.iter().for_each(|server| lines.opensips(server));
    device_state.iter().for_each(|states| lines.device_state(states));
    zmq_server.iter().for_each(|server| lines.zmq_server(server));
    routes.iter().enumerate().for_each(|(at, route)| lines.route(at + 1, route));
    evapi_server.iter().for_each(|server| lines.evapi_server(server));
    evi.iter().for_each(|evi| lines.evi(evi));
    event_management.iter().for_each(|config| lines.event_management(config));
    nats.iter().for_each(|nats| lines.nats(nats));
    lines.0
}

/// A choice as the file writes it: all of them are single words.
pub(super) fn word(choice: impl fmt::Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

/// Several values of a key.
pub(super) fn list<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The lines of a configuration, by their keys.
pub(super) struct Lines(BTreeMap<String, Value>);

impl Lines {
    /// A value that anybody may see.
    pub fn put(&mut self, key: impl Into<String>, value: impl ToString) {
        let text = value.to_string();
        self.0.insert(key.into(), Value { shown: text.clone(), text });
    }

    /// Nothing where the key is not set.
    pub fn set(&mut self, key: impl Into<String>, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// A value of which is only told that it changes.
    pub fn hide(&mut self, key: impl Into<String>, value: &str) {
        self.0.insert(key.into(), Value { text: value.to_owned(), shown: "***".to_owned() });
    }

    /// A document, in which some values may be secrets.
    pub fn mask(&mut self, key: impl Into<String>, value: &str) {
        self.0.insert(key.into(), Value { text: value.to_owned(), shown: mask_secrets(value) });
    }

    pub fn secret(&mut self, key: &str, value: &Secret) {
        self.hide(key, value.expose());
    }

    pub fn path(&mut self, key: &str, value: &Path) {
        self.put(key, value.display());
    }

    pub fn time(&mut self, key: impl Into<String>, value: &Duration) {
        self.put(key, format!("{value:?}"));
    }

    /// A URL may carry a secret in its query.
    pub fn url(&mut self, key: &str, value: &str) {
        if value.contains(['@', '?']) { self.hide(key, value) } else { self.put(key, value) }
    }

    pub fn database(&mut self, key: &str, value: &Database) {
        match value {
            Database::Sqlite(path) => self.put(key, format!("sqlite:{}", path.display())),
            Database::Postgres(address) => self.secret(key, address),
        }
    }
}
