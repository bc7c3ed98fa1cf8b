//! States of Asterisks: who says what, who has what, and what is not as it should be.

use crate::browser::drive;
use crate::given::Desk;
use crate::support::daemon::eventually;
use eventmanager::simulators::asterisk::Ending;
use eventmanager::states::DeviceState;

#[test]
fn states_are_found_with_who_says_and_who_has_what() {
    drive(async |page| {
        let desk = Desk::with_asterisks();
        page.go(&desk.url("#/states")).await;
        page.sees("[data-peer='pbx-a']", "up").await;
        page.sees("[data-name='SIP/100']", "pbx-a: INUSE").await;
        page.sees("[data-name='SIP/100']", "pbx-b: INUSE, last told INUSE at ").await;
        page.sees("[data-name='CustomPresence:anna']", "pbx-b: away").await;
        page.write("#t-name", "anna\n").await;
        page.until("document.querySelectorAll('[data-name]').length === 1").await;
        assert_eq!(page.place().await, "#/states?name=anna");
        page.go(&desk.url("#/states?diverged=true")).await;
        page.sees(".empty", "No state matches").await;
    });
}

#[test]
fn a_change_is_shown_and_a_server_that_is_lost() {
    drive(async |page| {
        let desk = Desk::with_asterisks();
        page.go(&desk.url("#/states")).await;
        page.sees("[data-name='SIP/100']", "pbx-b: INUSE").await;
        desk.asterisks[0].set_device("SIP/100", DeviceState::Busy);
        page.sees("[data-name='SIP/100']", "pbx-b: BUSY, last told BUSY at ").await;
        desk.asterisks[1].stop(Ending::Shutdown).expect("it stops");
        page.sees("[data-peer='pbx-b']", "down").await;
    });
}

#[test]
fn where_nothing_is_mirrored_that_is_said() {
    drive(async |page| {
        let desk = Desk::new();
        page.go(&desk.url("#/states")).await;
        page.sees(".note", "no states are mirrored").await;
        page.sees_no(".problem, form").await;
    });
}

#[test]
fn the_api_says_the_same_and_metrics_are_those_that_are_documented() {
    let desk = Desk::with_asterisks();
    let (status, body) = desk.daemon().get("/api/v1/states?name=SIP%2F100&peer=pbx-b&kind=device");
    assert_eq!(status, 200, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["states"][0]["origins"][0]["value"]["state"], "INUSE", "{answer}");
    assert_eq!(answer["states"][0]["peers"][1]["has"]["state"], "INUSE", "{answer}");
    let next =
        |path: &str| -> serde_json::Value { serde_json::from_str(&desk.daemon().get(path).1).expect("JSON") };
    let first = next("/api/v1/states?limit=1");
    let cursor = first["next"].as_str().expect("a cursor");
    let second = next(&format!("/api/v1/states?limit=1&cursor={cursor}"));
    assert_eq!(
        (&first["states"][0]["name"], &second["states"][0]["name"]),
        (&"SIP/100".into(), &"SIP/101".into())
    );
    assert_eq!(desk.daemon().get("/api/v1/states?cursor=x").0, 400);
    let (_, peers) = desk.daemon().get("/api/v1/states/peers");
    assert!(peers.contains("\"peer\":\"pbx-b\",\"up\":true"), "{peers}");
    eventually("it is counted", || {
        let (_, metrics) = desk.daemon().get("/metrics");
        let has = |line: &str| metrics.lines().any(|it| it == line);
        let is_rest = has("eventmanager_state_divergence{peer=\"pbx-b\"} 0")
            && has("eventmanager_state_lag_seconds{peer=\"pbx-b\"} 0")
            && has("eventmanager_state_queue{peer=\"pbx-b\"} 0");
        let told = metrics.contains("eventmanager_state_told_seconds_count{peer=\"pbx-b\"} ");
        (is_rest && told && has("eventmanager_state_changes_total{origin=\"pbx-a\"} 2")).then_some(())
    });
}
