//! The lines of the daemon itself, and of the release that it runs beside.

use super::lines::{Lines, word};
use crate::config::values::{Cluster, DiskLow, Http, Log, Node, Processing, Shadow, StoreConfig, Token};

impl Lines {
    pub fn node(&mut self, Node { name, data_dir, core_dumps }: &Node) {
        self.put("node.name", name);
        self.path("node.data_dir", data_dir);
        self.put("node.core_dumps", core_dumps);
    }

    pub fn log(&mut self, Log { level, format }: &Log) {
        self.put("log.level", level);
        self.put("log.format", word(format));
    }

    pub fn store(&mut self, config: &StoreConfig) {
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

    pub fn cluster(&mut self, Cluster { enabled, lease, address }: &Cluster) {
        self.put("cluster.enabled", enabled);
        self.time("cluster.lease", lease);
        self.set("cluster.address", address.as_ref());
    }

    pub fn http(&mut self, Http { listen, tls_cert, tls_key, tokens, original_paths_open }: &Http) {
        self.put("http.listen", listen);
        self.set("http.tls_cert", tls_cert.as_ref().map(|path| path.display()));
        self.set("http.tls_key", tls_key.as_ref().map(|path| path.display()));
        self.put("http.original_paths_open", original_paths_open);
        for Token { name, role, sha256 } in tokens {
            self.put(format!("http.token.{name}.role"), word(role));
            self.hide(format!("http.token.{name}.sha256"), sha256);
        }
    }

    pub fn processing(&mut self, processing: &Processing) {
        let Processing { order, mode, concurrency, on_failure, retry_initial, retry_max } = processing;
        self.put("processing.order", word(order));
        self.put("processing.mode", word(mode));
        self.put("processing.concurrency", concurrency);
        self.put("processing.on_failure", word(on_failure));
        self.time("processing.retry_initial", retry_initial);
        self.time("processing.retry_max", retry_max);
    }

    pub fn shadow(&mut self, Shadow { events, subscribers }: &Shadow) {
        self.database("shadow.events", events);
        self.database("shadow.subscribers", subscribers);
    }
}
