//! Servers that say nothing, too much, or nonsense.

use crate::peer::{BANNER, Peer};
use crate::support::daemon::eventually;
use crate::trial::Trial;
use eventmanager::simulators::asterisk::{AsteriskOptions, AsteriskSimulator, Misbehaviour};
use std::time::Duration;

const QUICK: &str = "ping = \"200ms\"\nrequest_timeout = \"500ms\"";

#[test]
fn a_server_from_which_nothing_is_heard_is_asked_and_left() {
    for misbehaviour in [Misbehaviour::Silent, Misbehaviour::Frozen] {
        let asterisk = AsteriskSimulator::start(AsteriskOptions::default()).expect("an asterisk");
        let trial = Trial::connected(asterisk.addr(), QUICK, "");
        let asked = asterisk.counts().actions;
        eventually("it is asked", || (asterisk.counts().actions >= asked + 3).then_some(()));
        assert_eq!(asterisk.counts().logins, 1, "one that answers is kept");
        asterisk.misbehave(misbehaviour);
        trial.wait_down();
        trial.daemon.logged(&["not connected to asterisk", "Ping not answered within 500ms"]);
        asterisk.misbehave(Misbehaviour::None);
        trial.wait_connected();
    }
}

#[test]
fn who_tells_events_is_alive_without_an_answer() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut client = peer.log_in();
            let (mut events, mut pings) = (0, 0);
            // Pings are never answered; each is followed by an event.
            while pings < 3 {
                let asked = client.next();
                match asked.get("Action") {
                    "Ping" => {
                        pings += 1;
                        events += 1;
                        client.send(b"Event: Hangup\r\n\r\n");
                    }
                    _ => client.answer(&asked, "Success", ""),
                }
            }
            (client, events)
        });
        let trial = Trial::connected(peer.address(), &format!("{QUICK}\nlogin = \"plain\""), "");
        let (client, events) = server.join().expect("a peer");
        eventually("all are counted", || (trial.received() == f64::from(events)).then_some(()));
        assert_eq!(trial.metric("reconnects_total", "pbx-a"), 0.0);
        drop(client);
    });
}

#[test]
fn a_flood_of_unknown_events_costs_no_memory_and_none_is_missed() {
    let asterisk = AsteriskSimulator::start(AsteriskOptions::default()).expect("an asterisk");
    let route = "[[route]]\nsource = \"pbx-a\"\nevent = \"!Nothing\"\nwhen = { X = \"never\" }\nstore = true";
    let trial = Trial::connected(asterisk.addr(), "", route);
    eventually("filters stand", || (asterisk.counts().actions >= 3).then_some(()));
    eventually("it is booted", || (trial.received() >= 1.0).then_some(()));
    let (before, received) = (trial.daemon.resident(), trial.received());
    asterisk.flood(200_000);
    eventually("all are read", || (trial.received() - received >= 200_000.0).then_some(()));
    let grown = trial.daemon.resident().saturating_sub(before);
    assert!(grown < 50, "{grown} MiB");
    assert_eq!((asterisk.counts().cut, asterisk.counts().logins), (0, 1));
}

#[test]
fn what_is_not_wanted_is_not_even_sent() {
    let asterisk = AsteriskSimulator::start(AsteriskOptions::default()).expect("an asterisk");
    let trial = Trial::connected(asterisk.addr(), "", "");
    eventually("filters stand", || (asterisk.counts().actions >= 7).then_some(()));
    eventually("it is booted", || (trial.received() >= 1.0).then_some(()));
    let received = trial.received();
    asterisk.flood(1_000);
    asterisk.fully_boot();
    eventually("what is wanted comes", || (trial.received() > received).then_some(()));
    assert_eq!(trial.received(), received + 1.0);
}

#[test]
fn what_breaks_the_rules_ends_the_session_and_nothing_else() {
    let checks: [(&str, Vec<u8>); 3] = [
        ("too_long_line", vec![b'x'; 1 << 20]),
        ("too_large", b"a:\r\n".repeat(1_000_000)),
        ("truncated", b"Event: A\r\nX: y".to_vec()),
    ];
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let trial = scope.spawn(|| Trial::start(peer.address(), "login = \"plain\"", ""));
        let mut client = peer.log_in();
        let trial = trial.join().expect("a trial");
        for (reason, bytes) in checks {
            client.send(b"no colon\r\nEvent: B\r\n\r\nHeader: only\r\n\r\nResponse: Success\r\n\r\n");
            client.send(&bytes);
            client.finish();
            client = peer.log_in();
            eventually(reason, || (trial.bad(reason) == 1.0).then_some(()));
        }
        assert_eq!(trial.bad("no_colon"), 3.0);
        assert_eq!(trial.bad("no_kind"), 3.0);
        assert_eq!(trial.bad("no_action_id"), 3.0);
        trial.wait_connected();
    });
}

#[test]
fn a_server_that_accepts_and_says_nothing_holds_no_reload_up() {
    let peer = Peer::start();
    let trial = Trial::start(peer.address(), "", "");
    let mut client = peer.accept();
    let file = trial.site.config();
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&file, text.split("[[asterisk]]").next().expect("a part")).expect("written");
    trial.daemon.signal("HUP");
    client.wait_closed();
    eventually("it is gone", || (trial.metric("reloads_total", "applied") == 1.0).then_some(()));
    client.send(BANNER);
    let began = std::time::Instant::now();
    assert_eq!(trial.daemon.terminate(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10));
}
