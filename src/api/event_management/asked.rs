//! A request, with what its handlers go by.

use super::Below;
use super::answers::Wrong;
use super::query::Query;
use super::rooms::Room;
use crate::api::Sources;
use crate::api::access::{Caller, check_json_of_peers, check_page};
use crate::api::acts::actor;
use crate::api::body::{self, Limits};
use crate::config::{Config, EventManagement, EventPeer, Role};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpMessage, HttpRequest};
use std::sync::Arc;
use std::time::Duration;

/// A body that is not there by then does not come.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// Who asks for what.
pub struct Asked {
    pub sources: Data<Sources>,
    /// What was in force when it came.
    pub config: Arc<Config>,
    pub below: Below,
    pub caller: Caller,
    request: HttpRequest,
}

impl Asked {
    /// `None` where there is no Event Management, or nobody was let in.
    pub fn of(sources: &Data<Sources>, request: &HttpRequest) -> Option<Asked> {
        let config = sources.config.get();
        config.event_management.as_ref()?;
        let (below, caller) = {
            let extensions = request.extensions();
            (extensions.get::<Below>()?.clone(), extensions.get::<Caller>()?.clone())
        };
        caller.role?;
        Some(Asked { sources: sources.clone(), config, below, caller, request: request.clone() })
    }

    pub fn settings(&self) -> &EventManagement {
        self.config.event_management.as_ref().expect("there is none without it")
    }

    /// Where a resource is.
    pub fn href(&self, path: &str) -> String {
        format!("{}{path}", self.below.base)
    }

    /// The parameters, of those that are known.
    pub fn query(&self, known: &[&str]) -> Result<Query, Wrong> {
        Query::parse(self.request.query_string(), known).map_err(Wrong::Bad)
    }

    /// The name of the token; empty where nobody needs one.
    pub fn owner(&self) -> String {
        self.caller.name.clone().unwrap_or_default()
    }

    /// Who acts, for the audit.
    pub fn actor(&self) -> String {
        actor(&self.request)
    }

    pub fn is_operator(&self) -> bool {
        self.caller.role == Some(Role::Operator)
    }

    /// The configured peer whose token was shown.
    pub fn peer(&self) -> Option<&EventPeer> {
        self.peers().next()
    }

    /// There may be several hosts of it.
    fn peers(&self) -> impl Iterator<Item = &EventPeer> {
        let name = self.caller.name.as_deref();
        self.settings().peers.iter().filter(move |peer| name.is_some() && peer.token.as_deref() == name)
    }

    /// Whether the events of a topic are for the caller: a peer that is configured sees what may be delivered to it.
    pub fn may_see(&self, topic: &str) -> bool {
        let is_bound = self.caller.role == Some(Role::Peer) && self.peer().is_some();
        !is_bound || self.peers().any(|peer| peer.topics.means(Some(topic)))
    }

    /// The error answers that there is no such topic.
    pub fn topic(&self, topic: &str) -> Result<(), Wrong> {
        match self.settings().topics.iter().any(|known| known == topic) {
            true => Ok(()),
            false => Err(Wrong::Missing("topic", topic.to_owned())),
        }
    }

    /// Keeps pages of other sites from acting.
    pub fn act(&self) -> Result<(), Wrong> {
        Ok(check_page(self.request.headers(), Some(&self.caller))?)
    }

    /// The body of an act, which is JSON, and the room that it takes until it has been dealt with.
    pub async fn body(&self, payload: Payload) -> Result<(Bytes, Room), Wrong> {
        let headers = self.request.headers();
        check_json_of_peers(headers)?;
        self.act()?;
        let limits = Limits { largest: self.settings().max_body, time: BODY_LIMIT };
        let room = self
            .sources
            .rooms
            .body(body::announced(headers).unwrap_or(limits.largest).min(limits.largest))
            .await?;
        Ok((body::read(headers, payload.into_inner(), limits).await?, room))
    }
}
