//! Hand-overs and take-overs that get stuck on their way.

use crate::pair::Pair;
use crate::support::daemon::{Ended, eventually};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

fn hand_over(pair: &Pair, at: usize, more: &[&str]) -> Result<(), String> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    program.args(["cluster", "handover", "--url", &format!("http://{}", pair.node(at).http)]).args(more);
    let output = program.output().expect("it runs");
    output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_hand_over_whose_answer_came_too_late_is_called_off_and_another_can_be_asked_for() {
    let pair = Pair::started();
    pair.wait_known(0, 1);
    // As a commit leaves it whose answer nobody has got.
    pair.rows(
        "update em_cluster set wish = gen_random_uuid(), wish_to = 'bo', wish_ready = false where part = 'events'",
    );
    pair.node(0).logged(&["a hand-over that nobody waits for is called off"]);
    eventually("nothing is wished", || {
        pair.rows("select wish from em_cluster where part = 'events'")[0][0].is_none().then_some(())
    });
    pair.wait_standing_by(1);
    pair.wait_known(0, 1);
    assert_eq!(hand_over(&pair, 0, &[]), Ok(()));
    pair.wait_active(1);
}

#[test]
fn a_node_that_is_told_to_end_while_it_hands_over_ends() {
    let mut pair = Pair::started();
    pair.wait_known(0, 1);
    pair.ema.set_latency(Duration::from_secs(3));
    let load = pair.load();
    eventually("a request is under way", || (pair.requests(0) > 0).then_some(()));
    assert_eq!(hand_over(&pair, 0, &["--no-wait"]), Ok(()));
    pair.node(0).logged(&["handing over: ending in order"]);
    pair.node(0).signal("TERM");
    let (code, log) = pair.nodes[0].take().expect("it runs").ended_logged();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("beginning anew"), "{log}");
    pair.ema.set_latency(Duration::from_millis(5));
    pair.wait_active(1);
    drop(load);
}

#[test]
fn a_node_that_cannot_listen_fails_at_its_start_and_lets_go_where_it_finds_out_later() {
    let mut pair = Pair::new();
    pair.start(0);
    pair.wait_active(0);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address");
    pair.edit(1, "[cluster]", &format!("[evapi_server]\nlisten = \"{address}\"\n[cluster]"));
    let Err(Ended(status, log)) = pair.sites[1].start_with_orders("") else { panic!("it stands by") };
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("evapi_server.listen"), "{log}");
    drop(taken);
    pair.start(1);
    pair.wait_standing_by(1);
    let _taken = TcpListener::bind(address).expect("it is free again");
    pair.nodes[0].take().expect("it runs").kill();
    let (code, log) = pair.nodes[1].take().expect("it runs").ended_logged();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("this node is the active one now"), "{log}");
    let row = pair.rows("select node, let_go is not null from em_cluster where part = 'events'");
    assert_eq!(row[0], [Some("bo".to_owned()), Some("t".to_owned())]);
}

#[test]
fn an_address_that_goes_with_the_active_node_keeps_no_other_from_standing_by() {
    let mut pair = Pair::new();
    pair.start(0);
    pair.wait_active(0);
    // Of a network that no host has.
    let server = "[evapi_server]\nlisten = \"192.0.2.1:8448\"\nallow_from = [\"192.0.2.0/24\"]\n";
    pair.edit(1, "[cluster]", &format!("{server}[cluster]"));
    pair.start(1);
    pair.wait_standing_by(1);
    pair.node(1).logged(&["an address to listen on is not on this host yet", "evapi_server.listen"]);
}

#[test]
fn a_node_that_is_told_again_and_again_to_read_its_configuration_lives() {
    let pair = Pair::started();
    for number in 0..100 {
        pair.node(1).signal("HUP");
        // At any moment of beginning anew.
        std::thread::sleep(Duration::from_millis(number * 7 % 30));
    }
    pair.node(1).logged(&["the configuration is read again: beginning anew"]);
    pair.wait_standing_by(1);
}
