//! The lines of what is handed on: routes, our own EVAPI, and our own EVI.

use super::lines::{Lines, list};
use crate::config::values::{EvapiSend, EvapiServer, EvapiTopic, Evi, EviName, Route};

impl Lines {
    pub fn route(&mut self, number: usize, Route { source, event, when, to, store }: &Route) {
        let key = |key: &str| format!("route.{number}.{key}");
        self.put(key("source"), source);
        self.put(key("event"), event);
        for (field, pattern) in when.patterns() {
            self.put(key(&format!("when.{field}")), pattern);
        }
        self.put(key("to"), to.join(", "));
        self.put(key("store"), store);
    }

    pub fn evapi_server(&mut self, server: &EvapiServer) {
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

    pub fn evi(&mut self, evi: &Evi) {
        let Evi { udp, unix, allow_from, allowed_targets, allowed_unix, .. } = evi;
        let Evi { queue, max_subscriptions, max_expire, names, .. } = evi;
        self.set("evi.udp", udp.as_ref());
        unix.iter().for_each(|path| self.path("evi.unix", path));
        self.put("evi.allow_from", list(allow_from));
        self.put("evi.allowed_targets", list(allowed_targets));
        let folders: Vec<_> = allowed_unix.iter().map(|folder| folder.display()).collect();
        self.put("evi.allowed_unix", list(&folders));
        self.put("evi.queue", queue);
        self.put("evi.max_subscriptions", max_subscriptions);
        self.time("evi.max_expire", max_expire);
        for EviName { event, name } in names {
            self.put(format!("evi.names.\"{event}\""), name);
        }
    }
}
