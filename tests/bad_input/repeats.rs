//! Documents that come again: on the same connection, on a later one, from another server.

use super::support::daemon::{Site, eventually};
use super::support::documents::{add, delete};
use super::support::peers::Peers;
use super::support::ports::any;
use super::trial::site;
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};

#[test]
fn a_repeat_on_a_later_connection_is_a_duplicate_and_on_the_same_a_new_event() {
    let (peers, site) = site("");
    let daemon = site.start();
    let document = add(1, "anna@tele.gl");
    peers.broadworks.send(&document);
    peers.broadworks.send(&document);
    site.wait_ended(2);
    let statuses: Vec<String> = site.events().into_iter().map(|row| row.status).collect();
    assert_eq!(
        statuses,
        ["completed", "failed"],
        "the same connection: a new event, which finds the user there"
    );
    let check_duplicate = |events: u64| {
        peers.broadworks.send(&document);
        site.wait_ended(events);
        let row = site.events().pop().expect("a row");
        assert_eq!(row.status, "ignored");
        assert!(row.reason.starts_with("duplicate of "), "{row:?}");
        let original: i64 = row.reason["duplicate of ".len()..].parse().expect("an id");
        assert!((1..=2).contains(&original), "{row:?}");
    };
    let connections = peers.broadworks.connections();
    peers.broadworks.close_client();
    eventually("it connects anew", || (peers.broadworks.connections() > connections).then_some(()));
    check_duplicate(3);
    assert_eq!(daemon.metric("eventmanager_duplicates_total", "as1"), 1.0);
    // Another content under the same id is something else.
    peers.broadworks.send(&add(1, "bo@tele.gl"));
    site.wait_ended(4);
    assert_eq!(site.events().pop().expect("a row").status, "completed");
    // What was stored before a restart is known after it.
    assert_eq!(daemon.terminate(), Some(0));
    let _daemon = site.start();
    check_duplicate(5);
}

#[test]
fn outside_the_window_a_repeat_is_a_new_event() {
    let (peers, site) = site("duplicate_window = \"0s\"");
    let _daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    let connections = peers.broadworks.connections();
    peers.broadworks.close_client();
    eventually("it connects anew", || (peers.broadworks.connections() > connections).then_some(()));
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(2);
    assert_eq!(site.events()[1].status, "failed");
}

/// A second server in the configuration.
fn second(peers: &Peers, cluster: &str) -> (BroadworksHandle, Site) {
    let other = BroadworksSimulator::start(any()).expect("an application server");
    let config = format!(
        "{}{cluster}\n[[broadworks]]\nname = \"as2\"\naddress = \"{}\"\n{cluster}\n",
        peers.config(""),
        other.addr()
    );
    let site = Site::new(&config);
    (other, site)
}

#[test]
fn what_both_servers_of_a_cluster_send_is_one_event() {
    let peers = Peers::start();
    let (other, site) = second(&peers, "cluster = \"nuuk\"");
    let _daemon = site.start();
    for number in 0..20 {
        let document = add(number, &format!("user{number}@tele.gl"));
        let (first, then) =
            if number % 2 == 0 { (&peers.broadworks, &other) } else { (&other, &peers.broadworks) };
        first.send(&document);
        then.send(&document);
    }
    site.wait_ended(40);
    assert_eq!((site.count(&["completed"]), site.count(&["ignored"])), (20, 20), "{:?}", site.events());
    assert_eq!(peers.ema.holds().0, 20);
}

#[test]
fn the_same_id_of_two_servers_that_are_no_cluster_is_two_events() {
    let peers = Peers::start();
    let (other, site) = second(&peers, "");
    let daemon = site.start();
    peers.broadworks.send(&delete(1, "nobody@tele.gl"));
    other.send(&delete(1, "nobody@tele.gl"));
    site.wait_ended(2);
    assert_eq!(site.count(&["completed"]), 2, "{:?}", site.events());
    // And one that is away delays no other.
    other.refuse(true).expect("refused");
    eventually("it is down", || {
        (daemon.metric("eventmanager_connection_up", "connection=\"as2\"") == 0.0).then_some(())
    });
    peers.broadworks.send(&add(2, "anna@tele.gl"));
    site.wait_ended(3);
    assert_eq!(daemon.metric("eventmanager_connection_up", "connection=\"as1\""), 1.0);
}
