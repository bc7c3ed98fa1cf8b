//! HTTP: the Erlang release's three paths, health, metrics, and the supervision tree.

pub mod auth;
mod event;
mod events;
mod health;
mod metrics;
mod problem;
mod server;
mod tls;

pub use server::{Api, Bound, bind};

use crate::config::Config;
use crate::connections::LinkState;
use crate::router::Router;
use crate::store::Store;
use crate::supervision::Supervisor;
use actix::Addr;
use actix_web::{FromRequest, Handler, Resource, Responder, web};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use tokio::sync::watch;

/// What the handlers read from.
#[derive(Clone)]
pub struct Sources {
    pub config: Arc<Config>,
    pub store: Store,
    pub router: Option<Addr<Router>>,
    pub tree: Addr<Supervisor>,
    pub links: Vec<watch::Receiver<LinkState>>,
    pub metrics: PrometheusHandle,
}

/// All paths.
fn routes(app: &mut web::ServiceConfig) {
    app.service(read("/alivecheck", events::alive_check))
        .service(read("/events", events::list))
        .service(read("/event/{id}", events::document))
        .service(read("/api/v1/events/{id}", event::detail))
        .service(read("/api/v1/events/{id}/plan", event::plan))
        .service(read("/healthz", health::health))
        .service(read("/readyz", health::ready))
        .service(read("/metrics", metrics::metrics))
        .service(read("/api/v1/tree", health::tree))
        .default_service(web::to(problem::not_found));
}

/// A path that is only read: GET and HEAD, anything else is 405.
fn read<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Copy,
    F::Output: Responder + 'static,
    Args: FromRequest + 'static,
{
    let resource =
        web::resource(path.to_owned()).route(web::get().to(handler)).route(web::head().to(handler));
    resource.default_service(web::to(problem::wrong_method))
}
