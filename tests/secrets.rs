//! No secret leaves: not through the log at any level, nor through an HTTP answer, nor through metrics.

#[path = "kamailio/peer.rs"]
#[allow(dead_code)]
mod peer;
mod support;

use eventmanager::simulators::ema::{EmaOptions, EmaSimulator};
use eventmanager::simulators::script::{Action, Rule};
use eventmanager::simulators::surgemail::{SurgemailOptions, SurgemailSimulator};
use eventmanager::wire::Secret;
use peer::Peer;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::process::Command;
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, report, set_phone, trunk, voicemail};
use support::peers::Peers;
use support::postgres::{Cluster, execute};
use support::stream::Events;

/// Passwords in documents, each in another place.
const IN_DOCUMENTS: [&str; 4] = ["doc-secret-1", "doc-secret-2", "doc-secret-3", "doc-secret-4"];
/// Of a trunk, and of a mailbox.
const IN_MORE_DOCUMENTS: [&str; 2] = ["trunk-secret-9", "mailbox-secret-10"];
const MAIL: &str = "mail-secret-11";
const MAIL_DOMAIN: &str = "domain-secret-12";
const EMA: &str = "ema-secret-5";
const TOKEN: &str = "token-secret-6";
const DATABASE: &str = "db-secret-7";
/// A password somebody put into an address.
const IN_URL: &str = "url-secret-8";

