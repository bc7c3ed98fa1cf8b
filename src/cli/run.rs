//! `eventmanager run`: the daemon, until a signal or a failure ends it.

use super::{check, cores, descriptors};
use crate::app::{App, Program};
use crate::config;
use crate::failpoints;
use crate::reload::Reload;
use crate::store;
use crate::supervision::Exit;
use crate::systemd;
use crate::telemetry;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Linux' number of the signal for a file that grows beyond its limit (signal(7)).
const SIGXFSZ: i32 = 25;
/// A shutdown that takes longer than this is cut short: what is not done is resumed at the next start.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Bit of SIGHUP in the masks of `/proc/self/status`.
const SIGHUP_BIT: u64 = 1;

/// Runs until SIGTERM or SIGINT, or its terminal is closed (exit code 0), or until supervision gives up (exit code 1).
/// Any other SIGHUP has the configuration read again.
pub fn run(path: &Path) -> anyhow::Result<ExitCode> {
    failpoints::read_orders()?;
    let loaded = config::load(path)?;
    let (_log, log) = telemetry::start_log(&loaded.config.log);
    telemetry::log_panics();
    for warning in &loaded.warnings.list {
        tracing::warn!(warning = format!("{}:{warning}", loaded.warnings.file), "configuration");
    }
    let missing = store::missing_directories(&loaded.config.store).into_iter();
    let missing = missing.map(|directory| check::missing(&directory));
    for remark in check::remarks(&loaded.config).into_iter().chain(missing) {
        tracing::warn!(remark, "configuration");
    }
    if !loaded.config.node.core_dumps {
        cores::forbid();
    }
    descriptors::raise();
    let metrics = telemetry::start_metrics()?;
    let program = Program { file: Some(path.to_owned()), log };
    actix_rt::System::new().block_on(async move {
        // Before anything runs that would have to be stopped in order.
        let terminal = Terminal::of_process();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        // Where files may not grow beyond a limit that is an error of the write, not the end of the process.
        let _file_too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
        let app = App::start_program(program, &loaded.config, metrics)?;
        tracing::info!(version = env!("CARGO_PKG_VERSION"), http = %app.http, "eventmanager started");
        let (root, reloader) = (app.root.clone(), app.reloader.clone());
        let ended = app.ended();
        tokio::pin!(ended);
        loop {
            tokio::select! {
                exit = &mut ended => return Ok(code(exit)),
                _ = terminate.recv() => tracing::info!("terminated: stopping"),
                _ = interrupt.recv() => tracing::info!("interrupted: stopping"),
                Some(()) = hang_up.recv() => {
                    if terminal.is_closed() {
                        tracing::info!("the terminal is closed: stopping");
                    } else {
                        // A wake-up: one reload sees the file as it is then.
                        reloader.do_send(Reload);
                        continue;
                    }
                }
            }
            break;
        }
        systemd::stopping();
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

/// The terminal that we were started from, whose end ends us. Under systemd, `nohup` or `setsid` there is none.
struct Terminal {
    is_minded: bool,
}

impl Terminal {
    fn of_process() -> Terminal {
        Terminal { is_minded: has_terminal() && !is_hang_up_ignored() }
    }

    /// Before the kernel sends SIGHUP for a terminal that is closed, it takes it from the processes.
    fn is_closed(&self) -> bool {
        self.is_minded && !has_terminal()
    }
}

/// Whether the process has a controlling terminal: the fifth field behind the name in `/proc/self/stat` (proc(5)).
fn has_terminal() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let terminal = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(4));
    terminal.is_some_and(|number| number != "0")
}

/// Whether we were started so that a closed terminal does not matter, as `nohup` does.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & SIGHUP_BIT != 0)
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
