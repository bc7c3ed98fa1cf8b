//! `GET /metrics` for Prometheus.

use super::Sources;
use crate::store::DatabaseHealth;
use crate::telemetry::process;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use std::time::Duration;

/// A scrape does not wait longer than this for the numbers that stand in the store.
const STORE_LIMIT: Duration = Duration::from_secs(1);

/// Everything collected, in the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain; version=0.0.4; charset=utf-8"))
)]
pub async fn metrics(sources: Data<Sources>) -> impl Responder {
    refresh_backlog(&sources).await;
    refresh_health(&sources);
    process::measure(sources.started);
    sources.metrics.run_upkeep();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(without_gone(&sources.metrics.render()) + &sources.hub_tally.render())
}

/// A series of what is not configured any more has no number, and is left out.
fn without_gone(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.ends_with(" NaN\n")).collect()
}

/// The backlog is counted in the store. While that is away the last numbers stand.
async fn refresh_backlog(sources: &Sources) {
    let pending = metrics::gauge!("eventmanager_events_pending");
    let oldest = metrics::gauge!("eventmanager_oldest_pending_seconds");
    // They exist from the first scrape on, whatever the store says.
    pending.increment(0.0);
    oldest.increment(0.0);
    if let Ok(Ok(waiting)) = tokio::time::timeout(STORE_LIMIT, sources.store.waiting()).await {
        pending.set(waiting.pending as f64);
        let age = waiting.oldest.and_then(|since| since.elapsed().ok()).unwrap_or_default();
        oldest.set(age.as_secs_f64());
    }
}

/// What `/readyz` says, and which version says it.
fn refresh_health(sources: &Sources) {
    let health = sources.store.health().borrow().clone();
    let number = |up: bool| f64::from(u8::from(up));
    metrics::gauge!("eventmanager_ready").set(number(health.is_up()));
    for (database, state) in [("events", health.events), ("subscribers", health.subscribers)] {
        let up = number(state == DatabaseHealth::Up);
        metrics::gauge!("eventmanager_store_up", "database" => database).set(up);
    }
    if let Some(member) = &sources.cluster {
        metrics::gauge!("eventmanager_cluster_active").set(number(member.lease.is_valid()));
    }
    let node = sources.config.get().node.name.clone();
    let version = env!("CARGO_PKG_VERSION");
    metrics::gauge!("eventmanager_build_info", "version" => version, "node" => node).set(1.0);
}
