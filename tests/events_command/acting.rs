//! Acts on events of a running daemon.

use crate::given::*;
use crate::running::{given, url};
use crate::support::daemon::{Daemon, eventually};
use crate::support::documents::add;
use serde_json::Value;

fn audit(daemon: &Daemon) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&daemon.get("/api/v1/audit").1).expect("JSON");
    answer["acts"].as_array().expect("a list").clone()
}

#[test]
fn an_event_is_retried_resolved_and_audited_with_its_reason() {
    let (_peers, site, daemon) = given();
    let url = url(&daemon);
    events(&url, &["retry", "1"]).check(3, &["event 1 is left alone"]);
    let said = events(&url, &["retry", "2", "--reason", "try again"]);
    said.check(0, &["event 2 is planned anew, attempt 2\n"]);
    site.wait_ended(3);
    eventually("it has failed again", || (site.count(&["failed"]) == 2).then_some(()));
    events(&url, &["resolve", "2", "--reason", "there is no Bo"])
        .check(0, &["event 2 is resolved: ignored\n"]);
    events(&url, &["list", "--status", "ignored"]).check(0, &["2   ignored", "there is no Bo"]);
    events(&url, &["resolve", "1", "--reason", "no"]).check(3, &["event 1 is left alone"]);
    let acts = audit(&daemon);
    let told = |act: &str, why: &str| {
        acts.iter()
            .any(|line| line["act"] == act && line["detail"].as_str().is_some_and(|text| text.contains(why)))
    };
    assert!(told("retry", "try again") && told("resolve", "there is no Bo"), "{acts:?}");
    assert!(acts.iter().all(|act| act["actor"] == "local (anna)"), "{acts:?}");
}

#[test]
fn a_retry_behind_later_events_shows_them_and_the_plan_and_wants_force() {
    let (peers, site, daemon) = given();
    let url = url(&daemon);
    peers.broadworks.send(&add(4, "bo@tele.gl"));
    site.wait_ended(4);
    let said = events(&url, &["retry", "2"]);
    said.check(
        3,
        &[
            "event 2 is left alone",
            "4   completed",
            "it would send: UserModifyRequest",
            "tel:+299321055",
            "--force",
        ],
    );
    events(&url, &["retry", "2", "--force", "--json"]).check(0, &["\"pending\""]);
    eventually("it is done", || (site.count(&["completed"]) == 3).then_some(()));
}

#[test]
fn all_events_of_a_filter_are_resolved_at_once() {
    let (_peers, site, daemon) = given();
    let url = url(&daemon);
    let said = events(&url, &["resolve", "--status", "failed", "--reason", "tests"]);
    said.check(2, &["resolve: 2 events", "3   failed", "nothing was done: --yes is needed"]);
    assert_eq!(site.count(&["failed"]), 2);
    events(&url, &["resolve", "--user", "nobody", "--reason", "tests", "--yes"])
        .check(4, &["no such events"]);
    let said = events(&url, &["resolve", "--status", "failed", "--reason", "tests", "--yes"]);
    said.check(0, &["2 of 2 events resolved\n"]);
    assert_eq!((site.count(&["failed"]), site.count(&["ignored"])), (0, 2));
    assert_eq!(
        audit(&daemon).iter().filter(|act| act["act"] == "resolve").count(),
        2,
        "{:?}",
        audit(&daemon)
    );
}
