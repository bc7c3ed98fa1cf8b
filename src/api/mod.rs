//! HTTP: the Erlang release's three paths, health, metrics, the supervision tree, what operators see and do, and Event Management.
//!
//! Whatever changes something is an [`acts::act`], which wants JSON and keeps pages of other sites out; what others change over Event
//! Management is checked in `event_management/asked.rs`.

pub mod access;
pub mod acts;
mod asterisk;
mod audit;
mod body;
mod bulk;
pub mod cluster;
mod connections;
pub mod counts;
pub mod event;
mod event_acts;
mod event_management;
pub mod event_plan;
pub mod events;
mod faults;
mod headers;
pub mod health;
mod hubs;
mod kamailio;
mod legacy;
mod log;
mod metrics;
mod mi;
mod openapi;
mod page;
mod parameters;
mod problem;
mod reprovision;
mod server;
mod session;
mod settings;
mod standby;
mod states;
pub mod status;
mod stream;
pub mod subscribers;
mod systems;
pub mod times;
mod tls;

pub use server::{Api, Bound, bind};
pub use settings::{Change, Settings};
pub use standby::Standby;
pub use stream::{Channel, Hub};

use crate::cluster::Member;
use crate::config::{Config, Live};
use crate::connections::Links;
use crate::managers::device_state::DeviceStates;
use crate::managers::{Board, Hosts, Pauses};
use crate::operators::bulk::Bulks;
use crate::operators::{OperatorActs, Operators};
use crate::router::Router;
use crate::store::{Disk, Store};
use crate::supervision::Supervisor;
use crate::telemetry::LogLevel;
use crate::telemetry::link::LinkBoard;
use crate::topics::evi_server::EviServer;
use crate::topics::hubs::{Hubs, Tally};
use actix::Addr;
use actix_web::dev::HttpServiceFactory;
use actix_web::{FromRequest, Handler, Resource, Responder, middleware, web};
use metrics_exporter_prometheus::PrometheusHandle;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// What the handlers read from.
#[derive(Clone)]
pub struct Sources {
    /// What is in force; a reload changes it.
    pub config: Live<Config>,
    pub store: Store,
    /// How many events there are, for everybody who shows it.
    pub counts: counts::Counting,
    /// When the process began.
    pub started: SystemTime,
    pub router: Option<Addr<Router>>,
    /// `None` where nothing is provisioned.
    pub pauses: Option<Addr<Pauses>>,
    pub operators: Operators,
    pub acts: Addr<OperatorActs>,
    pub bulks: Addr<Bulks>,
    pub board: Board,
    pub hosts: Hosts,
    pub tree: Addr<Supervisor>,
    /// Of endpoints.
    pub links: Live<Links>,
    /// Of NATS, and of peers at which we are registered.
    pub beside: LinkBoard,
    pub disks: watch::Receiver<Vec<Disk>>,
    /// `None` where no states are mirrored.
    pub states: Option<Addr<DeviceStates>>,
    /// `None` where nobody can subscribe over EVI.
    pub evi: Option<Addr<EviServer>>,
    /// `None` where nobody can register over Event Management.
    pub hubs: Option<Addr<Hubs>>,
    /// What of hubs can be seen in metrics.
    pub hub_tally: Tally,
    pub metrics: PrometheusHandle,
    /// Who is told what happens as it happens.
    pub stream: Channel,
    /// What events take of the memory on their way in and out over REST.
    pub rooms: event_management::Rooms,
    /// How much is logged.
    pub log: LogLevel,
    /// `None` where this daemon is the only one.
    pub cluster: Option<Member>,
}

