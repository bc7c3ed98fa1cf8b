//! How the cluster looks from this node.

use super::member::HandOverError;
use crate::store::ClusterNode;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// What this node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ClusterRole)]
pub enum Role {
    /// It stands by, connected to nobody but the database.
    Standby,
    /// It is to be the active one: it connects to its application servers, and sends nothing.
    Preparing,
    Active,
    /// It ends in order, so that another can go on.
    HandingOver,
}

impl Role {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Standby => "standby",
            Role::Preparing => "preparing",
            Role::Active => "active",
            Role::HandingOver => "handing_over",
        }
    }
}

/// The cluster, as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ClusterView)]
pub struct View {
    /// This one.
    pub node: String,
    pub role: Role,
    /// Counts the take-overs.
    pub epoch: i64,
    /// The node that is the active one, or was the last one.
    pub active: Option<String>,
    /// That one has ended in order, and nobody has gone on yet.
    pub let_go: bool,
    /// Why the database cannot be asked now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// What keeps this node from becoming the active one: another of its name, or a daemon that is not of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hindrance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<HandOver>,
    /// All that have been seen in the last week, by name.
    pub nodes: Vec<Node>,
}

/// A hand-over that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ClusterHandOver)]
pub struct HandOver {
    pub to: String,
    /// That node has connected to its application servers.
    pub ready: bool,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ClusterNode)]
pub struct Node {
    pub name: String,
    /// `standby`, `preparing`, `active` or `handing_over`, as it said itself; `silent`: it said that it was the active one, which
    /// another is by now.
    pub state: String,
    /// Where it serves HTTP.
    pub http: String,
    pub version: String,
    /// How long ago it was seen, by the clock of the database.
    pub seen_millis: u64,
    /// It was seen lately.
    pub is_there: bool,
}

impl Node {
    /// Who is there has been seen within this time.
    pub fn of(node: ClusterNode, limit: Duration) -> Node {
        let ClusterNode { node: name, state, http, version, seen, .. } = node;
        let seen_millis = u64::try_from(seen.as_millis()).unwrap_or(u64::MAX);
        Node { name, state, http, version, seen_millis, is_there: seen < limit }
    }
}

impl View {
    /// Before anything is known.
    pub(super) fn new(node: &str) -> View {
        View {
            node: node.to_owned(),
            role: Role::Standby,
            epoch: 0,
            active: None,
            let_go: false,
            database: Some("not connected yet".to_owned()),
            hindrance: None,
            hand_over: None,
            nodes: Vec::new(),
        }
    }

    /// Who acts, in a sentence: for a node that does not.
    pub fn why_not_active(&self) -> String {
        if let (None, Some(why)) = (&self.database, &self.hindrance) {
            return format!("standing by; {why}");
        }
        match (&self.database, &self.active) {
            (Some(reason), _) => format!("standing by; the database cannot be asked: {reason}"),
            (None, None) => "standing by; no node is the active one yet".to_owned(),
            (None, Some(active)) if self.let_go => {
                format!("standing by; {active} has ended in order, and nobody has gone on yet")
            }
            (None, Some(active)) => format!("standing by; the active node is {}", self.with_address(active)),
        }
    }

    /// A node by its name, and where it serves.
    fn with_address(&self, name: &str) -> String {
        match self.nodes.iter().find(|node| node.name == name) {
            Some(node) => format!("{name} ({})", node.http),
            None => name.to_owned(),
        }
    }

    /// What a node that is not the active one answers.
    pub(super) fn not_active(&self) -> HandOverError {
        let active = self.active.as_deref().filter(|active| *active != self.node && !self.let_go);
        HandOverError::NotActive(match active {
            Some(active) => format!("ask {}", self.with_address(active)),
            None => self.why_not_active(),
        })
    }

    /// Who said that it was the active one and was replaced is silent: one node is shown as the active one.
    pub(super) fn settle(&mut self) {
        let active = &self.active;
        let replaced =
            |node: &&mut Node| node.state == Role::Active.as_str() && active.as_ref() != Some(&node.name);
        self.nodes.iter_mut().filter(replaced).for_each(|node| "silent".clone_into(&mut node.state));
    }

    /// To whom this node hands over where `to` is asked for, or anybody.
    pub fn successor(&self, to: Option<String>) -> Result<String, HandOverError> {
        if self.role != Role::Active {
            return Err(self.not_active());
        }
        if let Some(hand_over) = &self.hand_over {
            return Err(HandOverError::UnderWay(hand_over.to.clone()));
        }
        match to {
            Some(to) if to == self.node => Err(HandOverError::Already(to)),
            Some(to) if self.others().any(|node| node.name == to) => Ok(to),
            Some(to) => Err(HandOverError::NotThere(to)),
            None => self.others().next().map(|node| node.name.clone()).ok_or(HandOverError::Nobody),
        }
    }

    /// The other nodes that are there.
    pub fn others(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_there && node.name != self.node)
    }
}
