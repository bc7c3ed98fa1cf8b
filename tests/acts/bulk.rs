//! Acts on all events that match a filter.

use crate::given::*;
use crate::support::daemon::eventually;
use crate::support::documents::{add, set_phone};
use crate::support::http;
use serde_json::Value;

/// Events of three users, each with a phone that ENUM has refused.
fn three_fail() -> Trial {
    let mut trial = Trial::start();
    let users = ["anna@tele.gl", "bo@tele.gl", "carl@tele.gl"];
    (1..).zip(users).for_each(|(id, user)| trial.send(&add(id, user)));
    trial.peers.ema.script(vec![refused().op("Create").mo("DNS").times(3)]);
    (4..).zip(users).for_each(|(id, user)| trial.send(&set_phone(id, user, &format!("+299-32104{id}"))));
    assert_eq!(trial.site.count(&["failed"]), 3);
    trial
}

fn prepare(trial: &Trial, body: &str) -> Value {
    let answer = trial.post("/api/v1/bulk", body);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.json()["bulk"].as_str().expect("an id").to_owned();
    wait(trial, &id, "prepared")
}

fn wait(trial: &Trial, id: &str, state: &str) -> Value {
    eventually(&format!("the set is {state}"), || {
        let bulk = trial.json(&format!("/api/v1/bulk/{id}"));
        (bulk["state"] == state).then_some(bulk)
    })
}

