//! `GET /api/v1/status`: how it is, on one page, for `eventmanager status`.

use super::counts::Counted;
use super::health::{self, DiskStatus, StoreStatus};
use super::systems::{self, SystemStatus};
use super::{Sources, seconds};
use crate::connections::LinkState;
use crate::managers::hosts::HostState;
use crate::router::actor::Backlog;
use crate::store::Counts;
use crate::supervision::{GetTree, Tree};
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// What has not answered by then is shown as null.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Everything at once.
#[derive(Serialize, ToSchema)]
struct Status {
    node: String,
    version: &'static str,
    /// When the process began, in seconds of the epoch.
    started: f64,
    uptime_seconds: u64,
    store: StoreStatus,
    /// `open`, or why nothing is taken.
    intake: &'static str,
    disks: Vec<DiskStatus>,
    connections: Vec<LinkState>,
    systems: Vec<SystemStatus>,
    hosts: Vec<HostStatus>,
    /// What the router has before it; null where there is no router, or it does not answer.
    backlog: Option<Backlog>,
    /// How many events there are of each status; null where the store does not answer.
    events: Option<EventCounts>,
    /// When they were counted, in seconds of the epoch: on a large store some time ago.
    counts_at: Option<f64>,
    /// Of all actors since the process began.
    restarts: Option<u64>,
}

/// How many events there are of each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventCounts {
    pub pending: u64,
    /// Rows that the Erlang release left pending: they wait for an operator.
    pub left_pending: u64,
    pub completed: u64,
    pub failed: u64,
    pub ignored: u64,
    /// Rows with any other word.
    pub other: u64,
    pub oldest_pending_seconds: Option<u64>,
}

/// A host that requests go to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HostStatus {
    /// `ema` or `mail`.
    pub system: &'static str,
    /// Host and port.
    pub host: String,
    /// `primary` or `secondary`.
    pub role: &'static str,
    /// `closed`: it is asked; `open`: it is left alone; `half_open`: it is being probed.
    pub breaker: &'static str,
    /// Sessions that are open with it.
    pub sessions: usize,
    /// Since when it is left alone, in seconds of the epoch, and why.
    pub failing_since: Option<f64>,
    pub reason: Option<String>,
}

/// Everything at once; 200 whatever is away.
#[utoipa::path(
    get,
    path = "/api/v1/status",
    responses((status = 200, description = "How it is", body = Status))
)]
pub async fn status(sources: Data<Sources>) -> impl Responder {
    let (backlog, counted, tree) = tokio::join!(
        health::backlog(&sources),
        sources.counts.latest(),
        tokio::time::timeout(ANSWER_LIMIT, sources.tree.send(GetTree)),
    );
    let Situation { store, intake, disks, connections, systems, hosts } = situation(&sources);
    HttpResponse::Ok().json(Status {
        node: sources.config.get().node.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        started: seconds(sources.started),
        uptime_seconds: sources.started.elapsed().unwrap_or_default().as_secs(),
        store,
        intake,
        disks,
        connections,
        systems,
        hosts,
        backlog,
        events: counted.as_ref().ok().map(EventCounts::from),
        counts_at: counted.as_ref().ok().map(|counted| seconds(counted.at)),
        restarts: tree.ok().and_then(Result::ok).as_ref().map(restarts),
    })
}

/// What is around the daemon, and whether it is there. The stream tells it when it changes.
#[derive(Serialize)]
pub struct Situation {
    store: StoreStatus,
    /// What follows from the store.
    intake: &'static str,
    disks: Vec<DiskStatus>,
    connections: Vec<LinkState>,
    systems: Vec<SystemStatus>,
    hosts: Vec<HostStatus>,
}

impl Situation {
    /// Whether anything is other than it was; of a disk whole percents count, since some of its bytes come and go always.
    pub fn differs_from(&self, before: &Situation) -> bool {
        let room = |situation: &Situation| -> Vec<_> {
            let percent = |disk: &DiskStatus| disk.free_bytes / (disk.total_bytes / 100).max(1);
            situation.disks.iter().map(|disk| (disk.path.clone(), disk.low, percent(disk))).collect()
        };
        self.store != before.store
            || self.connections != before.connections
            || self.systems != before.systems
            || self.hosts != before.hosts
            || room(self) != room(before)
    }
}

/// The situation at the moment.
pub fn situation(sources: &Sources) -> Situation {
    let health = sources.store.health();
    let health = health.borrow();
    Situation {
        store: health::describe(&health),
        intake: health::intake(&health),
        disks: health::disks(sources),
        connections: health::connections(sources),
        systems: systems::describe(sources),
        hosts: hosts(sources),
    }
}

/// Counts as the stream tells them.
#[derive(Serialize)]
pub struct CountsNow {
    #[serde(flatten)]
    events: EventCounts,
    /// When they were counted, in seconds of the epoch.
    at: f64,
}

impl From<&Counted> for CountsNow {
    fn from(counted: &Counted) -> CountsNow {
        CountsNow { events: counted.into(), at: seconds(counted.at) }
    }
}

/// The hosts of all systems.
pub fn hosts(sources: &Sources) -> Vec<HostStatus> {
    sources.hosts.read().into_iter().map(HostStatus::from).collect()
}

impl From<HostState> for HostStatus {
    fn from(state: HostState) -> HostStatus {
        HostStatus {
            system: state.system,
            role: state.role(),
            breaker: state.breaker.as_str(),
            sessions: state.sessions,
            failing_since: state.failing.as_ref().map(|failing| seconds(failing.since)),
            reason: state.failing.map(|failing| failing.reason),
            host: state.host,
        }
    }
}

impl From<&Counted> for EventCounts {
    fn from(counted: &Counted) -> EventCounts {
        EventCounts::from(&counted.counts)
    }
}

impl From<&Counts> for EventCounts {
    fn from(counts: &Counts) -> EventCounts {
        let oldest = counts.oldest_pending.and_then(|since| since.elapsed().ok());
        EventCounts {
            pending: counts.pending,
            left_pending: counts.left_pending,
            completed: counts.completed,
            failed: counts.failed,
            ignored: counts.ignored,
            other: counts.other,
            oldest_pending_seconds: oldest.map(|age| age.as_secs()),
        }
    }
}

/// Of the actor and all below it, since the process began.
fn restarts(tree: &Tree) -> u64 {
    tree.restarts + tree.children.iter().map(restarts).sum::<u64>()
}
