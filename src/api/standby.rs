//! What a node that stands by serves: that it lives, who is the active one, and its metrics.

use super::access::Caller;
use super::cluster::Shown;
use super::problem::problem;
use super::server::{Bound, serve_standby};
use crate::cluster::Member;
use crate::telemetry::process;
use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{Data, ReqData};
use actix_web::{HttpRequest, HttpResponse, Responder};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use std::time::SystemTime;

/// What it is served from.
#[derive(Clone)]
pub struct Sources {
    pub member: Member,
    pub metrics: PrometheusHandle,
    pub node: String,
    pub started: SystemTime,
}

/// HTTP of a node that stands by.
pub struct Standby(ServerHandle);

impl Standby {
    /// Serves on `bound` until it is stopped. Must be called within an actix system.
    pub fn serve(
        bound: &Bound,
        member: Member,
        metrics: PrometheusHandle,
        node: String,
    ) -> anyhow::Result<Standby> {
        let sources = Sources { member, metrics, node, started: SystemTime::now() };
        let (server, beside) = serve_standby(bound, sources)?;
        let handle = server.handle();
        // It ends by its handle, and what goes on beside it with it.
        actix_rt::spawn(async move {
            tokio::select! {
                _ = server => {}
                () = beside => {}
            }
        });
        Ok(Standby(handle))
    }

    /// Ends it; the listener stays open.
    pub async fn stop(self) {
        self.0.stop(false).await;
    }
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    reason: String,
}

/// Events are taken elsewhere.
pub async fn ready(sources: Data<Sources>, caller: ReqData<Caller>) -> impl Responder {
    let reason = why(&sources, &caller);
    HttpResponse::ServiceUnavailable().json(Readiness { ready: false, reason })
}

/// Everything collected, in the text format of Prometheus.
pub async fn metrics(sources: Data<Sources>) -> impl Responder {
    // Nothing of `eventmanager_ready`: who stands by is as it should be.
    let (version, node) = (env!("CARGO_PKG_VERSION"), sources.node.clone());
    metrics::gauge!("eventmanager_build_info", "version" => version, "node" => node).set(1.0);
    process::measure(sources.started);
    sources.metrics.run_upkeep();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(sources.metrics.render())
}

/// The cluster as this node sees it.
pub async fn show(sources: Data<Sources>) -> impl Responder {
    let member = &sources.member;
    HttpResponse::Ok().json(Shown::new(member.view().borrow().clone(), member.lease.left()))
}

/// Whoever has the place hands it over.
pub async fn hand_over(sources: Data<Sources>) -> impl Responder {
    let refused = sources.member.view().borrow().successor(None).err();
    problem(
        StatusCode::CONFLICT,
        refused.map_or_else(|| "it is just beginning".to_owned(), |error| error.to_string()),
    )
}

/// Everything else is on the active node.
pub async fn elsewhere(
    request: HttpRequest,
    sources: Data<Sources>,
    caller: ReqData<Caller>,
) -> impl Responder {
    let reason = why(&sources, &caller);
    let detail = format!("{} {} is not served here: {reason}", request.method(), request.path());
    problem(StatusCode::SERVICE_UNAVAILABLE, detail)
}

/// Why this node does not act. What the database says, and where it is, is for those who may read.
fn why(sources: &Sources, caller: &Caller) -> String {
    let mut view = sources.member.view().borrow().clone();
    if let Some(reason) = view.database.as_mut().filter(|_| !caller.may_read()) {
        "a token is told why".clone_into(reason);
    }
    view.why_not_active()
}