#[test]
fn a_set_is_frozen_and_shown_and_done_only_when_it_is_run() {
    let trial = three_fail();
    let bulk =
        prepare(&trial, r#"{"act": "retry", "filter": {"text": "32104"}, "reason": "ENUM is mended"}"#);
    assert_eq!((&bulk["count"], &bulk["truncated"], &bulk["done"]), (&3.into(), &false.into(), &0.into()));
    let samples: Vec<_> = bulk["samples"].as_array().expect("samples").iter().map(|row| &row["id"]).collect();
    assert_eq!(samples, [4, 5, 6]);
    assert_eq!((trial.site.count(&["failed"]), trial.audit().len()), (3, 0), "nothing is done yet");
    // One that somebody else has dealt with meanwhile is left alone, and told.
    check(&trial.act(5, "resolve", "{\"reason\": \"made by hand\"}"), 200, "ignored");

    let id = bulk["bulk"].as_str().expect("an id");
    check(&trial.post(&format!("/api/v1/bulk/{id}/run"), "{}"), 202, "running");
    let bulk = wait(&trial, id, "done");
    assert_eq!(
        (&bulk["done"], &bulk["refused"], &bulk["refusals"][0]["id"]),
        (&2.into(), &1.into(), &5.into())
    );
    assert_eq!(bulk["refusals"][0]["reason"], "it is ignored: only a failed event is retried");
    trial.wait(4, "completed");
    trial.wait(6, "completed");
    let acts = trial.audit();
    assert_eq!(acts.len(), 3);
    assert_eq!(acts[1], format!("local | retry | event 4 | ENUM is mended (bulk {id})"));
    // Run once more it does nothing.
    check(&trial.post(&format!("/api/v1/bulk/{id}/run"), "{}"), 202, "done");
    assert_eq!(trial.audit().len(), 3);
}

#[test]
fn a_cancelled_set_does_nothing_more() {
    let trial = three_fail();
    let bulk = prepare(&trial, r#"{"act": "resolve", "filter": {"status": "failed"}, "reason": "x"}"#);
    let id = bulk["bulk"].as_str().expect("an id");
    check(&trial.post(&format!("/api/v1/bulk/{id}/cancel"), "{}"), 200, "cancelled");
    check(&trial.post(&format!("/api/v1/bulk/{id}/run"), "{}"), 202, "cancelled");
    assert_eq!((trial.site.count(&["failed"]), trial.audit().len()), (3, 0));
}

#[test]
fn a_wish_that_does_not_fit_is_refused_with_the_place() {
    let trial = Trial::start();
    let wish = |body: &str| trial.post("/api/v1/bulk", body);
    check(&wish("{}"), 400, "act is missing");
    check(&wish(r#"{"act": "delete"}"#), 400, "act");
    check(&wish(r#"{"act": "resolve"}"#), 400, "reason");
    check(&wish(r#"{"act": "retry", "filter": {"status": "completed"}}"#), 400, "nothing to retry");
    check(&wish(r#"{"act": "retry", "filter": {"state": "failed"}}"#), 400, "filter");
    check(&wish(r#"{"act": "retry", "filter": {"since": "yesterday"}}"#), 400, "filter.since");
    let nobody = "/api/v1/bulk/00000000-0000-0000-0000-000000000000";
    check(&trial.post(&format!("{nobody}/run"), "{}"), 404, "there is no such bulk");
    check(&trial.post("/api/v1/bulk/x/run", "{}"), 400, "uuid");
    assert_eq!(prepare(&trial, r#"{"act": "retry"}"#)["count"], 0);
}

#[test]
fn sets_that_nobody_runs_make_room_the_oldest_first() {
    let trial = three_fail();
    let show = |id: &str| http::get(trial.daemon.http, &format!("/api/v1/bulk/{id}"), "").status;
    let retry = r#"{"act": "retry"}"#;
    // One that was run and has ended goes before those that may still be run.
    let (waits, ended) = (id(&prepare(&trial, retry)), id(&prepare(&trial, retry)));
    check(&trial.post(&format!("/api/v1/bulk/{ended}/run"), "{}"), 202, "running");
    wait(&trial, &ended, "done");
    let later: Vec<String> = (0..49).map(|_| id(&prepare(&trial, retry))).collect();
    assert_eq!((show(&waits), show(&ended), show(&later[0])), (200, 404, 200));
    let newest = id(&prepare(&trial, retry));
    assert_eq!((show(&waits), show(&later[0]), show(&newest)), (404, 200, 200));
}

fn id(bulk: &Value) -> String {
    bulk["bulk"].as_str().expect("an id").to_owned()
}

#[test]
fn a_set_waits_for_a_store_that_is_away_and_refuses_nothing() {
    let trial = three_fail();
    let bulk = prepare(&trial, r#"{"act": "retry"}"#);
    let id = bulk["bulk"].as_str().expect("an id");
    let database = trial.site.database();
    database.execute_batch("begin immediate").expect("the database is held");
    trial.peers.broadworks.send(&add(7, "dorthe@tele.gl"));
    eventually("the store is away", || (trial.daemon.get("/readyz").0 == 503).then_some(()));
    check(&trial.post(&format!("/api/v1/bulk/{id}/run"), "{}"), 202, "running");
    let waits = eventually("it waits", || {
        let bulk = trial.json(&format!("/api/v1/bulk/{id}"));
        bulk["waits"].as_str().map(str::to_owned).or_else(|| (bulk["state"] == "done").then(String::new))
    });
    assert!(waits.contains("the store is away"), "{waits:?}");
    database.execute_batch("rollback").expect("the database is free");
    let bulk = wait(&trial, id, "done");
    assert_eq!((&bulk["done"], &bulk["refused"]), (&3.into(), &0.into()), "{bulk}");
    assert_eq!(bulk["waits"], Value::Null);
    (4..7).for_each(|event| trial.wait(event, "completed"));
}

#[test]
fn a_set_does_nothing_to_events_that_have_come_under_its_ids() {
    let trial = three_fail();
    let bulk = prepare(&trial, r#"{"act": "resolve", "filter": {"status": "failed"}, "reason": "x"}"#);
    let id = bulk["bulk"].as_str().expect("an id");
    // As after a truncate: the id is that of another event.
    trial.sql("update em_event set uuid = '01890000-0000-7000-8000-000000000001' where id = 5");
    check(&trial.post(&format!("/api/v1/bulk/{id}/run"), "{}"), 202, "running");
    let bulk = wait(&trial, id, "done");
    assert_eq!((&bulk["done"], &bulk["refused"]), (&2.into(), &1.into()), "{bulk}");
    assert_eq!(bulk["refusals"][0]["id"], 5);
    assert_eq!(bulk["refusals"][0]["reason"], "there is no such event");
    assert_eq!((trial.status(4), trial.status(5)), ("ignored".into(), "failed".into()));
}
