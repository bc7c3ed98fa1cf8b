//! Ending at once, and beginning anew in the same process.

use crate::telemetry::LogWriter;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Exit code of a process that had to begin anew and could not.
const NOT_BEGUN: i32 = 71;

/// What is still to be written of the log goes out when it ends.
#[derive(Clone)]
pub struct LogEnd(Arc<Mutex<Option<LogWriter>>>);

impl LogEnd {
    /// Of this log.
    pub fn new(log: LogWriter) -> LogEnd {
        LogEnd(Arc::new(Mutex::new(Some(log))))
    }

    /// Writes what is left.
    pub fn flush(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// How this process ends. Clones are the same.
#[derive(Clone)]
pub(super) struct Ending {
    log: LogEnd,
    /// It was told to, and does not begin anew, whatever happens.
    is_for_good: Arc<AtomicBool>,
}

impl Ending {
    /// Of a process that may begin anew; `log` is flushed before.
    pub fn new(log: LogEnd) -> Ending {
        Ending { log, is_for_good: Arc::default() }
    }

    /// From now on it ends for good.
    pub fn for_good(&self) {
        self.is_for_good.store(true, Ordering::Relaxed);
    }

    pub fn is_for_good(&self) -> bool {
        self.is_for_good.load(Ordering::Relaxed)
    }

    /// Replaces the program of this process by itself, with the arguments with which it was started. Threads, connections and
    /// whatever was under way end at that moment, as with a kill; the process id stays, so that nobody has to start it.
    ///
    /// It needs nothing of whoever runs it: no service manager, and no pause before a restart. Whoever has told it to end does
    /// not meet it again: then it ends.
    pub fn begin_anew(&self) -> ! {
        self.log.flush();
        if self.is_for_good() {
            std::process::exit(0);
        }
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_else(|| OsString::from("eventmanager"));
        let error = Command::new(program()).arg0(name).args(arguments).exec();
        eprintln!("eventmanager: it cannot begin anew: {error}");
        std::process::exit(NOT_BEGUN)
    }
}

/// The file of this program; where an upgrade has replaced it, what runs.
fn program() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    std::env::current_exe().ok().filter(|path| path.exists()).unwrap_or(running)
}
