//! A reverse proxy on this host asks from loopback for all the world, and `Host` is what it or its client makes of it.

use crate::given::*;
use crate::support::daemon::{Daemon, Site};

fn start(http: &str) -> (Site, Daemon) {
    let site = site(&format!("[http]\nlisten = \"127.0.0.1:0\"\n{http}[evi]\n[event_management]\n"));
    let daemon = site.start();
    ready(&daemon);
    (site, daemon)
}

/// What a proxy sends that passes `Host` on as loopback: it says who its client is, or it says nothing.
const HANDED_ON: [&str; 7] = [
    "Host: localhost\r\nX-Forwarded-For: 192.0.2.7\r\n",
    "Host: 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\n",
    "Host: localhost\r\nForwarded: for=192.0.2.7;host=em.example.net\r\n",
    "Host: localhost\r\nX-Forwarded-Host: em.example.net\r\n",
    "Host: localhost\r\nVia: 1.1 em\r\n",
    "Host: localhost\r\nX-Real-IP: 192.0.2.7\r\n",
    "Host: localhost\r\nX-Forwarded-Proto: https\r\n",
];

const ORIGINAL: [&str; 3] = ["/events", "/events?all=true", "/event/1"];

#[test]
fn where_the_original_paths_are_closed_no_event_is_read_without_a_token_by_whatever_way_it_is_asked() {
    let (_site, daemon) = start(&format!("original_paths_open = false\n{}", tokens()));
    let status = |path: &str, headers: &str| head_of(daemon.http, &request("GET", path, headers, "")).0;
    for path in ORIGINAL {
        for headers in
            ["Host: localhost\r\n", "Host: 127.0.0.1\r\n", "Host: [::1]\r\n"].iter().chain(&HANDED_ON)
        {
            assert_eq!(status(path, headers), 401, "{path} {headers}");
            assert!(matches!(status(path, &format!("{headers}{}", shown("viewer"))), 200 | 404), "{path}");
            assert_eq!(status(path, &format!("{headers}{}", shown("peer"))), 403, "{path} {headers}");
        }
        let (old, head) = head_of(daemon.http, &format!("GET {path} HTTP/1.0\r\n\r\n"));
        assert_eq!(old, 401, "{path}: {head}");
    }
    // It tells whether the daemon lives, and how many events have failed.
    assert_eq!(status("/alivecheck", "Host: localhost\r\n"), 200);
    assert_eq!(head_of(daemon.http, "GET /alivecheck HTTP/1.0\r\n\r\n").0, 200);
}

#[test]
fn by_the_original_paths_a_proxy_that_says_what_it_is_reads_nothing_without_a_token() {
    let (_site, daemon) = start(&tokens());
    for path in ORIGINAL {
        let status = |headers: &str| head_of(daemon.http, &request("GET", path, headers, "")).0;
        assert!(matches!(status("Host: localhost\r\n"), 200 | 404), "{path}");
        assert_eq!(status("Host: em.example.net\r\n"), 401, "{path}");
        for headers in HANDED_ON {
            assert_eq!(status(headers), 401, "{path} {headers}");
        }
    }
    let (status, head) = head_of(daemon.http, &request("GET", "/api/v1/events", "", ""));
    assert_eq!(status, 401, "{head}");
}

#[test]
fn without_tokens_nothing_is_read_and_no_act_carried_out_for_who_comes_by_way_of_a_proxy() {
    let (_site, daemon) = start("");
    let described = described(&daemon, "");
    for (path, method) in &described {
        // Open to everybody, wherever it listens; a login is of no use where nobody needs one.
        let is_open =
            matches!(&**path, "/" | "/healthz" | "/readyz" | "/metrics" | "/openapi.json" | "/alivecheck");
        if is_open || path.starts_with("/assets/") || (path == "/api/v1/session" && method != "GET") {
            continue;
        }
        let body = if matches!(&**method, "GET" | "HEAD" | "DELETE") { "" } else { "{}" };
        let asked = |headers: &str| {
            head_of(daemon.http, &request(method, &filled(path), &format!("{JSON}{headers}"), body))
        };
        for headers in HANDED_ON {
            let (status, head) = asked(headers);
            assert_eq!(status, 403, "{method} {path} {headers}: {head}");
        }
        let old =
            request(method, &filled(path), JSON, body).replace("HTTP/1.1\r\nHost: localhost", "HTTP/1.0");
        let (status, head) = head_of(daemon.http, &old);
        assert_eq!(status, 403, "{method} {path} without a host: {head}");
        let (status, head) = asked("Host: localhost\r\n");
        assert_ne!(status, 403, "{method} {path}: {head}");
    }
    let told = ask(&daemon, "GET", "/events", "Host: localhost\r\nVia: 1.1 em\r\n", "");
    assert!(told.body.contains("a proxy has handed this on"), "{}", told.body);
}
