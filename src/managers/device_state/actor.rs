//! The manager: takes what connections say, has them write what follows, and can be asked what there is.
//!
//! It keeps nothing: one that has failed asks all servers to list what they hold, and tells what follows from that. What was told before,
//! of a device that nobody says anything of any more, is not taken back then: names of `Custom:` may be the dialplan's own.

use super::figures::Counted;
use super::mesh::Mesh;
use super::mesh::view::{Filter, Page, PeerView};
use super::messages::{
    AsteriskPeer, AsteriskPeers, Heard, List, Listed, Lost, Outcome, PeerName, Tell, Told,
};
use crate::config::{self, Live};
use crate::lease::Lease;
use crate::states::Key;
use crate::supervision::Shutdown;
use crate::telemetry::Seldom;
use actix::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const TICK: Duration = Duration::from_secs(1);
/// A server that is configured otherwise is taken away and comes back at once: until then what it said counts.
const REPLACED_WITHIN: Duration = Duration::from_secs(2);
/// So many servers and keys are answered with at once.
const PAGE: usize = 1_000;

/// See the module.
pub struct DeviceStates {
    peers: AsteriskPeers,
    rules: Live<config::DeviceStates>,
    mesh: Mesh,
    /// When the mesh began, of which it knows only how long ago that is.
    began: SystemTime,
    connections: BTreeMap<PeerName, AsteriskPeer>,
    /// Servers that have been taken away, and when.
    gone: BTreeMap<PeerName, Instant>,
    /// Those who are heard through an agent, each by a name that begins with that of its endpoint.
    heard_of: BTreeSet<PeerName>,
    counted: Counted,
    lease: Lease,
    /// States that servers did not take.
    refusals: Seldom,
}

/// Asks for keys behind one of them. At most a thousand are answered.
#[derive(Debug, Message)]
#[rtype(result = "Shown<Page>")]
pub struct ListKeys {
    pub filter: Filter,
    pub after: Option<Key>,
    pub limit: usize,
}

/// Asks for all servers.
#[derive(Debug, Message)]
#[rtype(result = "Shown<Vec<PeerView>>")]
pub struct ListPeers;

/// What was asked for. Its times count from the beginning of the mesh.
#[derive(Debug)]
pub struct Shown<T> {
    pub began: SystemTime,
    pub what: T,
}

impl DeviceStates {
    /// The manager of these servers.
    pub fn new(peers: AsteriskPeers, rules: Live<config::DeviceStates>) -> Self {
        let mesh = Mesh::new(config::DeviceStates::clone(&rules.get()), Instant::now());
        DeviceStates {
            peers,
            rules,
            mesh,
            began: SystemTime::now(),
            connections: BTreeMap::new(),
            gone: BTreeMap::new(),
            heard_of: BTreeSet::new(),
            counted: Counted::default(),
            lease: Lease::unlimited(),
            refusals: Seldom::default(),
        }
    }

    /// It writes only while this is held.
    pub fn governed_by(self, lease: Lease) -> Self {
        DeviceStates { lease, ..self }
    }

    /// Takes part with the servers that there are; those that are new are listed.
    fn connect(&mut self) {
        let (peers, now) = (self.peers.get(), Instant::now());
        let before = std::mem::take(&mut self.connections);
        for peer in peers.iter() {
            let name = PeerName::from(peer.config.name.as_str());
            let is_wider = self.mesh.joined(&peer.config, now);
            self.gone.remove(&name);
            let is_same = before.get(&name).is_some_and(|before| before.list == peer.list);
            if is_wider || !is_same {
                list(peer);
            }
            let heard = self.heard_of.iter().filter(|heard| via(heard) == Some(&*name));
            heard.for_each(|heard| self.mesh.joined_as_origin(heard, &peer.config, now));
            self.connections.insert(name, peer.clone());
        }
        for name in before.into_keys().filter(|name| !self.connections.contains_key(name)) {
            self.gone.entry(name).or_insert(now);
        }
        self.write();
    }

    fn watch_peers(&mut self, ctx: &mut Context<Self>) {
        ctx.spawn(self.peers.clone().changed().into_actor(self).map(|peers, this, ctx| {
            let Some(peers) = peers else { return };
            this.peers = peers;
            this.connect();
            this.watch_peers(ctx);
        }));
    }

    fn watch_rules(&mut self, ctx: &mut Context<Self>) {
        ctx.spawn(self.rules.clone().changed().into_actor(self).map(|rules, this, ctx| {
            let Some(rules) = rules else { return };
            this.rules = rules;
            let rules = config::DeviceStates::clone(&this.rules.get());
            if this.mesh.set_rules(rules, Instant::now()) {
                this.connections.values().for_each(list);
            }
            this.write();
            this.watch_rules(ctx);
        }));
    }

    /// Has every connection write what it has room for. With `try_send`, since nobody here can wait for a connection: it answers with
    /// [`Told`], and at most a window of writes is unanswered. What its mailbox does not take waits for the next tick.
    fn write(&mut self) {
        // What is wanted stays wanted: the next tick comes here again. It is looked once more right before it is written.
        if !self.lease.is_valid() {
            return;
        }
        let now = Instant::now();
        for (name, peer) in &self.connections {
            while let Some((session, writes)) = self.mesh.next_writes(name, now) {
                let Err(error) = peer.tell.try_send(Tell { session, writes }) else { continue };
                let (SendError::Full(Tell { writes, .. }) | SendError::Closed(Tell { writes, .. })) = error;
                self.mesh.untold(name, session, &writes, now);
                break;
            }
        }
    }

