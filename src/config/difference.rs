//! What a new configuration changes: key by key, and what of it can be applied while the daemon runs.
//!
//! [`difference`] is pure; the reload shows its lines and puts [`Difference::in_force`] in force.

use super::values::*;
use crate::wire::{Secret, mask_secrets};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

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
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
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

const FIXED: &str = "it is read at the start alone";
const ORDER: &str = "events that are under way have the keys of the order in force";
const COUNTRY: &str = "events that are under way have the keys of the country code in force";
const PARTS: &str = "the actors of [ema] and [surgemail] are made at the start";
const OPEN: &str = "the address in force can be reached from other hosts, which needs a token";
const LISTENER: &str = "its listener is made at the start";
const TLS: &str = "the listener is made at the start: with TLS, or without";

/// Which keys cannot change while the daemon runs.
struct Restarts {
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
    /// `[device_state]` comes or goes.
    device_state: bool,
}

impl Restarts {
    fn of(old: &Config, new: &Config) -> Restarts {
        let provisioning = old.ema.is_some() != new.ema.is_some();
        Restarts {
            provisioning,
            mail: provisioning || old.surgemail.is_some() != new.surgemail.is_some(),
            tokens: !super::addresses::is_loopback(old.http.listen) && new.http.tokens.is_empty(),
            tls: old.http.tls_cert.is_some() != new.http.tls_cert.is_some(),
            evapi_server: old.evapi_server.is_some() != new.evapi_server.is_some(),
            device_state: old.device_state.is_some() != new.device_state.is_some(),
        }
    }

    fn reason(&self, key: &str) -> Option<&'static str> {
        let section = key.split('.').next().unwrap_or_default();
        match (section, key) {
            (_, "node.data_dir" | "log.format" | "http.listen" | "processing.mode") => Some(FIXED),
            (_, "store.events" | "store.subscribers") => Some(FIXED),
            (_, "processing.order") => Some(ORDER),
            (_, "http.tls_cert" | "http.tls_key") => self.tls.then_some(TLS),
            ("http", _) => self.tokens.then_some(OPEN),
            ("ema" | "numbering" | "service_profiles", _) if self.provisioning => Some(PARTS),
            ("surgemail", _) if self.mail => Some(PARTS),
            ("evapi_server", _) if self.evapi_server => Some(LISTENER),
            (_, "evapi_server.listen") => Some(LISTENER),
            ("zmq_server", _) => Some(LISTENER),
            ("device_state", _) if self.device_state => Some(PARTS),
            (_, "numbering.country_code") => Some(COUNTRY),
            _ => None,
        }
    }

    /// The new configuration with everything of the old one that waits for a restart.
    fn in_force(&self, old: &Config, new: &Config) -> Config {
        let mut config = new.clone();
        config.node.data_dir.clone_from(&old.node.data_dir);
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
        if self.device_state {
            config.device_state.clone_from(&old.device_state);
        }
        match (&old.evapi_server, &mut config.evapi_server) {
            (Some(old), Some(new)) => new.listen = old.listen,
            (old, new) => new.clone_from(old),
        }
        config
    }
}

/// A value as it is compared, and how it is shown.
#[derive(PartialEq)]
struct Value {
    text: String,
    shown: String,
}

fn shown(value: Option<&Value>) -> String {
    value.map_or("(not set)", |value| &value.shown).to_owned()
}

/// Every key with its value, defaults filled in.
fn lines(config: &Config) -> BTreeMap<String, Value> {
    let mut lines = Lines(BTreeMap::new());
    // Taken apart in full, here and below: a new key is not forgotten.
    let Config {
        node,
        log,
        store,
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
        device_state,
        zmq_server,
        routes,
        evapi_server,
    } = config;
    let (Node { name, data_dir }, Log { level, format }) = (node, log);
    lines.put("node.name", name);
    lines.path("node.data_dir", data_dir);
    lines.put("log.level", level);
    lines.put("log.format", word(format));
    lines.store(store);
    lines.http(http);
    lines.processing(processing);
    lines.numbering(numbering, service_profiles);
    ema.iter().for_each(|ema| lines.ema(ema));
    surgemail.iter().for_each(|surgemail| lines.surgemail(surgemail));
    if let Some(Shadow { events, subscribers }) = shadow {
        lines.database("shadow.events", events);
        lines.database("shadow.subscribers", subscribers);
    }
    broadworks.iter().for_each(|server| lines.broadworks(server));
    kamailio.iter().for_each(|server| lines.kamailio(server));
    asterisk.iter().for_each(|server| lines.asterisk(server));
    device_state.iter().for_each(|states| lines.device_state(states));
    zmq_server.iter().for_each(|server| lines.zmq_server(server));
    routes.iter().enumerate().for_each(|(at, route)| lines.route(at + 1, route));
    evapi_server.iter().for_each(|server| lines.evapi_server(server));
    lines.0
}

