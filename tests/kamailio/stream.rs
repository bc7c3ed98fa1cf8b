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
fn a_question_that_is_dropped_gets_its_default() {
    let peer = Peer::start();
    let answer = "queue = 10\n[[kamailio.answer]]\nevent = \"q\"\n\
        reply = '{\"to\":\"{tr_index}\",\"code\":\"202\"}'\ndefault = '{\"to\":\"{tr_index}\",\"code\":\"480\"}'\n";
    let question = |n: u32| {
        let payload = format!("{{\"event\":\"q\",\"tr_index\":\"{n}\",\"tr_label\":\"1\"}}");
        format!("{}:{payload},", payload.len())
    };
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), answer);
        let mut client = client.join().expect("a client");
        // Nothing is handled between the frames of one read.
        client.send((0..30).map(question).collect::<String>().as_bytes());
        let mut answers: Vec<String> = (0..30).map(|_| client.next()).collect();
        answers.sort();
        let code = |n: u32| if n < 20 { "480" } else { "202" };
        let mut expected: Vec<String> =
            (0..30).map(|n| format!("{{\"code\":\"{}\",\"to\":\"{n}\"}}", code(n))).collect();
        expected.sort();
        assert_eq!(answers, expected);
        trial.wait_answers("dropped", 20.0);
        trial.wait_answers("rule", 10.0);
        assert_eq!(trial.metric("dropped_total", "k1"), 20.0);
    });
}

#[test]
fn names_without_end_are_counted_together_over_all_connections() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "");
        let mut client = client.join().expect("a client");
        for connection in 0..3 {
            for name in 0..150 {
                client.event(&format!("{{\"event\":\"n{connection}_{name}\"}}"));
            }
            trial.wait_received(f64::from(150 * (connection + 1)));
            drop(client);
            client = peer.accept();
        }
        assert_eq!(trial.metric("kamailio_events_total", "event=\"other\""), 250.0);
    });
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

#[test]
fn a_length_that_declares_more_than_was_sent_is_found_out_and_healed() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "");
        let mut client = client.join().expect("a client");
        // As Kamailio does with a NUL in a payload: it counts the whole, and sends what is before it.
        client.send(b"32:{\"event\":\"cut\",\"body\":\"a");
        client.event(r#"{"event":"next"}"#);
        client.event(r#"{"event":"and next"}"#);
        client.wait_closed();
        peer.accept().event(r#"{"event":"healed"}"#);
        let healed = || trial.metric("kamailio_events_total", "event=\"healed\"") == 1.0;
        eventually("it reads on", || healed().then_some(()));
        assert_eq!(trial.metric("kamailio_events_total", "event=\"cut\""), 0.0);
    });
}

#[test]
fn who_ends_a_connection_by_what_he_says_does_not_keep_us_away() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "max_bad = 1");
        let mut client = client.join().expect("a client");
        for _ in 0..4 {
            client.event(r#"{"event":"fine"}"#);
            client.event("no event");
            client.wait_closed();
            client = peer.accept();
        }
        let log = trial.daemon.log();
        assert!(!log.contains("attempt=2"), "{log}");
        // Over all connections, so that a new one brings no new samples.
        trial.daemon.logged(&["kamailio sent what is no event", "so_far=4"]);
    });
}

#[test]
fn bombs_of_json_are_refused_and_what_follows_is_read() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let trial = Trial::start(&peer.address(), "max_bad = 1000");
        let mut client = client.join().expect("a client");
        let before = trial.daemon.memory("VmHWM");
        for bomb in [
            "[".repeat(1_000_000),
            "{\"a\":".repeat(150_000),
            format!("{{\"a\":\"{}", "\\u0000".repeat(100_000)),
            format!("{{\"a\":1e{}}}", "9".repeat(100_000)),
        ] {
            client.event(&bomb);
        }
        let many = (0..50_000).map(|n| format!("\"k{n}\":{{}}")).collect::<Vec<_>>().join(",");
        client.event(&format!("{{{many}}}"));
        let twice = (0..50_000).map(|n| format!("\"{n}\":0,\"{n}\":0")).collect::<Vec<_>>().join(",");
        client.event(&format!("{{{twice}}}"));
        client.event(r#"{"event":"after"}"#);
        trial.wait_received(3.0);
        assert_eq!(trial.metric("kamailio_doubtful_total", "k1"), 1.0);
        assert_eq!(trial.metric("frames_bad_total", "reason=\"json\""), 4.0);
        assert_eq!(trial.metric("kamailio_events_total", "event=\"after\""), 1.0);
        let grown = trial.daemon.memory("VmHWM") - before;
        assert!(grown < 100 << 10, "{grown} KiB");
    });
}