/// Seconds of the epoch, with their fraction.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// All paths.
fn routes(app: &mut web::ServiceConfig) {
    // First: one of its base paths begins as an original path does.
    app.service(event_management::service())
        .service(read("/", page::index))
        .service(read("/assets/{name}", page::asset))
        .service(read("/alivecheck", legacy::alive_check))
        .service(read("/events", legacy::list))
        .service(read("/event/{id}", legacy::document))
        .service(read("/api/v1/events", events::list))
        .service(read_whole("/api/v1/events/{id}", event::detail))
        .service(read_whole("/api/v1/events/{id}/plan", event_plan::plan))
        .service(acts::act("/api/v1/events/{id}/retry", event_acts::retry))
        .service(acts::act("/api/v1/events/{id}/resolve", event_acts::resolve))
        .service(acts::act("/api/v1/bulk", bulk::prepare))
        .service(read_whole("/api/v1/bulk/{bulk}", bulk::show))
        .service(acts::act("/api/v1/bulk/{bulk}/run", bulk::run))
        .service(acts::act("/api/v1/bulk/{bulk}/cancel", bulk::cancel))
        .service(read("/api/v1/faults", faults::list))
        .service(read_whole("/api/v1/commands", faults::commands))
        .service(read("/healthz", health::health))
        .service(read("/readyz", health::ready))
        .service(read("/metrics", metrics::metrics))
        .service(read_whole("/api/v1/tree", health::tree))
        .service(read_whole("/api/v1/status", status::status))
        .service(read("/api/v1/stream", stream::stream))
        .service(read_whole("/api/v1/systems", systems::list))
        .service(acts::act("/api/v1/systems/{system}/pause", systems::pause))
        .service(acts::act("/api/v1/systems/{system}/resume", systems::resume))
        .service(acts::act("/api/v1/kamailio/{name}/send", kamailio::send))
        .service(acts::act("/api/v1/asterisk/{name}/action", asterisk::action))
        .service(read("/api/v1/hubs", hubs::list))
        .service(acts::read_and_act("/api/v1/hubs/{id}", hubs::show, acts::By::Delete, hubs::remove))
        .service(acts::act("/api/v1/hubs/{id}/halt", hubs::halt))
        .service(acts::act("/api/v1/hubs/{id}/resume", hubs::resume))
        .service(acts::act("/api/v1/hubs/{id}/skip", hubs::skip))
        .service(acts::act("/api/v1/hubs/{id}/replay", hubs::replay))
        .service(read("/api/v1/audit", audit::list))
        .service(session::service())
        .service(read("/api/v1/states", states::list))
        .service(read_whole("/api/v1/states/peers", states::peers))
        .service(read("/api/v1/subscribers", subscribers::list))
        .service(read_whole("/api/v1/subscribers/{user}", subscribers::show))
        .service(acts::read_and_act(
            "/api/v1/subscribers/{user}/reprovision",
            reprovision::plan,
            acts::By::Post,
            reprovision::act,
        ))
        .service(acts::read_and_act("/api/v1/log", log::show, acts::By::Post, log::set))
        .service(read_whole("/api/v1/cluster", cluster::show))
        .service(acts::act("/api/v1/cluster/handover", cluster::hand_over))
        .service(acts::act("/mi", mi::mi))
        .service(read("/openapi.json", openapi::document))
        .default_service(web::to(problem::not_found));
}

/// The paths of a node that stands by.
fn standby_routes(app: &mut web::ServiceConfig) {
    app.service(read("/healthz", health::health))
        .service(read("/readyz", standby::ready))
        .service(read("/metrics", standby::metrics))
        .service(read_whole("/api/v1/cluster", standby::show))
        .service(acts::act("/api/v1/cluster/handover", standby::hand_over))
        .default_service(web::to(standby::elsewhere));
}

/// The same of a path that takes no parameters.
fn read_whole<F, Args>(path: &str, handler: F) -> impl HttpServiceFactory + use<F, Args>
where
    F: Handler<Args> + Copy,
    F::Output: Responder + 'static,
    Args: FromRequest + 'static,
{
    read(path, handler).wrap(middleware::from_fn(parameters::none))
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
