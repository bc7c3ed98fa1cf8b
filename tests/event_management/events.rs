//! Events are posted (REQ 03-01, 03-02) and read.

use crate::given::*;
use crate::support::documents::add;
use crate::support::peers::Peers;

const ORDERS: &str = "/topic/order/event";

#[test]
fn an_event_that_is_posted_is_there_as_it_was_posted() {
    let (_site, daemon) = start("");
    let body = json!({
        "@type": "OrderEvent", "eventId": "7", "correlationId": "c", "description": "d", "domain": "elsewhere", "priority": "1", "title": "t",
        "eventTime": "2026-03-01T12:00:00Z", "timeOcurred": "2026-03-01T13:00:00+01:00", "eventType": "updated",
        "analyticCharacteristic": [{"name": "n", "value": [1, null]}], "relatedParty": [{"id": "p"}], "reportingSystem": {"id": "r"},
        "source": {"id": "s"}, "event": {"id": "42", "state": "pending", "æ": "漢🐎"}, "vendor": {"own": true}
    });
    let made = post(&daemon, ORDERS, &body);
    let event = body_of(&made, 201);
    let (id, href) = (text(&event, "id"), text(&event, "href"));
    assert_eq!(
        (href.as_str(), made.header("location")),
        (format!("{BASE}/event/{id}").as_str(), Some(href.as_str()))
    );
    let mut expected = body.clone();
    expected["id"] = id.into();
    expected["href"] = href.as_str().into();
    assert_eq!(event, expected);
    assert_eq!(body_of(&ask_at(&daemon, "GET", &href, "", ""), 200), expected);
    assert_eq!(body_of(&get(&daemon, ORDERS), 200), json!([expected]));
    assert_eq!(body_of(&get(&daemon, "/topic/inquiry/event"), 200), json!([]));
}

#[test]
fn nothing_is_required_of_an_event() {
    let (_site, daemon) = start("");
    let ids: Vec<String> =
        (0..2).map(|_| text(&body_of(&post(&daemon, ORDERS, &json!({})), 201), "id")).collect();
    assert_ne!(ids[0], ids[1], "nothing says that they are the same");
    for event in [json!(null), json!(1), json!("text"), json!([]), json!({"deep": [[[]]]})] {
        let made = body_of(&post(&daemon, ORDERS, &json!({"event": event})), 201);
        assert_eq!(made["event"], event);
    }
}

#[test]
fn json_is_taken_in_whatever_way_it_is_announced() {
    let (_site, daemon) = start("");
    for kind in [
        "application/json",
        "application/json;charset=utf-8",
        "Application/JSON; Charset=\"UTF-8\"",
        "application/merge-patch+json",
        "application/cloudevents+json; charset=utf-8",
    ] {
        let answer = ask(&daemon, "POST", ORDERS, &format!("Content-Type: {kind}\r\n"), "{}");
        body_of(&answer, 201);
    }
}

#[test]
fn an_event_that_is_posted_again_is_the_one_that_is_stored() {
    let (site, daemon) = start("");
    let first = body_of(&post(&daemon, ORDERS, &json!({"eventId": "7", "event": {"n": 1}})), 201);
    let again = post(&daemon, ORDERS, &json!({"eventId": "7", "correlationId": "x", "event": {"n": 2}}));
    assert_eq!(again.header("location"), first["href"].as_str());
    assert_eq!(body_of(&again, 201), first);
    let other = body_of(&post(&daemon, "/topic/inquiry/event", &json!({"eventId": "7"})), 201);
    assert_ne!(other["id"], first["id"], "of another topic");
    let by_correlation = json!({"correlationId": "7"});
    let third = body_of(&post(&daemon, ORDERS, &by_correlation), 201);
    assert_ne!(third["id"], first["id"]);
    assert_eq!(body_of(&post(&daemon, ORDERS, &by_correlation), 201), third);
    // Also when it was stored by a process that is no more.
    daemon.kill();
    let daemon = site.start();
    ready(&daemon);
    assert_eq!(body_of(&post(&daemon, ORDERS, &json!({"eventId": "7"})), 201), first);
    assert_eq!(all(&body_of(&get(&daemon, ORDERS), 200), "id"), [text(&first, "id"), text(&third, "id")]);
}

