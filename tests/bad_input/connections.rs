//! Documents in pieces, and connections that end, are reset or fall silent.

use super::support::daemon::{Daemon, Site, eventually};
use super::support::documents::{add, set_phone};
use super::trial::{Trial, site};
use eventmanager::simulators::broadworks::{BroadworksOptions, BroadworksSimulator, encode};
use std::time::{Duration, Instant};

#[test]
fn a_document_may_come_in_any_pieces() {
    let mut trial = Trial::new("");
    for segments in [2, 3, 7, 50, 400] {
        let user = format!("cut{segments}@tele.gl");
        trial.peers.broadworks.send_segments(&add(1, &user), segments, Duration::from_micros(200));
        let rows = trial.send("");
        assert_eq!(rows.len(), 1, "{segments}: {rows:?}");
        assert_eq!(rows[0].status, "completed", "{segments}");
    }
    let many: Vec<u8> =
        (0..50).flat_map(|number| encode(&add(number, &format!("many{number}@tele.gl")))).collect();
    assert_eq!(trial.send(many).len(), 50, "many in one piece");
    // No declaration, CRLF, no line end, all in one.
    let bare = add(1, "bare@tele.gl").replace("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n", "");
    assert_eq!(trial.send(format!("\r\n\r\n{bare}")).len(), 1, "bare");
}

#[test]
fn a_document_that_a_reset_cuts_off_is_told_and_the_next_connection_goes_on() {
    let (peers, site) = site("");
    let daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    let connections = peers.broadworks.connections();
    // All but the last byte, so that the kernel has it delivered before the reset.
    peers.broadworks.close_client();
    eventually("it connects anew", || (peers.broadworks.connections() > connections).then_some(()));
    let half = encode(&add(2, "bo@tele.gl"));
    peers.broadworks.send_bytes(half.slice(..half.len() / 2));
    peers.broadworks.close_client();
    site.wait_ended(2);
    let row = site.events().pop().expect("a row");
    assert_eq!(row.status, "failed");
    assert!(
        row.reason.contains("within the document") && row.reason.contains("closed by the peer"),
        "{row:?}"
    );
    assert_eq!(daemon.metric("eventmanager_frames_bad_total", "reason=\"cut_off\""), 1.0);
    peers.broadworks.send(&add(3, "bo@tele.gl"));
    site.wait_ended(3);
    for _ in 0..2 {
        let before = peers.broadworks.connections();
        peers.broadworks.drop_client_within(&add(4, "cut@tele.gl"), 200);
        eventually("it connects anew", || (peers.broadworks.connections() > before).then_some(()));
    }
    peers.broadworks.send(&set_phone(5, "bo@tele.gl", "321044"));
    eventually("the next one is provisioned", || (peers.ema.holds() == (2, 1)).then_some(()));
    assert!(site.events().iter().all(|row| row.user == "admin@tele.gl" || row.status == "failed"));
}

#[test]
fn a_document_that_our_own_end_cuts_off_is_told_as_any_other() {
    let (peers, site) = site("");
    let daemon = site.start();
    let (whole, half) = (encode(&add(1, "anna@tele.gl")), encode(&add(2, "bo@tele.gl")));
    // In one piece: who has read the first has the half of the second.
    peers.broadworks.send_bytes([&whole, &half[..half.len() / 2]].concat());
    site.wait_ended(1);
    daemon.signal("TERM");
    let (code, log) = daemon.ended_logged();
    assert_eq!(code, Some(0), "{log}");
    let row = site.events().pop().expect("a row");
    assert_eq!((site.events().len(), &*row.status), (2, "failed"));
    assert!(
        row.reason.contains("within the document") && row.reason.contains("ended by this daemon"),
        "{row:?}"
    );
    assert!(log.contains("broadworks sent what cannot be read"), "{log}");
}

#[test]
fn a_server_that_closes_is_connected_again_within_about_a_second() {
    let (peers, site) = site("");
    peers.broadworks.refuse(true).expect("refused");
    let daemon = site.start();
    let up = |daemon: &Daemon| daemon.metric("eventmanager_connection_up", "connection=\"as1\"");
    assert!(daemon.get("/metrics").1.contains("eventmanager_connection_up{connection=\"as1\"} 0"));
    peers.broadworks.refuse(false).expect("listening");
    eventually("it is connected", || (up(&daemon) == 1.0).then_some(()));
    let reconnects = daemon.metric("eventmanager_reconnects_total", "as1");
    let connections = peers.broadworks.connections();
    let closed = Instant::now();
    peers.broadworks.close_client();
    eventually("it is connected again", || (peers.broadworks.connections() > connections).then_some(()));
    assert!(closed.elapsed() < Duration::from_millis(2500), "{:?}", closed.elapsed());
    eventually("it is counted", || {
        (daemon.metric("eventmanager_reconnects_total", "as1") > reconnects && up(&daemon) == 1.0)
            .then_some(())
    });
    daemon.logged(&["not connected to broadworks"]);
    daemon.logged(&["closed by the peer"]);
}

#[test]
fn a_connection_on_which_nothing_is_heard_is_made_anew_and_one_with_keep_alives_stays() {
    let (peers, site) = site("keepalive_timeout = \"400ms\"");
    let daemon = site.start();
    eventually("it is made anew", || (peers.broadworks.connections() >= 2).then_some(()));
    daemon.logged(&["nothing heard for 400ms"]);
    drop(daemon);
    let keepalive = Some(Duration::from_millis(100));
    let alive =
        BroadworksSimulator::start_with(BroadworksOptions { keepalive, ..BroadworksOptions::default() })
            .expect("an application server");
    let config = peers.config("").replace(&peers.broadworks.addr().to_string(), &alive.addr().to_string());
    let site = Site::new(&format!("{config}keepalive_timeout = \"400ms\"\n"));
    let daemon = site.start();
    let statuses =
        || daemon.metric("eventmanager_notifications_total", "OCIReportingServerStatusNotification");
    eventually("keep-alives of more than the timeout are heard", || (statuses() >= 10.0).then_some(()));
    assert_eq!(alive.connections(), 1);
    assert_eq!(site.events().len(), 0);
}
