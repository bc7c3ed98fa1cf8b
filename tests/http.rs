//! What others rely on over HTTP: the Erlang release's three paths, health, metrics, who may ask for what, and how a
//! start that cannot be ends.

mod support;

use eventmanager::simulators::script::{Action, Rule};
use sha2::{Digest, Sha256};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, report, set_phone};
use support::http;
use support::peers::Peers;

fn site() -> (Peers, Site) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    (peers, site)
}

/// A daemon whose store has been opened.
fn start(site: &Site) -> Daemon {
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    daemon
}

/// The program with arguments, run to its end.
fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eventmanager")).args(args).output().expect("the program runs")
}

fn sha256(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Rewrites the site's configuration.
fn configure(site: &Site, from: &str, to: &str) {
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    assert!(text.contains(from), "{text}");
    std::fs::write(site.config(), text.replacen(from, to, 1)).expect("written");
}

#[test]
fn alivecheck_counts_all_failed_rows() {
    let (peers, site) = site();
    let daemon = start(&site);
    let alive = http::get(daemon.http, "/alivecheck", "");
    assert_eq!(alive.header("content-type"), Some("application/json"));
    assert_eq!(alive.body, r#"{"failed_events":0,"is_alive":true}"#);
    peers.broadworks.send(&set_phone(1, "nobody@tele.gl", "321044"));
    peers.broadworks.send(&add(2, "anna@tele.gl"));
    site.wait_ended(2);
    // One of last year counts as well.
    site.database()
        .execute_batch("update em_event set inserted = '2020-01-01 00:00:00' where id = 1")
        .expect("updated");
    assert_eq!(http::get(daemon.http, "/alivecheck", "").json()["failed_events"], 1);
}

#[test]
fn events_of_the_last_seven_days_are_listed_oldest_first() {
    let (peers, site) = site();
    let daemon = start(&site);
    let list = |query: &str| http::get(daemon.http, &format!("/events{query}"), "");
    assert_eq!(list("").body, "[]");
    let before = now();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&report(2, "UserDoNotDisturbModifyRequest", "<isActive>true</isActive>"));
    peers.broadworks.send(&set_phone(3, "nobody@tele.gl", "321044"));
    peers.broadworks.send(&add(4, "old@tele.gl"));
    site.wait_ended(4);
    let old = "update em_event set inserted = datetime(inserted, '-8 days') where id = 4";
    site.database().execute_batch(old).expect("updated");

    let shown = list("").json();
    let shown = shown.as_array().expect("a list");
    let line = |row: &serde_json::Value| (row["id"].as_i64(), row["event"].clone(), row["status"].clone());
    let lines: Vec<_> = shown.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            (Some(1), "UserAddRequest".into(), "completed".into()),
            (Some(3), "UserModifyRequest".into(), "failed".into())
        ]
    );
    for row in shown {
        let keys: Vec<&str> = row.as_object().expect("a row").keys().map(String::as_str).collect();
        assert_eq!(keys, ["event", "id", "status", "timestamp", "user"]);
        assert_eq!(row["user"], "admin@tele.gl");
        let time = row["timestamp"].as_f64().expect("a number");
        assert!(time >= before - 1.0 && time <= now() + 1.0 && time.fract() != 0.0, "{time}");
    }
    let ids = |query: &str| -> Vec<i64> {
        let list = list(query).json();
        list.as_array().expect("a list").iter().filter_map(|row| row["id"].as_i64()).collect()
    };
    assert_eq!(ids("?all=true"), [1, 2, 3]);
    assert_eq!(ids("?all=false"), [1, 3]);
    for bad in ["?all=yes", "?all=", "?status=failed", "?all=true&x=1", "?all=%FF"] {
        let answer = list(bad);
        assert_eq!(answer.status, 400, "{bad}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{bad}");
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

#[test]
fn a_list_longer_than_a_page_is_whole_and_in_order() {
    let (peers, site) = site();
    let daemon = start(&site);
    for number in 0..2500 {
        peers.broadworks.send(&report(number, "UserDoNotDisturbModifyRequest", "<isActive>true</isActive>"));
    }
    site.wait_ended(2500);
    let list = http::get(daemon.http, "/events?all=true", "").json();
    let ids = list.as_array().expect("a list").iter().filter_map(|row| row["id"].as_i64());
    assert!(ids.eq(1..=2500));
}

#[test]
fn a_document_is_shown_with_its_secrets_masked() {
    let (peers, site) = site();
    let daemon = start(&site);
    let secrets = ["geheim1", "geheim2", "geheim3", "geheim4", "geheim5", "geheim6"];
    peers.broadworks.send(&report(
        1,
        "UserAddRequest17sp4",
        "<userId>anna@tele.gl</userId><password>geheim1</password><lastName>Ærø</lastName>",
    ));
    peers.broadworks.send(&report(
        2,
        "UserAuthenticationModifyRequest",
        "<userId>anna@tele.gl</userId><newPassword>geheim2</newPassword>",
    ));
    peers.broadworks.send(&report(
        3,
        "GroupTrunkGroupAddInstanceRequest21",
        "<sipAuthenticationPassword>geheim3</sipAuthenticationPassword><groupMailServerPassword>geheim4</groupMailServerPassword>",
    ));
    // The request as escaped text instead of CDATA, and one that is cut off.
    let cdata = report(4, "UserAddRequest", "<userId>bo@tele.gl</userId><password>geheim5</password>");
    let (head, rest) = cdata.split_once("<![CDATA[").expect("a section");
    let (request, tail) = rest.split_once("]]>").expect("its end");
    let escaped = request.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    peers.broadworks.send(&format!("{head}{escaped}{tail}"));
    peers
        .broadworks
        .send("<BroadsoftOCIReportingDocument><command><password>geheim6</BroadsoftOCIReportingDocument>");
    site.wait_ended(5);
    for id in 1..=5 {
        let answer = http::get(daemon.http, &format!("/event/{id}"), "");
        let json = answer.json();
        assert_eq!(json.as_object().expect("an object").len(), 1);
        let document = json["event"].as_str().expect("a document");
        assert!(document.contains("***"), "{document}");
        for secret in secrets {
            assert!(!document.contains(secret), "{id}: {document}");
        }
    }
    assert!(http::get(daemon.http, "/event/1", "").body.contains("Ærø"));
    let check = |path: &str, status: u16| {
        let answer = http::get(daemon.http, path, "");
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(answer.json()["status"], status);
    };
    for path in ["/event/999", "/event/-1", "/event/0", "/event/9223372036854775807"] {
        check(path, 404);
    }
    for path in ["/event/x", "/event/1.5", "/event/99999999999999999999", "/event/1%20or%201=1"] {
        check(path, 400);
    }
    for path in ["/page", "/event/", "/eventz", "/api/v1/nothing", "/..%2f..%2fetc/passwd"] {
        check(path, 404);
    }
}

#[test]
fn every_metric_is_there_and_what_must_be_is_there_from_the_start() {
    let (peers, site) = site();
    peers.broadworks.refuse(true).expect("refused");
    let daemon = start(&site);
    let first = http::get(daemon.http, "/metrics", "").body;
    for line in [
        "eventmanager_connection_up{connection=\"as1\"} 0",
        "eventmanager_events_pending 0",
        "eventmanager_oldest_pending_seconds 0",
    ] {
        assert!(first.contains(line), "{line} is not in\n{first}");
    }
    assert!(first.contains("eventmanager_reconnects_total{connection=\"as1\"}"), "{first}");
    assert!(first.contains("eventmanager_actor_restarts_total{actor="), "{first}");

    peers.broadworks.refuse(false).expect("listening");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send_bytes("rubbish\n");
    peers.broadworks.send(&report(2, "SomethingElse", ""));
    site.wait_ended(3);
    peers.ema.script(vec![Rule::new(Action::Hang)]);
    peers.broadworks.send(&set_phone(3, "anna@tele.gl", "321044"));
    eventually("one waits", || (daemon.metric("eventmanager_events_pending", "") == 1.0).then_some(()));
    eventually("it grows old", || {
        (daemon.metric("eventmanager_oldest_pending_seconds", "") > 0.0).then_some(())
    });
    for (name, labels) in [
        ("events_received_total", "source=\"as1\""),
        ("events_total", "command=\"UserAddRequest\",status=\"completed\""),
        ("events_total", "command=\"SomethingElse\",status=\"ignored\""),
        ("event_duration_seconds_count", "command=\"UserAddRequest\""),
        ("connection_up", "connection=\"as1\""),
        ("reconnects_total", "connection=\"as1\""),
        ("frames_bad_total", "connection=\"as1\",reason=\"stray\""),
        (
            "southbound_request_seconds_count",
            "system=\"hss\",operation=\"create_association\",outcome=\"done\"",
        ),
        ("session_logins_total", &format!("host=\"{}\"", peers.ema.addr())),
        ("store_commit_seconds_count", ""),
        ("store_batch_rows_count", ""),
    ] {
        let value = daemon.metric(&format!("eventmanager_{name}"), labels);
        assert!(value >= 1.0, "{name} {labels} is {value} in\n{}", daemon.get("/metrics").1);
    }
    assert_eq!(daemon.metric("eventmanager_events_received_total", ""), 3.0);
    let metrics = http::get(daemon.http, "/metrics", "");
    assert!(metrics.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
}

#[test]
fn health_readiness_and_tree_tell_how_it_is() {
    let (_peers, site) = site();
    let daemon = start(&site);
    assert_eq!(http::get(daemon.http, "/healthz", "").json()["status"], "ok");
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    eventually("the server is listed as connected", || {
        let ready = http::get(daemon.http, "/readyz", "").json();
        (ready["connections"][0]["name"] == "as1" && ready["connections"][0]["up"] == true).then_some(())
    });
    let tree = http::get(daemon.http, "/api/v1/tree", "").json();
    let names: Vec<_> = tree["children"].as_array().expect("children").iter().map(|c| &c["name"]).collect();
    let expected =
        ["store", "managers", "processors", "routing", "connections", "operators", "reload", "api", "stream"];
    assert_eq!(names, expected);
    assert_eq!((&tree["name"], &tree["kind"]), (&"root".into(), &"supervisor".into()));
    assert_eq!(tree["children"][0]["children"][0]["restarts"], 0);
}

#[test]
fn a_method_that_is_not_known_changes_nothing() {
    let (_peers, site) = site();
    let daemon = start(&site);
    for request in ["POST /events", "DELETE /event/1", "PUT /metrics"] {
        let answer =
            http::send(daemon.http, &format!("{request} HTTP/1.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
        assert!(matches!(answer.status, 404 | 405), "{request}: {}", answer.status);
    }
    assert_eq!(daemon.get("/healthz").0, 200);
}

#[test]
fn with_a_token_configured_the_rest_of_the_api_wants_it() {
    let (_peers, site) = site();
    let tokens = format!(
        "listen = \"127.0.0.1:0\"\n[[http.token]]\nname = \"monitor\"\nrole = \"viewer\"\nsha256 = \"{}\"\n\
         [[http.token]]\nname = \"noc\"\nrole = \"operator\"\nsha256 = \"{}\"\n",
        sha256("look"),
        sha256("act")
    );
    configure(&site, "listen = \"127.0.0.1:0\"\n", &tokens);
    let daemon = start(&site);
    for path in ["/alivecheck", "/events", "/healthz", "/readyz", "/metrics"] {
        assert_eq!(daemon.get(path).0, 200, "{path} is open on loopback");
    }
    let check = |headers: &str, status: u16| {
        let answer = http::get(daemon.http, "/api/v1/tree", headers);
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.body);
        answer
    };
    let refused = check("", 401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    check("Authorization: Bearer wrong\r\n", 401);
    check("Authorization: Basic look\r\n", 401);
    check(&format!("Authorization: Bearer {}\r\n", sha256("look")), 401);
    check("Authorization: Bearer look\r\n", 200);
    check("Authorization: Bearer act\r\n", 200);
    // RFC 9110: the scheme's case does not count.
    check("Authorization: bearer look\r\n", 200);
    assert_eq!(
        http::get(daemon.http, "/no/such", "").status,
        401,
        "what is not there is not told to strangers"
    );
}

#[test]
fn beyond_loopback_the_original_paths_want_a_token_as_well() {
    let (_peers, site) = site();
    let token = format!(
        "listen = \"0.0.0.0:0\"\n[[http.token]]\nname = \"monitor\"\nrole = \"viewer\"\nsha256 = \"{}\"\n",
        sha256("look")
    );
    configure(&site, "listen = \"127.0.0.1:0\"\n", &token);
    let daemon = start(&site);
    let address = ([127, 0, 0, 1], daemon.http.port()).into();
    for path in ["/alivecheck", "/events", "/event/1", "/api/v1/tree"] {
        assert_eq!(http::get(address, path, "").status, 401, "{path}");
        assert_ne!(http::get(address, path, "Authorization: Bearer look\r\n").status, 401, "{path}");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(http::get(address, path, "").status, 200, "{path}");
    }
}

/// Starts the program, which must end by itself with an exit code that says that it was explained.
#[track_caller]
fn refused_start(site: &Site) -> String {
    let output = program(&["run", "--config", &site.config().display().to_string()]);
    let code = output.status.code().expect("an exit code");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!((1..=100).contains(&code), "{code}: {error}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

#[test]
fn listening_beyond_loopback_without_a_token_is_refused_at_start() {
    for (listen, says) in [
        ("listen = \"0.0.0.0:0\"", "[[http.token]]"),
        ("listen = \"[::]:0\"", "[[http.token]]"),
        ("listen = \"[::ffff:0.0.0.0]:0\"", "[[http.token]]"),
        ("listen = \"0.0.0.0:0\"\ntoken = []", "[[http.token]]"),
        // A name may lead anywhere.
        ("listen = \"localhost:0\"", "IP:PORT"),
    ] {
        let (_peers, site) = site();
        configure(&site, "listen = \"127.0.0.1:0\"", listen);
        let error = refused_start(&site);
        assert!(error.contains("http.listen") && error.contains(says), "{listen}: {error}");
    }
    let demo = program(&["demo", "--http", "0.0.0.0:0"]);
    let error = String::from_utf8_lossy(&demo.stderr);
    assert!(demo.status.code() == Some(2) && error.contains("without a token"), "{:?}: {error}", demo.status);
}

#[test]
fn a_port_in_use_ends_the_start_with_a_clear_error() {
    let (_peers, site) = site();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    configure(&site, "127.0.0.1:0", &address);
    let error = refused_start(&site);
    assert!(error.contains(&address) && error.contains("in use"), "{error}");
}

#[test]
fn a_certificate_that_cannot_be_read_ends_the_start_with_a_clear_error() {
    let (_peers, site) = site();
    let listen = "listen = \"127.0.0.1:0\"\n";
    configure(&site, listen, &format!("{listen}tls_cert = \"no.pem\"\ntls_key = \"no.key\"\n"));
    let error = refused_start(&site);
    assert!(error.contains("tls_cert") && error.contains("no.pem"), "{error}");
}

#[test]
fn with_a_certificate_it_serves_tls() {
    let (_peers, site) = site();
    site.make_certificate();
    let path = |name: &str| site.directory.path().join(name).display().to_string();
    let listen = "listen = \"127.0.0.1:0\"\n";
    configure(&site, listen, &format!("{listen}tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n"));
    let daemon = site.start();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = std::fs::read(path("cert.pem")).expect("a certificate");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let status = runtime.block_on(async {
        let root = reqwest::Certificate::from_pem(&certificate).expect("a certificate");
        let client = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build().expect("a client");
        let url = format!("https://localhost:{}/healthz", daemon.http.port());
        client.get(url).send().await.map(|answer| answer.status().as_u16())
    });
    assert_eq!(status.expect("an answer"), 200);
    let plain = http::exchange(daemon.http, "GET /healthz HTTP/1.0\r\n\r\n");
    assert!(plain.is_err(), "{plain:?}");
}

#[test]
fn check_prints_every_error_with_its_line_and_exits_with_1() {
    let (_peers, site) = site();
    let file = site.config().display().to_string();
    let output = program(&["check", "--config", &file]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(
        site.config(),
        "[node]\nnom = 1\n[store]\nretention_days = -3\n[http]\nlisten = \"nowhere\"\n[[broadworks]]\nname = \"as1\"\n",
    )
    .expect("written");
    let output = program(&["check", "--config", &file]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    for (line, key) in [(2, "nom"), (4, "retention_days"), (6, "listen"), (7, "address")] {
        let found = errors.lines().any(|error| error.contains(&format!(":{line}")) && error.contains(key));
        assert!(found, "line {line}, {key} is not in\n{errors}");
    }
    let run = program(&["run", "--config", &file]);
    assert_eq!(run.status.code(), Some(1), "run refuses the same file");
    let missing = program(&["check", "--config", "/no/such/file.toml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/no/such/file.toml"));
}

#[test]
fn the_release_s_ini_is_accepted_by_check_and_run() {
    let (_peers, site) = site();
    let ini = site.directory.path().join("em.ini");
    let text = include_str!("fixtures/config/em.ini");
    // The ports of an em.ini are fixed: an address of loopback where nobody listens, so that no program of this machine
    // is called.
    let text = format!("{text}\n[http]\nlisten=127.0.0.1:0\n").replace("10.0.0.", "127.99.7.");
    std::fs::write(&ini, text).expect("written");
    let output = program(&["check", "--config", &ini.display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // Its databases are away, which is a state: it serves all the same.
    std::fs::write(
        &ini,
        std::fs::read_to_string(&ini)
            .expect("a file")
            .replace("db1.example.net", "127.99.7.8")
            .replace("db2.example.net", "127.99.7.9"),
    )
    .expect("written");
    let daemon = Daemon::start(&ini);
    assert_eq!(daemon.get("/healthz").0, 200);
    assert_eq!(daemon.get("/readyz").0, 503);
    let alive = http::get(daemon.http, "/alivecheck", "");
    assert_eq!(alive.status, 503);
}
