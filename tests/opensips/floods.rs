//! Events that come faster than they are read: what is lost is known to the last one.

use crate::support::daemon::eventually;
use crate::trial::{Trial, nobody};
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};

const EVENT: &[u8] = b"E_PIKE_BLOCKED\nip::203.0.113.7\n\n";

fn keys(more: &str) -> String {
    format!("mi = \"udp:{}\"\nlisten = \"udp:127.0.0.1:0\"\nevents = [\"E_PIKE_BLOCKED\"]\n{more}", nobody())
}

#[test]
fn of_an_overflow_each_event_is_read_or_counted_as_lost() {
    const SENT: usize = 20_000;
    let trial = Trial::start(&keys("receive_buffer = \"64KiB\""), "");
    trial.listens_at();
    trial.daemon.signal("STOP");
    trial.send(std::iter::repeat_n(EVENT, SENT));
    trial.daemon.signal("CONT");
    let lost = || trial.metric("receive_lost_total", "connection=\"sbc\"");
    eventually("all are accounted for", || (trial.received() + lost() == SENT as f64).then_some(()));
    assert!(lost() > SENT as f64 / 2.0, "{} lost", lost());
    assert!(trial.received() > 10.0, "{} read", trial.received());
    // The counter is of the socket: what comes afterwards is lost once only.
    trial.send([EVENT]);
    let (read, lost) = (trial.received(), lost());
    eventually("the next one is read", || (trial.received() + lost > SENT as f64).then_some(()));
    assert_eq!((trial.metric("receive_lost_total", ""), lost > read), (lost, true));
}

#[test]
fn what_the_kernel_grants_is_told_and_events_are_read_while_nobody_answers() {
    let trial = Trial::start(&keys("receive_buffer = \"128KiB\""), "");
    trial.send([EVENT, EVENT, EVENT]);
    trial.wait_received(3.0);
    assert!(!trial.is_up(), "nobody has answered");
    let granted = trial.metric("receive_buffer_bytes", "connection=\"sbc\"");
    assert!((65_536.0..=262_144.0).contains(&granted), "{granted}");
}

#[test]
fn a_flood_of_who_may_not_send_holds_up_neither_events_nor_the_end() {
    // Whoever comes from 127.0.0.2 may not.
    let trial = Trial::start(&keys("allow_from = [\"127.0.0.1\"]\nreceive_buffer = \"8MiB\""), "");
    let to = trial.listens_at();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let socket = UdpSocket::bind("127.0.0.2:0").expect("a socket");
            socket.connect(to).expect("it listens");
            while !stop.load(Ordering::Relaxed) {
                // Where it has ended nobody is there any more.
                let _ = socket.send(EVENT);
            }
        });
        eventually("the flood is refused", || (trial.bad("not_allowed") > 1_000.0).then_some(()));
        eventually("events are read beside it", || {
            trial.send([EVENT]);
            (trial.received() >= 20.0).then_some(())
        });
        let Trial { daemon, .. } = trial;
        daemon.signal("TERM");
        let (ended, log) = daemon.ended_logged();
        stop.store(true, Ordering::Relaxed);
        assert!(ended == Some(0) && !log.contains("did not stop in time"), "{ended:?} {log}");
    });
}

#[test]
fn what_had_come_before_the_end_is_read() {
    const SENT: usize = 5_000;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.sock");
    let socket = format!("mi = \"udp:{}\"\nlisten = \"unix:{}\"", nobody(), path.display());
    let route = "[[route]]\nsource = \"sbc\"\nstore = true\n";
    let trial = Trial::start(&format!("{socket}\nevents = [\"E_PIKE_BLOCKED\"]"), route);
    eventually("it is ready", || (trial.daemon.get("/readyz").0 == 200).then_some(()));
    let us = UnixDatagram::unbound().expect("a socket");
    eventually("it takes events", || us.connect(&path).ok());
    // A socket of this kind loses nothing: its sender waits.
    (0..SENT).for_each(|_| assert_eq!(us.send(EVENT).expect("sent"), EVENT.len()));
    let Trial { site, daemon } = trial;
    assert_eq!(daemon.terminate(), Some(0));
    assert_eq!(site.count(&["ignored"]), SENT as u64);
}
