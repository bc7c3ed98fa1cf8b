//! `eventmanager run`: the daemon, until a signal or a failure ends it.

mod standby;

use super::{check, cores, descriptors};
use crate::app::{App, Program};
use crate::cluster::{LogEnd, Member, hear_signals};
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
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::error::Elapsed;

/// Linux' number of the signal for a file that grows beyond its limit (signal(7)).
const SIGXFSZ: i32 = 25;
/// A shutdown that takes longer than this is cut short: what is not done is resumed at the next start.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Bit of SIGHUP in the masks of `/proc/self/status`.
const SIGHUP_BIT: u64 = 1;

/// Runs until SIGTERM or SIGINT, or its terminal is closed (exit code 0), or until supervision gives up (exit code 1).
/// Any other SIGHUP has the configuration read again. Of several daemons that share a database all but one stand by.
pub fn run(path: &Path) -> anyhow::Result<ExitCode> {
    failpoints::read_orders()?;
    let loaded = config::load(path)?;
    let (writer, log) = telemetry::start_log(&loaded.config.log);
    let end = LogEnd::new(writer);
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
    let log_end = end.clone();
    let ended = actix_rt::System::new().block_on(async move {
        // Before anything runs that would have to be stopped in order.
        let mut signals = Signals::new()?;
        let mut program = Program::alone(Some(path.to_owned()), log);
        if loaded.config.cluster.enabled {
            match standby::stand_by(path, &loaded.config, &metrics, end, &mut signals).await? {
                Some(cluster) => program.cluster = Some(cluster),
                None => return Ok(code(Exit::Normal)),
            }
        }
        let member = program.cluster.as_ref().map(|(member, _)| member.clone());
        let app = match App::start_program(program, &loaded.config, metrics) {
            Ok(app) => app,
            Err(error) => {
                // Another node may be able to.
                end_for_good(member.as_ref());
                standby::let_go(member.as_ref()).await;
                return Err(error);
            }
        };
        tracing::info!(version = env!("CARGO_PKG_VERSION"), http = %app.http, "eventmanager started");
        let servers = loaded.config.broadworks.into_iter().map(|server| server.name).collect();
        serve(app, member, servers, &mut signals).await
    });
    // A thread may still hold on to it.
    log_end.flush();
    ended
}

/// Until it is told to end, ends by itself, or is to hand over.
async fn serve(
    app: App,
    member: Option<Member>,
    servers: Vec<String>,
    signals: &mut Signals,
) -> anyhow::Result<ExitCode> {
    let (root, reloader, links) = (app.root.clone(), app.reloader.clone(), app.links.clone());
    let ended = app.ended();
    tokio::pin!(ended);
    if let Some(member) = member.clone() {
        actix_rt::spawn(standby::prepare(member, links, servers, reloader.clone()));
    }
    let hands_over = loop {
        tokio::select! {
            exit = &mut ended => {
                end_for_good(member.as_ref());
                standby::let_go(member.as_ref()).await;
                return Ok(code(exit));
            }
            () = is_to_hand_over(member.as_ref()) => break true,
            told = signals.next() => match told {
                // A wake-up: one reload sees the file as it is then.
                Told::Reload => reloader.do_send(Reload),
                Told::End(why) => {
                    tracing::info!(why, "stopping");
                    break false;
                }
            }
        }
    };
    if !hands_over {
        end_for_good(member.as_ref());
    }
    root.do_send(crate::supervision::Shutdown);
    let exit = stopped(ended, member.as_ref(), signals).await;
    if hands_over && let Some(member) = member {
        if !member.is_ending() {
            tracing::info!("handed over: beginning anew, to stand by");
        }
        member.begin_anew();
    }
    match exit {
        Ok(exit) => Ok(code(exit)),
        Err(_) => {
            tracing::error!("not stopped in time: what is under way is resumed at the next start");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The process does not begin anew, whatever happens.
fn end_for_good(member: Option<&Member>) {
    systemd::stopping();
    member.into_iter().for_each(Member::ends);
}

/// Waits until everything has ended in order, and lets go then. Who is told to end meanwhile does so, handing over or not.
async fn stopped(
    ended: impl Future<Output = Exit>,
    member: Option<&Member>,
    signals: &mut Signals,
) -> Result<Exit, Elapsed> {
    let stopping = async {
        let exit = tokio::time::timeout(STOP_LIMIT, ended).await;
        standby::let_go(member).await;
        exit
    };
    tokio::pin!(stopping);
    loop {
        tokio::select! {
            exit = &mut stopping => return exit,
            told = signals.next() => if let Told::End(why) = told {
                tracing::info!(why, "stopping");
                end_for_good(member);
            }
        }
    }
}

async fn is_to_hand_over(member: Option<&Member>) {
    match member {
        Some(member) => member.is_to_end().await,
        None => std::future::pending().await,
    }
}

/// The signals of a daemon.
pub(super) struct Signals {
    terminal: Terminal,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Where files may not grow beyond a limit that is an error of the write, not the end of the process.
    _file_too_large: Signal,
}

/// What a signal says.
pub(super) enum Told {
    /// To read the configuration again.
    Reload,
    End(&'static str),
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        let signals = Signals {
            terminal: Terminal::of_process(),
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _file_too_large: signal(SignalKind::from_raw(SIGXFSZ))?,
        };
        hear_signals()?;
        Ok(signals)
    }

    /// The next one.
    pub async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End("terminated"),
            _ = self.interrupt.recv() => Told::End("interrupted"),
            _ = self.hang_up.recv() => match self.terminal.is_closed() {
                true => Told::End("the terminal is closed"),
                false => Told::Reload,
            },
        }
    }
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