/// Provisions users with passwords, lets faults and outages happen, and gives everything that has left the daemon.
fn everything_that_leaves(
    level: &str,
    format: &str,
    postgres: Option<&mut Cluster>,
) -> (String, Vec<String>) {
    let mut peers = Peers::start();
    let options = EmaOptions { password: Secret::new(EMA), ..EmaOptions::default() };
    peers.ema = EmaSimulator::start(options).expect("an ema");
    let usual = SurgemailOptions::default();
    let mail = SurgemailOptions {
        password: Secret::new(MAIL),
        domain_password: Some(Secret::new(MAIL_DOMAIN)),
        ..usual.clone()
    };
    peers.surgemail = SurgemailSimulator::start(mail).expect("a mail server");
    let usual_domain = usual.domain_password.unwrap_or_default();
    let mut config = peers
        .config("timeout = \"300ms\"")
        .replace("\"emapass\"", &format!("{EMA:?}"))
        .replace(
            &format!("domain_password = {:?}", usual_domain.expose()),
            &format!("domain_password = {MAIL_DOMAIN:?}"),
        )
        .replace(&format!("\npassword = {:?}", usual.password.expose()), &format!("\npassword = {MAIL:?}"));
    let sha256 = digest();
    config += &token_section();
    if let Some(cluster) = &postgres {
        let url = cluster.url("postgres").replace("postgres@", &format!("postgres:{DATABASE}@"));
        config += &format!("[store]\nevents = {url:?}\n");
    }
    let site = Site::new(&config);
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    let log = format!("level = {level:?}\nformat = {format:?}");
    std::fs::write(site.config(), text.replace("level = \"debug\"", &log)).expect("written");
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    let stream = Events::open_with(daemon.http, "", &format!("Authorization: Bearer {TOKEN}\r\n"));
    let stream = std::thread::spawn(|| told_on(stream));

    // Refused logins, outages, faults and nonsense: whatever might be quoted in a log.
    let fault = Action::Fault { code: 4006, detail_code: Some(1004), style: Default::default() };
    peers.ema.script(vec![
        Rule::new(fault).contains("fails@tele.gl"),
        Rule::new(Action::Fault { code: 3014, detail_code: Some(1004), style: Default::default() })
            .op("Login")
            .times(1),
        Rule::new(Action::ProcessAndDrop).op("Create").times(1),
        Rule::new(Action::Body { status: 200, body: "<html>nonsense</html>".into() }).op("Create").times(1),
        Rule::new(Action::Hang).op("Create").times(1),
        Rule::new(Action::Status(503)).op("Create").times(1),
    ]);
    let user = |id: u64, name: &str, secret: &str| {
        let body = format!("<userId>{name}</userId><password>{secret}</password>");
        report(id, "UserAddRequest17sp4", &body)
    };
    for document in [
        user(1, "anna@tele.gl", IN_DOCUMENTS[0]),
        user(2, "fails@tele.gl", IN_DOCUMENTS[0]),
        report(
            3,
            "UserAuthenticationModifyRequest",
            &format!("<newPassword>{}</newPassword>", IN_DOCUMENTS[1]),
        ),
        report(
            4,
            "X",
            &format!("<sipAuthenticationPassword>{}</sipAuthenticationPassword>", IN_DOCUMENTS[2]),
        ),
        format!(
            "<BroadsoftOCIReportingDocument><password>{}</BroadsoftOCIReportingDocument>",
            IN_DOCUMENTS[3]
        ),
        set_phone(6, "anna@tele.gl", "321044"),
        add(7, "bo@tele.gl"),
        report(8, "UserDeleteRequest", &format!("<password>{}</password><userId/>", IN_DOCUMENTS[0])),
    ] {
        peers.broadworks.send(&document);
    }
    // Garbage that holds a secret, and a document that is cut off within one: what is on its way then is lost.
    peers.broadworks.send_bytes(format!("<password>{}</password>\n", IN_DOCUMENTS[1]));
    peers.broadworks.send(&set_phone(8, "bo@tele.gl", "12x4"));
    eventually("all is read", || {
        (daemon.metric("eventmanager_events_received_total", "") == 8.0).then_some(())
    });
    let connections = peers.broadworks.connections();
    peers.broadworks.drop_client_within(&user(9, "cut@tele.gl", IN_DOCUMENTS[2]), 600);
    eventually("it is connected anew", || (peers.broadworks.connections() > connections).then_some(()));
    peers.broadworks.send(&add(10, "last@tele.gl"));
    eventually("the last one is provisioned", || (peers.ema.holds() == (3, 1)).then_some(()));
    let [trunk_secret, mailbox_secret] = IN_MORE_DOCUMENTS;
    peers.broadworks.send(&trunk(11, "g1", "pilot@tele.gl", "line@tele.gl", trunk_secret));
    peers.broadworks.send(&voicemail(12, "anna@tele.gl", Some(("anna@mail.gl", mailbox_secret))));
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    eventually("trunk and mailbox are stored", || {
        let listed = daemon.get_with("/api/v1/events?limit=2&status=completed,failed,pending", &bearer).1;
        (listed.contains("GroupTrunk") && listed.contains("UserVoiceMessaging")).then_some(())
    });
    if let Some(cluster) = postgres {
        cluster.crash();
        eventually("the outage is seen", || (daemon.get("/readyz").0 == 503).then_some(()));
        let outage = answers(&daemon);
        cluster.resume();
        eventually("it is over", || (daemon.get("/readyz").0 == 200).then_some(()));
        assert!(outage.contains("\"up\":false"), "{outage}");
    }
    let answers = answers(&daemon);
    assert!(answers.contains("***") && answers.contains("eventmanager_events_total"), "{answers}");
    let sessions: Vec<String> = peers.ema.calls().into_iter().filter_map(|call| call.session).collect();
    let log = daemon.log();
    assert_eq!(daemon.terminate(), Some(0));
    let streamed = stream.join().expect("a reader");
    assert!(streamed.contains("UserAddRequest") && streamed.contains("failed"), "{streamed}");
    let passwords = peers.ema.state().associations.into_values().filter_map(|held| held.password);
    let mut secrets: Vec<String> = passwords.map(|password| password.expose().to_owned()).collect();
    assert!(secrets.len() >= 3, "three users have got a password");
    secrets.extend(IN_MORE_DOCUMENTS.iter().chain(&[MAIL, MAIL_DOMAIN]).map(|secret| secret.to_string()));
    secrets.extend(sessions);
    secrets.extend(IN_DOCUMENTS.iter().chain(&[EMA, TOKEN, DATABASE]).map(|secret| secret.to_string()));
    secrets.push(sha256);
    (log + &answers + &streamed, secrets)
}

