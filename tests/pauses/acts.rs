//! Acts over HTTP: who may, what is refused, what the audit says.

use crate::given::*;
use crate::support::daemon::{Site, eventually};
use crate::support::http::{self, Answer};
use serde_json::Value;

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
fn without_an_ema_there_is_nothing_to_pause() {
    let site = Site::new("[[broadworks]]\nname = \"as1\"\naddress = \"127.0.0.1:1\"\n");
    let daemon = site.start();
    let answer = post(&daemon, "/api/v1/systems/hss/pause", "{}");
    assert!(answer.status == 409 && answer.body.contains("[ema]"), "{}", answer.body);
    let (code, said) = ask(&daemon, &["status"]);
    assert!(code == Some(0) && said.contains("hss          not configured"), "{said}");
}
