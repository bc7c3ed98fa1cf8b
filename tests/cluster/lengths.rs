//! How long those wait who stand by, and how soon a hand-over begins, with leases of other lengths.

use crate::pair::{Pair, duration};
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn of_two_leases_the_longer_one_is_waited_for() {
    let mut pair = Pair::new();
    for (at, lease) in [(0, "7s"), (1, "1s")] {
        pair.edit(at, "enabled = true", &format!("enabled = true\nlease = {lease:?}"));
        pair.start(at);
        if at == 0 {
            pair.wait_active(0);
        }
    }
    pair.wait_standing_by(1);
    pair.node(1).logged(&["the nodes have different leases", "theirs=7s ours=1s"]);
    assert_eq!(pair.rows("select lease_millis from em_cluster")[0][0].as_deref(), Some("7000"));
    pair.nodes[0].take().expect("it runs").kill();
    let line = pair.node(1).logged(&["this node is the active one now", "why=\"silent\""]);
    let silent = duration(&line, "silent").expect("how long");
    assert!(silent >= Duration::from_secs(7), "the lease of the other one was not over: {line}");
    assert_eq!(pair.rows("select lease_millis from em_cluster")[0][0].as_deref(), Some("1000"));
}

#[test]
fn a_hand_over_begins_at_once_however_long_the_lease_is() {
    let mut pair = Pair::new();
    (0..2).for_each(|at| pair.edit(at, "enabled = true", "enabled = true\nlease = \"30s\""));
    pair.start(0);
    pair.wait_active(0);
    pair.start(1);
    pair.wait_known(0, 1);
    let since = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["cluster", "handover", "--url", &format!("http://{}", pair.node(0).http)])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A beat would come after ten seconds alone.
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    pair.wait_active(1);
}
