//! `[processing]` and `[numbering]`.

use crate::given::World;
use crate::support::daemon::eventually;
use crate::support::documents::{add, delete, set_phone};
use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use std::time::Duration;

#[test]
fn more_requests_are_under_way_at_a_time_and_fewer_again() {
    let world = World::start();
    world.change("retry_max = \"200ms\"", "retry_max = \"200ms\"\nconcurrency = 1");
    world.peers.ema.set_latency(Duration::from_millis(100));
    let mut number = 0;
    let mut most = || {
        for _ in 0..12 {
            number += 1;
            world.peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
        }
        world.site.wait_ended(number);
        world.peers.ema.open_sessions().len()
    };
    assert_eq!(most(), 1);
    world.change("concurrency = 1", "concurrency = 3");
    assert_eq!(most(), 3);
    let tree = world.daemon.get("/api/v1/tree").1;
    assert!(tree.contains("\"lane-12\""), "{tree}");
    world.change("concurrency = 3", "concurrency = 2");
    world.peers.ema.expire_sessions();
    assert_eq!(most(), 2);
}

#[test]
fn events_that_are_on_hold_go_on_when_failures_hold_nobody_any_more() {
    let world = World::start();
    world.change("retry_max = \"200ms\"", "retry_max = \"200ms\"\non_failure = \"hold\"");
    let fault = Action::Fault { code: 4006, detail_code: Some(13999), style: FaultStyle::ErrorCode };
    world.peers.ema.script(vec![Rule::new(fault).op("Create").times(1)]);
    world.peers.broadworks.send(&add(1, "anna@tele.gl"));
    eventually("it fails", || (world.site.count(&["failed"]) == 1).then_some(()));
    world.peers.broadworks.send(&add(2, "anna@tele.gl"));
    world.peers.broadworks.send(&add(3, "bo@tele.gl"));
    eventually("bo goes on", || (world.site.count(&["completed"]) == 1).then_some(()));
    assert_eq!(world.site.count(&["pending"]), 1, "anna is on hold");
    world.change("\"hold\"", "\"continue\"");
    world.site.wait_ended(3);
}

#[test]
fn the_next_event_is_planned_with_the_new_numbers_and_profiles() {
    let world = World::start();
    let plan = |number: u64| {
        let answer = world.daemon.get(&format!("/api/v1/events/{number}/plan"));
        assert_eq!(answer.0, 200, "{}", answer.1);
        answer.1
    };
    world.peers.broadworks.send(&add(1, "anna@tele.gl"));
    world.site.wait_ended(1);
    world.change("user = \"sp_user\"", "user = \"sp_other\"");
    world.peers.broadworks.send(&add(2, "bo@tele.gl"));
    world.peers.broadworks.send(&set_phone(3, "bo@tele.gl", "321044"));
    world.site.wait_ended(3);
    let state = format!("{:?}", world.peers.ema.state());
    assert!(state.contains("sp_other") && state.contains("sp_user"), "{state}");
    world.peers.broadworks.send(&delete(4, "bo@tele.gl"));
    world.site.wait_ended(4);
    assert!(plan(2).contains("sp_other"), "the API looks ahead with them too");
}

#[test]
fn a_retry_does_not_go_on_with_a_plan_of_the_numbers_of_before() {
    // Without another configuration in between it goes on; and also when that has been taken back.
    for (changes, plan) in [(0, "resumes"), (1, "anew"), (2, "resumes")] {
        let world = World::start();
        let on_create = |action| Rule::new(action).op("Create").mo("DNS");
        let fault = Action::Fault { code: 4006, detail_code: Some(13999), style: FaultStyle::ErrorCode };
        world.peers.ema.script(vec![on_create(Action::Status(503))]);
        world.peers.broadworks.send(&add(1, "anna@tele.gl"));
        world.peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
        eventually("it waits behind its first step", || {
            let status = crate::support::http::get(world.daemon.http, "/api/v1/status", "").json();
            (status["backlog"]["waiting"][0] == serde_json::json!(["enum", 1])).then_some(())
        });
        let names = ["\"sp_user\"", "\"sp_other\"", "\"sp_user\""];
        (0..changes).for_each(|change| world.change(names[change], names[change + 1]));
        world.peers.ema.script(vec![on_create(fault)]);
        eventually("it fails", || (world.site.count(&["failed"]) == 1).then_some(()));
        world.peers.ema.script(Vec::new());
        let answer = world.post("/api/v1/events/2/retry", "{}").json();
        assert_eq!(answer["plan"], plan, "{changes} changes: {answer}");
        world.site.wait_ended(2);
        let shown = crate::support::http::get(world.daemon.http, "/api/v1/events/2", "").json();
        assert_eq!(shown["status"], "completed", "{shown}");
        let resumed = shown["steps"][0]["answer"] == "done in attempt 1";
        assert_eq!(resumed, plan == "resumes", "what was told is what was done: {shown}");
    }
}
