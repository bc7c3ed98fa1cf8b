//! Peers that refuse, send elsewhere, or are away.

use crate::peer::{Peer, wait_stored, wait_up};
use crate::support::daemon::{Daemon, Site, eventually};
use serde_json::Value;

const SUBSCRIBE: &str = "subscribe = [\"order\"]";

fn start(peer: &Peer) -> (Site, Daemon) {
    let site = Site::new(&peer.config(SUBSCRIBE));
    let daemon = site.start();
    (site, daemon)
}

#[test]
fn a_refusal_is_told_once_and_tried_again() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let peer = Peer::start();
        peer.answer_instead("POST", status);
        let (_site, daemon) = start(&peer);
        eventually("it is tried again", || (peer.count("POST") > 3).then_some(()));
        let told = daemon.log().matches("not as it should be").count();
        assert_eq!(told, 1, "{}", daemon.log());
        assert!(!daemon.log().contains(crate::peer::TOKEN), "{}", daemon.log());
        wait_up(&daemon, &peer, 0.0);
        peer.answer_rightly();
        wait_up(&daemon, &peer, 1.0);
        daemon.logged(&["as it should be again", "order"]);
    }
}

#[test]
fn nobody_is_followed_elsewhere() {
    let (peer, elsewhere) = (Peer::start(), Peer::start());
    let location = format!("307 Temporary Redirect\r\nLocation: http://{}/x", elsewhere.address);
    peer.answer_instead("POST", &location);
    let (_site, daemon) = start(&peer);
    daemon.logged(&["it sends us elsewhere, where we do not go"]);
    eventually("it is tried again", || (peer.count("POST") > 2).then_some(()));
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn a_peer_that_calls_a_hub_by_what_we_have_shown_to_it_does_not_bring_it_into_the_log() {
    let peer = Peer::start();
    let location = format!("201 Created\r\nLocation: /hub/{}-1", crate::peer::TOKEN);
    peer.answer_instead("POST", &location);
    let (_site, daemon) = start(&peer);
    daemon.logged(&["registered at a peer", "***-1"]);
    assert!(!daemon.log().contains(crate::peer::TOKEN), "{}", daemon.log());
}

#[test]
fn a_peer_is_left_alone_for_as_long_as_it_wants() {
    let peer = Peer::start();
    peer.answer_instead("GET", "503 Service Unavailable\r\nRetry-After: 2");
    let since = std::time::Instant::now();
    let (_site, daemon) = start(&peer);
    daemon.logged(&["it answers 503"]);
    eventually("it is asked once more", || (peer.count("GET") > 1).then_some(()));
    assert!(since.elapsed().as_secs_f64() >= 2.0, "{:?}", since.elapsed());
    peer.answer_rightly();
    wait_up(&daemon, &peer, 1.0);
}

#[test]
fn one_that_hides_its_list_is_believed() {
    let peer = Peer::start();
    peer.answer_instead("GET", "405 Method Not Allowed");
    let (site, daemon) = start(&peer);
    wait_stored(&site, &["h1"]);
    wait_up(&daemon, &peer, 1.0);
    let looked = peer.count("GET");
    eventually("it looks again", || (peer.count("GET") > looked + 2).then_some(()));
    assert_eq!((peer.count("POST"), peer.hubs().len()), (1, 1));
}

#[test]
fn a_peer_that_is_away_is_told_of_and_found_again() {
    let peer = Peer::start();
    let (_site, daemon) = start(&peer);
    wait_up(&daemon, &peer, 1.0);
    let shown = || -> Value {
        let status: Value = serde_json::from_str(&daemon.get("/api/v1/status").1).expect("JSON");
        assert_eq!(status["connections"].as_array().map(Vec::len), Some(1), "{status}");
        status["connections"][0].clone()
    };
    let up = shown();
    assert_eq!((up["up"].as_bool(), &up["reason"]), (Some(true), &Value::Null), "{up}");
    assert_eq!(up["address"], peer.address.to_string());
    peer.answer_instead("GET", "500 Internal Server Error");
    wait_up(&daemon, &peer, 0.0);
    let down = shown();
    assert_eq!((down["up"].as_bool(), &down["name"]), (Some(false), &up["name"]), "{down}");
    assert!(down["reason"].as_str().is_some_and(|reason| reason.contains("500")), "{down}");
    peer.answer_rightly();
    wait_up(&daemon, &peer, 1.0);
    assert_eq!(peer.count("POST"), 1, "it had us all the time");
}
