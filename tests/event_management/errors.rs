//! Whatever is wrong is said in the body that the specification has for errors, whoever finds it.

use crate::given::*;
use std::io::{Read, Write};
use std::net::TcpStream;

const ORDERS: &str = "/topic/order/event";
const HUBS: &str = "/topic/order/hub";
const NO_SUCH: &str = "01972f3e-5a3c-7d10-9d5e-0c7b8f1a2b3c";

#[test]
fn what_is_not_there_is_404() {
    let (_site, daemon) = start("");
    let long = "x".repeat(5_000);
    for path in [
        "",
        "/",
        "/topics",
        "/topic/",
        "/topic/ordre",
        "/topic/Order",
        "/topic/ordre/hub",
        "/topic/ordre/event",
        "/topic/order/hubs",
        "/topic/order/hub/none",
        &format!("/topic/order/hub/{NO_SUCH}"),
        &format!("/topic/ordre/hub/{NO_SUCH}"),
        &format!("/hub/{NO_SUCH}"),
        &format!("/event/{NO_SUCH}"),
        "/hub",
        "/event",
        "/event/7",
        "/event/%00",
        "/topic/%2e%2e/hub",
        "/topic/order%2Fhub",
        "/../../api/v1/status",
        &format!("/topic/{long}"),
    ] {
        let reason = error_of(&get(&daemon, path), 404);
        assert!(reason.len() < 6_000, "{reason}");
    }
    error_of(&post(&daemon, "/topic/ordre/event", &json!({})), 404);
    error_of(&post(&daemon, "/topic/ordre/hub", &json!({"callback": "https://a/"})), 404);
    error_of(&ask(&daemon, "DELETE", &format!("{HUBS}/{NO_SUCH}"), "", ""), 404);
    error_of(&ask(&daemon, "DELETE", "/hub/x", "", ""), 404);
    error_of(&get(&daemon, &format!("/topic?fields={}", "x".repeat(9_000))), 414);
}

#[test]
fn a_method_that_there_is_not_is_405_and_the_others_are_named() {
    let (_site, daemon) = start("");
    let check = |path: &str, allowed: &str| {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            if allowed.split(", ").any(|known| known == method) || method == "HEAD" {
                continue;
            }
            let answer = ask(&daemon, method, path, JSON, "{}");
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}: {}", answer.head);
            error_of(&answer, 405);
        }
    };
    check("/topic", "GET, HEAD");
    check("/topic/order", "GET, HEAD");
    check(HUBS, "GET, HEAD, POST");
    check(&format!("{HUBS}/{NO_SUCH}"), "GET, HEAD, DELETE");
    check(ORDERS, "GET, HEAD, POST");
    check(&format!("/hub/{NO_SUCH}"), "GET, HEAD, DELETE");
    check(&format!("/event/{NO_SUCH}"), "GET, HEAD");
}

#[test]
fn a_body_that_does_not_fit_is_400_and_nothing_is_stored() {
    let (_site, daemon) = start("");
    let deep = format!("{{\"event\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let check = |path: &str, body: &str, part: &str| {
        let reason = error_of(&ask(&daemon, "POST", path, JSON, body), 400);
        assert!(reason.contains(part), "{body:.100}: {reason}");
    };
    for path in [ORDERS, HUBS] {
        for body in ["", "{", "nonsense", "{} {}", "{\"a\":1,\"a\":2}", "\u{feff}{}"] {
            check(path, body, "no JSON");
        }
        for body in ["[]", "null", "7", "\"text\"", "true"] {
            check(path, body, "not an object");
        }
    }
    check(ORDERS, &deep, "recursion");
    check(ORDERS, r#"{"eventTime":"yesterday"}"#, "eventTime");
    check(ORDERS, r#"{"priority":1}"#, "priority");
    check(ORDERS, r#"{"source":[]}"#, "source");
    check(ORDERS, r#"{"analyticCharacteristic":[1]}"#, "analyticCharacteristic[0]");
    check(&format!("{ORDERS}?x=1"), "{}", "parameter x");
    check(HUBS, "{}", "callback is missing");
    check(HUBS, r#"{"callback":7}"#, "callback");
    check(HUBS, r#"{"callback":"https://a/","querry":"x=1"}"#, "querry");
    let not_utf8 = b"{\"title\":\"\xff\"}";
    let head = format!(
        "POST {BASE}{ORDERS} HTTP/1.0\r\nHost: localhost\r\n{JSON}Content-Length: {}\r\n\r\n",
        not_utf8.len()
    );
    let answer = raw(&daemon, &[head.as_bytes(), not_utf8].concat());
    assert!(answer.contains("\"code\":\"400\""), "{answer}");
    assert_eq!(body_of(&get(&daemon, ORDERS), 200), json!([]));
}

#[test]
fn a_body_that_is_no_json_is_415() {
    let (_site, daemon) = start("");
    for kind in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/xml\r\n",
        "Content-Type: application/json;charset=utf-16\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
    ] {
        for path in [ORDERS, HUBS] {
            error_of(&ask(&daemon, "POST", path, kind, "{}"), 415);
        }
    }
}

#[test]
fn a_body_beyond_the_limit_is_413() {
    let (_site, daemon) = start("max_body = \"64KiB\"\n");
    let body = |length: usize| {
        let frame = json!({"title": ""}).to_string().len();
        json!({"title": "x".repeat(length - frame)}).to_string()
    };
    body_of(&ask(&daemon, "POST", ORDERS, JSON, &body(64 << 10)), 201);
    error_of(&ask(&daemon, "POST", ORDERS, JSON, &body((64 << 10) + 1)), 413);
    error_of(&ask(&daemon, "POST", HUBS, JSON, &body(65 << 10)), 413);
    // One that does not say how long it is.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let head = format!(
        "POST {BASE}{ORDERS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n"
    );
    let answer = raw(&daemon, format!("{head}{chunk}{chunk}0\r\n\r\n").as_bytes());
    assert!(answer.contains("\"code\":\"413\""), "{answer}");
    assert_eq!(body_of(&get(&daemon, ORDERS), 200).as_array().map(Vec::len), Some(1));
}

#[test]
fn a_body_that_does_not_come_is_408() {
    let (_site, daemon) = start("");
    let head =
        format!("POST {BASE}{ORDERS} HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 10\r\n\r\n{{");
    let answer = raw(&daemon, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\"code\":\"408\""), "{answer}");
}

#[test]
fn a_page_of_another_site_may_not_act() {
    let (_site, daemon) = start("");
    for line in ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        error_of(&ask(&daemon, "POST", ORDERS, &format!("{JSON}{line}"), "{}"), 403);
        error_of(&ask(&daemon, "DELETE", &format!("/hub/{NO_SUCH}"), line, ""), 403);
    }
    // Nobody needs a token here: a name that a stranger's server resolves to this machine is no name of it.
    let rebound = |method: &str| {
        let head = format!(
            "{method} {BASE}{ORDERS} HTTP/1.0\r\nHost: evil.example\r\n{JSON}Content-Length: 2\r\n\r\n{{}}"
        );
        http::send(daemon.http, &head)
    };
    error_of(&rebound("POST"), 403);
    error_of(&rebound("GET"), 403);
    assert_eq!(body_of(&get(&daemon, ORDERS), 200), json!([]));
}

/// What is answered to these bytes, up to the end of the connection.
fn raw(daemon: &Daemon, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(daemon.http).expect("connected");
    stream.set_read_timeout(Some(crate::support::daemon::PATIENCE)).expect("a timeout");
    // It may be answered and closed before all of it is sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
