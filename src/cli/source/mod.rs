//! Where events and subscribers are read: the running daemon, or the store where the daemon is down.

mod offline;

use crate::cli::client::{Client, ClientOptions, NoDaemon};
use crate::cli::complain;
use crate::cli::events::Filter;
use anyhow::Context;
use form_urlencoded::Serializer;
use offline::Offline;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::cell::{Cell, OnceCell};

/// Asks the daemon; where nothing listens at its address, the store that its configuration names. Both answer with the JSON of
/// the API.
pub struct Source<'a> {
    options: &'a ClientOptions,
    daemon: Client,
    /// The daemon has answered: if it goes away now, that is told.
    answered: Cell<bool>,
    /// Instead of the daemon, once that has turned out to be down.
    store: OnceCell<Offline>,
}

/// A page of a list of events.
pub struct Query<'a> {
    pub filter: &'a Filter,
    pub oldest_first: bool,
    /// Events of a page, at most.
    pub limit: usize,
    /// `next` of the page before.
    pub cursor: Option<&'a str>,
}

/// A page of a list of subscribers.
pub struct SubscriberQuery<'a> {
    pub text: Option<&'a str>,
    pub group: Option<&'a str>,
    /// Subscribers of a page, at most.
    pub limit: usize,
    /// `next` of the page before.
    pub cursor: Option<&'a str>,
}

impl<'a> Source<'a> {
    /// Nobody is asked yet.
    pub fn new(options: &'a ClientOptions) -> anyhow::Result<Source<'a>> {
        let (answered, store) = (Cell::new(false), OnceCell::new());
        Ok(Source { options, daemon: options.client()?, answered, store })
    }

    /// `GET /api/v1/events`.
    pub fn list(&self, query: &Query) -> anyhow::Result<Value> {
        self.ask(&path_of(query), |store| store.list(query))
    }

    /// `GET /api/v1/events/{id}`.
    pub fn event(&self, id: i64) -> anyhow::Result<Value> {
        self.ask(&format!("/api/v1/events/{id}"), |store| store.event(id))
    }

    /// `GET /api/v1/events/{id}/plan`.
    pub fn plan(&self, id: i64) -> anyhow::Result<Value> {
        self.ask(&format!("/api/v1/events/{id}/plan"), |store| store.plan(id))
    }

    /// `GET /api/v1/subscribers`.
    pub fn subscribers(&self, query: &SubscriberQuery) -> anyhow::Result<Value> {
        let mut pairs = Serializer::new(String::new());
        pairs.append_pair("limit", &query.limit.to_string());
        for (key, value) in [("text", query.text), ("group", query.group), ("cursor", query.cursor)] {
            pairs.extend_pairs(value.map(|value| (key, value)));
        }
        let query = pairs.finish();
        self.ask(&format!("/api/v1/subscribers?{query}"), |store| store.subscribers(&query))
    }

    /// `GET /api/v1/subscribers/{user}`.
    pub fn subscriber(&self, user: &str) -> anyhow::Result<Value> {
        let encoded = utf8_percent_encode(user, NON_ALPHANUMERIC);
        self.ask(&format!("/api/v1/subscribers/{encoded}"), |store| store.subscriber(user))
    }

    /// `GET /api/v1/status`; of the store and its disks alone with `"up": false`.
    pub fn status(&self) -> anyhow::Result<Value> {
        self.ask("/api/v1/status", Offline::status)
    }

    /// `GET /api/v1/tree`; null where there are no actors.
    pub fn tree(&self) -> anyhow::Result<Value> {
        self.ask("/api/v1/tree", |_| Ok(Value::Null))
    }

    fn ask(&self, path: &str, read: impl FnOnce(&Offline) -> anyhow::Result<Value>) -> anyhow::Result<Value> {
        if let Some(store) = self.store.get() {
            return read(store);
        }
        match self.daemon.get(path) {
            Err(error) if error.is::<NoDaemon>() && !self.answered.get() => {
                let store = self.open_store(error)?;
                read(self.store.get_or_init(|| store))
            }
            answer => {
                self.answered.set(true);
                answer
            }
        }
    }

    /// Tells that the daemon is down, and opens the store.
    fn open_store(&self, absent: anyhow::Error) -> anyhow::Result<Offline> {
        if !self.options.has_config() {
            return Err(absent.context("the store is not read instead: --config FILE says where it is"));
        }
        let store = Offline::open(self.options.config())
            .with_context(|| format!("{absent:#}\nthe store cannot be read instead"))?;
        complain(&format!("eventmanager: the daemon is down; read from the store ({})\n", store.place()));
        Ok(store)
    }
}

fn path_of(query: &Query) -> String {
    let mut pairs = Serializer::new(String::new());
    pairs.extend_pairs(query.filter.pairs());
    pairs.append_pair("order", if query.oldest_first { "oldest" } else { "newest" });
    pairs.append_pair("limit", &query.limit.to_string());
    if let Some(cursor) = query.cursor {
        pairs.append_pair("cursor", cursor);
    }
    format!("/api/v1/events?{}", pairs.finish())
}
