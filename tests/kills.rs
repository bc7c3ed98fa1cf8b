//! Nothing is lost and nothing is done twice, whenever the process is killed.

mod support;

use eventmanager::simulators::traffic::{Traffic, TrafficOptions};
use std::time::Duration;
use support::daemon::Site;
use support::peers::Peers;

const KILLS: u64 = 50;
const DOCUMENTS: u64 = 20;

/// Kills the daemon fifty times while it provisions, each time at another moment, and compares what came of it with
/// what the portal asked for: an event lost, a step left out or done twice, or two events out of order would show.
#[test]
fn a_daemon_killed_fifty_times_ends_every_event_and_creates_nothing_twice() {
    let peers = Peers::start();
    peers.ema.set_latency(Duration::from_millis(3));
    let site = Site::new(&peers.config(""));
    let mut traffic = Traffic::new(3, TrafficOptions { users: 60, ..TrafficOptions::default() });
    let mut sent = 0;
    let mut interrupted = 0;
    for kill in 0..KILLS {
        let daemon = site.start();
        for message in traffic.by_ref().take(DOCUMENTS as usize) {
            peers.broadworks.send(&message.document);
        }
        sent += DOCUMENTS;
        // What was sent is on disk: OCI-R has no acknowledgement, so only what we have read can be asked of us.
        support::daemon::eventually("what was sent is stored", || {
            (site.count(&["pending", "completed", "failed", "ignored"]) >= sent).then_some(())
        });
        std::thread::sleep(Duration::from_millis(kill % 25));
        daemon.kill();
        interrupted += u64::from(site.count(&["pending"]) > 0);
    }
    assert!(interrupted > KILLS / 2, "only {interrupted} kills met an event under way");
    let _daemon = site.start();
    site.wait_ended(sent);
    assert_eq!(site.count(&["failed"]), 0, "{:?}", site.events().iter().find(|row| row.status == "failed"));
    assert_eq!(site.events().len() as u64, sent);
    peers.check(&traffic, &site);
}
