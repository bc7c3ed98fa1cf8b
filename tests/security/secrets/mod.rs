//! One run with everything on, known secrets in every place that takes one, and failures of all kinds: none of them leaves.
//!
//! What is proved by itself: documents at level trace (`no_secret_is_in_the_text_log_at_level_trace_nor_in_an_answer`), peers that say
//! back what they were asked (`what_peers_say_back_and_what_commands_print_holds_no_secret_at_level_debug`), scripts of Kamailio
//! (`no_secret_of_a_kamailio_is_in_the_text_log_at_level_trace_nor_in_an_answer_nor_found`).

mod world;

use crate::given::*;
use crate::support::daemon::{Daemon, eventually};
use crate::support::documents::{add, password, trunk, voicemail};
use crate::support::stream::Events;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventmanager::simulators::script::{Action, Rule};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::process::Command;
use world::*;

/// Has everything happen that could be told with a secret in it.
fn run(world: &mut World, daemon: &Daemon) {
    let operator = shown("operator");
    let headers = format!("{JSON}{operator}");
    for hub in &world.hubs {
        let callback = format!("http://{}/in?key={CALLBACK}", hub.address);
        let body = json!({"callback": callback}).to_string();
        eventually("a hub is there", || {
            let answer = ask(daemon, "POST", &format!("{BASE}/topic/calls/hub"), &headers, &body);
            matches!(answer.status, 200 | 201).then_some(())
        });
    }
    let mut script = world.kamailio.accept();
    world.peers.ema.script(vec![
        Rule::new(Action::Fault { code: 3014, detail_code: Some(1004), style: Default::default() })
            .op("Login")
            .times(1),
        Rule::new(Action::Hang).op("Create").times(1),
        Rule::new(Action::Status(503)).op("Create").times(1),
    ]);
    for document in [
        add(1, "anna@tele.gl"),
        password(2, "anna@tele.gl", SIP),
        trunk(3, "g1", "pilot@tele.gl", "line@tele.gl", TRUNK),
        voicemail(4, "anna@tele.gl", Some(("anna@mail.gl", MAILBOX))),
        password(5, "nobody@tele.gl", SIP),
    ] {
        world.peers.broadworks.send(&document);
    }
    for n in 0..3 {
        script.event(&format!(
            r#"{{"event":"question","tr_index":"{n}","tr_label":"2","password":"{SCRIPT}"}}"#
        ));
        script.event(&format!(
            r#"{{"event":"login{n}","password":"{SCRIPT}","body":"{{\"secret\":\"{SCRIPT}\"}}"}}"#
        ));
        script.event(&format!(r#"{{"event":"broken","password":"{SCRIPT}""#));
    }
    world.webhook.wait(3);
    world.hubs.iter().for_each(|hub| _ = hub.wait(4));
    world.site.wait_ended(5);
    // The database of subscribers goes and comes, the file is read anew, and once it is wrong.
    world.cluster.crash();
    eventually("it is seen", || (daemon.get("/readyz").0 == 503).then_some(()));
    world.cluster.resume();
    eventually("it is over", || (daemon.get("/readyz").0 == 200).then_some(()));
    let file = std::fs::read_to_string(world.site.config()).expect("a file");
    for changed in [
        [EMA, MAIL, DOMAIN, AMI, BASIC, BEARER, CLIENT]
            .iter()
            .fold(file.clone(), |file, secret| file.replace(secret, RELOADED)),
        file.replace("\"whsec_", "\"wrong_").replace("auth = \"basic\"", "auth = \"none\""),
        file.clone(),
    ] {
        std::fs::write(world.site.config(), &changed).expect("written");
        // Whatever comes of them.
        let reloads = || daemon.metric("eventmanager_reloads_total", "");
        let before = reloads();
        daemon.signal("HUP");
        eventually("it is read", || (reloads() > before).then_some(()));
    }
    // Acts that go wrong.
    for (path, body) in [
        ("/api/v1/session", json!({"token": format!("{}x", TOKENS[2])})),
        ("/api/v1/session", json!({"tokens": TOKENS[2]})),
        ("/api/v1/asterisk/pbx/action", json!({"action": "Login", "headers": {"Secret": AMI}})),
        ("/api/v1/kamailio/k1/send", json!({"command": {"password": SCRIPT}})),
    ] {
        ask(daemon, "POST", path, &headers, &body.to_string());
    }
}

/// Everything that leaves the daemon, each piece with its name.
fn said(world: &World, daemon: &Daemon) -> Vec<(String, String)> {
    let viewer = shown("viewer");
    let mut said = vec![("/metrics".to_owned(), daemon.get("/metrics").1)];
    let mut paths: BTreeSet<String> = described(daemon, &viewer)
        .into_iter()
        .filter(|(path, method)| method == "GET" && path != "/api/v1/stream")
        .flat_map(|(path, _)| (1..=9).map(move |id| filled(&path.replace("{id}", &id.to_string()))))
        .collect();
    let hubs = ask(daemon, "GET", "/api/v1/hubs", &viewer, "").json();
    for hub in hubs["hubs"].as_array().expect("hubs") {
        paths.insert(format!("/api/v1/hubs/{}", hub["id"].as_str().expect("an id")));
        paths.insert(format!("{BASE}/hub/{}", hub["id"].as_str().expect("an id")));
    }
    paths.insert("/events?all=true".to_owned());
    for asset in
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/page/assets")).expect("a folder")
    {
        paths.insert(format!("/assets/{}", asset.expect("a file").file_name().display()));
    }
    for path in paths {
        for headers in ["", &*viewer] {
            let answer = ask(daemon, "GET", &path, headers, "");
            assert!(
                headers.is_empty() || !matches!(answer.status, 401 | 429 | 500),
                "{path}: {}",
                answer.head
            );
            said.push((path.clone(), answer.head + &answer.body));
        }
    }
    let url = format!("http://{}", daemon.http);
    for command in [
        "status",
        "status --json",
        "events list --all",
        "events list --all --json",
        "events show 2",
        "events show 2 --document",
        "events plan 2",
        "hubs list",
        "hubs list --json",
        "states list",
        "states peers",
        "evi list",
        "subscribers list",
        "subscribers show anna@tele.gl",
        "subscribers show anna@tele.gl --json",
        "pause hss",
        "resume hss",
        "asterisk action pbx CoreStatus",
        "check",
        "compare",
        "plan --event 2",
        "run",
    ] {
        let mut words: Vec<&str> = command.split(' ').collect();
        let config = world.site.config().display().to_string();
        words.extend(["--config", &config]);
        if !matches!(words[0], "check" | "compare" | "plan" | "run") {
            words.extend(["--url", &url]);
        }
        if words[0] == "run" {
            // One more cannot be started with a file that is wrong.
            std::fs::write(
                world.site.directory.path().join("wrong.toml"),
                std::fs::read_to_string(&config)
                    .expect("a file")
                    .replace("auth = \"basic\"", "auth = \"none\""),
            )
            .expect("written");
            words[2] = "wrong.toml";
        }
        let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
            .args(&words)
            .current_dir(world.site.directory.path())
            .env("EVENTMANAGER_TOKEN", TOKENS[2])
            .env("RUST_LOG", "debug")
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!text.is_empty(), "{command} says nothing");
        said.push((command.to_owned(), text));
    }
    for file in ["cmdline", "comm", "maps", "mountinfo"] {
        let path = format!("/proc/{}/{file}", daemon.id());
        said.push((path.clone(), std::fs::read_to_string(path).unwrap_or_default()));
    }
    said
}

/// A secret as it may be written: itself, in an address, and as what is shown of a login.
fn forms(secret: &str) -> BTreeSet<String> {
    let percent =
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    let login = STANDARD.encode(format!("em:{secret}"));
    let sha256: String = Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect();
    [secret.to_owned(), percent, login, STANDARD.encode(secret), sha256].into()
}

fn check(format: &str) {
    let mut world = World::start(format);
    let daemon = world.site.start();
    ready(&daemon);
    let stream = Events::open_with(daemon.http, "", &shown("viewer"));
    let told = std::thread::spawn(move || {
        let (mut stream, mut told) = (stream, String::new());
        while let Some(message) = stream.next() {
            told += &format!("{} {}\n", message.kind, message.data);
        }
        told
    });
    run(&mut world, &daemon);
    let mut said = said(&world, &daemon);
    let passwords = world.peers.ema.state().associations.into_values().filter_map(|held| held.password);
    let mut secrets: Vec<String> = passwords.map(|password| password.expose().to_owned()).collect();
    assert!(secrets.iter().any(|secret| secret == SIP), "it has arrived: {secrets:?}");
    secrets.extend(
        [
            EMA, MAIL, DOMAIN, AMI, NATS, BASIC, BEARER, CLIENT, ACCESS, WEBHOOK, CALLBACK, DATABASE, SIP,
            TRUNK, MAILBOX,
        ]
        .map(str::to_owned),
    );
    secrets.extend([SCRIPT, RELOADED, TOKEN_URL].into_iter().chain(TOKENS).map(str::to_owned));
    secrets.push(String::from_utf8_lossy(SIGNING).into_owned());
    let key = std::fs::read_to_string(world.site.directory.path().join("key.pem")).expect("a key");
    secrets.extend(key.lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
    // All of them are in use.
    for (hub, shown) in world.hubs.iter().zip([&*STANDARD.encode(format!("em:{BASIC}")), BEARER, ACCESS]) {
        assert!(
            hub.received().iter().any(|it| it.header("authorization").ends_with(shown)),
            "{shown} was never sent"
        );
    }
    assert!(world.webhook.received().iter().all(|it| it.path.contains(WEBHOOK)));
    assert!(world.hubs.iter().all(|hub| hub.received()[0].path.contains(CALLBACK)));
    let log = daemon.log();
    assert_eq!(daemon.terminate(), Some(0));
    said.push(("the log".to_owned(), log));
    said.push(("the stream".to_owned(), told.join().expect("a reader")));
    for form in secrets.iter().flat_map(|secret| forms(secret)) {
        for (place, text) in &said {
            let Some(at) = text.find(&form) else { continue };
            let start = text[..at].rfind('\n').map_or(0, |start| start + 1);
            let line: String = text[start..].lines().next().unwrap_or_default().chars().take(2000).collect();
            panic!("{form:?} leaves in {place}: {line}");
        }
    }
}

#[test]
fn no_secret_of_any_part_leaves_while_all_are_on_and_much_goes_wrong() {
    check("text");
}

#[test]
fn no_secret_of_any_part_leaves_in_the_json_log() {
    check("json");
}
