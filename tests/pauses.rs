//! Operators pause and resume systems, over HTTP and on the command line, and the real program heeds them.

mod support;

use eventmanager::simulators::ema::RecordedCall;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::process::{Command, Output};
use std::time::Duration;
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, delete, set_phone};
use support::http::{self, Answer};
use support::inside::Inside;
use support::peers::Peers;
use support::postgres::{Cluster, execute};

fn site() -> (Peers, Site) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    (peers, site)
}

/// A daemon that knows which systems are paused.
fn start(site: &Site) -> Daemon {
    let daemon = site.start();
    eventually("the pauses are known", || (state(&daemon, "hss") != "unknown").then_some(()));
    daemon
}

fn post_with(address: std::net::SocketAddr, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    http::send(address, &format!("POST {path} HTTP/1.0\r\nContent-Length: {length}\r\n{headers}\r\n{body}"))
}

const PLAIN: &str = "Host: 127.0.0.1\r\nContent-Type: application/json\r\n";

fn post(daemon: &Daemon, path: &str, body: &str) -> Answer {
    post_with(daemon.http, path, PLAIN, body)
}

#[track_caller]
fn set(daemon: &Daemon, system: &str, act: &str) -> Value {
    let answer = post(daemon, &format!("/api/v1/systems/{system}/{act}"), "{\"reason\": \"upgrade\"}");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn json(daemon: &Daemon, path: &str) -> Value {
    http::get(daemon.http, path, "").json()
}

fn system(daemon: &Daemon, name: &str) -> Value {
    let systems = json(daemon, "/api/v1/systems")["systems"].clone();
    let systems = systems.as_array().expect("a list").clone();
    systems.into_iter().find(|system| system["system"] == name).expect("the system")
}

fn state(daemon: &Daemon, name: &str) -> String {
    system(daemon, name)["state"].as_str().expect("a word").to_owned()
}

/// The events that wait for a paused system, as the status shows them.
fn waiting(daemon: &Daemon, name: &str) -> u64 {
    let status = json(daemon, "/api/v1/status");
    let parties = status["backlog"]["waiting"].as_array().expect("a list");
    let party = parties.iter().find(|party| party[0] == format!("paused {name}"));
    party.and_then(|party| party[1].as_u64()).unwrap_or_default()
}

#[track_caller]
fn wait_waiting(daemon: &Daemon, name: &str, events: u64) {
    eventually(&format!("{events} events wait for {name}"), || {
        (waiting(daemon, name) == events).then_some(())
    });
}

/// Who did what to what, and why, oldest first.
fn audit(daemon: &Daemon) -> Vec<String> {
    let acts = json(daemon, "/api/v1/audit")["acts"].as_array().expect("a list").clone();
    let words = |act: &Value| {
        ["actor", "act", "object", "detail"]
            .map(|key| act[key].as_str().unwrap_or("-").to_owned())
            .join(" | ")
    };
    acts.iter().rev().map(words).collect()
}

fn statuses(site: &Site) -> Vec<String> {
    site.events().into_iter().map(|row| row.status).collect()
}

fn requests(peers: &Peers) -> Vec<RecordedCall> {
    let calls = peers.ema.calls().into_iter();
    calls.filter(|call| !matches!(call.operation, "Login" | "Logout")).collect()
}

/// The program as an operator called Anna runs it.
fn program(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    command.args(args).env("USER", "anna").env_remove("SUDO_USER").env_remove("EVENTMANAGER_TOKEN");
    command.output().expect("the program runs")
}

/// The program, asking this daemon: its exit code, and what it says.
fn ask(daemon: &Daemon, args: &[&str]) -> (Option<i32>, String) {
    let url = format!("http://{}", daemon.http);
    let output = program(&[args, &["--url", &url]].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn configure(site: &Site, from: &str, to: &str) {
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    assert!(text.contains(from), "{text}");
    std::fs::write(site.config(), text.replacen(from, to, 1)).expect("written");
}

#[test]
fn events_of_a_paused_system_are_stored_and_wait_until_it_is_resumed() {
    let (peers, site) = site();
    let daemon = start(&site);
    for name in ["hss", "enum", "mail"] {
        let line = format!("eventmanager_paused{{system=\"{name}\"}} 0");
        assert!(daemon.get("/metrics").1.contains(&line), "{line}");
    }
    let done = set(&daemon, "hss", "pause");
    assert_eq!((&done["state"], &done["changed"]), (&"paused".into(), &true.into()));
    assert_eq!((&done["paused"]["by"], &done["paused"]["reason"]), (&"local".into(), &"upgrade".into()));

    for number in 0..20 {
        let user = format!("user{}@tele.gl", number / 2);
        let document = if number % 2 == 0 {
            add(number, &user)
        } else {
            set_phone(number, &user, &format!("3210{number:02}"))
        };
        peers.broadworks.send(&document);
    }
    // The second event of each user waits behind the first.
    wait_waiting(&daemon, "hss", 10);
    eventually("all are stored", || (site.count(&["pending"]) == 20).then_some(()));
    assert_eq!(requests(&peers), []);
    assert_eq!(daemon.metric("eventmanager_paused", "system=\"hss\""), 1.0);
    assert_eq!(daemon.metric("eventmanager_paused", "system=\"enum\""), 0.0);
    let shown = system(&daemon, "hss");
    assert_eq!((&shown["state"], &shown["configured"]), (&"paused".into(), &true.into()));
    assert!(shown["paused"]["since"].as_f64().is_some_and(|since| since > 1.7e9), "{shown}");

    set(&daemon, "hss", "resume");
    site.wait_ended(20);
    assert_eq!(site.count(&["completed"]), 20, "{:?}", site.events());
    assert_eq!(peers.ema.holds(), (10, 10));
    assert_eq!(audit(&daemon), ["local | pause | hss | upgrade", "local | resume | hss | upgrade"]);
    assert_eq!(state(&daemon, "hss"), "running");
}

#[test]
fn a_pause_survives_a_kill_and_a_restart() {
    let (peers, site) = site();
    let daemon = start(&site);
    set(&daemon, "hss", "pause");
    let since = system(&daemon, "hss")["paused"]["since"].clone();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    wait_waiting(&daemon, "hss", 1);
    daemon.kill();
    let daemon = start(&site);
    wait_waiting(&daemon, "hss", 1);
    assert_eq!(system(&daemon, "hss")["paused"]["since"], since);
    assert_eq!(daemon.metric("eventmanager_paused", "system=\"hss\""), 1.0);
    assert_eq!(daemon.terminate(), Some(0), "what is paused does not hold up a stop");
    let daemon = start(&site);
    wait_waiting(&daemon, "hss", 1);
    assert_eq!(requests(&peers), []);
    set(&daemon, "hss", "resume");
    site.wait_ended(1);
    assert_eq!((statuses(&site), peers.ema.holds()), (vec!["completed".to_owned()], (1, 0)));
}

#[test]
fn a_paused_enum_holds_only_what_needs_it_and_what_was_answered_is_not_sent_again() {
    let (peers, site) = site();
    let daemon = start(&site);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    set(&daemon, "enum", "pause");
    // First the phone's number in the HSS, then its record in ENUM.
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&delete(3, "anna@tele.gl"));
    peers.broadworks.send(&add(4, "bo@tele.gl"));
    wait_waiting(&daemon, "enum", 1);
    eventually("the other user's event ends", || (statuses(&site)[3] == "completed").then_some(()));
    assert_eq!(statuses(&site), ["completed", "pending", "pending", "completed"]);
    let before: Vec<_> = requests(&peers).into_iter().map(|call| (call.step, call.mo_id)).collect();
    set(&daemon, "enum", "resume");
    site.wait_ended(4);
    assert_eq!(site.count(&["completed"]), 4, "{:?}", site.events());
    let all: Vec<_> = requests(&peers).into_iter().map(|call| (call.step, call.mo_id)).collect();
    assert_eq!(all[..before.len()], before);
    assert_eq!(all[before.len()].0, "Create ENUM", "{all:?}");
    assert_eq!(peers.ema.holds(), (1, 0));
}

#[test]
fn a_plan_of_which_nothing_was_sent_is_made_anew_after_the_pause() {
    let (peers, site) = site();
    let daemon = start(&site);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    site.wait_ended(2);
    for name in ["hss", "enum"] {
        set(&daemon, name, "pause");
    }
    peers.broadworks.send(&delete(3, "anna@tele.gl"));
    eventually("it waits", || (waiting(&daemon, "hss") + waiting(&daemon, "enum") == 1).then_some(()));
    site.database().execute("update srd_user set e164 = '555555'", []).expect("edited");
    for name in ["hss", "enum"] {
        set(&daemon, name, "resume");
    }
    site.wait_ended(3);
    assert!(requests(&peers).iter().any(|call| call.mo_id.contains("555555")), "{:?}", requests(&peers));
}

#[test]
fn what_is_under_way_ends_and_an_outage_meanwhile_changes_nothing() {
    let (peers, site) = site();
    let daemon = start(&site);
    peers.ema.refuse(true).expect("refused");
    for number in 0..5 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    let status = || json(&daemon, "/api/v1/status")["backlog"]["waiting"].clone();
    eventually("they wait for the system", || status().to_string().contains("[\"hss\",").then_some(()));
    set(&daemon, "hss", "pause");
    wait_waiting(&daemon, "hss", 5);
    peers.ema.refuse(false).expect("listening");
    set(&daemon, "hss", "resume");
    site.wait_ended(5);
    assert_eq!(site.count(&["completed"]), 5);

    peers.ema.set_latency(Duration::from_millis(500));
    peers.broadworks.send(&add(10, "anna@tele.gl"));
    let sent = "select count(*) from em_step s join em_event e on e.uuid = s.uuid where e.status = 'pending'";
    eventually("its request is under way", || {
        let marks: i64 = site.database().query_row(sent, [], |row| row.get(0)).expect("a count");
        (marks == 1).then_some(())
    });
    set(&daemon, "hss", "pause");
    site.wait_ended(6);
    assert_eq!((state(&daemon, "hss").as_str(), site.count(&["completed"])), ("paused", 6));
}

#[test]
fn pausing_and_resuming_while_many_events_come_leaves_none_behind() {
    let (peers, site) = site();
    let daemon = start(&site);
    for round in 0..30 {
        for number in 0..10 {
            let id = round * 10 + number;
            peers.broadworks.send(&add(id, &format!("user{id}@tele.gl")));
        }
        set(&daemon, "hss", "pause");
        set(&daemon, "hss", "resume");
    }
    site.wait_ended(300);
    assert_eq!(site.count(&["completed"]), 300);
    assert_eq!(peers.ema.holds().0, 300);
    assert_eq!((peers.ema.created_twice().applied_again, waiting(&daemon, "hss")), (0, 0));
    assert_eq!(audit(&daemon).len(), 60);
}

#[test]
fn an_event_that_stops_half_way_just_as_its_system_is_resumed_goes_on() {
    let (peers, site) = site();
    let daemon = start(&site);
    let users: Vec<String> = (0..16).map(|number| format!("user{number}@tele.gl")).collect();
    for (id, user) in users.iter().enumerate() {
        peers.broadworks.send(&add(id as u64, user));
    }
    site.wait_ended(16);
    for round in 1..=40 {
        set(&daemon, "enum", "pause");
        for (number, user) in users.iter().enumerate() {
            peers.broadworks.send(&set_phone(
                round * 16,
                user,
                &format!("32{:04}", round * 16 + number as u64),
            ));
        }
        // The resume comes at another moment of their way in every round.
        std::thread::sleep(Duration::from_millis(round % 10));
        set(&daemon, "enum", "resume");
        // Nothing more happens that could wake one that was forgotten.
        site.wait_ended(16 * (round + 1));
    }
    assert_eq!(site.count(&["completed"]), 16 * 41);
    assert_eq!(peers.ema.holds(), (16, 16));
}

#[test]
fn what_is_done_already_is_answered_so_and_audited() {
    let (_peers, site) = site();
    let daemon = start(&site);
    assert_eq!(set(&daemon, "mail", "resume")["changed"], false);
    assert_eq!(set(&daemon, "mail", "pause")["changed"], true);
    let again = post(&daemon, "/api/v1/systems/mail/pause", "{\"reason\": \"other\"}").json();
    assert_eq!((&again["changed"], &again["paused"]["reason"]), (&false.into(), &"upgrade".into()));
    assert_eq!(post(&daemon, "/api/v1/systems/mail/resume", "").json()["changed"], true);
    assert_eq!(
        audit(&daemon),
        [
            "local | resume | mail | was not paused: upgrade",
            "local | pause | mail | upgrade",
            "local | pause | mail | was paused already: other",
            "local | resume | mail | -",
        ]
    );
    let page = json(&daemon, "/api/v1/audit?limit=3");
    assert_eq!(page["acts"].as_array().map(Vec::len), Some(3));
    let rest = json(&daemon, &format!("/api/v1/audit?limit=3&before={}", page["next"]));
    assert_eq!((rest["acts"].as_array().map(Vec::len), &rest["next"]), (Some(1), &Value::Null));
}

#[test]
fn bad_input_is_refused_with_a_reason_and_changes_nothing() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let hss = "/api/v1/systems/hss/pause";
    let check = |answer: Answer, status: u16, says: &str| {
        assert_eq!(answer.status, status, "{says}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{says}");
        assert!(answer.body.contains(says), "{says}: {}", answer.body);
        answer
    };
    check(post(&daemon, "/api/v1/systems/dns/pause", "{}"), 404, "hss, enum and mail");
    check(post(&daemon, "/api/v1/systems/hss/stop", "{}"), 404, "there is no POST");
    check(post(&daemon, hss, "{\"reason\": 1}"), 400, "reason");
    check(post(&daemon, hss, "{\"cause\": \"x\"}"), 400, "cause");
    check(post(&daemon, hss, "not json"), 400, "body");
    check(post(&daemon, hss, &format!("{{\"reason\": \"{}\"}}", "x".repeat(501))), 400, "501");
    check(post(&daemon, hss, &format!("{{\"reason\": \"{}\"}}", "x".repeat(20_000))), 413, "16384");
    let wrong = check(http::get(daemon.http, hss, ""), 405, "POST");
    assert_eq!(wrong.header("allow"), Some("POST"));
    check(post(&daemon, "/api/v1/systems", "{}"), 405, "GET");
    for query in ["?limit=0", "?limit=1001", "?limit=x", "?before=x", "?after=1"] {
        check(http::get(daemon.http, &format!("/api/v1/audit{query}"), ""), 400, "parameter");
    }
    assert_eq!((state(&daemon, "hss").as_str(), audit(&daemon).len()), ("running", 0));
}

#[test]
fn a_page_of_another_site_may_not_act_on_a_daemon_without_tokens() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let hss = "/api/v1/systems/hss/pause";
    let host = format!("Host: {}\r\n", daemon.http);
    let json = "Content-Type: application/json\r\n";
    let check = |headers: String, status: u16| {
        let answer = post_with(daemon.http, hss, &headers, "{}");
        assert_eq!(answer.status, status, "{headers}: {}", answer.body);
    };
    check(host.clone(), 415);
    check(format!("{host}Content-Type: text/plain\r\n"), 415);
    check(format!("{host}{json}Origin: https://evil.example\r\n"), 403);
    check(format!("{host}{json}Sec-Fetch-Site: cross-site\r\n"), 403);
    check(format!("Host: evil.example\r\n{json}Origin: http://evil.example\r\n"), 403);
    assert_eq!(audit(&daemon).len(), 0);
    check(format!("{host}{json}Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", daemon.http), 200);
    // Nobody is let into the log or a terminal by the name that he gives himself.
    check(format!("{host}{json}X-Operator: {}\r\n", "x".repeat(1000)), 200);
    assert!(audit(&daemon)[1].starts_with(&format!("local ({}) |", "x".repeat(64))), "{:?}", audit(&daemon));
}

