//! Ids of notifications that are missing are noticed, most of all where something may be lost: between two connections,
//! and while the daemon was away.

mod support;

use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use support::daemon::{Daemon, Site, eventually};
use support::documents::add;
use support::ports::any;

/// A daemon that provisions nothing, so that what comes has ended as soon as it is stored.
fn site(servers: &[(&str, &BroadworksHandle)], further: &str) -> Site {
    let server = |(name, server): &(&str, &BroadworksHandle)| {
        format!("[[broadworks]]\nname = \"{name}\"\naddress = \"{}\"\n{further}\n", server.addr())
    };
    Site::new(&servers.iter().map(server).collect::<String>())
}

fn server() -> BroadworksHandle {
    BroadworksSimulator::start(any()).expect("an application server")
}

/// Sends these ids and waits until so many events are stored in all.
#[track_caller]
fn send(server: &BroadworksHandle, ids: &[u64], site: &Site, events: u64) {
    ids.iter().for_each(|id| server.send(&add(*id, &format!("user{id}@tele.gl"))));
    site.wait_ended(events);
}

fn gaps(daemon: &Daemon, server: &str) -> f64 {
    daemon.metric("eventmanager_notification_gaps_total", &format!("connection=\"{server}\""))
}

fn backs(daemon: &Daemon) -> f64 {
    daemon.metric("eventmanager_notification_backs_total", "")
}

/// How many lines of the log have this, and there must be one.
#[track_caller]
fn lines(daemon: &Daemon, text: &str) -> usize {
    daemon.logged(&[text]);
    daemon.log().lines().filter(|line| line.contains(text)).count()
}

#[test]
fn what_is_missing_between_two_connections_is_counted_and_logged() {
    let server = server();
    let site = site(&[("as1", &server)], "");
    let daemon = site.start();
    send(&server, &[1, 2], &site, 2);
    assert_eq!(gaps(&daemon, "as1"), 0.0);
    server.close_client();
    send(&server, &[11, 12], &site, 4);
    assert_eq!(gaps(&daemon, "as1"), 8.0);
    assert_eq!(lines(&daemon, "gap in notification ids connection=\"as1\" id=\"write11\" missing=8"), 1);
    send(&server, &[20, 30], &site, 6);
    assert_eq!(gaps(&daemon, "as1"), 24.0);
    assert_eq!(lines(&daemon, "gap in notification ids"), 1, "once for each connection");
}

#[test]
fn what_is_missing_over_a_kill_of_the_daemon_is_counted_and_logged() {
    let server = server();
    let site = site(&[("as1", &server)], "");
    let daemon = site.start();
    send(&server, &[1, 2], &site, 2);
    daemon.kill();
    let daemon = site.start();
    send(&server, &[10], &site, 3);
    eventually("the gap is counted", || (gaps(&daemon, "as1") == 7.0).then_some(()));
    // The one behind the gap, whether the last one of before was known already when it came or not.
    assert_eq!(lines(&daemon, "gap in notification ids connection=\"as1\" id=\"write10\" missing=7"), 1);
    daemon.kill();
    let daemon = site.start();
    send(&server, &[11], &site, 4);
    assert_eq!(gaps(&daemon, "as1"), 0.0);
}

#[test]
fn a_server_that_counts_anew_is_told_once_and_counted_on_from_there() {
    let server = server();
    let site = site(&[("as1", &server)], "");
    let daemon = site.start();
    send(&server, &[264], &site, 1);
    server.close_client();
    send(&server, &[1, 2, 3], &site, 4);
    assert_eq!((backs(&daemon), gaps(&daemon, "as1")), (1.0, 0.0));
    assert_eq!(lines(&daemon, "notification id goes back"), 1);
    send(&server, &[6], &site, 5);
    assert_eq!((backs(&daemon), gaps(&daemon, "as1")), (1.0, 2.0));
}

#[test]
fn each_member_of_a_cluster_counts_for_itself_and_duplicates_count() {
    let (one, two) = (server(), server());
    let site = site(&[("as1", &one), ("as2", &two)], "cluster = \"nuuk\"");
    let daemon = site.start();
    send(&one, &[1, 2], &site, 2);
    send(&two, &[1, 2], &site, 4);
    send(&one, &[3], &site, 5);
    send(&two, &[900], &site, 6);
    assert_eq!((gaps(&daemon, "as1"), gaps(&daemon, "as2"), backs(&daemon)), (0.0, 897.0, 0.0));
    daemon.kill();
    let daemon = site.start();
    send(&one, &[4], &site, 7);
    send(&two, &[902], &site, 8);
    eventually("the gap is counted", || (gaps(&daemon, "as2") == 1.0).then_some(()));
    assert_eq!((gaps(&daemon, "as1"), backs(&daemon)), (0.0, 0.0));
}
