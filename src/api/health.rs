//! Whether the process serves, whether it takes events, and what its actors do.

use super::Sources;
use super::problem::problem;
use crate::router::actor::{Backlog, GetBacklog};
use crate::store::{DatabaseHealth, Disk, StoreHealth};
use crate::supervision::GetTree;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde_json::json;
use std::time::Duration;

/// A router that has not answered by then is stuck.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// `GET /healthz`: the process serves.
pub async fn health() -> impl Responder {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// `GET /readyz`: 200 while the store commits, so that intake is open. Peers are listed, not required.
pub async fn ready(sources: Data<Sources>) -> impl Responder {
    let store = sources.store.health().borrow().clone();
    let ready = store.is_up();
    let links: Vec<_> = sources.links.iter().map(|link| link.borrow().clone()).collect();
    let backlog = backlog(&sources).await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(json!({
        "ready": ready,
        "store": describe(&store),
        "intake": intake(&store),
        "disks": disks(&sources),
        "connections": links,
        "backlog": backlog,
    }))
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
pub fn describe(health: &StoreHealth) -> serde_json::Value {
    let database = |database: &DatabaseHealth| match database {
        DatabaseHealth::Up => json!({"up": true}),
        DatabaseHealth::Down { reason } => json!({"up": false, "reason": reason}),
    };
    json!({"events": database(&health.events), "subscribers": database(&health.subscribers)})
}

/// The room under embedded databases.
pub fn disks(sources: &Sources) -> Vec<serde_json::Value> {
    let describe = |disk: &Disk| {
        let path = disk.path.display().to_string();
        json!({"path": path, "free_bytes": disk.free, "total_bytes": disk.total, "low": disk.is_low})
    };
    sources.disks.borrow().iter().map(describe).collect()
}

/// `GET /api/v1/tree`: every actor with its state, restarts and last exit.
pub async fn tree(sources: Data<Sources>) -> impl Responder {
    match sources.tree.send(GetTree).await {
        Ok(tree) => HttpResponse::Ok().json(tree),
        Err(error) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, format!("the supervisor does not answer: {error}"))
        }
    }
}
