//! A hub is registered: checked, stored, and only then answered and served.

use super::managing::Managing;
use super::messages::{HubError, Register};
use super::orders::{away, unread};
use super::outbound::SendError;
use super::peers::NoPeer;
use crate::config::{EventManagement, EventPeer};
use crate::failpoints;
use crate::store::{Cursor, Hub, HubChange, HubState};
use crate::wire::event_management::{Callback, Filter};
use std::time::SystemTime;
use tokio::time::timeout;
use uuid::Uuid;

impl Managing {
    /// The hub, and whether it was there already: the same topic, callback, filter and owner are the same hub.
    pub async fn register(&self, wish: Register) -> Result<(Hub, bool), HubError> {
        let Register { topic, callback, query, owner } = wish;
        let config = self.shared.config.get();
        if !config.topics.contains(&topic) {
            return Err(HubError::UnknownTopic(topic));
        }
        let read = Callback::parse(&callback).map_err(|error| HubError::BadCallback(error.to_string()))?;
        Filter::parse(query.as_deref().unwrap_or_default())
            .map_err(|error| HubError::BadQuery(error.to_string()))?;
        check_owner(&config, &read, &owner).map_err(HubError::NotAllowed)?;
        self.check_callback(&read, &topic).await?;
        self.check_store().await?;
        let _guard = self.changes.lock().await;
        let filter =
            |query: &Option<String>| query.as_deref().unwrap_or_default().trim_start_matches('?').to_owned();
        let is_same = |hub: &Hub| {
            let is_there = || Callback::parse(&hub.callback).is_ok_and(|there| there.url == read.url);
            hub.topic == topic && hub.owner == owner && filter(&hub.query) == filter(&query) && is_there()
        };
        if let Some(there) = self.desk.find(is_same) {
            return Ok((there, true));
        }
        if self.desk.count() >= config.max_hubs {
            return Err(HubError::TooMany(config.max_hubs));
        }
        // Without tokens nobody is told from anybody else.
        if !owner.is_empty() && self.desk.count_of(&owner) >= config.max_hubs_per_owner {
            return Err(HubError::TooManyOfOwner(config.max_hubs_per_owner));
        }
        let (id, created) = (Uuid::now_v7(), SystemTime::now());
        let hub = Hub { id, topic, callback, query, owner, created, state: HubState::Active, replay: None };
        self.add(&hub).await?;
        tracing::info!(hub = %hub.id, topic = hub.topic, host = read.authority(), owner = hub.owner, "hub registered");
        Ok((hub, false))
    }

    /// It begins at the end of the log.
    async fn add(&self, hub: &Hub) -> Result<(), HubError> {
        let store = &self.shared.store;
        let from = store.topic_log_end().await.map_err(|error| unread(&error))?;
        let change = HubChange::Register { hub: hub.clone(), from };
        failpoints::pass("hub.register.before").await;
        store.change_hubs(vec![change], Vec::new(), None).await.map_err(|error| away(&error))?;
        failpoints::pass("hub.register.after").await;
        self.begin(hub.clone(), Cursor { sequence: from, number: 0 }).await;
        Ok(())
    }

    /// Refuses what could never be delivered to. A name that cannot be looked up now may be there later: each delivery looks it up.
    async fn check_callback(&self, callback: &Callback, topic: &str) -> Result<(), HubError> {
        let peer = match self.shared.peers.get(callback, topic) {
            Ok(peer) => peer,
            Err(NoPeer::NotAllowed(reason)) => return Err(HubError::NotAllowed(reason)),
            Err(NoPeer::Unusable(_)) => return Ok(()),
        };
        let looked_up = timeout(peer.outbound.limits().connect, peer.outbound.addresses(callback)).await;
        match looked_up {
            Ok(Err(error @ (SendError::Address { .. } | SendError::NotAllowed { .. }))) => {
                Err(HubError::NotAllowed(error.to_string()))
            }
            Ok(Ok(_) | Err(_)) | Err(_) => Ok(()),
        }
    }
}

/// A peer that is known by its token has events sent to its own hosts alone: what goes to another's is signed and shown by us.
fn check_owner(config: &EventManagement, callback: &Callback, owner: &str) -> Result<(), String> {
    let is_theirs = |peer: &&EventPeer| peer.token.as_deref() == Some(owner);
    let host = callback.authority();
    let mut theirs = config.peers.iter().filter(is_theirs).peekable();
    if theirs.peek().is_none() || theirs.any(|peer| peer.host == host) {
        return Ok(());
    }
    Err(format!("{host} is no host of {owner}"))
}
