//! Who may do what: viewers read, peers have the paths of Event Management, operators all; each caller sees its own.

use crate::given::*;
use std::net::SocketAddr;

const ORDERS: &str = "/topic/order/event";

fn site() -> (Site, Daemon) {
    let tokens = ["pss", "oss", "guest"].map(|name| token(name, "peer")).concat();
    let tokens = tokens + &token("desk", "viewer") + &token("noc", "operator");
    let host = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let peers =
        peer(host(1), "token = \"pss\"\ntopics = \"order|inquiry\"\n") + &peer(host(2), "token = \"oss\"\n");
    let site = Site::quiet(&format!("{tokens}[event_management]\n{peers}"));
    let daemon = site.start();
    ready(&daemon);
    (site, daemon)
}

fn by(daemon: &Daemon, token: &str, method: &str, path: &str) -> Answer {
    let body = if method == "POST" { "{}" } else { "" };
    ask(daemon, method, path, &format!("{JSON}{}", shown(token)), body)
}

#[test]
fn nobody_passes_without_a_token_by_whatever_path() {
    let (_site, daemon) = site();
    for base in [
        "/psi-api/event/v2",
        "/event/v2",
        "/psi/event/v2",
        "/eventManagement/v2",
        "/event/%762",
        "/%65vent/v2",
        "//event/v2",
        "/event/./v2",
    ] {
        for path in ["", "/topic", "/topic/order/event", "/event/7"] {
            for method in ["GET", "HEAD", "POST", "DELETE"] {
                let answer = ask_at(&daemon, method, &format!("{base}{path}"), JSON, "{}");
                assert!(matches!(answer.status, 401 | 404), "{method} {base}{path}: {}", answer.head);
                assert!(!answer.body.contains("alarm"), "{}", answer.body);
            }
        }
    }
    let refused = ask(&daemon, "POST", ORDERS, JSON, "{}");
    error_of(&refused, 401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    error_of(&by(&daemon, "sesame", "GET", "/topic"), 401);
    // What was open stays open, and the paths of events are none of these.
    assert_eq!(ask_at(&daemon, "GET", "/alivecheck", "", "").status, 200);
    assert_eq!(ask_at(&daemon, "GET", "/events", &shown("noc"), "").status, 200);
    assert_eq!(ask_at(&daemon, "GET", "/event/1", &shown("noc"), "").status, 404);
    assert_eq!(body_of(&by(&daemon, "noc", "GET", ORDERS), 200), json!([]));
}

#[test]
fn a_peer_reads_and_acts_here_and_nowhere_else() {
    let (_site, daemon) = site();
    for base in ["/psi-api/event/v2", "/event/v2", "/psi/event/v2", "/eventManagement/v2"] {
        let answer = ask_at(&daemon, "GET", &format!("{base}/topic"), &shown("guest"), "");
        body_of(&answer, 200);
    }
    body_of(&by(&daemon, "guest", "POST", ORDERS), 201);
    for path in [
        "/api/v1/status",
        "/api/v1/events",
        "/api/v1/hubs",
        "/api/v1/audit",
        "/openapi.json",
        "/api/v1/stream",
    ] {
        let answer = ask_at(&daemon, "GET", path, &shown("guest"), "");
        assert_eq!(answer.status, 403, "{path}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    for path in ["/api/v1/log", "/mi", "/api/v1/systems/hss/pause"] {
        let answer = ask_at(&daemon, "POST", path, &format!("{JSON}{}", shown("guest")), "{}");
        assert_eq!(answer.status, 403, "{path}: {}", answer.body);
    }
    let login = ask_at(&daemon, "POST", "/api/v1/session", JSON, r#"{"token":"guest"}"#);
    assert!(login.status == 403 && login.header("set-cookie").is_none(), "{}", login.head);
}

#[test]
fn a_viewer_reads_and_an_operator_acts() {
    let (_site, daemon) = site();
    for path in ["/topic", "/topic/order", "/topic/order/hub", ORDERS] {
        body_of(&by(&daemon, "desk", "GET", path), 200);
        body_of(&by(&daemon, "noc", "GET", path), 200);
    }
    error_of(&by(&daemon, "desk", "POST", ORDERS), 403);
    error_of(&by(&daemon, "desk", "DELETE", "/hub/7"), 403);
    body_of(&by(&daemon, "noc", "POST", ORDERS), 201);
}

#[test]
fn a_peer_that_is_configured_reads_the_topics_that_are_for_it() {
    let (_site, daemon) = site();
    let made = |topic: &str| {
        let answer = by(&daemon, "noc", "POST", &format!("/topic/{topic}/event"));
        text(&body_of(&answer, 201), "id")
    };
    let (order, alarm) = (made("order"), made("alarm"));
    body_of(&by(&daemon, "pss", "GET", ORDERS), 200);
    body_of(&by(&daemon, "pss", "GET", &format!("/event/{order}")), 200);
    error_of(&by(&daemon, "pss", "GET", "/topic/alarm/event"), 403);
    error_of(&by(&daemon, "pss", "GET", &format!("/event/{alarm}")), 404);
    for other in ["oss", "guest", "desk", "noc"] {
        body_of(&by(&daemon, other, "GET", "/topic/alarm/event"), 200);
        body_of(&by(&daemon, other, "GET", &format!("/event/{alarm}")), 200);
    }
}

#[test]
fn an_event_is_known_by_who_has_posted_it() {
    let (site, daemon) = site();
    let posted = |token: &str| {
        let headers = format!("{JSON}{}", shown(token));
        text(&body_of(&ask(&daemon, "POST", ORDERS, &headers, r#"{"eventId":"7"}"#), 201), "id")
    };
    let ids = ["pss", "oss", "guest", "noc"].map(|token| {
        let id = posted(token);
        assert_eq!(posted(token), id, "{token}");
        id
    });
    let mut distinct = ids.to_vec();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 4, "{ids:?}");
    // Where it came from is known of peers that are configured.
    let database = site.database();
    let mut statement =
        database.prepare("select source, origin from em_topic_log order by sequence").expect("SQL");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    let rows: Vec<(String, Option<String>)> = rows.collect::<Result<_, _>>().expect("rows");
    let own = |text: &str| text.to_owned();
    let expected = [
        (own("pss"), Some(own("pss"))),
        (own("oss"), Some(own("oss"))),
        (own("event_management"), None),
        (own("event_management"), None),
    ];
    assert_eq!(rows, expected);
}