fn sha256(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Configures the tokens `look` of a viewer and `act` of an operator called noc.
fn with_tokens(site: &Site) {
    let token = |name: &str, role: &str, token: &str| {
        format!("[[http.token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{}\"\n", sha256(token))
    };
    let tokens = token("monitor", "viewer", "look") + &token("noc", "operator", "act");
    configure(site, "[log]\n", &format!("{tokens}[log]\n"));
}

#[test]
fn to_act_wants_an_operator_s_token_and_the_audit_names_it() {
    let (_peers, site) = site();
    with_tokens(&site);
    let daemon = site.start();
    let bearer = |token: &str| format!("{PLAIN}Authorization: Bearer {token}\r\n");
    eventually("the pauses are known", || {
        let systems = daemon.get_with("/api/v1/systems", "Authorization: Bearer look\r\n").1;
        (systems.contains("running") && !systems.contains("unknown")).then_some(())
    });
    let check = |headers: String, status: u16| {
        let answer = post_with(daemon.http, "/api/v1/systems/hss/pause", &headers, "{}");
        assert_eq!(answer.status, status, "{headers}: {}", answer.body);
    };
    check(PLAIN.to_owned(), 401);
    check(bearer("wrong"), 401);
    check(bearer("look"), 403);
    check(bearer("act") + "X-Operator: somebody\r\n", 200);
    for path in ["/api/v1/systems", "/api/v1/audit", "/api/v1/status"] {
        assert_eq!(daemon.get(path).0, 401, "{path}");
        assert_eq!(daemon.get_with(path, "Authorization: Bearer look\r\n").0, 200, "{path}");
    }
    let acts = daemon.get_with("/api/v1/audit", "Authorization: Bearer look\r\n").1;
    assert!(acts.contains("\"actor\":\"noc\"") && !acts.contains("somebody"), "{acts}");

    // The commands show the token, and say what is wrong where they have none or the wrong one.
    let file = |name: &str, token: &str| {
        let path = site.directory.path().join(name);
        std::fs::write(&path, format!("{token}\n")).expect("written");
        path.display().to_string()
    };
    let (look, act, wrong) = (file("look", "look"), file("act", "act"), file("wrong", "wrong"));
    let check = |args: &[&str], code: i32, says: &str| {
        let (ended, said) = ask(&daemon, args);
        assert_eq!(ended, Some(code), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    };
    check(&["resume", "hss"], 1, "wants a token: --token-file FILE, or EVENTMANAGER_TOKEN");
    check(&["resume", "hss", "--token-file", &wrong], 1, "does not know this token");
    check(&["resume", "hss", "--token-file", &look], 1, "viewer");
    check(&["resume", "hss", "--token-file", &act], 0, "hss goes on");
    check(&["status", "--token-file", &look], 0, "running");
    check(&["status", "--token-file", "/no/such/file"], 1, "/no/such/file");
}

#[test]
fn the_commands_pause_and_resume_and_tell_how_it_is() {
    let (peers, site) = site();
    let daemon = start(&site);
    eventually("connected", || (daemon.metric("eventmanager_connection_up", "") == 1.0).then_some(()));
    let check = |args: &[&str], says: &[&str]| {
        let (code, said) = ask(&daemon, args);
        assert_eq!(code, Some(0), "{args:?}: {said}");
        says.iter().for_each(|says| assert!(said.contains(says), "{says:?} is not in {said}"));
    };
    check(&["pause", "hss", "--reason", "upgrade of the HSS"], &["hss is paused"]);
    check(&["pause", "hss"], &["hss was paused already, by local (anna) ", " ago: upgrade of the HSS"]);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    wait_waiting(&daemon, "hss", 1);
    assert_eq!(requests(&peers), []);
    check(
        &["status"],
        &[
            "eventmanager 0.1.0, up ",
            "events up, subscribers up",
            "as1          up ",
            "hss          PAUSED by local (anna) ",
            "upgrade of the HSS",
            "enum         running",
            "mail         running",
            "1 unfinished, 0 running, 1 wait for paused hss",
            "1 pending, 0 failed",
            "restarts     0",
        ],
    );
    check(&["resume"], &["hss goes on", "enum was not paused", "mail was not paused"]);
    site.wait_ended(1);
    check(&["pause"], &["hss is paused", "enum is paused", "mail is paused"]);
    assert_eq!(audit(&daemon)[0], "local (anna) | pause | hss | upgrade of the HSS");
    assert_eq!(audit(&daemon).len(), 8);

    let output = program(&["status", "--json", "--url", &format!("http://{}", daemon.http)]);
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&status["systems"][0]["state"], &status["events"]["completed"]),
        (&"paused".into(), &1.into())
    );
    assert_eq!((&status["store"]["events"]["up"], &status["restarts"]), (&true.into(), &0.into()));

    let (code, said) = ask(&daemon, &["pause", "dns"]);
    assert!(code == Some(2) && said.contains("hss, enum or mail"), "{said}");
    let long = "x".repeat(501);
    let (code, said) = ask(&daemon, &["pause", "hss", "--reason", &long]);
    assert!(code == Some(1) && said.contains("501 characters"), "{said}");
}

