//! `eventmanager run`: the daemon, until a signal or a failure ends it.

use super::{check, descriptors};
use crate::app::App;
use crate::config;
use crate::supervision::Exit;
use crate::telemetry;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Linux' number of the signal for a file that grows beyond its limit (signal(7)).
const SIGXFSZ: i32 = 25;
/// A shutdown that takes longer than this is cut short: what is not done is resumed at the next start.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Bit of SIGHUP in the masks of `/proc/self/status`.
const SIGHUP_BIT: u64 = 1;

/// Runs until SIGTERM, SIGINT or SIGHUP (exit code 0), or until supervision gives up (exit code 1).
pub fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let loaded = config::load(path)?;
    let _log = telemetry::start_log(&loaded.config.log);
    for warning in &loaded.warnings.list {
        tracing::warn!(%warning, "configuration");
    }
    for remark in check::remarks(&loaded.config) {
        tracing::warn!(remark, "configuration");
    }
    descriptors::raise();
    let metrics = telemetry::start_metrics()?;
    actix_rt::System::new().block_on(async move {
        // Before anything runs that would have to be stopped in order.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = if is_hang_up_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        // Where files may not grow beyond a limit that is an error of the write, not the end of the process.
        let _file_too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
        let app = App::start(&loaded.config, metrics)?;
        tracing::info!(version = env!("CARGO_PKG_VERSION"), http = %app.http, "eventmanager started");
        let root = app.root.clone();
        let ended = app.ended();
        tokio::pin!(ended);
        tokio::select! {
            exit = &mut ended => return Ok(code(exit)),
            _ = terminate.recv() => tracing::info!("terminated: stopping"),
            _ = interrupt.recv() => tracing::info!("interrupted: stopping"),
            Some(_) = received(&mut hang_up) => tracing::info!("the terminal is closed: stopping"),
        }
        root.do_send(crate::supervision::Shutdown);
        match tokio::time::timeout(STOP_LIMIT, ended).await {
            Ok(exit) => Ok(code(exit)),
            Err(_) => {
                tracing::error!("not stopped in time: what is under way is resumed at the next start");
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

/// Whether we were started so that a closed terminal does not matter, as `nohup` does.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & SIGHUP_BIT != 0)
}

/// The next such signal; never, where there is none to listen to.
async fn received(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

fn code(exit: Exit) -> ExitCode {
    match exit {
        Exit::Normal => {
            tracing::info!("eventmanager stopped");
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}
