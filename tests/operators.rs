//! What an operator is told: of events that fail or lose something, of a configuration that leaves something undone, and
//! by the daemon that is asked to stop.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use support::daemon::{Daemon, PATIENCE, Site, eventually};
use support::documents::{add, report, set_phone};
use support::peers::Peers;

/// What the program says, and how it ended.
fn eventmanager(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    let Output { status, stdout, stderr } = command.args(arguments).output().expect("it runs");
    let text = [stdout, stderr].concat();
    (status.code(), String::from_utf8(text).expect("text"))
}

fn line_with(daemon: &Daemon, text: &str) -> String {
    eventually(&format!("{text:?} is logged"), || {
        daemon.log().lines().find(|line| line.contains(text)).map(str::to_owned)
    })
}

#[test]
fn an_event_that_completes_with_a_loss_is_logged_counted_and_found() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    let berta = "<groupId>KNI-014</groupId><userId>berta@tele.gl</userId>\
                 <callingLineIdFirstName>Berta</callingLineIdFirstName>\
                 <address><stateOrProvince>Thule</stateOrProvince></address>";
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&report(2, "UserAddRequest17sp4", berta));
    site.wait_ended(2);
    let line = line_with(&daemon, "event ended with a warning");
    for field in ["WARN", "event=2", "user=\"admin@tele.gl\"", "subscriber=\"berta@tele.gl\"", "Thule"] {
        assert!(line.contains(field), "{field} is not in {line}");
    }
    let count = daemon.metric("eventmanager_event_warnings_total", "command=\"UserAddRequest\"");
    assert_eq!(count, 1.0);
    let operations = include_str!("../docs/operations.md");
    let query = operations.split("\n    select ").map(|rest| format!("select {rest}"));
    let query = query.filter_map(|rest| Some(format!("{};", rest.split_once(';')?.0)));
    let query = query.into_iter().find(|query| query.contains("'completed'")).expect("a query for warnings");
    let found = site.database().query_row(&query, [], |row| row.get::<_, i64>(0));
    assert_eq!(found, Ok(2), "{query}");
}

#[test]
fn an_event_that_fails_is_told_with_whom_it_is_about() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    peers.broadworks.send(&set_phone(1, "nobody@tele.gl", "+299-123456"));
    site.wait_ended(1);
    let line = line_with(&daemon, "event failed");
    assert!(line.contains("user=\"admin@tele.gl\" subscriber=\"nobody@tele.gl\""), "{line}");
    let (_, event) = daemon.get("/api/v1/events/1");
    let event: serde_json::Value = serde_json::from_str(&event).expect("JSON");
    assert_eq!((&event["user"], &event["subscriber"]), (&"admin@tele.gl".into(), &"nobody@tele.gl".into()));
}

#[test]
fn without_an_ema_the_log_and_each_event_say_why_nothing_runs() {
    let peers = Peers::start();
    let server = peers.broadworks.addr();
    let site = Site::new(&format!("[[broadworks]]\nname = \"as1\"\naddress = \"{server}\"\n"));
    let daemon = site.start();
    line_with(&daemon, "no [ema]: events are stored as ignored");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    let row = &site.events()[0];
    assert_eq!(row.status, "ignored");
    assert_eq!(row.reason, "nothing is provisioned: [ema] is not configured");
}

#[test]
fn what_is_no_request_does_not_fill_the_log() {
    let site = Site::new("");
    let daemon = site.start();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(daemon.http).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(b"\x16\x03 this is no request\r\n\r\n").expect("written");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{:?}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(daemon.get("/healthz").0, 200);
    let log = daemon.log();
    assert!(!log.contains("ERROR") && !log.contains("stream error"), "{log}");
}

#[test]
fn the_description_of_the_api_names_paths_that_are_there() {
    let site = Site::new("[device_state]\n[event_management]\n");
    let daemon = site.start();
    let (status, body) = daemon.get("/openapi.json");
    let description: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status, 200);
    let paths = description["paths"].as_object().expect("paths").iter();
    // A stream does not end.
    let paths = paths.filter(|(path, methods)| {
        methods.get("get").is_some() && !path.contains('{') && !path.ends_with("/stream")
    });
    for (path, _) in paths {
        let (status, body) = daemon.get(path);
        // There is no cluster here, and that is said.
        assert!(status != 404 || body.contains("[cluster]"), "{path}: {body}");
    }
}

