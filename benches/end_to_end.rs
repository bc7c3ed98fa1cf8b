//! The whole daemon between simulated peers, all on this machine: what it does in a second, how soon what arrives is on
//! disk, what it takes at a large operator and at rest, and what live pages cost.
//!
//!     cargo bench --bench end_to_end [-- rates|arrival|large|pages]
//!
//! In `rates` and `arrival` the daemon runs within this process, as `demo` runs it, and the simulators have a thread each
//! beside it; in `large` and `pages` it is a process of its own. Daemon, simulators, pages, bare client and PostgreSQL
//! share the processors, so that a processor of their own for the peers could only make the figures better.

mod support;
#[path = "../tests/support/mod.rs"]
mod testing;

use eventmanager::config::Database;
use eventmanager::telemetry;
use eventmanager::wire::Secret;
use metrics_exporter_prometheus::PrometheusHandle;
use std::path::Path;
use std::time::Duration;
use support::row::Row;
use support::stages::{Stage, portal_day};
use support::{arrival, bare, large, load, pages, plain, site};
use testing::postgres;

/// Between a request and its answer, in the second half of the rates.
const LATENCY: Duration = Duration::from_millis(5);
const USERS: u32 = 3000;

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let runs = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("{}", load::of_the_minute_before());
    if runs("large") {
        large::print();
    }
    if runs("pages") {
        pages::print(LATENCY);
    }
    let metrics = telemetry::start_metrics().expect("the only metrics of this process");
    let server = postgres::Server::start();
    let stores = [Store::Sqlite, Store::Postgres(&server)];
    if runs("arrival") {
        stores.iter().for_each(|store| arrival::print(store, &metrics));
    }
    if runs("rates") {
        let day = portal_day(USERS);
        for latency in [Duration::ZERO, LATENCY] {
            stores.iter().for_each(|store| rates(&day, store, latency, &metrics));
        }
    }
}

/// Where events and subscribers are.
pub enum Store<'a> {
    Sqlite,
    Postgres(&'a postgres::Server),
}

impl Store<'_> {
    pub fn name(&self) -> &'static str {
        match self {
            Store::Sqlite => "SQLite",
            Store::Postgres(_) => "PostgreSQL",
        }
    }

    /// A new database.
    pub fn create(&self, directory: &Path) -> Database {
        match self {
            Store::Sqlite => Database::Sqlite(directory.join("events.db")),
            Store::Postgres(server) => Database::Postgres(Secret::new(server.create_database())),
        }
    }
}

/// Runs the stages one after the other, each from its first byte to the end of its last event.
///
/// With an EMA that takes its time, bare clients then do the calls of the stage once more, at other simulators, which
/// hold what those of the daemon held. A plain loop does the first of them, at simulators of its own.
fn rates(day: &[Stage], store: &Store, latency: Duration, metrics: &PrometheusHandle) {
    let site = site::Site::new(store, &[]);
    actix_rt::System::new().block_on(async {
        let mut daemon = site.start(metrics).await;
        daemon.seed().await;
        let mut clients = bare::Clients::connect(daemon.concurrency()).await;
        let mut plain = plain::Loop::new().await;
        for stage in day.iter().filter(|stage| latency.is_zero() || stage.has_requests) {
            let pause = if stage.is_measured { latency } else { Duration::ZERO };
            site.peers.set_latency(pause);
            let before = daemon.sent;
            let took = daemon.drive(stage.documents.clone(), stage.events).await;
            let mut row = report(stage, store, latency, took);
            let requests = if stage.has_requests { daemon.sequences(before).await } else { Vec::new() };
            // Members of a group are sent for at the gateway and the mail server side by side, of which neither knows.
            let is_alike = stage.has_requests && stage.events == u64::from(stage.units);
            let at_once = stage.at_once.unwrap_or(daemon.concurrency());
            if is_alike && !latency.is_zero() {
                clients.peers.set_latency(pause);
                let part = clients.run(requests.clone(), at_once).await.div_duration_f64(took);
                row = row.of(part, "bare clients").budget("≥ 0.9", part >= 0.9);
            }
            if is_alike {
                plain.clients.peers.set_latency(pause);
                let plain = plain.run(&stage.documents, requests).await;
                let each = took / stage.units;
                if !latency.is_zero() {
                    let part = plain.asking.div_duration_f64(each) / at_once as f64;
                    row = row.of(part, &format!("{at_once} times one client"));
                }
                // It stores in SQLite.
                if matches!(store, Store::Sqlite) {
                    row = row.of(plain.whole.div_duration_f64(each), "a plain loop");
                }
            }
            if stage.is_measured {
                row.print();
            }
        }
        daemon.stop().await;
    });
}

/// What was measured; with a gateway that answers at once, beside what the original did on another day.
fn report(stage: &Stage, store: &Store, latency: Duration, took: Duration) -> Row {
    let rate = f64::from(stage.units) / took.as_secs_f64();
    let what = format!("{}, gateway of {} ms, {}", stage.name, latency.as_millis(), store.name());
    let row = Row::new(what, format!("{rate:.0} events/s"));
    match stage.original.filter(|_| latency.is_zero()) {
        Some(original) => {
            let times = rate / original;
            let floor = floor(stage, store);
            row.budget(&format!("≥ {floor:.0}"), rate >= floor)
                .of(times, &format!("the original's {original:.0}/s"))
                .budget("≥ 20", times >= 20.0)
        }
        None => row,
    }
}

/// Events that it is to do in a second at least, with a gateway that answers at once.
fn floor(stage: &Stage, store: &Store) -> f64 {
    match (stage.has_requests, store) {
        (true, _) => 1_500.0,
        (false, Store::Sqlite) => 30_000.0,
        (false, Store::Postgres(_)) => 25_000.0,
    }
}