fn digest() -> String {
    Sha256::digest(TOKEN).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn token_section() -> String {
    format!("[[http.token]]\nname = \"noc\"\nrole = \"operator\"\nsha256 = \"{}\"\n", digest())
}

/// Whatever a reader of the stream is told until it ends.
fn told_on(mut stream: Events) -> String {
    let mut told = String::new();
    while let Some(message) = stream.next() {
        told += &format!("{} {}\n", message.kind, message.data);
    }
    told
}

/// What every path that can be read says, asked with and without a token.
fn answers(daemon: &Daemon) -> String {
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let wrong = format!("Authorization: Bearer {TOKEN}x\r\n");
    let paths = paths(daemon, &bearer);
    for path in ["/metrics", "/api/v1/events/3", "/api/v1/subscribers/anna@tele.gl", "/api/v1/events/2/plan"]
    {
        assert!(paths.iter().any(|known| known == path), "{path} is none of {paths:?}");
    }
    let mut told = String::new();
    for (path, headers) in paths.iter().flat_map(|path| [(path, ""), (path, &bearer)]) {
        let (status, body) = daemon.get_with(path, headers);
        assert!(headers.is_empty() || !matches!(status, 401 | 429), "{path}: {status} {body}");
        told += &body;
    }
    // Once: who guesses is slowed down.
    told + &daemon.get_with("/api/v1/status", &wrong).1
}

/// The page and its parts, and what the API says of itself, with every event and subscriber.
fn paths(daemon: &Daemon, bearer: &str) -> Vec<String> {
    let (status, page) = daemon.get_with("/", bearer);
    assert!(status == 200 && page.contains("/assets/main.js"), "{page}");
    let mut paths: Vec<String> = ["/", "/assets/main.js", "/events?all=true", "/x"].map(str::to_owned).into();
    let described: serde_json::Value =
        serde_json::from_str(&daemon.get_with("/openapi.json", bearer).1).expect("JSON");
    for (path, methods) in described["paths"].as_object().expect("paths") {
        // Of the stream somebody else tells: it does not end.
        if methods.get("get").is_none() || path == "/api/v1/stream" {
            continue;
        }
        paths.extend((1..=13).map(|id| path.replace("{id}", &id.to_string())));
        paths.extend(["anna", "bo", "pilot"].map(|user| path.replace("{user}", &format!("{user}@tele.gl"))));
    }
    paths.sort();
    paths.dedup();
    paths
}

#[track_caller]
fn check(level: &str, format: &str, postgres: Option<&mut Cluster>) {
    let (said, secrets) = everything_that_leaves(level, format, postgres);
    assert!(said.contains("13004") || said.contains("1004"), "faults are told");
    check_said(&format!("{level} {format}"), &said, &secrets);
}

/// Panics with the place where something that was said holds a secret.
#[track_caller]
fn check_said(which: &str, said: &str, secrets: &[String]) {
    for secret in secrets {
        let Some(at) = said.find(secret) else { continue };
        let around =
            said[..at].rfind('\n').map_or(0, |start| start + 1)..(at + secret.len() + 40).min(said.len());
        panic!("{which}: {secret:?} leaves in {:?}", said.get(around));
    }
}

#[test]
fn no_secret_is_in_the_text_log_at_level_trace_nor_in_an_answer() {
    check("trace", "text", None);
}

#[test]
fn no_secret_is_in_the_json_log_at_level_trace_nor_in_an_answer() {
    check("trace", "json", None);
}

#[test]
fn no_secret_is_in_the_log_at_level_debug_nor_in_an_answer() {
    check("debug", "text", None);
}

/// Secrets in events of a Kamailio's script, each in another place; the last one is in a question.
const IN_EVENTS: [&str; 10] = [
    "event-secret-0",
    "73517351",
    "event-secret-2",
    "event-secret-3",
    "event-secret-4",
    "event-secret-5",
    "event-secret-6",
    "event-secret-7",
    "event-secret-8",
    "event-secret-9",
];
/// Kept by a route, and kept since they could not be read.
const KEPT: usize = 5;
const UNREADABLE: usize = 3;

fn events_of_a_script() -> [String; KEPT + UNREADABLE] {
    let events = [
        r#"{"event":"login","from":"anna","password":"@0","pin":@1}"#,
        r#"{"event":"login","authorization":"Digest response=\"@2\"","body":"{\"new\\u0050assword\":\"@3\"}"}"#,
        r#"{"event":"login","secret":{"a":["@4"]},"secret":"@5"}"#,
        r#"{"event":"login","body":"<u newPassword=\"@6\"/>\r\nProxy-Authorization: Digest response=\"@7\"\r\n"}"#,
        r#"{"event":"AUTH","tr_index":"1","tr_label":"2","password":"@9"}"#,
        r#"{"event":"login","proxy_authorization":"Digest username="a", response="@7"","from":"anna"}"#,
        r#"[{"event":"login","password":"@8"}]"#,
        r#"{"event":"login","from":"a"b","password":"@0"#,
    ];
    events.map(|event| {
        let places = IN_EVENTS.iter().enumerate();
        places.fold(event.to_owned(), |event, (at, secret)| event.replace(&format!("@{at}"), secret))
    })
}

/// What the commands say of events, whether the daemon at this address still runs or the store has to be read.
fn said_by_commands(site: &Site, daemon: SocketAddr) -> String {
    let mut commands =
        ["events list --all", "events list --all --json", "status"].map(str::to_owned).to_vec();
    for id in 1..=KEPT + UNREADABLE {
        let show = format!("events show {id}");
        commands.extend([format!("{show} --json"), format!("{show} --document"), show]);
    }
    let mut said = String::new();
    for command in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
            .args(command.split(' '))
            .args(["--config", &site.config().display().to_string(), "--url", &format!("http://{daemon}")])
            .env("EVENTMANAGER_TOKEN", TOKEN)
            .output()
            .expect("the program runs");
        assert!(output.status.success() || command == "status", "{command}: {output:?}");
        said += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
    }
    assert!(said.contains(r#""password":"***""#), "{said}");
    said
}

/// How many events a search for a text finds.
fn found(daemon: &Daemon, text: &str) -> usize {
    let path = format!("/api/v1/events?text={text}");
    let (status, body) = daemon.get_with(&path, &format!("Authorization: Bearer {TOKEN}\r\n"));
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status, 200, "{body}");
    body["events"].as_array().expect("a list").len()
}

#[track_caller]
fn check_kamailio(level: &str, format: &str) {
    let peer = Peer::start();
    let reply = r#"{"cmd":"reply","tr_index":"{tr_index}","is":"{password}"}"#;
    let site = Site::new(&format!(
        "{}[[kamailio]]\nname = \"k1\"\naddress = \"{}\"\n[[kamailio.answer]]\nevent = \"AUTH\"\nreply = '{reply}'\n\
         [[route]]\nsource = \"k1\"\nevent = \"*\"\nstore = true\n",
        token_section(),
        peer.address()
    ));
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    let log = format!("level = {level:?}\nformat = {format:?}");
    std::fs::write(site.config(), text.replace("level = \"debug\"", &log)).expect("written");
    let daemon = site.start();
    let stream = Events::open_with(daemon.http, "", &format!("Authorization: Bearer {TOKEN}\r\n"));
    let stream = std::thread::spawn(|| told_on(stream));
    let mut client = peer.accept();
    events_of_a_script().iter().for_each(|event| client.event(event));
    assert!(client.next().contains(IN_EVENTS[9]), "the script gets what its answer says");
    eventually("all are stored", || {
        let stored = (site.count(&["ignored"]), site.count(&["failed"]));
        (stored == (KEPT as u64, UNREADABLE as u64)).then_some(())
    });
    let stored: String = site
        .database()
        .query_row("select group_concat(event) from em_event", [], |row| row.get(0))
        .expect("documents");
    // Before the searches, which stand in the log as they were asked.
    let mut said = answers(&daemon) + &said_by_commands(&site, daemon.http) + &daemon.log();
    for secret in IN_EVENTS {
        assert!(stored.contains(secret), "{secret} was not stored in {stored}");
        assert_eq!((found(&daemon, secret), found(&daemon, &secret[..secret.len() - 2])), (0, 0), "{secret}");
    }
    assert_eq!((found(&daemon, "tr_label"), found(&daemon, "ANNA")), (1, 2));
    let http = daemon.http;
    assert_eq!(daemon.terminate(), Some(0));
    said += &stream.join().expect("a reader");
    said += &said_by_commands(&site, http);
    check_said(&format!("{level} {format}"), &said, &IN_EVENTS.map(str::to_owned));
}

#[test]
fn no_secret_of_a_kamailio_is_in_the_text_log_at_level_trace_nor_in_an_answer_nor_found() {
    check_kamailio("trace", "text");
}

#[test]
fn no_secret_of_a_kamailio_is_in_the_json_log_at_level_debug_nor_in_an_answer_nor_found() {
    check_kamailio("debug", "json");
}

#[test]
fn the_password_of_the_database_stays_inside_also_while_it_is_away() {
    let mut cluster = Cluster::start();
    execute(&cluster.url("postgres"), &format!("alter user postgres password '{DATABASE}'"))
        .expect("altered");
    check("trace", "text", Some(&mut cluster));
}

#[test]
fn a_setting_that_is_refused_is_not_quoted_where_it_may_hold_a_secret() {
    let site = Site::new(&format!(
        "[store]\nevents = \"postgresql://em:{DATABASE}@[bad/em\"\n[ema]\nprimary = \"ftp://u:{IN_URL}@ema\"\n\
         username = \"u\"\npassword = \"{EMA}\"\nsesions = 3\n[[http.token]]\nname = \"n\"\nrole = \"viewer\"\nsha256 = \"{TOKEN}\"\n"
    ));
    for command in ["check", "run"] {
        let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
            .args([command, "--config", &site.config().display().to_string()])
            .output()
            .expect("the program runs");
        assert_eq!(output.status.code(), Some(1));
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        for secret in [DATABASE, IN_URL, EMA, TOKEN] {
            assert!(!said.contains(secret), "{secret} leaves in\n{said}");
        }
    }
}
