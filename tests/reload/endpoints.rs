//! `[[broadworks]]` that come, go and change.

use crate::given::{World, connected};
use crate::support::daemon::eventually;
use crate::support::documents::add;
use crate::support::ports::any;
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};

fn server() -> BroadworksHandle {
    BroadworksSimulator::start(any()).expect("a server")
}

fn section(name: &str, server: &BroadworksHandle) -> String {
    format!("[[broadworks]]\nname = {name:?}\naddress = \"{}\"\n", server.addr())
}

#[test]
fn a_server_that_is_added_is_connected_and_one_that_is_removed_is_left() {
    let (world, second) = (World::start(), server());
    world.append(&section("as2", &second));
    assert_eq!(world.reload(), "applied");
    connected(&second);
    second.send(&add(1, "anna@tele.gl"));
    world.site.wait_ended(1);
    assert!(world.daemon.get("/readyz").1.contains("\"as2\""));
    eventually("as2 is up", || {
        (world.daemon.metric("eventmanager_connection_up", "as2") == 1.0).then_some(())
    });

    world.edit(&section("as2", &second), "");
    assert_eq!(world.reload(), "applied");
    eventually("as2 is left", || (second.progress().connected == 0).then_some(()));
    assert!(!world.daemon.get("/readyz").1.contains("\"as2\""));
    assert!(
        !world.daemon.get("/metrics").1.contains("connection_up{connection=\"as2\"}"),
        "nobody is told that it is down"
    );
    assert_eq!(world.peers.broadworks.connections(), 1, "as1 never noticed");

    // The name may be taken again.
    world.append(&section("as2", &second));
    assert_eq!(world.reload(), "applied");
    connected(&second);
    world.logged(&["connection ends", "connection=\"as2\""]);
}

#[test]
fn a_server_that_moves_is_followed_and_two_may_change_places() {
    let (world, second) = (World::start(), server());
    world.append(&section("as2", &second));
    assert_eq!(world.reload(), "applied");
    connected(&second);
    let (one, two) = (world.peers.broadworks.addr().to_string(), second.addr().to_string());
    world.edit(&one, "elsewhere");
    world.edit(&two, &one);
    world.edit("elsewhere", &two);
    assert_eq!(world.reload(), "applied");
    eventually("both are connected again", || {
        (world.peers.broadworks.connections() == 2 && second.connections() == 2).then_some(())
    });
    connected(&second);
    second.send(&add(1, "anna@tele.gl"));
    world.site.wait_ended(1);
    assert_eq!(world.daemon.metric("eventmanager_events_received_total", "as1"), 1.0);
}

#[test]
fn what_a_server_that_goes_has_sent_is_stored_first() {
    let world = World::start();
    for number in 0..300 {
        world.peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    eventually("all is sent", || (world.peers.broadworks.sent() == 300).then_some(()));
    let section = section("as1", &world.peers.broadworks);
    let received = || world.daemon.metric("eventmanager_events_received_total", "as1");
    world.edit(&section, "");
    assert_eq!(world.reload(), "applied");
    let read = received();
    eventually("what was read is stored", || (world.site.count(&["completed"]) as f64 == read).then_some(()));
    // But for one that was read half.
    let failed = world.site.count(&["failed"]);
    assert!(world.site.count(&["pending"]) == 0 && failed <= 1, "{failed}");
}

#[test]
fn a_window_for_duplicates_holds_for_what_comes_from_then_on() {
    let (world, second) = (World::start(), server());
    world.edit("name = \"as1\"\n", "name = \"as1\"\ncluster = \"nuuk\"\nduplicate_window = \"0s\"\n");
    world.append(&(section("as2", &second) + "cluster = \"nuuk\"\nduplicate_window = \"0s\"\n"));
    assert_eq!(world.reload(), "applied");
    connected(&second);
    connected(&world.peers.broadworks);
    let duplicates = || world.daemon.metric("eventmanager_duplicates_total", "");
    let both = |number: u64, ended: u64| {
        world.peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
        world.site.wait_ended(ended - 1);
        second.send(&add(number, &format!("user{number}@tele.gl")));
        world.site.wait_ended(ended);
    };
    both(1, 2);
    assert_eq!(duplicates(), 0.0);
    world.edit("duplicate_window = \"0s\"", "duplicate_window = \"5m\"");
    world.edit("duplicate_window = \"0s\"", "duplicate_window = \"5m\"");
    assert_eq!(world.reload(), "applied");
    eventually("both are connected again", || (second.connections() == 2).then_some(()));
    connected(&second);
    connected(&world.peers.broadworks);
    both(2, 4);
    assert_eq!(duplicates(), 1.0);
}

#[test]
fn what_cannot_be_stored_now_is_waited_for_before_a_server_is_left() {
    let world = World::start();
    let section = section("as1", &world.peers.broadworks);
    let lock = world.site.database();
    lock.execute_batch("begin immediate").expect("a lock");
    for number in 0..50 {
        world.peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    let received = || world.daemon.metric("eventmanager_events_received_total", "as1");
    eventually("all is read", || (received() == 50.0).then_some(()));
    world.edit(&section, "");
    world.daemon.signal("HUP");
    world.logged(&["connection ends", "connection=\"as1\""]);
    // Longer than a stop would wait.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert!(!world.daemon.log().contains("reload ended"));
    lock.execute_batch("rollback").expect("unlocked");
    world.logged(&["reload ended", "applied"]);
    world.site.wait_ended(50);
    assert_eq!(world.site.count(&["completed"]), 50);
}