#[test]
fn a_command_finds_the_daemon_by_its_configuration_and_says_when_it_is_not_there() {
    let (_peers, site) = site();
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let config = site.config().display().to_string();
    // What only the daemon can read is no hindrance.
    configure(&site, "127.0.0.1:0", &format!("127.0.0.1:{port}"));
    let url = format!("http://127.0.0.1:{port}");
    let daemon = start(&site);
    configure(&site, "password = \"emapass\"", "password = \"file:${NO_SUCH_DIRECTORY}/ema\"");
    let output = program(&["status", "--config", &config]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    drop(daemon);
    let check = |args: &[&str], says: &[&str]| {
        let output = program(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        says.iter().for_each(|says| assert!(error.contains(says), "{says:?} is not in {error}"));
    };
    check(&["pause", "--config", &config], &[&url, "no daemon answers", "systemctl start eventmanager"]);
    check(&["status", "--config", "/no/such/file.toml"], &["/no/such/file.toml", "--url"]);
    check(&["status", "--url", "ftp://host"], &["ftp://host"]);
    configure(&site, &format!("127.0.0.1:{port}"), "nowhere");
    check(&["status", "--config", &config], &["http.listen", "--url"]);
}

#[test]
fn a_command_speaks_tls_with_a_daemon_that_does() {
    let (_peers, site) = site();
    let path = |name: &str| site.directory.path().join(name).display().to_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-keyout", &path("key.pem"), "-out", &path("cert.pem"), "-days", "1"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    configure(&site, "[log]\n", "tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n[log]\n");
    let daemon = site.start();
    let url = format!("https://localhost:{}", daemon.http.port());
    let trusting = program(&["status", "--url", &url, "--ca", &path("cert.pem")]);
    assert_eq!(trusting.status.code(), Some(0), "{}", String::from_utf8_lossy(&trusting.stderr));
    let error = |args: &[&str]| String::from_utf8_lossy(&program(args).stderr).into_owned();
    let said = error(&["status", "--url", &url, "--ca", &path("key.pem")]);
    assert!(said.contains("key.pem"), "{said}");
    let said = error(&["status", "--url", &url.replace("https", "http")]);
    assert!(said.contains("http://localhost"), "{said}");
}

#[test]
fn while_the_store_is_away_an_act_is_refused_and_the_status_says_why() {
    let mut cluster = Cluster::start();
    execute(&cluster.url("postgres"), "create database em").expect("a database");
    let peers = Peers::start();
    let site = Site::new(&format!("[store]\nevents = \"{}\"\n{}", cluster.url("em"), peers.config("")));
    let daemon = start(&site);
    set(&daemon, "enum", "pause");
    cluster.crash();
    eventually("the outage is known", || (daemon.get("/readyz").0 == 503).then_some(()));
    let refused = post(&daemon, "/api/v1/systems/hss/pause", "{}");
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.body.contains("the store is away"), "{}", refused.body);
    let (code, said) = ask(&daemon, &["pause", "hss"]);
    assert!(code == Some(1) && said.contains("the store is away"), "{said}");
    assert_eq!(http::get(daemon.http, "/api/v1/audit", "").status, 503);
    let (code, said) = ask(&daemon, &["status"]);
    assert!(code == Some(0) && said.contains("DOWN") && said.contains("PAUSED"), "{said}");
    // At a start, too: what is paused is not known, and nobody is told that it runs.
    assert_eq!(daemon.terminate(), Some(0));
    let daemon = site.start();
    assert_eq!(state(&daemon, "enum"), "unknown");
    assert_eq!(post(&daemon, "/api/v1/systems/hss/pause", "{}").status, 503);
    cluster.resume();
    eventually("the pauses are known", || (state(&daemon, "enum") == "paused").then_some(()));
    assert_eq!(state(&daemon, "hss"), "running");
    eventually("acts are taken", || {
        (post(&daemon, "/api/v1/systems/hss/pause", "{}").status == 200).then_some(())
    });
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    wait_waiting(&daemon, "hss", 1);
    assert_eq!(requests(&peers), []);
}

#[test]
fn actors_that_fail_forget_no_pause_and_no_event() {
    let (peers, site) = site();
    let daemon = Inside::start(&site);
    let systems = || daemon.get("/api/v1/systems").body;
    eventually("the pauses are known", || (!systems().contains("unknown")).then_some(()));
    let act = |act: &str| post_with(daemon.http, &format!("/api/v1/systems/hss/{act}"), PLAIN, "{}").status;
    assert_eq!(act("pause"), 200);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    let waits = || daemon.get("/api/v1/status").body.contains("[\"paused hss\",1]").then_some(());
    eventually("it waits", waits);
    daemon.crash("managers/pauses");
    assert!(systems().contains("\"state\":\"paused\""), "{}", systems());
    daemon.crash("routing/router");
    eventually("it waits", waits);
    assert_eq!(requests(&peers), []);
    // The router of now hears from the pauses of now.
    eventually("it is resumed", || (act("resume") == 200).then_some(()));
    site.wait_ended(1);
    assert_eq!(peers.ema.holds(), (1, 0));
}

#[test]
fn without_an_ema_there_is_nothing_to_pause() {
    let site = Site::new("[[broadworks]]\nname = \"as1\"\naddress = \"127.0.0.1:1\"\n");
    let daemon = site.start();
    let answer = post(&daemon, "/api/v1/systems/hss/pause", "{}");
    assert!(answer.status == 409 && answer.body.contains("[ema]"), "{}", answer.body);
    let (code, said) = ask(&daemon, &["status"]);
    assert!(code == Some(0) && said.contains("hss          not configured"), "{said}");
}
