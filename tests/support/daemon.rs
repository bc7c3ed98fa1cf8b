//! The real program as a process, and what a test wants to know of it.

use super::http;
use rusqlite::{Connection, OpenFlags};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What never holds within this time never will.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds` gives something; fails with `what` if it never does.
#[track_caller]
pub fn eventually<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(since.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A directory with a configuration and a database, and the daemon that may run in it.
pub struct Site {
    pub directory: TempDir,
}

impl Site {
    /// A site with this configuration, SQLite and HTTP on a free port.
    pub fn new(config: &str) -> Site {
        Site::quiet(&format!("[log]\nlevel = \"debug\"\n{config}"))
    }

    /// The same, which logs as a daemon does by default.
    pub fn quiet(config: &str) -> Site {
        let directory = TempDir::new().expect("a temporary directory");
        let text =
            format!("[node]\ndata_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n{config}", directory.path());
        std::fs::write(directory.path().join("eventmanager.toml"), text).expect("written");
        Site { directory }
    }

    pub fn config(&self) -> PathBuf {
        self.directory.path().join("eventmanager.toml")
    }

    /// Makes `cert.pem` and `key.pem` of localhost beside the configuration.
    pub fn make_certificate(&self) {
        self.make_certificate_of(
            "DNS:localhost,IP:127.0.0.1",
            &["-addext", "basicConstraints=critical,CA:FALSE"],
        );
    }

    /// The same of these names, with these arguments more.
    pub fn make_certificate_of(&self, names: &str, more: &[&str]) {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-keyout", &path("key.pem"), "-out", &path("cert.pem"), "-days", "1"])
            .args(["-subj", "/CN=localhost", "-addext", &format!("subjectAltName={names}")])
            .args(more)
            .output()
            .expect("openssl runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Starts the daemon and waits until it serves.
    pub fn start(&self) -> Daemon {
        Daemon::start(&self.config())
    }

    /// Starts the daemon with orders for its failpoints, at which it may end before it serves.
    pub fn start_with_orders(&self, orders: &str) -> Result<Daemon, Ended> {
        let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
        let program = program.args(["run", "--config"]).arg(self.config()).env("RUST_LOG", "");
        Daemon::try_start_with(program.env(eventmanager::failpoints::VARIABLE, orders))
    }

    /// The database beside the running daemon.
    pub fn database(&self) -> Connection {
        let path = self.directory.path().join("events.db");
        let database =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("the database");
        database.busy_timeout(PATIENCE).expect("a timeout");
        database
    }

    /// How many events have one of these statuses.
    pub fn count(&self, statuses: &[&str]) -> u64 {
        let words: Vec<String> = statuses.iter().map(|status| format!("'{status}'")).collect();
        let sql = format!("select count(*) from em_event where status in ({})", words.join(","));
        if !self.directory.path().join("events.db").exists() {
            return 0;
        }
        self.database().query_row(&sql, [], |row| row.get::<_, i64>(0)).map_or(0, |count| count as u64)
    }

    /// Waits until so many events have ended, one way or the other.
    #[track_caller]
    pub fn wait_ended(&self, events: u64) {
        eventually(&format!("{events} events end"), || {
            let ended = self.count(&["completed", "failed", "ignored"]);
            (ended >= events && self.count(&["pending"]) == 0).then_some(())
        });
    }

    /// Status, command, user and the reason why of every event, oldest first.
    pub fn events(&self) -> Vec<Row> {
        let database = self.database();
        let sql = "select status, command, user_id, coalesce((select reason from em_journal where uuid = em_event.uuid),
                note, '') from em_event order by id";
        let mut statement = database.prepare(sql).expect("a statement");
        let row = |row: &rusqlite::Row| {
            Ok(Row { status: row.get(0)?, command: row.get(1)?, user: row.get(2)?, reason: row.get(3)? })
        };
        statement.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("rows")
    }
}

/// A row of `em_event`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub status: String,
    pub command: String,
    pub user: String,
    pub reason: String,
}

/// A running daemon. Dropping it kills it.
pub struct Daemon {
    child: Child,
    pub http: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    /// Starts the program with a configuration and waits until it serves HTTP.
    pub fn start(config: &Path) -> Daemon {
        Daemon::start_logging(config, "")
    }

    /// The same with this `RUST_LOG`; empty is as good as unset.
    pub fn start_logging(config: &Path, rust_log: &str) -> Daemon {
        let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
        Daemon::start_with(program.args(["run", "--config"]).arg(config).env("RUST_LOG", rust_log))
    }

    /// The same with a command that becomes the program.
    pub fn start_with(command: &mut Command) -> Daemon {
        Daemon::try_start_with(command)
            .unwrap_or_else(|Ended(ended, log)| panic!("the daemon ended at its start ({ended}):\n{log}"))
    }

    /// The same of a daemon that may end before it serves.
    pub fn try_start_with(command: &mut Command) -> Result<Daemon, Ended> {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let collected = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = collected.lock().expect("a log");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let serves = eventually("the daemon serves", || {
            if let Some(ended) = child.try_wait().expect("a child") {
                return Some(Err(ended));
            }
            let log = log.lock().expect("a log");
            // Both formats of the log: http=ADDRESS and "http":"ADDRESS".
            let after = log.split("http=").nth(1).or_else(|| log.split("\"http\":\"").nth(1))?;
            after.split(|c: char| c.is_whitespace() || c == '"').next()?.parse().ok().map(Ok)
        });
        serves.map(|http| Daemon { child, http, log: Arc::clone(&log) }).map_err(|ended| {
            collected_whole(&log);
            Ended(ended, log.lock().expect("a log").clone())
        })
    }

    /// How it has ended by itself, if it has, and everything that it has logged.
    pub fn has_ended(&mut self) -> Option<Ended> {
        let ended = self.child.try_wait().expect("a child")?;
        collected_whole(&self.log);
        Some(Ended(ended, self.log()))
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log with all of these: a thread of its own writes what is told.
    #[track_caller]
    pub fn logged(&self, parts: &[&str]) -> String {
        eventually(&format!("a line of the log with {parts:?}"), || {
            let log = self.log();
            log.lines().find(|line| parts.iter().all(|part| line.contains(part))).map(str::to_owned)
        })
    }

    /// Everything it has logged; the latest lines may be on their way, [`Daemon::logged`] waits for one.
    pub fn log(&self) -> String {
        self.log.lock().expect("a log").clone()
    }

    /// Memory that it has in use (`VmRSS`), in MiB.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS") / 1024
    }

    /// A line about memory in `/proc/PID/status`, in KiB.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("kB")
    }

    /// Ends it as power loss ends a process. It must have lived until then.
    #[track_caller]
    pub fn kill(mut self) {
        self.end_by_kill();
    }

    /// The same; everything that it has logged.
    #[track_caller]
    pub fn kill_logged(mut self) -> String {
        self.end_by_kill();
        collected_whole(&self.log);
        self.log()
    }

    #[track_caller]
    fn end_by_kill(&mut self) {
        if let Some(Ended(ended, log)) = self.has_ended() {
            panic!("it has ended by itself before it was killed ({ended}):\n{log}");
        }
        self.child.kill().expect("killed");
        let ended = self.child.wait().expect("ended");
        assert_eq!(ended.signal(), Some(9), "it has ended by itself: {ended}\n{}", self.log());
    }

    /// Waits until it has ended by itself; its exit code, and everything that it has logged.
    pub fn ended_logged(mut self) -> (Option<i32>, String) {
        let code = eventually("the daemon ends", || self.child.try_wait().expect("a child")).code();
        collected_whole(&self.log);
        (code, self.log())
    }

    /// Ends it as systemd does; returns its exit code.
    pub fn terminate(self) -> Option<i32> {
        self.signal("TERM");
        self.ended()
    }

    /// Sends it a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill").success());
    }

    /// Waits until it has ended by itself; its exit code.
    pub fn ended(mut self) -> Option<i32> {
        eventually("the daemon ends", || self.child.try_wait().expect("a child")).code()
    }

    /// `GET path`: status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.get_with(path, "")
    }

    /// `GET path` with header lines, each ending in CRLF.
    pub fn get_with(&self, path: &str, headers: &str) -> (u16, String) {
        let answer = http::get(self.http, path, headers);
        (answer.status, answer.body)
    }

    /// The value of a metric, all its labelled series with `labels` in their text together.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        http::metric(self.http, name, labels)
    }
}

/// How a daemon has ended, and what it has logged.
#[derive(Debug)]
pub struct Ended(pub ExitStatus, pub String);

impl Ended {
    /// The failpoint at which it has killed itself, if it has.
    pub fn failpoint(&self) -> Option<&str> {
        let Ended(status, log) = self;
        let line = log.lines().find_map(|line| line.strip_prefix("failpoint "))?;
        let (name, _) = line.split_once(": kill at pass ")?;
        (status.signal() == Some(9)).then_some(name)
    }
}

/// Waits until the log of a daemon that has ended is whole: whoever collects it has gone then.
fn collected_whole(log: &Arc<Mutex<String>>) {
    eventually("its log ends", || (Arc::strong_count(log) == 1).then_some(()));
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