/// The process that another has started as its only child.
fn daemon_of(parent: u32) -> String {
    eventually("it has a child", || {
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
        Some(children.trim().to_owned()).filter(|child| !child.is_empty())
    })
}

fn signal(process: &str, name: &str) -> bool {
    Command::new("kill").args([&format!("-{name}"), process]).status().expect("kill").success()
}

#[test]
fn a_closed_terminal_stops_the_daemon_in_order_unless_it_was_told_not_to_mind() {
    // Whoever runs the tests may have been told not to mind either.
    for (command, minds) in [("exec env --default-signal=HUP", true), ("exec nohup", false)] {
        let site = Site::new("");
        let log = site.directory.path().join("log");
        let (program, config) = (env!("CARGO_BIN_EXE_eventmanager"), site.config());
        let run = format!("{command} {program} run --config {} 2>{}", config.display(), log.display());
        // A terminal of its own, which is closed when this ends.
        let mut terminal = Command::new("script");
        // `nohup` keeps what would have gone to the terminal in a file where it was called.
        let terminal = terminal.args(["-qc", &run, "/dev/null"]).current_dir(site.directory.path());
        let terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut terminal = terminal.spawn().expect("script runs");
        let logged = |text: &str| {
            eventually(text, || std::fs::read_to_string(&log).ok()?.contains(text).then_some(()));
        };
        logged("eventmanager started");
        let daemon = daemon_of(terminal.id());
        assert!(signal(&daemon, "HUP"));
        logged("reload ended");
        terminal.kill().expect("killed");
        terminal.wait().expect("ended");
        if minds {
            logged("why=\"the terminal is closed\"");
        } else {
            eventually("it reloads", || {
                let log = std::fs::read_to_string(&log).ok()?;
                (log.matches("reload ended").count() == 2).then_some(())
            });
            assert!(signal(&daemon, "TERM"));
        }
        logged("eventmanager stopped");
    }
}

#[test]
fn check_names_what_a_configuration_leaves_undone() {
    let site = Site::new(
        "[store]\nevents = \"sqlite:missing/events.db\"\n[[broadworks]]\nname = \"as1\"\naddress = \"127.0.0.1:9\"\n\
         [[route]]\nsource = \"k9\"\nstore = true\n",
    );
    let config = site.config();
    let (code, text) = eventmanager(&["check", "--config", config.to_str().expect("text")]);
    assert_eq!(code, Some(0), "{text}");
    let missing = site.directory.path().join("missing");
    for expected in [
        "warning: [[route]] 1: nothing has the source \"k9\"".to_owned(),
        "warning: no [ema]: events are stored as ignored".to_owned(),
        format!("warning: directory {} does not exist", missing.display()),
    ] {
        assert!(text.contains(&expected), "{expected:?} is not in\n{text}");
    }
    let daemon = site.start();
    let line = line_with(&daemon, "database unavailable");
    assert!(line.contains(&format!("directory {} does not exist", missing.display())), "{line}");
}

#[test]
fn a_misspelt_key_of_an_em_ini_is_named_beside_its_errors() {
    let site = Site::new("");
    let path = site.directory.path().join("em.ini");
    let text = include_str!("fixtures/config/em.ini").replace("primary_host", "primary_hots");
    std::fs::write(&path, text).expect("written");
    let (code, text) = eventmanager(&["check", "--config", path.to_str().expect("text")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("primary_host: is missing"), "{text}");
    assert!(text.contains("primary_hots: warning: unknown key, ignored; did you mean"), "{text}");
}

#[test]
fn a_demo_completes_every_event_unless_it_is_asked_for_failures() {
    let demo = ["demo", "--rate", "60", "--duration", "2"];
    let (code, text) = eventmanager(&demo);
    assert!(code == Some(0) && text.contains("\nevery event completed"), "{text}");
    assert!(text.contains("commands    eventmanager status --url http://127.0.0.1:"), "{text}");
    let (code, text) = eventmanager(&[&demo[..], &["--failures", "2"]].concat());
    assert!(code == Some(1) && text.contains("NOT every event completed"), "{text}");
    let failed = text.split(" completed, ").nth(1).and_then(|rest| rest.split(' ').next());
    assert!(failed.and_then(|count| count.parse().ok()).is_some_and(|count: u32| count >= 2), "{text}");
}
