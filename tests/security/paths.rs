//! Every path, with every method, for everybody: what passes is what the role says.

use crate::given::*;
use crate::support::daemon::{Daemon, Site};

/// What a path wants of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    Nothing,
    /// It tells who asks: what is not known is refused all the same.
    Anybody,
    Viewer,
    Operator,
    /// A peer reads and acts.
    PeerRead,
    PeerAct,
}

/// By the path and method alone. What is not named here is data, or an act.
fn wants(path: &str, method: &str, is_loopback: bool) -> Wants {
    let is_read = matches!(method, "GET" | "HEAD");
    match path {
        "/" | "/healthz" | "/readyz" | "/metrics" => Wants::Nothing,
        _ if path.starts_with("/assets/") => Wants::Nothing,
        "/alivecheck" | "/events" | "/event/{id}" if is_loopback => Wants::Nothing,
        "/api/v1/session" => Wants::Anybody,
        // Who may have subscriptions made is seen from the command: `a_viewer_lists_and_an_operator_acts`.
        "/mi" => Wants::Viewer,
        _ if path.starts_with(BASE) => {
            if is_read {
                Wants::PeerRead
            } else {
                Wants::PeerAct
            }
        }
        _ if is_read => Wants::Viewer,
        _ => Wants::Operator,
    }
}

/// Who asks; each with what is shown.
const CALLERS: [&str; 5] = ["nobody", "stranger", "viewer", "peer", "operator"];

/// The status of a refusal, where it is one.
fn refusal(wants: Wants, caller: &str) -> Option<u16> {
    match (wants, caller) {
        (Wants::Nothing, _) | (Wants::Anybody, "nobody") => None,
        (_, "nobody" | "stranger") => Some(401),
        (Wants::Anybody, _) => None,
        (Wants::Viewer | Wants::Operator, "peer") => Some(403),
        (Wants::Operator | Wants::PeerAct, "viewer") => Some(403),
        _ => None,
    }
}

fn headers(caller: &str) -> String {
    match caller {
        "nobody" => JSON.to_owned(),
        caller => format!("{JSON}{}", shown(caller)),
    }
}

fn start(listen: &str) -> (Site, Daemon) {
    let endpoint = "[[kamailio]]\nname = \"k1\"\naddress = \"127.0.0.1:9\"\n[evi]\n[event_management]\n";
    let site = site(&format!("[http]\nlisten = \"{listen}\"\n{}{endpoint}", tokens()));
    let daemon = site.start();
    ready(&daemon);
    (site, daemon)
}

fn check_all(listen: &str) {
    let (_site, daemon) = start(listen);
    let is_loopback = listen.starts_with("127.");
    let described = described(&daemon, &shown("viewer"));
    let (mut passed, mut refused) = (0, 0);
    for (path, method) in &described {
        let wants = wants(path, method, is_loopback);
        for caller in CALLERS {
            let body = if matches!(&**method, "GET" | "HEAD" | "DELETE") { "" } else { "{}" };
            let asked = request(method, &filled(path), &headers(caller), body);
            let (status, head) = head_of(daemon.http, &asked);
            match refusal(wants, caller) {
                Some(expected) => {
                    assert_eq!(status, expected, "{method} {path} by {caller}: {head}");
                    refused += 1;
                }
                None => {
                    assert!(
                        !matches!(status, 401 | 403 | 429 | 500..),
                        "{method} {path} by {caller}: {head}"
                    );
                    passed += 1;
                }
            }
        }
    }
    assert!(passed > 100 && refused > 100, "{passed} {refused}");
}

#[test]
fn every_path_gives_to_each_role_what_is_its_own() {
    check_all("127.0.0.1:0");
}

#[test]
fn beyond_loopback_every_path_gives_to_each_role_what_is_its_own() {
    check_all("0.0.0.0:0");
}

/// Also with methods of which the API says nothing, and by the other names of the paths of peers.
#[test]
fn no_method_passes_for_who_may_not_act() {
    let (_site, daemon) = start("0.0.0.0:0");
    let mut paths: Vec<String> =
        described(&daemon, &shown("viewer")).into_iter().map(|(path, _)| path).collect();
    paths.sort();
    paths.dedup();
    let of_peers: Vec<String> =
        paths.iter().filter_map(|path| path.strip_prefix(BASE).map(str::to_owned)).collect();
    for base in ["/event/v2", "/psi/event/v2", "/eventManagement/v2"] {
        paths.extend(of_peers.iter().map(|rest| format!("{base}{rest}")));
    }
    for path in &paths {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"] {
            for caller in ["nobody", "viewer"] {
                let is_session = path == "/api/v1/session" && matches!(method, "POST" | "DELETE");
                let is_mi = path == "/mi" && caller == "viewer";
                if is_session || is_mi {
                    continue;
                }
                let asked = request(method, &filled(path), &headers(caller), "{}");
                let (status, head) = head_of(daemon.http, &asked);
                assert!(matches!(status, 400..=499), "{method} {path} by {caller}: {head}");
            }
        }
    }
}

#[test]
fn no_spelling_of_a_path_passes_without_a_token() {
    let (_site, daemon) = start("0.0.0.0:0");
    for path in [
        "/%61pi/v1/status",
        "//api/v1/status",
        "/api//v1/status",
        "/./api/v1/status",
        "/x/../api/v1/status",
        "/assets/../api/v1/status",
        "/assets/%2e%2e/api/v1/status",
        "/assets/..%2fapi/v1/status",
        "/healthz/../api/v1/status",
        "/api/v1/session/../status",
        "/api/v1/status/",
        "/api/v1/status;a=b",
        "/api/v1/status%00",
        "/api/v1/status?x",
        "/API/v1/status",
        "/api%2fv1%2fstatus",
        "/api\\v1\\status",
        "/metrics/../api/v1/status",
        "/event/v2/../../api/v1/status",
        "/events",
        "/event/1",
        "/%65vents",
        "/events/",
        "//events",
        "/assets/../events",
        "/api/v1/stream",
        "/openapi.json",
        "/%6dpenapi.json",
        "http://localhost/api/v1/status",
        "http://evil.example/healthz/../api/v1/status",
        "/api/v1/subscribers/anna@tele.gl",
        "/psi-api/event/v2/topic",
        "/event/%762/topic",
    ] {
        let (status, head) = head_of(daemon.http, &request("GET", path, "", ""));
        assert!(matches!(status, 400..=499), "{path}: {head}");
    }
    // Two of a kind, of which each reader may take another.
    for headers in [
        "Authorization: Bearer x\r\nAuthorization: Bearer y\r\n".to_owned(),
        "Authorization: Bearer\r\n".to_owned(),
        "Authorization: Basic b3BlcmF0b3I6b3BlcmF0b3ItdG9rZW4=\r\n".to_owned(),
        "X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n".to_owned(),
        "X-Original-URL: /healthz\r\nX-Rewrite-URL: /healthz\r\nX-HTTP-Method-Override: GET\r\n".to_owned(),
        "Cookie: eventmanager_session=\r\n".to_owned(),
        "Cookie: eventmanager_session=operator-token\r\n".to_owned(),
    ] {
        let (status, head) = head_of(daemon.http, &request("GET", "/api/v1/status", &headers, ""));
        assert_eq!(status, 401, "{headers}: {head}");
    }
}