/// A choice as the file writes it: all of them are single words.
fn word(choice: impl fmt::Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

/// Several values of a key.
fn list<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

struct Lines(BTreeMap<String, Value>);

impl Lines {
    fn put(&mut self, key: impl Into<String>, value: impl ToString) {
        let text = value.to_string();
        self.0.insert(key.into(), Value { shown: text.clone(), text });
    }

    fn set(&mut self, key: impl Into<String>, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    fn hide(&mut self, key: impl Into<String>, value: &str) {
        self.0.insert(key.into(), Value { text: value.to_owned(), shown: "***".to_owned() });
    }

    /// A document, in which some values may be secrets.
    fn mask(&mut self, key: impl Into<String>, value: &str) {
        self.0.insert(key.into(), Value { text: value.to_owned(), shown: mask_secrets(value) });
    }

    fn secret(&mut self, key: &str, value: &Secret) {
        self.hide(key, value.expose());
    }

    fn path(&mut self, key: &str, value: &Path) {
        self.put(key, value.display());
    }

    fn time(&mut self, key: impl Into<String>, value: &Duration) {
        self.put(key, format!("{value:?}"));
    }

    /// A URL may carry a secret in its query.
    fn url(&mut self, key: &str, value: &str) {
        if value.contains(['@', '?']) { self.hide(key, value) } else { self.put(key, value) }
    }

    fn database(&mut self, key: &str, value: &Database) {
        match value {
            Database::Sqlite(path) => self.put(key, format!("sqlite:{}", path.display())),
            Database::Postgres(address) => self.secret(key, address),
        }
    }

    fn store(&mut self, config: &StoreConfig) {
        let StoreConfig { events, subscribers, retention_days, topic_log, disk_low } = config;
        self.database("store.events", events);
        self.database("store.subscribers", subscribers);
        self.set("store.retention_days", *retention_days);
        self.time("store.topic_log", topic_log);
        match disk_low {
            DiskLow::Bytes(bytes) => self.put("store.disk_low", format!("{bytes}B")),
            DiskLow::Percent(percent) => self.put("store.disk_low", format!("{percent}%")),
        }
    }

    fn http(&mut self, Http { listen, tls_cert, tls_key, tokens }: &Http) {
        self.put("http.listen", listen);
        self.set("http.tls_cert", tls_cert.as_ref().map(|path| path.display()));
        self.set("http.tls_key", tls_key.as_ref().map(|path| path.display()));
        for Token { name, role, sha256 } in tokens {
            self.put(format!("http.token.{name}.role"), word(role));
            self.hide(format!("http.token.{name}.sha256"), sha256);
        }
    }

    fn processing(&mut self, processing: &Processing) {
        let Processing { order, mode, concurrency, on_failure, retry_initial, retry_max } = processing;
        self.put("processing.order", word(order));
        self.put("processing.mode", word(mode));
        self.put("processing.concurrency", concurrency);
        self.put("processing.on_failure", word(on_failure));
        self.time("processing.retry_initial", retry_initial);
        self.time("processing.retry_max", retry_max);
    }

    fn numbering(&mut self, numbering: &Numbering, profiles: &ServiceProfiles) {
        let Numbering { country_code, default_phone_context, phone_contexts } = numbering;
        let ServiceProfiles { r#virtual, user, pilot, trunk } = profiles;
        let texts = [
            ("numbering.country_code", country_code),
            ("numbering.default_phone_context", default_phone_context),
            ("service_profiles.virtual", r#virtual),
            ("service_profiles.user", user),
            ("service_profiles.pilot", pilot),
            ("service_profiles.trunk", trunk),
        ];
        for (key, text) in texts {
            // Empty where the section is not there.
            self.set(key, Some(text).filter(|text| !text.is_empty()));
        }
        for (city, context) in phone_contexts {
            self.put(format!("numbering.phone_contexts.{city:?}"), context);
        }
    }

    fn ema(&mut self, ema: &Ema) {
        let Ema { primary, secondary, username, password, sessions, timeout, faults } = ema;
        self.url("ema.primary", primary);
        secondary.iter().for_each(|url| self.url("ema.secondary", url));
        self.put("ema.username", username);
        self.secret("ema.password", password);
        self.put("ema.sessions", sessions);
        self.time("ema.timeout", timeout);
        for (code, class) in faults {
            self.put(format!("ema.faults.{code}"), word(class));
        }
    }

    fn surgemail(&mut self, surgemail: &SurgeMail) {
        let SurgeMail { primary, secondary, username, password, domain_password, timeout, delete_replaced } =
            surgemail;
        self.put("surgemail.primary", primary);
        self.set("surgemail.secondary", secondary.as_ref());
        self.put("surgemail.username", username);
        self.secret("surgemail.password", password);
        self.secret("surgemail.domain_password", domain_password);
        self.time("surgemail.timeout", timeout);
        self.put("surgemail.delete_replaced", delete_replaced);
    }

    fn broadworks(&mut self, server: &Broadworks) {
        let Broadworks { name, address, keepalive_timeout, cluster, max_document, duplicate_window } = server;
        let key = |key: &str| format!("broadworks.{name}.{key}");
        self.put(key("address"), address);
        self.time(key("keepalive_timeout"), keepalive_timeout);
        self.set(key("cluster"), cluster.as_ref());
        self.put(key("max_document"), max_document);
        self.time(key("duplicate_window"), duplicate_window);
    }

    fn kamailio(&mut self, server: &Kamailio) {
        let Kamailio { name, address, framing, tag_command, heartbeat_timeout, frame_timeout, .. } = server;
        let Kamailio { max_frame, queue, on_overflow, max_bad, duplicate_window, keys, answers, .. } = server;
        let key = |key: &str| format!("kamailio.{name}.{key}");
        self.put(key("address"), address);
        self.put(key("framing"), word(framing));
        // It may be a login, and come from a file of secrets.
        tag_command.iter().for_each(|command| self.hide(key("tag_command"), command));
        heartbeat_timeout.iter().for_each(|limit| self.time(key("heartbeat_timeout"), limit));
        self.time(key("frame_timeout"), frame_timeout);
        self.put(key("max_frame"), max_frame);
        self.put(key("queue"), queue);
        let overflow = match on_overflow {
            Overflow::DropOldest => "drop_oldest",
            Overflow::Disconnect => "disconnect",
        };
        self.put(key("on_overflow"), overflow);
        self.put(key("max_bad"), max_bad);
        self.time(key("duplicate_window"), duplicate_window);
        let EventKeys { event, index, label, call_id, identity } = keys;
        for (name, words) in [
            ("event", event),
            ("index", index),
            ("label", label),
            ("call_id", call_id),
            ("identity", identity),
        ] {
            self.put(key(&format!("keys.{name}")), words.join(", "));
        }
        answers
            .iter()
            .enumerate()
            .for_each(|(at, answer)| self.answer(&key(&format!("answer.{}", at + 1)), answer));
    }

    fn asterisk(&mut self, server: &Asterisk) {
        let Asterisk { name, transport, include, exclude, actions, ping, request_timeout } = server;
        let key = |key: &str| format!("asterisk.{name}.{key}");
        match transport {
            AsteriskTransport::Ami(Ami { address, tls, tls_ca, username, secret, login }) => {
                self.put(key("address"), address);
                self.put(key("tls"), tls);
                self.set(key("tls_ca"), tls_ca.as_ref().map(|path| path.display()));
                self.put(key("username"), username);
                self.hide(key("secret"), secret.expose());
                self.put(key("login"), word(login));
            }
            AsteriskTransport::Zmq(manager) => self.zmq_manager(name, manager),
            AsteriskTransport::Agent(Agent {
                manager,
                system_name,
                server_pull,
                server_pub,
                keepalive,
                remote_actions,
            }) => {
                self.zmq_manager(name, manager);
                self.put(key("system_name"), system_name);
                self.put(key("server_pull"), server_pull);
                self.put(key("server_pub"), server_pub);
                self.time(key("keepalive"), keepalive);
                self.put(key("remote_actions"), remote_actions.join(", "));
            }
        }
        self.put(key("include"), list(include));
        self.put(key("exclude"), list(exclude));
        self.put(key("actions"), actions.join(", "));
        self.time(key("ping"), ping);
        self.time(key("request_timeout"), request_timeout);
    }

    fn zmq_manager(&mut self, name: &str, ZmqManager { cmd, evt }: &ZmqManager) {
        self.put(format!("asterisk.{name}.cmd"), cmd);
        self.put(format!("asterisk.{name}.evt"), evt);
    }

    fn device_state(&mut self, states: &DeviceStates) {
        let DeviceStates { presence, name, lost_origin_grace, verify } = states;
        self.put("device_state.presence", presence);
        self.put("device_state.name_template", name.as_written());
        self.put("device_state.name_slash", name.slash());
        self.time("device_state.lost_origin_grace", lost_origin_grace);
        self.time("device_state.verify", verify);
    }

    fn zmq_server(&mut self, ZmqServer { pull, publish, allow_from, queue }: &ZmqServer) {
        self.put("zmq_server.pull", pull);
        self.put("zmq_server.pub", publish);
        self.put("zmq_server.allow_from", list(allow_from));
        self.put("zmq_server.queue", queue);
    }

    fn route(&mut self, number: usize, Route { source, event, when, to, store }: &Route) {
        let key = |key: &str| format!("route.{number}.{key}");
        self.put(key("source"), source);
        self.put(key("event"), event);
        for (field, pattern) in when.patterns() {
            self.put(key(&format!("when.{field}")), pattern);
        }
        self.put(key("to"), to.join(", "));
        self.put(key("store"), store);
    }

    fn evapi_server(&mut self, server: &EvapiServer) {
        let EvapiServer { listen, allow_from, queue, max_clients, envelope, topics } = server;
        self.put("evapi_server.listen", listen);
        self.put("evapi_server.allow_from", list(allow_from));
        self.put("evapi_server.queue", queue);
        self.put("evapi_server.max_clients", max_clients);
        self.put("evapi_server.envelope", envelope);
        for (at, EvapiTopic { topic, send }) in topics.iter().enumerate() {
            let key = |key: &str| format!("evapi_server.topic.{}.{key}", at + 1);
            let (word, tag) = match send {
                EvapiSend::Relay => ("relay", None),
                EvapiSend::Multicast(tag) => ("multicast", Some(tag)),
                EvapiSend::Unicast(tag) => ("unicast", Some(tag)),
            };
            self.put(key("topic"), topic);
            self.put(key("send"), word);
            self.set(key("tag"), tag);
        }
    }

    fn answer(&mut self, at: &str, Answer { event, when, by, reply, default, deadline }: &Answer) {
        let key = |key: &str| format!("{at}.{key}");
        self.put(key("event"), event);
        for (field, pattern) in when.patterns() {
            self.put(key(&format!("when.{field}")), pattern);
        }
        match by {
            AnswerBy::Rule => {}
            // A part of its path may be a token.
            AnswerBy::Webhook(url) => self.hide(key("webhook"), url.expose()),
            AnswerBy::Subscriber { user, when } => {
                self.put(key("subscriber"), user);
                for (column, pattern) in when.patterns() {
                    self.put(key(&format!("subscriber_when.{column}")), pattern);
                }
            }
        }
        self.mask(key("reply"), reply.as_written());
        default.iter().for_each(|default| self.mask(key("default"), default.as_written()));
        self.time(key("deadline"), deadline);
    }
}

#[cfg(test)]
mod tests;
