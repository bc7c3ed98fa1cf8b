//! The hosts to which events are delivered, as they are configured now. What was made for one is made anew when its configuration changes.

use super::outbound::{Limits, Outbound};
use crate::config::{EventManagement, EventPeer, Live};
use crate::lease::Lease;
use crate::wire::event_management::Callback;
use crate::wire::webhooks::SigningKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One of them.
pub struct Peer {
    pub outbound: Outbound,
    /// By what deliveries are signed.
    pub keys: Vec<SigningKey>,
}

/// See the module.
pub struct Peers {
    config: Live<EventManagement>,
    lease: Lease,
    made: Mutex<HashMap<String, Arc<Peer>>>,
}

/// Why nothing can be delivered to a callback.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPeer {
    /// The configuration does not want it.
    #[error("{0}")]
    NotAllowed(String),
    /// Something that it names cannot be used now.
    #[error("{0}")]
    Unusable(String),
}

impl Peers {
    /// Those of this configuration.
    pub fn new(config: Live<EventManagement>, lease: Lease) -> Peers {
        Peers { config, lease, made: Mutex::default() }
    }

    /// The one to which events of a topic are delivered at this callback.
    pub fn get(&self, callback: &Callback, topic: &str) -> Result<Arc<Peer>, NoPeer> {
        let config = self.config.get();
        let peer = allowed(&config, callback, topic).map_err(NoPeer::NotAllowed)?;
        let limits = Limits { connect: config.connect_timeout, total: config.timeout };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = made.get(&peer.host)
            && there.outbound.peer() == peer
            && there.outbound.limits() == limits
        {
            return Ok(Arc::clone(there));
        }
        // Those of hosts that are gone need not stay.
        made.retain(|host, _| config.peers.iter().any(|peer| peer.host == *host));
        let new = Arc::new(make(peer, limits, self.lease.clone()).map_err(NoPeer::Unusable)?);
        made.insert(peer.host.clone(), Arc::clone(&new));
        Ok(new)
    }
}

fn make(peer: &EventPeer, limits: Limits, lease: Lease) -> Result<Peer, String> {
    let keys: Result<Vec<_>, _> =
        peer.signing_keys.iter().map(|key| SigningKey::parse(key.expose())).collect();
    Ok(Peer { outbound: Outbound::new(peer, limits)?.governed_by(lease), keys: keys? })
}

/// The configured peer of this callback, if events of this topic may go there; else why not.
pub fn allowed<'a>(
    config: &'a EventManagement,
    callback: &Callback,
    topic: &str,
) -> Result<&'a EventPeer, String> {
    let host = callback.authority();
    let Some(peer) = config.peers.iter().find(|peer| peer.host == host) else {
        return Err(format!("{host} is not among the hosts of the configuration"));
    };
    if !callback.is_https && !peer.allow_http {
        return Err(format!("{host} is to be reached by https alone"));
    }
    if !peer.topics.means(Some(topic)) {
        return Err(format!("events of the topic {topic} are not for {host}"));
    }
    Ok(peer)
}
