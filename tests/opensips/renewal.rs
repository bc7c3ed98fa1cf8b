//! Subscriptions outlive their time, restarts of OpenSIPS, and its silence.

use crate::support::daemon::eventually;
use crate::trial::Trial;
use eventmanager::simulators::opensips::{
    Misbehaviour, OpensipsHandle, OpensipsOptions, OpensipsSimulator, Version, named,
};

fn opensips(version: Version) -> OpensipsHandle {
    let options = OpensipsOptions { version, ..OpensipsOptions::default() };
    OpensipsSimulator::start(options).expect("an OpenSIPS")
}

fn keys(opensips: &OpensipsHandle, more: &str) -> String {
    let mi = opensips.udp().expect("an address");
    let events = "events = [\"E_PIKE_BLOCKED\", \"E_TEST\"]";
    format!("mi = \"udp:{mi}\"\nlisten = \"udp:127.0.0.1:0\"\n{events}\nrequest_timeout = \"600ms\"\n{more}")
}

/// Raises an event; whether somebody was told.
fn raise(opensips: &OpensipsHandle) -> bool {
    opensips.raise("E_PIKE_BLOCKED", named([("ip", "203.0.113.7")])).sent > 0
}

#[test]
fn a_subscription_is_renewed_before_its_time_is_over() {
    let opensips = opensips(Version::V3_6);
    let trial = Trial::subscribed(&keys(&opensips, "expire = 3\nverify = \"10m\""), "");
    // Both at the start, and then each second.
    eventually("they are renewed", || {
        assert!(raise(&opensips), "there is no gap");
        (opensips.asked("event_subscribe") >= 12).then_some(())
    });
    assert_eq!(trial.metric("subscriptions_lost_total", ""), 0.0);
    assert!(opensips.subscribers().iter().all(|it| it.expire == 3));
}

#[test]
fn after_a_restart_of_opensips_everything_is_subscribed_to_again_within_one_verification() {
    for version in [Version::V2_4, Version::V3_6] {
        let opensips = opensips(version);
        let trial = Trial::subscribed(&keys(&opensips, "verify = \"300ms\""), "");
        opensips.restart().expect("it restarts");
        assert!(!raise(&opensips), "nobody is known");
        eventually("both are made anew", || (opensips.subscribers().len() == 2).then_some(()));
        assert!(raise(&opensips));
        trial.wait_received(1.0);
        assert!(trial.metric("subscriptions_lost_total", "connection=\"sbc\"") >= 1.0);
        trial.wait_up();
    }
}

#[test]
fn one_that_is_forgotten_is_noticed_and_made_anew_alone() {
    let opensips = opensips(Version::V3_6);
    let trial = Trial::subscribed(&keys(&opensips, "verify = \"200ms\""), "");
    let socket = opensips.subscribers()[0].socket.clone();
    let asked = opensips.asked("event_subscribe");
    assert!(opensips.forget("E_TEST", &socket));
    eventually("it is there again", || opensips.is_subscribed("E_TEST", &socket).then_some(()));
    assert_eq!(opensips.asked("event_subscribe"), asked + 1);
    eventually("it is told", || (trial.metric("subscriptions_lost_total", "") == 1.0).then_some(()));
    trial.daemon.logged(&["opensips has lost our subscription", "E_TEST"]);
}

#[test]
fn one_that_is_away_is_subscribed_to_when_it_is_back() {
    let opensips = opensips(Version::V3_6);
    let trial = Trial::subscribed(&keys(&opensips, "verify = \"200ms\""), "");
    opensips.stop().expect("it stops");
    eventually("it is down", || (!trial.is_up()).then_some(()));
    eventually("both are missing", || {
        (trial.metric("subscriptions", "state=\"missing\"") == 2.0).then_some(())
    });
    opensips.start().expect("it starts");
    trial.wait_up();
    assert!(raise(&opensips));
    trial.wait_received(1.0);
    // It had forgotten both.
    assert_eq!(trial.metric("subscriptions_lost_total", ""), 2.0);
}

