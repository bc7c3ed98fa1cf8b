//! Ending at once, and beginning anew in the same process.

use crate::telemetry::LogWriter;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::execv;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
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
        let error = execute_again();
        eprintln!("eventmanager: it cannot begin anew: {error}");
        std::process::exit(NOT_BEGUN)
    }
}

/// The signals for which a program waits when it has begun, and by which it would end before: whoever has it read its configuration does
/// not know that it begins anew just then. They wait.
fn held_back() -> SigSet {
    SigSet::from_iter([Signal::SIGHUP])
}

/// What has been held back while the program began anew comes from now on, to this thread.
pub fn hear_signals() -> std::io::Result<()> {
    Ok(held_back().thread_unblock()?)
}

/// Replaces the program; why it could not. The standard library would let signals through.
fn execute_again() -> Errno {
    let text = |text: OsString| CString::new(text.into_vec()).map_err(|_| Errno::EINVAL);
    let replaced = || {
        let program = text(program().into_os_string())?;
        let arguments = std::env::args_os().map(text).collect::<Result<Vec<_>, _>>()?;
        held_back().thread_block()?;
        execv(&program, &arguments)
    };
    match replaced() {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

/// The file of this program; where an upgrade has replaced it, what runs.
fn program() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    std::env::current_exe().ok().filter(|path| path.exists()).unwrap_or(running)
}
