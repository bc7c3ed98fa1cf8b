//! What systemd is told, as a service manager hears it: datagrams on a socket of its own.

#[path = "../support/mod.rs"]
mod support;

mod reloads;

use eventmanager::app::App;
use eventmanager::config;
use eventmanager::telemetry;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::daemon::{Daemon, PATIENCE, Site, eventually};

/// The unit's `WatchdogSec=`, in these tests.
const WATCHDOG: Duration = Duration::from_secs(2);
/// How long the thread of a daemon hangs.
const HANG: Duration = Duration::from_secs(6);
/// In the environment of the helper: the configuration that it starts with.
const HANGING: &str = "EVENTMANAGER_TEST_HANGING";

/// The ear of a service manager.
struct Manager {
    socket: UnixDatagram,
    path: std::path::PathBuf,
}

impl Manager {
    fn new(site: &Site) -> Manager {
        let path = site.directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Manager { socket, path }
    }

    /// Starts the daemon of a site as a service.
    fn start(&self, site: &Site) -> Daemon {
        let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
        Daemon::start_with(self.environment(program.args(["run", "--config"]).arg(site.config())))
    }

    fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let watchdog = WATCHDOG.as_micros().to_string();
        command.env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", watchdog).env_remove("WATCHDOG_PID")
    }

    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("something is told");
        String::from_utf8(buffer[..length].to_vec()).expect("text")
    }

    /// The next message with this in it.
    #[track_caller]
    fn hears(&self, text: &str) -> String {
        let since = Instant::now();
        loop {
            let message = self.next();
            if message.contains(text) {
                return message;
            }
            assert!(since.elapsed() < PATIENCE, "never told: {text}");
        }
    }
}

#[test]
fn ready_is_said_when_http_serves_though_the_database_is_away() {
    let site = Site::quiet(
        "[store]\nevents = \"sqlite:missing/events.db\"\n[[broadworks]]\nname = \"as1\"\naddress = \"127.0.0.1:1\"\n",
    );
    let manager = Manager::new(&site);
    let daemon = manager.start(&site);
    let ready = manager.hears("READY=1\n");
    assert_eq!(daemon.get("/healthz").0, 200);
    let mut status = ready;
    while !status.contains("database of the events away: directory") {
        status = manager.hears("STATUS=");
    }
    assert!(status.contains("0 of 1 connections"), "{status}");
    manager.hears("WATCHDOG=1\n");
    std::fs::create_dir(site.directory.path().join("missing")).expect("a directory");
    eventually("it is well", || (!manager.hears("STATUS=").contains("database")).then_some(()));
}

#[test]
fn stopping_is_said_at_the_end() {
    let site = Site::quiet("");
    let manager = Manager::new(&site);
    let daemon = manager.start(&site);
    manager.hears("READY=1\n");
    daemon.signal("TERM");
    manager.hears("STOPPING=1\n");
    assert_eq!(daemon.ended(), Some(0));
}

#[test]
fn the_watchdog_is_fed_several_times_in_its_interval() {
    let site = Site::quiet("");
    let manager = Manager::new(&site);
    let _daemon = manager.start(&site);
    manager.hears("READY=1\n");
    manager.hears("WATCHDOG=1\n");
    let since = Instant::now();
    for _ in 0..6 {
        manager.hears("WATCHDOG=1\n");
    }
    assert!(since.elapsed() < WATCHDOG * 6, "{:?}", since.elapsed());
}

/// No test of its own: the daemon of the next one, in a process of its own, whose thread hangs while there is a file.
#[test]
fn helper_whose_main_thread_hangs() {
    let Some(path) = std::env::var_os(HANGING).map(std::path::PathBuf::from) else { return };
    let config = config::load(&path).expect("a configuration").config;
    let metrics = telemetry::start_metrics().expect("metrics");
    let hang = path.with_file_name("hang");
    actix_rt::System::new().block_on(async move {
        let _app = App::start(&config, metrics).expect("it starts");
        while !hang.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::thread::sleep(HANG); // what is tested: nothing on this thread is polled
        std::future::pending::<()>().await;
    });
}

/// A process of this program that is one of its tests. Ends with the test that started it.
struct Helper(Child);

impl Helper {
    /// Starts the test of this name as a service; `variable` names the configuration of a site to it.
    fn start(test: &str, variable: &str, site: &Site, manager: &Manager) -> Helper {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let command = command.args(["--exact", test]).env(variable, site.config());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Helper(manager.environment(command).spawn().expect("it starts"))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_watchdog_is_not_fed_while_a_thread_hangs() {
    let site = Site::quiet("");
    let manager = Manager::new(&site);
    let _helper = Helper::start("helper_whose_main_thread_hangs", HANGING, &site, &manager);
    manager.hears("READY=1\n");
    manager.hears("WATCHDOG=1\n");
    std::fs::write(site.directory.path().join("hang"), "").expect("written");
    // Until it is found, and a ping later, it is fed.
    let mut fed = Instant::now();
    let silence = loop {
        manager.hears("WATCHDOG=1\n");
        if fed.elapsed() > WATCHDOG {
            break fed.elapsed();
        }
        fed = Instant::now();
    };
    assert!(silence > HANG / 2 && silence < HANG * 2, "{silence:?}");
    manager.hears("WATCHDOG=1\n");
}

/// What `systemd-analyze security` finds open, from 0 (nothing) to 10.
#[test]
fn the_unit_leaves_little_open() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/eventmanager.service");
    let mut analyze = Command::new("systemd-analyze");
    let analyze = analyze.args(["security", "--offline=true", "--no-pager"]).arg(unit);
    let output = analyze.output().expect("systemd-analyze runs (Debian's package systemd)");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let line =
        text.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| panic!("{text}"));
    let level = line.split_whitespace().find_map(|word| word.parse::<f64>().ok()).expect("a number");
    assert!(level <= 2.0, "{text}");
}

#[test]
fn the_unit_makes_a_folder_for_sockets_that_programs_can_enter() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/eventmanager.service");
    let unit = std::fs::read_to_string(unit).expect("a unit");
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let folder = Path::new("/run").join(value("RuntimeDirectory").expect("a folder"));
    assert!(config::Evi::default().allowed_unix.contains(&folder), "{}", folder.display());
    assert_eq!(value("RuntimeDirectoryMode"), Some("0755"));
}
