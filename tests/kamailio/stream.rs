//! Streams that break the rules, and peers that are slow.

use crate::peer::Peer;
use crate::support::daemon::eventually;
use crate::trial::Trial;

fn check_ends(bytes: &[u8], more: &str, reason: &str, told: &str) {
    let peer = Peer::start();
    let trial = std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), more);
        let mut client = client.join().expect("a client");
        client.event(r#"{"event":"before"}"#);
        client.send(bytes);
        client.wait_closed();
        trial
    });
    assert_eq!(trial.metric("frames_bad_total", &format!("reason=\"{reason}\"")), 1.0, "{reason}");
    trial.daemon.logged(&["not connected to kamailio", told]);
    // It comes again, and starts anew.
    let mut client = peer.accept();
    client.event(r#"{"event":"after"}"#);
    trial.wait_received(2.0);
}

#[test]
fn a_stream_that_breaks_the_rules_is_left_and_begun_anew() {
    check_ends(b"05:hello,", "", "framing", "leading zero");
    check_ends(b"5:helloX", "", "framing", "where a frame should end");
    check_ends(b"2147483648:", "", "oversize", "more than 1048576 bytes");
    check_ends(b"2049:", "max_frame = \"2KiB\"", "oversize", "more than 2048 bytes");
    check_ends(b"10:{\"event\"", "frame_timeout = \"200ms\"", "unfinished", "not whole after 200ms");
}

#[test]
fn a_frame_that_drips_in_is_given_up() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "frame_timeout = \"500ms\"");
        let mut client = client.join().expect("a client");
        client.send(b"100000:");
        // A byte now and then is no progress.
        let before = trial.metric("reconnects_total", "k1");
        eventually("it is given up", || {
            client.send(b"x");
            (trial.metric("frames_bad_total", "unfinished") == 1.0).then_some(())
        });
        eventually("it connects again", || (trial.metric("reconnects_total", "k1") > before).then_some(()));
    });
}

#[test]
fn many_payloads_that_are_no_events_mean_that_the_place_is_lost() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "max_bad = 3");
        let mut client = client.join().expect("a client");
        for _ in 0..2 {
            client.event("no event");
        }
        client.event(r#"{"event":"one between"}"#);
        for _ in 0..3 {
            client.event("no event");
        }
        client.wait_closed();
        trial.daemon.logged(&["not connected to kamailio", "3 payloads in a row were no events"]);
        assert_eq!(trial.metric("frames_bad_total", "reason=\"json\""), 5.0);
    });
}

#[test]
fn of_what_comes_too_fast_the_oldest_is_dropped_and_counted_or_the_connection_is() {
    // Nothing is handled between the frames of one read.
    let burst: String = (0..100).map(|n| format!("{{\"event\":\"e\",\"n\":{}}}", n + 100)).collect();
    for (overflow, dropped) in [("drop_oldest", 90.0), ("disconnect", 1.0)] {
        let peer = Peer::start();
        std::thread::scope(|scope| {
            let client = scope.spawn(|| peer.accept());
            let more = format!("framing = \"none\"\nqueue = 10\non_overflow = \"{overflow}\"");
            let trial = Trial::start(&peer.address(), &more);
            let mut client = client.join().expect("a client");
            client.send(burst.as_bytes());
            eventually("some are dropped", || (trial.metric("dropped_total", "k1") >= dropped).then_some(()));
            if overflow == "disconnect" {
                client.wait_closed();
            }
        });
    }
}

#[test]
fn however_much_comes_what_was_read_is_handled_before_more_is() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "queue = 3000");
        let mut client = client.join().expect("a client");
        // Many reads, and not all events of one fill the queue.
        let events = "28:{\"event\":\"e\",\"about\":\"anna\"},".repeat(500_000);
        client.send(events.as_bytes());
        trial.wait_received(500_000.0);
        assert_eq!(trial.metric("dropped_total", "k1"), 0.0);
    });
}

#[test]
fn the_command_of_the_configuration_comes_first_after_every_connect() {
    let peer = Peer::start();
    let command = r#"{"cmd":"tag","tag":"em1"}"#;
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let _trial = Trial::start(&peer.address(), &format!("tag_command = '{command}'"));
        let mut client = client.join().expect("a client");
        assert_eq!(client.next(), command);
        drop(client);
        assert_eq!(peer.accept().next(), command);
    });
}

#[test]
fn one_client_too_many_is_closed_at_once_and_does_not_hurry() {
    let peer = Peer::start();
    let site = crate::support::daemon::Site::new(&format!(
        "[[kamailio]]\nname = \"k1\"\naddress = \"{}\"\n",
        peer.address()
    ));
    let daemon = site.start();
    for _ in 0..3 {
        drop(peer.accept());
    }
    // Accepting alone is no success: the distances grow.
    daemon.logged(&["not connected to kamailio", "attempt=3"]);
    drop(daemon);
}
