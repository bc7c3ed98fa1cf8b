//! How a daemon with hubs ends.

use crate::daemon::{Daemon, site};
use crate::receiver::{Receiver, Reply};
use std::time::Duration;

const HUBS: usize = 30;

#[test]
fn requests_under_way_at_a_stop_are_waited_for_beside_each_other_and_nothing_is_sent_twice() {
    let receiver = Receiver::scripted(|it, _| match it.n() {
        1 => Reply::Late(204, Duration::from_secs(1)),
        _ => Reply::Status(204),
    });
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    for number in 0..HUBS {
        daemon.register("order", &format!("{}/{number}", receiver.url()), None);
    }
    daemon.hand_on("order", [1]);
    receiver.wait(HUBS);
    daemon.stop();
    let daemon = Daemon::of(&site, &[&receiver]);
    daemon.hand_on("order", [2]);
    let received = receiver.wait(2 * HUBS);
    assert_eq!(received.iter().filter(|it| it.n() == 2).count(), HUBS);
}

#[test]
fn hubs_are_removed_at_once_whatever_is_under_way() {
    let receiver = Receiver::start();
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    for round in 0..5 {
        let register =
            |number| daemon.register("order", &format!("{}/{round}/{number}", receiver.url()), None);
        let hubs: Vec<_> = (0..HUBS).map(register).collect();
        daemon.hand_on("order", [1]);
        // Whoever is not ended within five seconds answers that it is away.
        hubs.into_iter().for_each(|hub| daemon.remove(hub));
    }
}
