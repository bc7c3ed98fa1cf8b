//! What other agents say of their devices: each of them is an origin of its own among those that are mirrored.

use crate::connections::asterisk::feed::{Feed, StatesManager};
use crate::connections::asterisk::reading;
use crate::managers::device_state::messages::Session;
use crate::states::naming::CUSTOM;
use crate::wire::manager_json::Headers;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Agents that may speak, at most: a name costs them nothing.
const ORIGINS: usize = 64;
/// An agent that has said regularly that it is there, and has not for so many times, is gone.
const MISSED: u32 = 4;
/// The same of one of which it is not known yet how often it says so.
const PATIENCE: Duration = Duration::from_secs(600);

/// See the module.
pub struct Origins {
    /// The endpoint that they are heard through.
    via: String,
    manager: StatesManager,
    known: HashMap<String, Origin>,
    feeds: FuturesUnordered<LocalBoxFuture<'static, ()>>,
}

struct Origin {
    feed: Feed,
    session: Session,
    /// When it last said that it is there, or was first heard of.
    heard: Instant,
    /// The longest time between two times that it has said so.
    longest: Option<Duration>,
    /// It has said so since it was first heard of, or since the server was away.
    has_said: bool,
}

impl Origin {
    fn is_gone(&self, now: Instant) -> bool {
        now - self.heard > self.longest.map_or(PATIENCE, |longest| longest * MISSED)
    }
}

/// Why nothing came of an event.
pub enum Ignored {
    /// It is not about a device that is mirrored.
    Other,
    /// There are too many agents already.
    TooMany,
}

impl Origins {
    /// Those who are heard through the endpoint `via`.
    pub fn new(via: &str, manager: StatesManager) -> Origins {
        Origins { via: via.to_owned(), manager, known: HashMap::new(), feeds: FuturesUnordered::new() }
    }

    /// An event of the Asterisk of `origin`.
    pub fn event(&mut self, origin: &str, event: &Headers) -> Result<(), Ignored> {
        if event.get("Event") != Some(reading::DEVICE) {
            return Err(Ignored::Other);
        }
        let change =
            reading::device(|name| event.get(name).map(str::as_bytes)).map_err(|_| Ignored::Other)?;
        if change.key.name.starts_with(CUSTOM.as_bytes()) {
            return Err(Ignored::Other);
        }
        let origin = self.origin(origin).ok_or(Ignored::TooMany)?;
        origin.feed.heard(origin.session, change);
        Ok(())
    }

    fn origin(&mut self, name: &str) -> Option<&mut Origin> {
        if !self.known.contains_key(name) {
            if self.known.len() >= ORIGINS {
                return None;
            }
            let feed = Feed::new(&format!("{}:{name}", self.via), self.manager.clone());
            let session = Session::new();
            let none = || Err("agents give no lists".to_owned());
            feed.listed(session, std::time::Instant::now(), none(), none());
            let running = feed.clone();
            self.feeds.push(Box::pin(async move { running.run().await }));
            let origin = Origin { feed, session, heard: Instant::now(), longest: None, has_said: false };
            self.known.insert(name.to_owned(), origin);
        }
        self.known.get_mut(name)
    }

    /// It has said that it is there.
    pub fn is_there(&mut self, name: &str, now: Instant) {
        let Some(origin) = self.known.get_mut(name) else { return };
        if origin.has_said {
            origin.longest = origin.longest.max(Some(now - origin.heard));
        }
        (origin.heard, origin.has_said) = (now, true);
    }

    /// Gives up those who have said regularly that they are there, and do not any more.
    pub fn give_up(&mut self, now: Instant) {
        self.known.retain(|name, origin| {
            let is_gone = origin.is_gone(now);
            if is_gone {
                tracing::warn!(connection = self.via, agent = name, "an agent says no more that it is there");
                origin.feed.lost(origin.session);
                origin.feed.close();
            }
            !is_gone
        });
    }

    /// Nobody could be heard, since there was no server: everybody has the whole time anew.
    pub fn forgive(&mut self, now: Instant) {
        for origin in self.known.values_mut() {
            (origin.heard, origin.has_said) = (now, false);
        }
    }

    /// Tells the manager what they say; resolves never. May be cancelled.
    pub async fn run(&mut self) {
        loop {
            match self.feeds.next().await {
                Some(()) => {}
                None => std::future::pending().await,
            }
        }
    }
}