    /// Lets somebody take part who is heard through an agent of ours; whether it is new.
    fn meet(&mut self, name: &PeerName) -> bool {
        let via = via(name).and_then(|via| self.connections.get(via));
        let Some(via) = via.filter(|_| !self.heard_of.contains(name)) else { return false };
        self.mesh.joined_as_origin(name, &via.config, Instant::now());
        self.heard_of.insert(Arc::clone(name))
    }

    /// Counts what is heard through an endpoint that takes no part: nobody lists it once more.
    fn count_unplaced(&self, heard: &Heard) {
        let Some(via) = via(&heard.peer).filter(|_| !self.heard_of.contains(&heard.peer)) else { return };
        metrics::counter!("eventmanager_dropped_total", "connection" => via.to_owned())
            .increment(heard.changes.len() as u64);
    }

    /// Those who are heard through this endpoint.
    fn heard_through(&self, endpoint: &str) -> Vec<PeerName> {
        self.heard_of.iter().filter(|name| via(name) == Some(endpoint)).cloned().collect()
    }

    /// Those who were heard through others and say nothing any more take part no more.
    fn part(&mut self, now: Instant) {
        let silent: Vec<PeerName> =
            self.heard_of.iter().filter(|name| self.mesh.is_silent(name)).cloned().collect();
        for name in silent {
            self.heard_of.remove(&name);
            self.mesh.left(&name, now);
        }
    }

    fn tick(&mut self, _: &mut Context<Self>) {
        let now = Instant::now();
        let is_over = |since: &Instant| now.saturating_duration_since(*since) >= REPLACED_WITHIN;
        let left: Vec<PeerName> =
            self.gone.iter().filter(|(_, since)| is_over(since)).map(|(name, _)| Arc::clone(name)).collect();
        for name in left {
            self.counted.publish(&self.mesh, now);
            self.mesh.left(&name, now);
            self.counted.forget(&name);
            for heard in self.heard_through(&name) {
                self.heard_of.remove(&heard);
                self.mesh.left(&heard, now);
            }
            self.gone.remove(&name);
        }
        self.mesh.tick(now);
        self.part(now);
        for name in self.mesh.due(now) {
            self.connections.get(&name).into_iter().for_each(list);
        }
        self.write();
        self.counted.publish(&self.mesh, now);
    }
}

/// The endpoint through which somebody of this name is heard; `None`: it is an endpoint itself.
fn via(name: &str) -> Option<&str> {
    name.split_once(':').map(|(via, _)| via)
}

/// Has a server list what it holds. With `try_send`: one that is away lists when it comes, and one whose mailbox is full is asked again
/// when its lists are due.
fn list(peer: &AsteriskPeer) {
    if let Err(error) = peer.list.try_send(List) {
        tracing::debug!(peer = peer.config.name, %error, "asterisk is not asked to list");
    }
}

impl Actor for DeviceStates {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // What has failed may be in there, so it is made anew.
        *self = DeviceStates::new(self.peers.clone(), self.rules.clone());
        self.connect();
        self.watch_peers(ctx);
        self.watch_rules(ctx);
        ctx.run_interval(TICK, Self::tick);
    }
}

impl Supervised for DeviceStates {}

impl Handler<Listed> for DeviceStates {
    type Result = ();

    fn handle(&mut self, listed: Listed, _: &mut Context<Self>) {
        self.meet(&listed.peer);
        self.mesh.listed(&listed, Instant::now());
        self.write();
    }
}

impl Handler<Heard> for DeviceStates {
    type Result = ();

    fn handle(&mut self, heard: Heard, _: &mut Context<Self>) {
        // Those who are heard through others say only once that they begin, and a manager that has failed since knows nothing of it.
        if self.meet(&heard.peer) {
            self.mesh.begins(&heard.peer, heard.session);
        }
        self.count_unplaced(&heard);
        self.mesh.heard(&heard.peer, heard.session, &heard.changes, Instant::now());
        self.write();
    }
}

impl Handler<Told> for DeviceStates {
    type Result = ();

    fn handle(&mut self, told: Told, _: &mut Context<Self>) {
        let seconds = self.counted.told_seconds(&told.peer);
        let confirmed = |took: Duration| seconds.record(took);
        let refused = told.outcomes.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Refused(reason) => Some(reason),
            Outcome::Set => None,
        });
        if let Some(reason) = refused
            && let Some(so_far) = self.refusals.count()
        {
            tracing::warn!(peer = %told.peer, reason, so_far, "asterisk does not take a state");
        }
        self.mesh.told(&told.peer, told.session, told.outcomes, Instant::now(), confirmed);
        self.write();
    }
}

impl Handler<Lost> for DeviceStates {
    type Result = ();

    fn handle(&mut self, lost: Lost, _: &mut Context<Self>) {
        let now = Instant::now();
        let Some(session) = lost.session else {
            self.mesh.lost_any(&lost.peer, now);
            return self.heard_through(&lost.peer).iter().for_each(|heard| self.mesh.lost_any(heard, now));
        };
        self.mesh.lost(&lost.peer, session, now);
    }
}

impl Handler<ListKeys> for DeviceStates {
    type Result = MessageResult<ListKeys>;

    fn handle(&mut self, asked: ListKeys, _: &mut Context<Self>) -> Self::Result {
        let page = self.mesh.page(&asked.filter, asked.after.as_ref(), asked.limit.min(PAGE));
        MessageResult(Shown { began: self.began, what: page })
    }
}

impl Handler<ListPeers> for DeviceStates {
    type Result = MessageResult<ListPeers>;

    fn handle(&mut self, _: ListPeers, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Shown { began: self.began, what: self.mesh.peers(Instant::now()) })
    }
}

impl Handler<Shutdown> for DeviceStates {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
