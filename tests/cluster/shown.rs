//! What a node shows of the cluster.

use crate::pair::Pair;
use crate::support::daemon::eventually;
use crate::support::http::exchange;
use serde_json::Value;
use std::process::Command;

fn state(view: &Value, name: &str) -> Option<String> {
    let node = view["nodes"].as_array()?.iter().find(|node| node["name"] == name)?;
    node["state"].as_str().map(str::to_owned)
}

/// Waits until bo knows where anna is.
fn wait_listed(pair: &Pair) {
    eventually("the active one is listed", || {
        (state(&pair.view(1), "anna")?.as_str() == "active").then_some(())
    });
}

#[test]
fn who_stands_by_says_whom_to_ask_for_a_hand_over() {
    let pair = Pair::started();
    wait_listed(&pair);
    let asked = exchange(
        pair.node(1).http,
        "POST /api/v1/cluster/handover HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    let answer = asked.expect("an answer");
    assert_eq!(answer.status, 409, "{}", answer.body);
    let active = format!("ask anna ({})", pair.node(0).http);
    assert!(answer.body.contains(&active), "{}", answer.body);
    let ready = pair.node(1).get("/readyz").1;
    assert!(ready.contains(&format!("the active node is anna ({})", pair.node(0).http)), "{ready}");
}

#[test]
fn one_node_is_shown_as_the_active_one_and_who_was_it_as_silent() {
    let mut pair = Pair::started();
    wait_listed(&pair);
    pair.nodes[0].take().expect("it runs").kill();
    pair.wait_role(1, "active");
    let view = pair.view(1);
    assert_ne!(state(&view, "anna").as_deref(), Some("active"), "{view}");
}

#[test]
fn a_node_that_has_handed_over_stays_in_the_list() {
    let pair = Pair::started();
    pair.wait_known(0, 1);
    let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["cluster", "handover", "--no-wait", "--url", &format!("http://{}", pair.node(0).http)])
        .output()
        .expect("it runs");
    assert!(output.status.success());
    eventually("bo acts and anna stands by", || {
        let rows = pair.rows("select state from em_node where node = 'anna'");
        assert_eq!(rows.len(), 1, "anna is not in the list");
        (rows[0][0].as_deref() == Some("standby") && pair.view(1)["role"] == "active").then_some(())
    });
}

#[test]
fn a_node_is_shown_with_the_address_by_which_it_is_reached() {
    let mut pair = Pair::new();
    pair.edit(0, "enabled = true", "enabled = true\naddress = \"em1.example.net:8080\"");
    pair.start(0);
    pair.wait_active(0);
    eventually("it is listed", || (pair.view(0)["nodes"][0]["http"] == "em1.example.net:8080").then_some(()));
}
