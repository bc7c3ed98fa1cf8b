//! `eventmanager demo`: the main job on one machine, with simulated peers and nothing to install.
//!
//! BroadWorks, EMA and SurgeMail are simulated on loopback, the store is SQLite in a temporary directory, and the
//! daemon between them is the real one. In the end what HSS, ENUM, the mail server and `srd_user` hold is compared with what
//! the portal asked for.

mod latency;
mod peers;
mod progress;

use crate::app::App;
use crate::cli::say;
use crate::cli::units::{duration, loopback};
use crate::config::{Log, LogFormat};
use crate::simulators::traffic::{Expected, Traffic, TrafficOptions};
use crate::supervision::Exit;
use crate::telemetry;
use anyhow::Context;
use clap::Args;
use metrics_exporter_prometheus::PrometheusHandle;
use peers::Peers;
use progress::{Board, Summary};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

/// What is still under way when the last document is sent gets this long to end.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(100);

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Options {
    /// Documents a second
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    rate: u32,
    /// End after this time, in seconds or as 20s, 5m; without it at Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Where HTTP is served; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = loopback)]
    http: SocketAddr,
    /// Time that the simulated EMA takes for an answer
    #[arg(long, value_name = "TIME", default_value = "2ms", value_parser = duration)]
    latency: Duration,
    /// Users at the same time
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,
    /// Has the EMA refuse so many ENUM records, one now and then, so that there is something to look at, to retry and to
    /// resolve; what depends on them may fail too. The exit code is then 1, unless everything was mended
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
    failures: u32,
}

/// Runs the demo; exit code 0 only if every event completed and core, mail server and subscribers are what they should be.
pub fn demo(options: Options) -> anyhow::Result<ExitCode> {
    // The portal does much that deserves a warning; what fails shows in the summary.
    let _log = telemetry::start_log(&Log { level: "error".into(), format: LogFormat::Text });
    super::descriptors::raise();
    let metrics = telemetry::start_metrics()?;
    let directory =
        tempfile::Builder::new().prefix("eventmanager-demo-").tempdir().context("temporary directory")?;
    let summary = actix_rt::System::new().block_on(async {
        let peers = Peers::start(options.latency)?;
        peers.fail(options.failures);
        let app = App::start(&peers.config(directory.path(), options.http), metrics.clone())?;
        say(&peers.describe(&options, directory.path(), app.http));
        let summary = drive(&options, &peers, &app, &metrics).await;
        let exit = app.stop().await;
        anyhow::ensure!(exit == Exit::Normal, "the daemon did not stop in order: {exit}");
        summary
    })?;
    say(&summary.to_string());
    Ok(if summary.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends documents at the wanted rate, waits until all are done, and compares what came of them.
async fn drive(
    options: &Options,
    peers: &Peers,
    app: &App,
    metrics: &PrometheusHandle,
) -> anyhow::Result<Summary> {
    let traffic = TrafficOptions { users: options.users as usize, ..TrafficOptions::default() };
    let mut traffic = Traffic::new(1, traffic);
    let mut board = Board::new(app.store.clone(), metrics.clone());
    let began = Instant::now();
    let mut sent = 0;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
        }
        let elapsed = options.duration.map_or(began.elapsed(), |limit| began.elapsed().min(limit));
        let due = (elapsed.as_secs_f64() * f64::from(options.rate)).round() as u64;
        while sent < due {
            let message = next_provisioning(&mut traffic);
            peers.broadworks.send(&message);
            sent += 1;
        }
        board.show(sent, began.elapsed()).await;
        if options.duration.is_some_and(|limit| began.elapsed() >= limit) {
            break;
        }
    }
    board.settle(sent, began, SETTLE_LIMIT).await;
    board.end_line();
    let (took, counts) = (began.elapsed(), app.store.counts().await?);
    let subscribers = app.store.subscriber_page("", traffic.expected_subscribers().len() + 1).await?;
    Ok(Summary {
        sent,
        took,
        counts,
        requests: (peers.ema.counts().requests, peers.surgemail.requests()),
        core: peers.ema.holds(),
        mail: peers.surgemail.state().counts(),
        latency: latency::of(&metrics.render()),
        core_is_right: peers.core_is_right(&traffic),
        mail_is_right: peers.mail_is_right(&traffic),
        subscribers_are_right: subscribers == traffic.expected_subscribers(),
    })
}

/// The next document that leads to requests: in the demo every event completes.
fn next_provisioning(traffic: &mut Traffic) -> String {
    loop {
        let message = traffic.next_message();
        if message.expected == Expected::Completed {
            return message.document;
        }
    }
}
