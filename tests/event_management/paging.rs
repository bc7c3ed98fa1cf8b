//! Pages of lists, what of the resources is shown, and events of a time.

use crate::given::*;

const ORDERS: &str = "/topic/order/event";

/// The numbers of the events of a page, and what its headers count.
#[track_caller]
fn page(daemon: &Daemon, query: &str) -> (Vec<u64>, u64) {
    let answer = get(daemon, &format!("{ORDERS}?{query}"));
    let events = body_of(&answer, 200);
    let numbers: Vec<u64> =
        events.as_array().expect("a list").iter().filter_map(|event| event["event"].as_u64()).collect();
    let count = |name: &str| answer.header(name).and_then(|count| count.parse::<u64>().ok()).expect(name);
    assert_eq!(count("x-result-count"), numbers.len() as u64, "{query}");
    (numbers, count("x-total-count"))
}

#[test]
fn a_page_begins_and_ends_where_it_is_asked_to() {
    let (_site, daemon) = start("");
    for n in 0..120 {
        body_of(&post(&daemon, ORDERS, &json!({"event": n})), 201);
    }
    let check = |query: &str, expected: std::ops::Range<u64>| {
        assert_eq!(page(&daemon, query), (expected.collect(), 120), "{query}");
    };
    check("", 0..100);
    check("limit=5", 0..5);
    check("offset=118&limit=5", 118..120);
    check("offset=50", 50..120);
    check("limit=0", 0..0);
    check("limit=100000", 0..120);
    check("offset=120", 0..0);
    check("offset=99999999999999999999999999", 0..0);
    for bad in [
        "offset=-1",
        "offset=x",
        "offset=",
        "limit=-5",
        "limit=1.5",
        "limit=five",
        "limit=1&limit=2",
        "color=red",
    ] {
        let reason = error_of(&get(&daemon, &format!("{ORDERS}?{bad}")), 400);
        assert!(reason.starts_with("parameter "), "{reason}");
    }
    // Other lists as well.
    let topics = get(&daemon, "/topic?offset=1&limit=2");
    assert_eq!(body_of(&topics, 200).as_array().map(Vec::len), Some(2));
    assert_eq!((topics.header("x-total-count"), topics.header("x-result-count")), (Some("7"), Some("2")));
    assert_eq!(body_of(&get(&daemon, "/topic?offset=7"), 200), json!([]));
    error_of(&get(&daemon, "/topic?offset=-7"), 400);
    assert_eq!(get(&daemon, "/topic/order/hub").header("x-total-count"), Some("0"));
}

#[test]
fn fields_are_those_that_are_named_and_id_and_href_in_any_case() {
    let (_site, daemon) = start("");
    let made = body_of(
        &post(&daemon, ORDERS, &json!({"eventId": "7", "eventType": "updated", "event": {"id": "42"}})),
        201,
    );
    let check = |fields: &str, expected: &[&str]| {
        let names =
            |resource: &Value| resource.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        let event = body_of(&get(&daemon, &format!("/event/{}?fields={fields}", text(&made, "id"))), 200);
        assert_eq!(names(&event), expected, "{fields}");
        let events = body_of(&get(&daemon, &format!("{ORDERS}?fields={fields}")), 200);
        assert_eq!(names(&events[0]), expected, "{fields}");
    };
    check("none", &["href", "id"]);
    check("eventType", &["eventType", "href", "id"]);
    check("event,eventId,nothing", &["event", "eventId", "href", "id"]);
    let topics = body_of(&get(&daemon, "/topic?fields=none"), 200);
    assert!(
        topics
            .as_array()
            .expect("a list")
            .iter()
            .all(|topic| topic.as_object().is_some_and(|topic| topic.len() == 2))
    );
    for bad in ["", "event.id", "a,,b", "none,event"] {
        error_of(&get(&daemon, &format!("{ORDERS}?fields={bad}")), 400);
    }
}

#[test]
fn events_of_a_time_are_those_that_were_received_in_it() {
    let (site, daemon) = start("");
    for n in 0..4 {
        // When they say that they were does not count.
        body_of(&post(&daemon, ORDERS, &json!({"event": n, "eventTime": "1999-01-01T00:00:00Z"})), 201);
    }
    let database = site.database();
    for n in 0..4 {
        let sql = "update em_topic_log set at = ?1 where sequence = (select sequence from em_topic_log order by sequence limit 1 offset ?2)";
        let at = format!("2026-03-01 12:0{n}:00.000");
        let kind: String = database
            .query_row("select typeof(at) || ' ' || at from em_topic_log", [], |row| row.get(0))
            .expect("a row");
        assert!(kind.starts_with("text 20"), "{kind}");
        database.execute(sql, rusqlite::params![at, n]).expect("changed");
    }
    let check = |query: &str, expected: &[u64]| {
        assert_eq!(page(&daemon, query), (expected.to_vec(), expected.len() as u64), "{query}");
    };
    check("raisedAfter=2026-03-01T12:01:00Z", &[1, 2, 3]);
    check("raisedAfter=2026-03-01T12:01:00.001Z", &[2, 3]);
    check("raisedBefore=2026-03-01T12:01:00Z", &[0, 1]);
    check("raisedAfter=2026-03-01T13:01:00+01:00&raisedBefore=2026-03-01T12%3A02%3A00Z", &[1, 2]);
    check("raisedAfter=2026-03-02T00:00:00Z", &[]);
    check("raisedBefore=1999-12-31T00:00:00Z", &[]);
    for bad in ["raisedAfter=yesterday", "raisedBefore=", "raisedBefore=12", "raisedAfter=2026-03-01"] {
        error_of(&get(&daemon, &format!("{ORDERS}?{bad}")), 400);
    }
    error_of(&get(&daemon, "/topic?raisedAfter=2026-03-01T12:01:00Z"), 400);
}

#[test]
fn large_events_make_short_pages_that_follow_each_other() {
    let (_site, daemon) = start("");
    let large = "x".repeat(900 << 10);
    for n in 0..20 {
        body_of(&post(&daemon, ORDERS, &json!({"event": n, "description": large})), 201);
    }
    let (mut found, mut offset, mut pages) = (Vec::new(), 0, 0);
    while found.len() < 20 {
        let (numbers, total) = page(&daemon, &format!("offset={offset}&limit=1000"));
        assert!(!numbers.is_empty() && total == 20, "{numbers:?} of {total}");
        offset += numbers.len();
        found.extend(numbers);
        pages += 1;
    }
    assert_eq!(found, (0..20).collect::<Vec<u64>>());
    assert!(pages > 1, "all of it is too much for one");
    assert!(daemon.resident() < 400, "{} MiB", daemon.resident());
}
