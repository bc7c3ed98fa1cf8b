//! Datagrams that are no events, sockets that cannot be had.

use crate::support::daemon::{Site, eventually};
use crate::trial::{Trial, nobody};
use std::os::unix::net::UnixDatagram;

const EVENTS: &str = "events = [\"E_X\"]";

fn udp() -> String {
    format!("mi = \"udp:{}\"\nlisten = \"udp:127.0.0.1:0\"\n{EVENTS}", nobody())
}

#[test]
fn what_is_no_event_is_counted_by_its_reason_kept_and_survived() {
    let nested = [&b"{\"jsonrpc\":\"2.0\",\"method\":\"E_X\",\"params\":"[..], &b"[".repeat(10_000)].concat();
    let escaped = [&b"E_X\n\""[..], &b"\\\"\n".repeat(20_000), b"\n\n"].concat();
    let bad: [&[u8]; 11] = [
        b"",
        b"\n\n",
        b"E_X",
        b"E_X\n",
        b"E_X\na::b\n",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"E_X\",\"params\":7}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"E_X\",\"params\":{\"a\":\"\\ud800\"}}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"E_X\",\"params\":[1e400]}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"E_X\"}{\"jsonrpc\":\"2.0\",\"method\":\"E_X\"}",
        b"{\"jsonrpc\":\"2.0\",\"meth",
        &nested,
    ];
    let trial = Trial::start(&udp(), "");
    trial.send(bad);
    eventually("all are counted", || {
        (trial.metric("frames_bad_total", "connection=\"sbc\"") == bad.len() as f64).then_some(())
    });
    assert_eq!((trial.bad("empty"), trial.received()), (1.0, 0.0));
    trial.send([&b"E_X\n\n"[..], &escaped]);
    trial.wait_received(2.0);
    // Samples stand among the failed events, with the reason.
    eventually("samples are stored", || (trial.site.count(&["failed"]) == bad.len() as u64).then_some(()));
}

#[test]
fn a_value_whose_end_is_in_doubt_is_taken_and_told() {
    let trial = Trial::start(&udp(), "[[route]]\nsource = \"sbc\"\nstore = true\n");
    trial.send([&b"E_BODY\n\"a\nb\\\"\n\n"[..]]);
    trial.wait_received(1.0);
    assert_eq!(trial.bad("ambiguous"), 1.0);
}

#[test]
fn a_flood_of_rubbish_fills_neither_log_nor_store() {
    let trial = Trial::start(&udp(), "");
    for _ in 0..20 {
        trial.send(std::iter::repeat_n(&b"rubbish"[..], 500));
    }
    trial.send([&b"E_X\n\n"[..]]);
    eventually("nearly all are counted", || {
        let lost = trial.metric("receive_lost_total", "");
        (trial.metric("frames_bad_total", "connection=\"sbc\"") + lost == 10_000.0).then_some(())
    });
    let lines = trial.daemon.log().matches("opensips sent what is no event").count();
    assert!(lines <= 120, "{lines} lines");
}

#[test]
fn an_event_of_another_sender_than_allowed_is_not_taken() {
    let keys = format!("{}\nallow_from = [\"10.0.0.0/8\"]", udp());
    let trial = Trial::start(&keys, "");
    trial.send([&b"E_X\n\n"[..]]);
    eventually("it is counted", || (trial.bad("not_allowed") == 1.0).then_some(()));
    assert_eq!(trial.received(), 0.0);
}

#[test]
fn a_socket_that_is_taken_is_waited_for_and_what_a_killed_daemon_left_is_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.sock");
    let other = UnixDatagram::bind(&path).expect("a socket");
    let keys = format!("mi = \"udp:{}\"\nlisten = \"unix:{}\"\n{EVENTS}", nobody(), path.display());
    let trial = Trial::start(&keys, "");
    trial.daemon.logged(&["not connected to opensips", "another process listens there"]);
    // Its file stays.
    drop(other);
    let us = UnixDatagram::unbound().expect("a socket");
    eventually("it takes events", || us.send_to(b"E_X\n\n", &path).ok());
    trial.wait_received(1.0);
    let Trial { site, daemon } = trial;
    daemon.kill();
    assert!(path.exists(), "nobody has cleaned up");
    let trial = Trial::at(site);
    eventually("it takes events again", || us.send_to(b"E_X\n\n", &path).ok());
    trial.wait_received(1.0);
    assert_eq!(trial.daemon.terminate(), Some(0));
    assert!(!path.exists(), "the file goes with the socket");
}

#[test]
fn an_oversize_datagram_is_counted_and_the_next_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.sock");
    let keys = format!("mi = \"udp:{}\"\nlisten = \"unix:{}\"\n{EVENTS}", nobody(), path.display());
    let trial = Trial::start(&keys, "");
    let us = UnixDatagram::unbound().expect("a socket");
    let large = vec![b'x'; 150_000];
    eventually("it takes events", || us.send_to(b"E_X\n\n", &path).ok());
    us.send_to(&large, &path).expect("sent");
    us.send_to(b"E_X\n\n", &path).expect("sent");
    trial.wait_received(2.0);
    assert_eq!(trial.bad("oversize"), 1.0);
}

#[test]
fn a_path_that_is_too_long_is_said_before_the_start() {
    let long = format!("/tmp/{}", "x".repeat(120));
    let site = Site::new(&format!(
        "[[opensips]]\nname = \"sbc\"\nmi = \"unix:{long}\"\nlisten = \"unix:{long}\"\n{EVENTS}\n"
    ));
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["check", "--config"])
        .arg(site.config())
        .output()
        .expect("it runs");
    let said =
        String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert!(
        !checked.status.success() && said.contains("opensips.mi") && said.contains("a socket takes 107"),
        "{said}"
    );
}

#[test]
fn a_socket_whose_file_goes_is_made_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.sock");
    let keys = format!("mi = \"udp:{}\"\nlisten = \"unix:{}\"\n{EVENTS}", nobody(), path.display());
    let trial = Trial::start(&keys, "");
    let us = UnixDatagram::unbound().expect("a socket");
    eventually("it takes events", || us.send_to(b"E_X\n\n", &path).ok());
    std::fs::remove_file(&path).expect("somebody tidies up");
    eventually("it takes events again", || us.send_to(b"E_X\n\n", &path).ok());
    trial.wait_received(2.0);
    trial.daemon.logged(&["the file of the socket is gone"]);
}
