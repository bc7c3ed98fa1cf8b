//! `eventmanager run`: the daemon, until a signal or a failure ends it.

use super::check;
use crate::app::App;
use crate::config;
use crate::supervision::Exit;
use crate::telemetry;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Linux' number of the signal for a file that grows beyond its limit (signal(7)).
const SIGXFSZ: i32 = 25;
/// A shutdown that takes longer than this is cut short: what is not done is resumed at the next start.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Runs until SIGTERM or SIGINT (exit code 0), or until supervision gives up (exit code 1).
pub fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let loaded = config::load(path)?;
    let _log = telemetry::start_log(&loaded.config.log);
    for warning in &loaded.warnings.list {
        tracing::warn!(%warning, "configuration");
    }
    for remark in check::remarks(&loaded.config) {
        tracing::warn!(remark, "configuration");
    }
    let metrics = telemetry::start_metrics()?;
    actix_rt::System::new().block_on(async move {
        let app = App::start(&loaded.config, metrics)?;
        tracing::info!(version = env!("CARGO_PKG_VERSION"), http = %app.http, "eventmanager started");
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // Where files may not grow beyond a limit that is an error of the write, not the end of the process.
        let _file_too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
        let root = app.root.clone();
        let ended = app.ended();
        tokio::pin!(ended);
        tokio::select! {
            exit = &mut ended => return Ok(code(exit)),
            _ = terminate.recv() => tracing::info!("terminated: stopping"),
            _ = interrupt.recv() => tracing::info!("interrupted: stopping"),
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

fn code(exit: Exit) -> ExitCode {
    match exit {
        Exit::Normal => {
            tracing::info!("eventmanager stopped");
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}
