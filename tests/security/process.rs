//! What the process leaves behind, and what others of the host see of it.

use crate::support::daemon::{Daemon, Site, eventually};
use eventmanager::config::{Log, LogFormat};
use eventmanager::telemetry;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

const QUOTED: &str = "it quotes\n2026-01-01T00:00:00.000000Z ERROR forged\x1b[2J\u{9b}31m level=ERROR";
/// Set for the process that is to panic.
const PANICS: &str = "EVENTMANAGER_TEST_PANICS";

#[test]
fn an_event_and_a_panic_are_a_line_of_the_log_each_whatever_they_quote() {
    if std::env::var_os(PANICS).is_some() {
        let log = Log { level: "info".to_owned(), format: LogFormat::Text };
        let (_written, _level) = telemetry::start_log(&log);
        telemetry::log_panics();
        tracing::warn!(reason = %QUOTED, "told");
        let ended = std::thread::spawn(|| panic!("{QUOTED}")).join();
        return assert!(ended.is_err());
    }
    let name = "process::an_event_and_a_panic_are_a_line_of_the_log_each_whatever_they_quote";
    let output = Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", name, "--nocapture"])
        .envs([(PANICS, "1"), ("RUST_BACKTRACE", "0"), ("RUST_LOG", "")])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
    let quoted = format!("reason={QUOTED:?}");
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains(&quoted)), "{said}");
    assert!(
        lines[0].contains("  WARN told reason=") && lines[1].contains(" ERROR panicked thread="),
        "{said}"
    );
    assert!(lines[1].contains("process.rs:"), "{said}");
}

/// A daemon that a shell starts with whatever it allows by default and more.
fn start(site: &Site, shell: &str) -> Daemon {
    let script = format!("{shell}; exec \"$0\" run --config \"$1\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_eventmanager")]).arg(site.config());
    Daemon::start_with(command.env("RUST_LOG", "").current_dir(site.directory.path()))
}

fn proc(daemon: &Daemon, name: &str) -> String {
    std::fs::read_to_string(format!("/proc/{}/{name}", daemon.id())).expect("a process")
}

/// Soft and hard limit of core files.
fn core_limits(daemon: &Daemon) -> Vec<String> {
    let limits = proc(daemon, "limits");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a line");
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

#[test]
fn no_core_of_the_process_is_written_and_none_would_hold_its_memory() {
    let site = Site::new("[[broadworks]]\nname = \"as1\"\naddress = \"127.0.0.1:9\"\n");
    let daemon = start(&site, "ulimit -c unlimited; umask 0");
    assert_eq!(core_limits(&daemon), ["0", "0"]);
    assert_eq!(proc(&daemon, "coredump_filter").trim(), "00000000");
    daemon.signal("ABRT");
    assert_eq!(daemon.ended(), None, "it was killed");
    let cores =
        files(site.directory.path()).into_iter().filter(|file| file.display().to_string().contains("core"));
    assert_eq!(cores.collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

#[test]
fn who_asks_for_cores_gets_what_the_system_allows() {
    let site = Site::new("");
    let text = std::fs::read_to_string(site.config()).expect("a file");
    std::fs::write(site.config(), text.replacen("[node]\n", "[node]\ncore_dumps = true\n", 1))
        .expect("written");
    let daemon = start(&site, "ulimit -c 1000");
    let limits = core_limits(&daemon);
    assert!(limits.iter().all(|limit| limit != "0"), "{limits:?}");
    assert_ne!(proc(&daemon, "coredump_filter").trim(), "00000000");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        match entry.file_type().expect("a kind").is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

#[test]
fn what_it_writes_is_for_its_owner_alone_whatever_the_shell_allows() {
    let site = Site::new("[evi]\nunix = \"evi.sock\"\n[event_management]\n");
    let configured = files(site.directory.path());
    let daemon = start(&site, "umask 0");
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    let copy = site.directory.path().join("copy.db");
    let backup = Command::new("sh")
        .args([
            "-c",
            "umask 0; exec \"$0\" backup \"$1\" --config \"$2\"",
            env!("CARGO_BIN_EXE_eventmanager"),
        ])
        .args([&copy, &site.config()])
        .output()
        .expect("it runs");
    assert!(backup.status.success(), "{backup:?}");
    let written: Vec<PathBuf> =
        files(site.directory.path()).into_iter().filter(|file| !configured.contains(file)).collect();
    assert!(written.len() >= 4 && written.contains(&copy), "{written:?}");
    for file in written {
        let found = std::fs::metadata(&file).expect("a file");
        let most = if found.file_type().is_socket() { 0o660 } else { 0o600 };
        assert_eq!(found.mode() & 0o777 & !most, 0, "{}: {:o}", file.display(), found.mode());
    }
}
