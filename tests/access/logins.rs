//! Sessions of the page.

use crate::given::*;
use crate::support::daemon::{Daemon, PATIENCE, Site};
use crate::support::http;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// What the page asks first.
fn whoami(daemon: &Daemon, headers: &str) -> Value {
    let answer = http::get(daemon.http, SESSION, headers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[test]
fn who_logs_in_reads_with_the_cookie_and_acts_with_the_csrf_token_until_the_logout() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let nobody = json!({"login_required": true, "name": null, "role": null, "csrf": null, "expires": null});
    assert_eq!(whoami(&daemon, ""), nobody);

    let answer = log_in(&daemon, "act");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let cookie = answer.header("set-cookie").expect("a cookie");
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain HTTP: {cookie}");
    let said = answer.json();
    assert_eq!((&said["name"], &said["role"]), (&json!("noc"), &json!("operator")));
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().expect("a pair"));
    let again = whoami(&daemon, &cookie);
    assert_eq!(again["csrf"], said["csrf"], "a page that is loaded anew learns it again");
    assert!(again["expires"].as_f64().expect("a time") > 0.0);

    let csrf = format!("X-CSRF-Token: {}\r\n", said["csrf"].as_str().expect("a token"));
    assert_eq!(http::get(daemon.http, "/api/v1/status", &cookie).status, 200);
    let act = |headers: String| ask(&daemon, "POST", PAUSE, &headers, "{}").status;
    assert_eq!(act(format!("{JSON}{cookie}")), 403, "without the CSRF token");
    assert_eq!(act(format!("{JSON}{cookie}X-CSRF-Token: x{}\r\n", &csrf[15..30])), 403, "a wrong one");
    assert_eq!(act(format!("{JSON}{csrf}")), 401, "without the cookie");
    assert_eq!(act(format!("{cookie}{csrf}")), 415, "what a form could send");
    assert!(actors(&daemon).is_empty(), "nothing has changed");
    assert_eq!(act(format!("{JSON}{cookie}{csrf}")), 200);
    assert_eq!(actors(&daemon), ["noc"]);

    assert_eq!(
        ask(&daemon, "DELETE", SESSION, &cookie, "").status,
        403,
        "a page of another site logs nobody out"
    );
    let out = ask(&daemon, "DELETE", SESSION, &format!("{cookie}{csrf}"), "");
    assert_eq!((out.status, out.json()), (200, nobody.clone()));
    assert!(out.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")), "{}", out.head);
    assert_eq!(whoami(&daemon, &cookie), nobody);
    let over = http::get(daemon.http, "/api/v1/status", &cookie);
    assert!(over.status == 401 && over.body.contains("log in again"), "{}", over.body);
    assert_eq!(act(format!("{JSON}{cookie}{csrf}")), 401);
    assert_eq!(ask(&daemon, "DELETE", SESSION, &cookie, "").status, 200, "what is over is over");
    daemon.logged(&["logged in"]);
    daemon.logged(&["logged out"]);
    let log = daemon.log();
    for secret in [&cookie[29..], &csrf[14..]] {
        assert!(!log.contains(secret.trim()), "{log}");
    }
}

#[test]
fn a_viewer_who_has_logged_in_may_not_act() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let (cookie, csrf) = logged_in(&daemon, "look");
    assert_eq!(whoami(&daemon, &cookie)["role"], "viewer");
    assert_eq!(http::get(daemon.http, "/api/v1/status", &cookie).status, 200);
    let refused = ask(&daemon, "POST", PAUSE, &format!("{JSON}{cookie}{csrf}"), "{}");
    assert!(refused.status == 403 && refused.body.contains("viewer"), "{}", refused.body);
    let (_, of_another) = logged_in(&daemon, "act");
    assert_eq!(ask(&daemon, "POST", PAUSE, &format!("{JSON}{cookie}{of_another}"), "{}").status, 403);
    assert!(actors(&daemon).is_empty());
}

#[test]
fn a_session_does_not_outlive_the_daemon() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let (cookie, _) = logged_in(&daemon, "act");
    assert_eq!(daemon.terminate(), Some(0));
    let daemon = start(&site);
    assert_eq!(http::get(daemon.http, "/api/v1/status", &cookie).status, 401);
    assert_eq!(whoami(&daemon, &cookie)["name"], Value::Null);
}

#[test]
fn a_stream_ends_with_the_session_that_opened_it() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let (cookie, csrf) = logged_in(&daemon, "look");
    let mut stream = TcpStream::connect(daemon.http).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = format!("GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200");
    assert_eq!(ask(&daemon, "DELETE", SESSION, &format!("{cookie}{csrf}"), "").status, 200);
    stream.read_to_end(&mut Vec::new()).expect("it ends");
}

#[test]
fn a_page_of_another_site_logs_nobody_in() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let check = |headers: &str, status: u16| {
        let answer = ask(&daemon, "POST", SESSION, headers, "{\"token\": \"act\"}");
        assert_eq!(answer.status, status, "{headers}: {}", answer.body);
        assert_eq!(answer.header("set-cookie").is_some(), status == 200, "{headers}");
    };
    check("", 415);
    check("Content-Type: text/plain\r\n", 415);
    check(&format!("{JSON}Origin: https://evil.example\r\n"), 403);
    check(&format!("{JSON}Sec-Fetch-Site: cross-site\r\n"), 403);
    check(&format!("{JSON}Origin: http://127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n"), 200);
}

#[test]
fn a_login_that_is_none_is_told_why_and_its_token_is_not_repeated() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let check = |body: &str, status: u16| {
        let answer = ask(&daemon, "POST", SESSION, JSON, body);
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{body}");
        assert!(!answer.body.contains("geheim"), "{}", answer.body);
    };
    check("{\"token\": \"geheim\"}", 401);
    check("{\"token\": [\"geheim\"]}", 400);
    check("{\"tokens\": \"geheim\"}", 400);
    check("geheim", 400);
    check("", 400);
    check("{\"token\": \"\"}", 401);
    check(&format!("{{\"token\": \"geheim{}\"}}", "x".repeat(20_000)), 413);
    let wrong = ask(&daemon, "PUT", SESSION, JSON, "{}");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD, POST, DELETE")));
    assert!(!daemon.log().contains("geheim"), "{}", daemon.log());
}

#[test]
fn without_tokens_nobody_needs_to_log_in() {
    let site = Site::new("[[broadworks]]\nname = \"as1\"\naddress = \"127.0.0.1:1\"\n");
    let daemon = site.start();
    let open =
        json!({"login_required": false, "name": "local", "role": "operator", "csrf": null, "expires": null});
    assert_eq!(whoami(&daemon, ""), open);
    assert_eq!(whoami(&daemon, "Cookie: eventmanager_session=x\r\n"), open);
    assert_eq!(log_in(&daemon, "act").status, 409);
    // A stranger's name for this machine: the page that reads by it is not ours.
    for path in ["/api/v1/status", "/%61pi/v1/status", "/api%2Fv1/status"] {
        let request = format!("GET {path} HTTP/1.0\r\nHost: evil.example:8080\r\n\r\n");
        let rebound = http::send(daemon.http, &request);
        assert!(matches!(rebound.status, 403 | 404), "{path}: {}", rebound.body);
    }
}
