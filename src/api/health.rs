//! Whether the process serves, whether it takes events, and what its actors do.

use super::Sources;
use super::access::Caller;
use super::problem::{Problem, problem};
use crate::connections::LinkState;
use crate::router::actor::{Backlog, GetBacklog};
use crate::store::{DatabaseHealth, Disk, StoreHealth};
use crate::supervision::{GetTree, Tree};
use actix_web::http::StatusCode;
use actix_web::web::{Data, ReqData};
use actix_web::{HttpResponse, Responder};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// A router that has not answered by then is stuck.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`
    status: &'static str,
}

/// Whether events are taken.
#[derive(Serialize, ToSchema)]
struct Readiness {
    ready: bool,
    store: StoreStatus,
    /// `open`, or why nothing is taken.
    intake: &'static str,
    disks: Vec<DiskStatus>,
    connections: Vec<LinkStatus>,
    /// What the router has before it; null where there is no router, or it does not answer.
    backlog: Option<Backlog>,
}

/// Both databases, which may be one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoreStatus {
    pub events: DatabaseStatus,
    pub subscribers: DatabaseStatus,
}

/// How a connection is. Where it leads, and why it is down, is for those who may read.
#[derive(Serialize, ToSchema)]
struct LinkStatus {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    up: bool,
    /// Since when, in seconds of the epoch.
    since: u64,
    reason: Option<String>,
}

/// The room under an embedded database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DiskStatus {
    /// Of its directory, for those who may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub free_bytes: u64,
    pub total_bytes: u64,
    /// Less is left than `store.disk_low`.
    pub low: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DatabaseStatus {
    /// Whether it commits.
    pub up: bool,
    /// Why not, for those who may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The process serves.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "It does", body = Health)))]
pub async fn health() -> impl Responder {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Whether the store commits, so that intake is open. Peers are listed, not required. Reasons, addresses and paths are for those who
/// may read: where tokens are configured, who shows one.
#[utoipa::path(
    get,
    path = "/readyz",
    responses(
        (status = 200, description = "Events are taken", body = Readiness),
        (status = 503, description = "Events cannot be stored, and are not taken", body = Readiness),
    )
)]
pub async fn ready(sources: Data<Sources>, caller: ReqData<Caller>) -> impl Responder {
    let store = sources.store.health().borrow().clone();
    let ready = store.is_up();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let all = Readiness {
        ready,
        store: describe(&store),
        intake: intake(&store),
        disks: disks(&sources),
        connections: connections(&sources).into_iter().map(LinkStatus::from).collect(),
        backlog: backlog(&sources).await,
    };
    HttpResponse::build(status).json(if caller.may_read() { all } else { all.in_short() })
}

impl Readiness {
    /// What is up and what is not, without what peers have said, and where they are.
    fn in_short(mut self) -> Readiness {
        self.store.events.reason = None;
        self.store.subscribers.reason = None;
        self.disks.iter_mut().for_each(|disk| disk.path = None);
        for link in &mut self.connections {
            (link.address, link.reason) = (None, None);
        }
        self
    }
}

impl From<LinkState> for LinkStatus {
    fn from(link: LinkState) -> LinkStatus {
        let LinkState { name, address, up, since, reason } = link;
        LinkStatus { name, address: Some(address), up, since, reason }
    }
}

/// What the router has before it; `None` where there is no router, or it does not answer.
pub async fn backlog(sources: &Sources) -> Option<Backlog> {
    let answer = sources.router.as_ref()?.send(GetBacklog);
    tokio::time::timeout(ANSWER_LIMIT, answer).await.ok()?.ok()
}

/// Whether events are taken: that needs the database of the events alone.
pub fn intake(health: &StoreHealth) -> &'static str {
    match health.events {
        DatabaseHealth::Up => "open",
        DatabaseHealth::Down { .. } => "closed: events cannot be stored, so nothing more is read",
    }
}

/// Both databases.
pub fn describe(health: &StoreHealth) -> StoreStatus {
    let database = |database: &DatabaseHealth| match database {
        DatabaseHealth::Up => DatabaseStatus { up: true, reason: None },
        DatabaseHealth::Down { reason } => DatabaseStatus { up: false, reason: Some(reason.clone()) },
    };
    StoreStatus { events: database(&health.events), subscribers: database(&health.subscribers) }
}

/// Everybody to whom we are connected, or should be: the endpoints first.
pub fn connections(sources: &Sources) -> Vec<LinkState> {
    let endpoints = sources.links.get();
    endpoints.iter().map(|link| link.borrow().clone()).chain(sources.beside.read()).collect()
}

/// The room under embedded databases.
pub fn disks(sources: &Sources) -> Vec<DiskStatus> {
    sources.disks.borrow().iter().map(DiskStatus::from).collect()
}

impl From<&Disk> for DiskStatus {
    fn from(disk: &Disk) -> DiskStatus {
        let path = Some(disk.path.display().to_string());
        DiskStatus { path, free_bytes: disk.free, total_bytes: disk.total, low: disk.is_low }
    }
}

/// Every actor with its state, restarts and last exit.
#[utoipa::path(
    get,
    path = "/api/v1/tree",
    responses(
        (status = 200, description = "The root of the tree", body = Tree),
        (status = 503, description = "The root does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn tree(sources: Data<Sources>) -> impl Responder {
    match sources.tree.send(GetTree).await {
        Ok(tree) => HttpResponse::Ok().json(tree),
        Err(error) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, format!("the supervisor does not answer: {error}"))
        }
    }
}
