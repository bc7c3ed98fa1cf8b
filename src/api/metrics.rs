//! `GET /metrics` for Prometheus.

use super::Sources;
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
    sources.metrics.run_upkeep();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(without_gone(&sources.metrics.render()))
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
