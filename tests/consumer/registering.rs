//! What we register, keep and end.

use crate::peer::{Hub, Peer, callback, reload, stored, wait_stored, wait_up, write};
use crate::support::daemon::{Site, eventually};

const SUBSCRIBE: &str = "subscribe = [\"order\"]";

#[test]
fn we_are_registered_once_and_again_where_the_peer_has_lost_us() {
    let peer = Peer::start();
    let site = Site::new(&peer.config("subscribe = [\"order\", \"alarm\"]\nquery = \"state=pending\""));
    let daemon = site.start();
    wait_up(&daemon, &peer, 1.0);
    let mut topics: Vec<(String, String, Option<String>)> =
        peer.hubs().into_iter().map(|hub| (hub.topic, hub.callback, hub.query)).collect();
    topics.sort();
    let expected = |topic: &str| (topic.to_owned(), callback(topic), Some("state=pending".to_owned()));
    assert_eq!(topics, [expected("alarm"), expected("order")]);
    assert!(peer.asked()[0].line.starts_with("GET"), "it looks first");
    let verified = peer.count("GET");
    eventually("it is verified", || (peer.count("GET") > verified + 2).then_some(()));
    assert_eq!((peer.hubs().len(), peer.count("POST")), (2, 2));

    peer.lose_hubs();
    eventually("they are registered again", || (peer.hubs().len() == 2).then_some(()));
    daemon.logged(&["the peer has lost our registration", "order"]);
    eventually("the store knows the new ones", || (stored(&site) == ["h3", "h4"]).then_some(()));
    assert_eq!(daemon.terminate(), Some(0));
    assert_eq!(peer.hubs().len(), 2, "they stay while it is stopped");
}

#[test]
fn a_kill_before_the_answer_makes_no_second_hub() {
    let peer = Peer::start();
    let site = Site::new(&peer.config(SUBSCRIBE));
    peer.swallow_answers(true);
    let daemon = site.start();
    let hub = peer.one_hub();
    daemon.kill();
    peer.swallow_answers(false);
    let daemon = site.start();
    wait_stored(&site, &[&hub.id]);
    wait_up(&daemon, &peer, 1.0);
    assert_eq!((peer.hubs(), peer.count("POST")), (vec![hub], 1));
}

#[test]
fn a_lost_answer_makes_no_second_hub() {
    let peer = Peer::start();
    let site = Site::new(&peer.config(SUBSCRIBE));
    peer.swallow_answers(true);
    let daemon = site.start();
    peer.one_hub();
    peer.swallow_answers(false);
    wait_up(&daemon, &peer, 1.0);
    assert_eq!((peer.hubs().len(), peer.count("POST")), (1, 1));
}

#[test]
fn what_a_reload_removes_is_ended_also_where_the_peer_itself_is_removed() {
    for rest in ["", "# no subscribe"] {
        let peer = Peer::start();
        let site = Site::new(&peer.config(SUBSCRIBE));
        let daemon = site.start();
        wait_stored(&site, &["h1"]);
        wait_up(&daemon, &peer, 1.0);
        let config = if rest.is_empty() { "[event_management]".to_owned() } else { peer.config(rest) };
        reload(&site, &daemon, &config);
        eventually("it is ended", || peer.hubs().is_empty().then_some(()));
        wait_stored(&site, &[]);
        let last = peer.asked().pop().expect("a request");
        assert_eq!(last.line, "DELETE /psi-api/event/v2/topic/order/hub/h1");
        assert!(last.authorization.is_some(), "with what the peer knows us by");
        // It comes back.
        reload(&site, &daemon, &peer.config(SUBSCRIBE));
        wait_stored(&site, &["h2"]);
    }
}

#[test]
fn what_an_earlier_run_has_left_is_ended_at_the_start() {
    let peer = Peer::start();
    let site = Site::new(&peer.config(SUBSCRIBE));
    let daemon = site.start();
    wait_stored(&site, &["h1"]);
    daemon.kill();
    write(&site, &peer.config(""));
    let _daemon = site.start();
    eventually("it is ended", || peer.hubs().is_empty().then_some(()));
    wait_stored(&site, &[]);
}

#[test]
fn nothing_is_sent_to_a_host_that_is_not_configured_any_more() {
    let peer = Peer::start();
    let site = Site::new(&peer.config(SUBSCRIBE));
    let daemon = site.start();
    wait_stored(&site, &["h1"]);
    daemon.kill();
    let asked = peer.asked().len();
    write(&site, "[event_management]\n");
    let daemon = site.start();
    daemon.logged(&["not configured any more", &peer.address.to_string(), "h1"]);
    wait_stored(&site, &[]);
    assert_eq!((peer.asked().len(), peer.hubs().len()), (asked, 1));
}

#[test]
fn another_filter_is_registered_before_the_old_one_ends() {
    let peer = Peer::start();
    let site = Site::new(&peer.config(SUBSCRIBE));
    let daemon = site.start();
    wait_stored(&site, &["h1"]);
    reload(&site, &daemon, &peer.config(&format!("{SUBSCRIBE}\nquery = \"a=b\"")));
    wait_stored(&site, &["h2"]);
    let Hub { id, query, .. } = peer.one_hub();
    assert_eq!((id.as_str(), query.as_deref()), ("h2", Some("a=b")));
    let place = |method: &str| peer.asked().iter().rposition(|asked| asked.line.starts_with(method));
    assert!(place("POST") < place("DELETE"));
}
