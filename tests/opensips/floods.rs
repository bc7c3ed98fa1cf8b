//! Events that come faster than they are read: what is lost is known to the last one.

use crate::support::daemon::eventually;
use crate::trial::{Trial, nobody};

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