#[test]
fn a_subscription_ends_with_the_daemon_also_where_opensips_was_away_just_before() {
    let opensips = opensips(Version::V3_6);
    let trial = Trial::subscribed(&keys(&opensips, "verify = \"200ms\""), "");
    opensips.misbehave(Misbehaviour::Silent);
    eventually("it is down", || (!trial.is_up()).then_some(()));
    opensips.misbehave(Misbehaviour::None);
    // Whether or not it has noticed.
    assert_eq!(trial.daemon.terminate(), Some(0));
    assert!(opensips.subscribers().iter().all(|it| it.expire == 0));
}

#[test]
fn one_that_does_not_answer_is_read_all_the_same() {
    let opensips = opensips(Version::V3_6);
    let trial = Trial::subscribed(&keys(&opensips, "verify = \"200ms\""), "");
    opensips.misbehave(Misbehaviour::Silent);
    eventually("it is down", || (!trial.is_up()).then_some(()));
    assert!(raise(&opensips), "the subscription is there still");
    trial.wait_received(1.0);
    opensips.misbehave(Misbehaviour::None);
    trial.wait_up();
}

#[test]
fn answers_that_are_garbage_fail_the_request_and_nothing_else() {
    let opensips = opensips(Version::V3_6);
    let trial = Trial::subscribed(&keys(&opensips, "verify = \"200ms\""), "");
    for wrong in [Misbehaviour::Plain, Misbehaviour::Garbage(b"\xff\x00{"[..].into()), Misbehaviour::WrongId]
    {
        opensips.misbehave(wrong);
        eventually("it is down", || (!trial.is_up()).then_some(()));
        opensips.misbehave(Misbehaviour::None);
        trial.wait_up();
    }
    // Where everything is refused nothing is known, and what is there stays.
    opensips.misbehave(Misbehaviour::Failing);
    trial.daemon.logged(&["opensips does not show whether our subscription is there"]);
    assert!(raise(&opensips));
    trial.wait_received(1.0);
}

#[test]
fn a_section_that_goes_takes_its_subscriptions_along_and_another_keeps_its_own() {
    let (one, other) = (opensips(Version::V3_6), opensips(Version::V3_6));
    let second = format!("[[opensips]]\nname = \"other\"\n{}", keys(&other, ""));
    let trial = Trial::subscribed(&keys(&one, ""), &second);
    eventually("both are subscribed", || (other.subscribers().len() == 2).then_some(()));
    let asked = other.asked("event_subscribe");
    let config = std::fs::read_to_string(trial.site.config()).expect("the configuration");
    let (before, first) = config.split_once("[[opensips]]").expect("a section");
    let rest = first.split_once("[[opensips]]").expect("another").1;
    std::fs::write(trial.site.config(), format!("{before}[[opensips]]{rest}")).expect("written");
    trial.daemon.signal("HUP");
    eventually("it has ended", || one.subscribers().iter().all(|it| it.expire == 0).then_some(()));
    assert_eq!(other.asked("event_subscribe"), asked);
    assert_eq!(other.raise("E_TEST", named([("a", "b")])).sent, 1);
}

#[test]
fn a_daemon_that_was_killed_takes_up_its_subscriptions() {
    let opensips = opensips(Version::V3_6);
    let free = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let keys = keys(&opensips, "").replace("127.0.0.1:0", &free.to_string());
    let Trial { site, daemon } = Trial::subscribed(&keys, "");
    daemon.kill();
    assert_eq!(opensips.subscribers().len(), 2, "they last");
    let trial = Trial::at(site);
    trial.wait_up();
    assert_eq!(opensips.subscribers().len(), 2, "and are the same");
    assert!(raise(&opensips));
    trial.wait_received(1.0);
}
