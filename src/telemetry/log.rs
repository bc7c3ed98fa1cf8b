//! The log: where it goes, and how much of it, which may change while the process runs.

use super::one_line::{Fields, OneLine};
use crate::config::{Log, LogFormat};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// The driver quotes the parameters of its statements at `debug`, module by module; the longest name wins. What becomes of a
/// connection to NATS, and of a certificate that does not count, we tell ourselves, once, where the libraries say it at each attempt.
const QUIET: &str = "tokio_postgres=info,tokio_postgres::query=info,tokio_postgres::prepare=info,async_nats=off,\
                     rustls_platform_verifier=off";

/// Keeps the log being written; what is still unwritten goes out when it is dropped.
pub type LogWriter = tracing_appender::non_blocking::WorkerGuard;

/// Puts a filter in the place of the one before.
type Filter = Box<dyn Fn(EnvFilter) + Send + Sync>;

/// How much is logged. Clones change the same log.
#[derive(Clone)]
pub struct LogLevel(Arc<Inner>);

struct Inner {
    filter: Filter,
    /// `RUST_LOG`, where it is set: it stands in for what is configured.
    environment: Option<String>,
    state: Mutex<State>,
}

struct State {
    configured: String,
    /// Of an operator, until the next reload or restart.
    wanted: Option<String>,
}

impl LogLevel {
    /// For a process that does not start a log: nothing is changed by it.
    pub fn of_no_log(configured: &str) -> LogLevel {
        LogLevel::new(Box::new(drop), None, configured)
    }

    fn new(filter: Filter, environment: Option<String>, configured: &str) -> LogLevel {
        let state = State { configured: configured.to_owned(), wanted: None };
        LogLevel(Arc::new(Inner { filter, environment, state: Mutex::new(state) }))
    }

    /// The level in force, or what `RUST_LOG` says.
    pub fn level(&self) -> String {
        let state = self.state();
        let configured = || self.0.environment.clone().unwrap_or_else(|| state.configured.clone());
        state.wanted.clone().unwrap_or_else(configured)
    }

    /// The level of the configuration.
    pub fn configured(&self) -> String {
        self.state().configured.clone()
    }

    /// Logs at one of the levels of the configuration until [`LogLevel::configure`].
    pub fn set(&self, level: &str) {
        self.state().wanted = Some(level.to_owned());
        (self.0.filter)(filter(&levels(level)));
    }

    /// Logs as a configuration has it: at the start, and after a reload.
    pub fn configure(&self, level: &str) {
        *self.state() = State { configured: level.to_owned(), wanted: None };
        let text = self.0.environment.clone().unwrap_or_else(|| levels(level));
        (self.0.filter)(filter(&text));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics half-way through a change of the state.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the log to standard error, as systemd wants it. `RUST_LOG` overrides the configured level.
///
/// What a client of HTTP sends that is no request is answered with 400 and not logged: whoever reaches the port could
/// fill the log with it.
///
/// `debug` and `trace` are about us: what the libraries say there is about bytes, and the driver of the database quotes
/// the parameters of its statements, passwords among them. It is kept from that whatever `RUST_LOG` says.
pub fn start_log(log: &Log) -> (LogWriter, LogLevel) {
    let environment = std::env::var("RUST_LOG").ok().filter(|filter| !filter.trim().is_empty());
    let first = filter(environment.as_deref().unwrap_or(&levels(&log.level)));
    // Its own thread writes: a log that nobody reads, or that cannot be written, holds up nothing and fails nothing.
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(first)
        .with_writer(OneLine(writer))
        .with_target(false)
        .with_timer(SystemTime);
    // A second start in one process (tests, demo) keeps the first log. An error of a handle says that its log is gone.
    let filter: Filter = match log.format {
        LogFormat::Text => {
            let subscriber = subscriber.with_ansi(false).fmt_fields(Fields).with_filter_reloading();
            let handle = subscriber.reload_handle();
            let _ = subscriber.try_init();
            Box::new(move |filter| drop(handle.reload(filter)))
        }
        LogFormat::Json => {
            let subscriber = subscriber.json().flatten_event(true).with_filter_reloading();
            let handle = subscriber.reload_handle();
            let _ = subscriber.try_init();
            Box::new(move |filter| drop(handle.reload(filter)))
        }
    };
    (guard, LogLevel::new(filter, environment, &log.level))
}

fn filter(levels: &str) -> EnvFilter {
    EnvFilter::new(format!("{levels},{QUIET}"))
}

fn levels(ours: &str) -> String {
    let theirs = if matches!(ours, "debug" | "trace") { "info" } else { ours };
    format!("{theirs},actix_server=warn,actix_http=off,{}={ours}", env!("CARGO_CRATE_NAME"))
}
