//! The file of the embedded database: one daemon at a time, and still there.

mod support;

use support::daemon::{Daemon, Site, eventually};
use support::documents::add;
use support::peers::Peers;

fn is_ready(daemon: &Daemon) -> bool {
    daemon.get("/readyz").0 == 200
}

#[test]
fn a_second_daemon_on_one_database_waits_until_the_first_has_ended() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let first = site.start();
    eventually("the first is ready", || is_ready(&first).then_some(()));
    let second = site.start();
    eventually("the second says why it is not", || {
        second.get("/readyz").1.contains("another eventmanager uses this database").then_some(())
    });
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    first.kill();
    eventually("the second takes over", || is_ready(&second).then_some(()));
    peers.broadworks.send(&add(2, "bo@tele.gl"));
    // Both were connected to the application server, which sends everything to everybody.
    eventually("both users are there", || (peers.ema.holds() == (2, 0)).then_some(()));
    eventually("every event ends", || (site.count(&["pending"]) == 0).then_some(()));
    assert_eq!(site.count(&["failed"]), 0, "{:?}", site.events());
}

#[test]
fn a_second_daemon_that_comes_by_a_symbolic_link_waits_as_well() {
    let peers = Peers::start();
    let (site, other) = (Site::new(&peers.config("")), Site::new(&peers.config("")));
    let first = site.start();
    eventually("the first is ready", || is_ready(&first).then_some(()));
    let database = |site: &Site| site.directory.path().join("events.db");
    std::os::unix::fs::symlink(database(&site), database(&other)).expect("a link");
    let second = other.start();
    eventually("the second says why it is not", || {
        second.get("/readyz").1.contains("another eventmanager uses this database").then_some(())
    });
}

#[test]
fn a_second_daemon_waits_also_where_somebody_has_tidied_the_lock_away() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let first = site.start();
    eventually("the first is ready", || is_ready(&first).then_some(()));
    std::fs::remove_file(site.directory.path().join("events.db.lock")).expect("removed");
    let second = site.start();
    eventually("the second says why it is not", || {
        second.get("/readyz").1.contains("another eventmanager uses this database").then_some(())
    });
    assert!(is_ready(&first));
}

#[test]
fn nothing_is_lost_with_a_write_ahead_log_that_is_removed() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    for number in 1..=20 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    site.wait_ended(20);
    std::fs::remove_file(site.directory.path().join("events.db-wal")).expect("removed");
    peers.broadworks.send(&add(21, "anna@tele.gl"));
    daemon.logged(&["events.db-wal was removed or replaced"]);
    eventually("what came after has ended", || (peers.ema.holds() == (21, 0)).then_some(()));
    eventually("it is ready", || is_ready(&daemon).then_some(()));
    daemon.kill();
    assert_eq!(site.count(&["completed"]), 21, "{:?}", site.events());
    let daemon = site.start();
    eventually("it is ready again", || is_ready(&daemon).then_some(()));
    assert_eq!(site.count(&["completed"]), 21);
    assert_eq!(peers.ema.created_twice().applied_again, 0);
}

#[test]
fn a_database_file_that_is_removed_is_told_and_what_comes_after_is_stored() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    for name in ["events.db", "events.db-wal", "events.db-shm"] {
        // The companions are there only while something is in them.
        let _ = std::fs::remove_file(site.directory.path().join(name));
    }
    peers.broadworks.send(&add(2, "bo@tele.gl"));
    site.wait_ended(1);
    daemon.logged(&["the file was removed or replaced"]);
    assert_eq!(site.events().len(), 1, "the new file holds what came after");
    assert_eq!(peers.ema.holds(), (2, 0));
}