#[test]
fn an_event_that_was_answered_survives_a_kill() {
    let (site, daemon) = start("");
    let made: Vec<Value> =
        (0..20).map(|n| body_of(&post(&daemon, ORDERS, &json!({"event": n})), 201)).collect();
    daemon.kill();
    let daemon = site.start();
    ready(&daemon);
    assert_eq!(body_of(&get(&daemon, ORDERS), 200), json!(made));
}

#[test]
fn while_the_database_is_away_an_event_is_not_taken_and_once_at_most_afterwards() {
    let (site, daemon) = start("");
    let event = json!({"eventId": "7"});
    let other = site.database();
    other.execute_batch("begin immediate").expect("the database is held");
    let refused = post(&daemon, ORDERS, &event);
    error_of(&refused, 503);
    let again: u64 = refused.header("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
    assert!(again > 0);
    other.execute_batch("rollback").expect("free again");
    let made = eventually("it is taken", || {
        let answer = post(&daemon, ORDERS, &event);
        (answer.status == 201).then(|| answer.json())
    });
    assert_eq!(body_of(&get(&daemon, ORDERS), 200), json!([made]));
}

#[test]
fn a_rule_has_a_posted_event_handed_on_under_further_topics() {
    let rules = "[[route]]\nsource = \"event_management\"\nevent = \"updated\"\nwhen = { state = \"pending\" }\nto = [\"waiting\"]\n";
    let (_site, daemon) = start(rules);
    let made =
        body_of(&post(&daemon, ORDERS, &json!({"eventType": "updated", "event": {"state": "pending"}})), 201);
    body_of(&post(&daemon, ORDERS, &json!({"eventType": "updated", "event": {"state": "done"}})), 201);
    assert_eq!(body_of(&get(&daemon, "/topic/waiting/event"), 200), json!([made]));
    assert_eq!(body_of(&get(&daemon, ORDERS), 200).as_array().map(Vec::len), Some(2));
}

#[test]
fn what_is_provisioned_is_an_event_with_the_subscriber_as_its_entity() {
    let peers = Peers::start();
    let rules =
        "[event_management]\n[[route]]\nsource = \"as1\"\nwhen = { change = \"*\" }\nto = [\"broadworks\"]\n";
    let site = Site::quiet(&format!("{}{rules}", peers.config("")));
    let daemon = site.start();
    ready(&daemon);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    let events = eventually("it is handed on", || {
        let events = body_of(&get(&daemon, "/topic/broadworks/event"), 200);
        events.as_array().is_some_and(|events| !events.is_empty()).then_some(events)
    });
    let event = &events[0];
    assert_eq!((&event["eventType"], &event["title"]), (&json!("created"), &json!("UserAddRequest")));
    assert_eq!((&event["event"]["id"], &event["domain"]), (&json!("anna@tele.gl"), &json!("broadworks")));
    assert_eq!(event["source"], json!({"id": "as1", "name": "as1"}));
    assert_eq!(event["eventId"], event["id"]);
    assert_eq!(event["eventTime"], event["timeOccurred"]);
    let beside = all(&event["analyticCharacteristic"], "name");
    assert!(beside.contains(&"status".to_owned()), "{event}");
    assert!(!event.to_string().contains("assword"), "{event}");
}

#[test]
fn events_posted_beside_each_other_are_all_there_once() {
    let (_site, daemon) = start("");
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let daemon = &daemon;
            scope.spawn(move || {
                for n in 0..25 {
                    // Every second one is posted by two.
                    let id = if n % 2 == 0 { format!("shared-{n}") } else { format!("{sender}-{n}") };
                    body_of(&post(daemon, ORDERS, &json!({"eventId": id})), 201);
                }
            });
        }
    });
    let answer = get(&daemon, &format!("{ORDERS}?limit=1000"));
    let mut ids = all(&body_of(&answer, 200), "eventId");
    assert_eq!(ids.len(), 13 + 8 * 12);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 13 + 8 * 12);
}
