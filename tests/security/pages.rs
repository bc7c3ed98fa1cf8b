//! What a page of another site can have a browser do here, by each of the acts and each of the reads.

use crate::given::*;
use crate::support::daemon::{Daemon, Site};

/// A daemon that is open to all of this host, which is where a page of another site could do most.
fn open() -> (Site, Daemon) {
    start("")
}

/// One whose `[http]` has this as well.
fn start(http: &str) -> (Site, Daemon) {
    let site = site(&format!("[http]\nlisten = \"127.0.0.1:0\"\n{http}[evi]\n[event_management]\n"));
    let daemon = site.start();
    ready(&daemon);
    (site, daemon)
}

fn acts(daemon: &Daemon, headers: &str) -> Vec<(String, String)> {
    let described = described(daemon, headers).into_iter();
    let acts: Vec<_> = described.filter(|(_, method)| !matches!(&**method, "GET" | "HEAD")).collect();
    assert!(acts.len() > 15, "{acts:?}");
    acts
}

#[track_caller]
fn status(daemon: &Daemon, method: &str, path: &str, headers: &str) -> (u16, String) {
    let body = if method == "DELETE" { "" } else { "{}" };
    head_of(daemon.http, &request(method, &filled(path), headers, body))
}

#[test]
fn no_act_is_carried_out_for_a_page_of_another_site() {
    let (_site, daemon) = open();
    for (path, method) in acts(&daemon, "") {
        for foreign in [
            "Origin: https://evil.example\r\n",
            "Origin: null\r\n",
            "Origin: http://localhost.evil.example\r\n",
            "Origin: http://localhost:1\r\n",
            "Origin: http://evil.example\r\nOrigin: http://localhost\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: same-site\r\n",
            // A name that a stranger's server gives to this host: its page is of the same origin.
            "Host: evil.example\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin\r\n",
            "Host: evil.example\r\n",
            "Host: localhost.evil.example\r\n",
            "Host: localhost@evil.example\r\n",
            "Host: 127.0.0.1.evil.example\r\n",
            "Host: 0.0.0.0\r\n",
            "Host: 192.0.2.1\r\n",
        ] {
            // The login is of no use where nobody needs one, and a logout logs nobody out.
            if path == "/api/v1/session" && (method == "DELETE" || foreign.starts_with("Host")) {
                continue;
            }
            let (status, head) = status(&daemon, &method, &path, &format!("{JSON}{foreign}"));
            assert!(matches!(status, 403 | 400), "{method} {path} with {foreign}: {head}");
            if !foreign.contains("\nOrigin: http://localhost\r") {
                assert_eq!(status, 403, "{method} {path} with {foreign}: {head}");
            }
        }
        for form in ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
        {
            let kind = if form.is_empty() { String::new() } else { format!("Content-Type: {form}\r\n") };
            if method == "POST" {
                assert_eq!(status(&daemon, &method, &path, &kind).0, 415, "{method} {path} as {form:?}");
            }
        }
        let own = format!("{JSON}Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n");
        let (status, head) = status(&daemon, &method, &path, &own);
        assert!(!matches!(status, 403 | 415), "{method} {path}: {head}");
    }
}

#[test]
fn nothing_is_read_by_a_name_that_a_stranger_has_given_to_this_host() {
    let (_site, daemon) = open();
    let open_to_all = ["/", "/healthz", "/readyz", "/metrics", "/openapi.json"];
    for (path, method) in described(&daemon, "") {
        let is_open = open_to_all.contains(&&*path) || path.starts_with("/assets/");
        if is_open || !matches!(&*method, "GET" | "HEAD") {
            continue;
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "[::2]", "0.0.0.0"] {
            let headers = format!("Host: {host}:{}\r\n", daemon.http.port());
            let (status, head) = head_of(daemon.http, &request(&method, &filled(&path), &headers, ""));
            assert_eq!(status, 403, "{method} {path} by {host}: {head}");
        }
        let port = daemon.http.port();
        for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
            let headers = format!("Host: {host}\r\n");
            let (status, head) = head_of(daemon.http, &request(&method, &filled(&path), &headers, ""));
            assert_ne!(status, 403, "{method} {path} by {host}: {head}");
        }
    }
}

#[test]
fn with_tokens_nothing_is_read_by_such_a_name_without_one() {
    let site = site(&format!("[http]\nlisten = \"127.0.0.1:0\"\n{}[event_management]\n", tokens()));
    let daemon = site.start();
    ready(&daemon);
    for path in ["/events", "/events?all=true", "/event/1", "/alivecheck", "/api/v1/events"] {
        let by = |host: &str, more: &str| {
            head_of(daemon.http, &request("GET", path, &format!("Host: {host}\r\n{more}"), "")).0
        };
        assert_eq!(by("em.example.net", ""), 401, "{path}");
        assert!(matches!(by("em.example.net", &shown("viewer")), 200 | 404), "{path}");
    }
    // As whoever looks after this host asks.
    assert_eq!(daemon.get("/alivecheck").0, 200);
}

/// An operator logs in: the cookie, and the token of the page.
fn log_in(daemon: &Daemon) -> (String, String) {
    let login = ask(daemon, "POST", "/api/v1/session", JSON, r#"{"token":"operator-token"}"#);
    let cookie = login.header("set-cookie").and_then(|it| it.split(';').next()).expect("a cookie");
    (cookie.to_owned(), login.json()["csrf"].as_str().expect("a token").to_owned())
}

/// Every act is refused a session of a page of another site, even one that has got hold of our page's token.
#[test]
fn with_a_cookie_and_its_token_no_act_is_carried_out_for_a_page_of_another_site() {
    let (_site, daemon) = start(&tokens());
    let (cookie, csrf) = log_in(&daemon);
    for (path, method) in acts(&daemon, &shown("viewer")) {
        if path == "/api/v1/session" {
            continue;
        }
        let session = format!("{JSON}Cookie: {cookie}\r\nX-CSRF-Token: {csrf}\r\n");
        for foreign in ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: same-site\r\n"] {
            let (status, head) = status(&daemon, &method, &path, &format!("{session}{foreign}"));
            assert_eq!(status, 403, "{method} {path} {foreign}: {head}");
        }
        // A program shows its token with each request, wherever it runs.
        let program = format!("{JSON}{}Origin: https://portal.example\r\n", shown("operator"));
        let (status, head) = status(&daemon, &method, &path, &program);
        assert!(!matches!(status, 401 | 403), "{method} {path}: {head}");
    }
}

#[test]
fn with_a_cookie_no_act_is_carried_out_without_the_token_of_its_page() {
    let (_site, daemon) = start(&tokens());
    let (cookie, csrf) = log_in(&daemon);
    for (path, method) in acts(&daemon, &shown("viewer")) {
        if path == "/api/v1/session" {
            // `who_logs_in_reads_with_the_cookie_and_acts_with_the_csrf_token_until_the_logout`
            continue;
        }
        let with = |more: &str| status(&daemon, &method, &path, &format!("{JSON}Cookie: {cookie}\r\n{more}"));
        for wrong in ["", "X-CSRF-Token:\r\n", "X-CSRF-Token: x\r\n", &format!("X-CSRF-Token: {csrf}x\r\n")] {
            assert_eq!(with(wrong).0, 403, "{method} {path} {wrong}");
        }
        let (status, head) = with(&format!("X-CSRF-Token: {csrf}\r\n"));
        assert!(!matches!(status, 401 | 403), "{method} {path}: {head}");
    }
}
