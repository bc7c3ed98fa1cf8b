//! Handing over by a command, without a gap.

use crate::pair::{Pair, duration};
use crate::support::daemon::eventually;
use std::process::{Command, Output};
use std::time::Duration;

/// The command, as it is asked of a node.
fn cluster(pair: &Pair, at: usize, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .arg("cluster")
        .args(args)
        .args(["--url", &format!("http://{}", pair.node(at).http)])
        .output()
        .expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_hand_over_misses_no_document_and_carries_none_out_twice() {
    let pair = Pair::started();
    let load = pair.load();
    eventually("the first acts", || (pair.requests(0) > 20).then_some(()));
    for (old, new) in [(0, 1), (1, 0), (0, 1)] {
        pair.wait_known(old, new);
        let before = pair.ema.calls().len();
        let epoch = pair.view(old)["epoch"].as_i64().expect("an epoch");
        let output = cluster(&pair, old, &["handover", "--to", pair.name(new)]);
        assert!(output.status.success(), "{}", said(&output));
        let line =
            pair.node(new).logged(&["this node is the active one now", &format!("epoch={} ", epoch + 1)]);
        let idle = duration(&line, "idle").expect("how long");
        println!("nobody was the active one for {idle:?}");
        // Tenths of a second, but for a machine that is busy with other things.
        assert!(idle < Duration::from_secs(2), "{line}");
        pair.wait_active(new);
        pair.wait_standing_by(old);
        let calls = pair.ema.calls();
        let first = calls[before..].iter().position(|call| pair.is_of(new, &call.host));
        if let Some(first) = first {
            let late = calls[before + first..].iter().find(|call| pair.is_of(old, &call.host));
            assert_eq!(late, None, "a request of the old one after the new one's first");
        }
    }
    drop(load);
    // Each document that was ever sent is stored, and one that came twice is carried out once.
    pair.check(&[]);
    let audit = pair.rows("select object, detail from em_audit where act = 'hand_over' order by id");
    assert_eq!(audit.len(), 3);
    assert_eq!(audit[0], [Some("cluster".to_owned()), Some("to bo".to_owned())]);
}

#[test]
fn a_configuration_that_is_read_again_during_a_hand_over_misses_no_document() {
    let pair = Pair::started();
    let load = pair.load();
    eventually("the first acts", || (pair.requests(0) > 20).then_some(()));
    for (old, new, role, at) in [(0, 1, "preparing", 1), (1, 0, "preparing", 1), (0, 1, "handing_over", 0)] {
        pair.wait_known(old, new);
        let output = cluster(&pair, old, &["handover", "--no-wait"]);
        assert!(output.status.success(), "{}", said(&output));
        // Whoever is found to be further already reads it a moment later.
        eventually("it is under way", || {
            let view = pair.view(at);
            (view["role"] == role || pair.view(new)["role"] == "active").then_some(())
        });
        for node in [old, new] {
            pair.node(node).signal("HUP");
        }
        pair.wait_active(new);
        pair.wait_standing_by(old);
    }
    drop(load);
    pair.check(&[]);
}

#[test]
fn a_hand_over_that_cannot_be_is_refused_and_told() {
    let mut pair = Pair::new();
    pair.start(0);
    pair.wait_active(0);
    let output = cluster(&pair, 0, &["handover"]);
    assert!(!output.status.success() && said(&output).contains("no other node"), "{}", said(&output));
    pair.start(1);
    pair.wait_standing_by(1);
    pair.wait_known(0, 1);
    let output = cluster(&pair, 0, &["handover", "--to", "cecilie"]);
    assert!(!output.status.success() && said(&output).contains("cecilie"), "{}", said(&output));
    let output = cluster(&pair, 1, &["handover"]);
    assert!(!output.status.success() && said(&output).contains("anna"), "{}", said(&output));
    let output = cluster(&pair, 1, &["status"]);
    assert!(output.status.success(), "{}", said(&output));
    for part in ["anna", "active", "bo", "standby"] {
        assert!(said(&output).contains(part), "{}", said(&output));
    }
    assert_eq!(pair.rows("select count(*)::text from em_audit")[0][0].as_deref(), Some("0"));
}

#[test]
fn a_hand_over_to_a_node_that_hangs_is_called_off_and_the_old_one_goes_on() {
    let pair = Pair::started();
    let _load = pair.load();
    eventually("the first acts", || (pair.requests(0) > 20).then_some(()));
    eventually("the other one is known", || (pair.view(0)["nodes"].as_array()?.len() == 2).then_some(()));
    pair.node(1).signal("STOP");
    let output = cluster(&pair, 0, &["handover", "--no-wait"]);
    assert!(output.status.success(), "{}", said(&output));
    pair.node(0).logged(&["the other node was not ready in time"]);
    let before = pair.requests(0);
    pair.node(1).signal("CONT");
    eventually("the old one goes on", || (pair.requests(0) > before + 10).then_some(()));
    assert_eq!(pair.view(0)["role"], "active");
    pair.wait_standing_by(1);
    assert_eq!(pair.requests(1), 0);
}
