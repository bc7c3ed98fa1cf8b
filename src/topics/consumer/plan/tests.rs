//! What is done at a peer, step by step.

use super::*;
use crate::config::{EventManagement, EventPeer};
use crate::topics::consumer::wanted::jobs;

const SECOND: Duration = Duration::from_secs(1);
const AT: SystemTime = SystemTime::UNIX_EPOCH;
const URL: &str = "https://pss:8443/psi-api/event/v2";

fn job(topics: &[&str], query: Option<&str>) -> Job {
    let peer = EventPeer {
        subscribe: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        query: query.map(str::to_owned),
        ..EventPeer::new("pss:8443")
    };
    let public_url = Some("https://em:8443".to_owned());
    let verify = 10 * SECOND;
    let config = EventManagement { public_url, verify, peers: vec![peer], ..EventManagement::default() };
    jobs(&config).remove(0)
}

fn place(topic: &str) -> Place {
    Place { url: URL.to_owned(), topic: topic.to_owned() }
}

fn callback(topic: &str) -> String {
    format!("https://em:8443/psi-api/event/v2/topic/{topic}/event")
}

fn kept(topic: &str, hub: &str) -> Registration {
    Registration {
        peer: "pss:8443".to_owned(),
        url: URL.to_owned(),
        topic: topic.to_owned(),
        callback: callback(topic),
        hub: hub.to_owned(),
        created: AT,
    }
}

fn listed(id: &str, topic: &str, query: Option<&str>) -> Listed {
    Listed { id: id.to_owned(), callback: callback(topic), query: query.map(str::to_owned) }
}

#[test]
fn it_looks_before_it_registers_and_verifies_again_and_again() {
    let (now, order) = (Instant::now(), place("order"));
    let job = job(&["order"], None);
    let mut plan = Plan::new(&job, Vec::new(), now);
    assert_eq!((plan.step(now), plan.is_held()), (Step::Look(order.clone()), false));
    assert_eq!(plan.listed(&order, &[], now, AT), (Vec::new(), false));
    assert_eq!(plan.step(now), Step::Register(order.clone(), job.wanted[0].clone()));
    let stored = plan.registered(&order, "h1".to_owned(), now, AT);
    assert_eq!(stored, [RegistrationChange::Keep(kept("order", "h1"))]);
    assert_eq!((plan.step(now), plan.is_held()), (Step::Wait(now + 10 * SECOND), true));
    let later = now + 10 * SECOND;
    assert_eq!(plan.step(later), Step::Look(order.clone()));
    let there = [listed("h0", "order", Some("a=b")), listed("h1", "order", Some(""))];
    assert_eq!(plan.listed(&order, &there, later, AT), (Vec::new(), false));
    assert_eq!(plan.step(later), Step::Wait(later + 10 * SECOND));
}

#[test]
fn one_that_is_lost_is_registered_again_at_once() {
    let (now, order) = (Instant::now(), place("order"));
    let mut plan = Plan::new(&job(&["order"], None), vec![kept("order", "h1")], now);
    assert_eq!(plan.listed(&order, &[listed("h1", "order", None)], now, AT), (Vec::new(), false));
    assert!(plan.is_held());
    assert_eq!(plan.listed(&order, &[], now, AT), (Vec::new(), true), "it was lost");
    assert!(matches!(plan.step(now), Step::Register(..)) && !plan.is_held());
    let stored = plan.registered(&order, "h2".to_owned(), now, AT);
    assert_eq!(stored, [RegistrationChange::Keep(kept("order", "h2"))], "h1 is gone: nothing is ended");
    assert_eq!(plan.step(now), Step::Wait(now + 10 * SECOND));
}

#[test]
fn one_that_a_lost_answer_has_made_is_taken() {
    let (now, order) = (Instant::now(), place("order"));
    let mut plan = Plan::new(&job(&["order"], Some("a=b")), Vec::new(), now);
    plan.listed(&order, &[], now, AT);
    let step = plan.step(now);
    plan.failed(&step, None, now);
    let later = now + SECOND;
    assert_eq!(plan.step(later), Step::Look(order.clone()), "it may be there");
    let (stored, _) = plan.listed(&order, &[listed("h9", "order", Some("?a=b"))], later, AT);
    assert_eq!(stored, [RegistrationChange::Keep(kept("order", "h9"))]);
    assert!(plan.is_held());
}

#[test]
fn another_filter_is_registered_before_the_old_one_ends_and_stored_behind_that() {
    let (now, order) = (Instant::now(), place("order"));
    let mut plan = Plan::new(&job(&["order"], Some("a=b")), vec![kept("order", "h1")], now);
    assert_eq!(plan.listed(&order, &[listed("h1", "order", None)], now, AT), (Vec::new(), false));
    assert!(matches!(plan.step(now), Step::Register(..)));
    assert_eq!(plan.registered(&order, "h2".to_owned(), now, AT), [], "a later run would have to end h1");
    let end = plan.step(now);
    assert_eq!(end, Step::End(order.clone(), "h1".to_owned()));
    plan.failed(&end, None, now);
    assert!(matches!(plan.step(now), Step::Wait(_)) && plan.is_held());
    assert_eq!(plan.step(now + SECOND), end);
    assert_eq!(plan.ended(&order, "h1", AT), [RegistrationChange::Keep(kept("order", "h2"))]);
}

#[test]
fn what_is_not_wanted_any_more_is_ended_and_forgotten() {
    let now = Instant::now();
    let elsewhere = Registration { url: "https://pss:8443/event/v2".to_owned(), ..kept("order", "h8") };
    let mut plan = Plan::new(&job(&[], None), vec![kept("order", "h1"), elsewhere], now);
    for hub in ["h1", "h8"] {
        let Step::End(place, ended) = plan.step(now) else { panic!("it is ended") };
        assert_eq!(ended, hub);
        let (url, topic) = (place.url.clone(), place.topic.clone());
        assert_eq!(plan.ended(&place, hub, AT), [RegistrationChange::Forget { url, topic }]);
    }
    assert_eq!((plan.step(now), plan.is_held()), (Step::Over, true));
}

#[test]
fn a_peer_that_shows_no_list_is_believed() {
    let (now, order) = (Instant::now(), place("order"));
    let mut plan = Plan::new(&job(&["order"], None), Vec::new(), now);
    plan.not_shown(&order, now);
    assert!(matches!(plan.step(now), Step::Register(..)));
    plan.registered(&order, "h1".to_owned(), now, AT);
    plan.not_shown(&order, now + 10 * SECOND);
    assert_eq!((plan.step(now), plan.is_held()), (Step::Wait(now + 20 * SECOND), true));
    let mut later = Plan::new(&job(&["order"], None), vec![kept("order", "h1")], now);
    later.not_shown(&order, now);
    assert!(later.is_held(), "the store has it");
}

#[test]
fn attempts_are_made_at_growing_distances_and_not_before_a_peer_wants_them() {
    let (now, order) = (Instant::now(), place("order"));
    let mut plan = Plan::new(&job(&["order"], None), Vec::new(), now);
    let mut distance = |pause| {
        let look = Step::Look(order.clone());
        plan.failed(&look, pause, now);
        let Step::Wait(until) = plan.step(now) else { panic!("it waits") };
        until - now
    };
    assert!(distance(None) <= SECOND);
    assert!((SECOND..=2 * SECOND).contains(&distance(None)));
    assert!((2 * SECOND..=4 * SECOND).contains(&distance(None)));
    assert_eq!(distance(Some(60 * SECOND)), 60 * SECOND);
    assert!(distance(None) <= 10 * SECOND, "no longer than it is verified");
    assert_eq!(distance(Some(86_400 * SECOND)), 15 * 60 * SECOND);
}

#[test]
fn a_refused_registration_is_not_asked_for_in_a_loop() {
    let (now, order) = (Instant::now(), place("order"));
    let mut plan = Plan::new(&job(&["order"], None), Vec::new(), now);
    let mut at = now;
    for _ in 0..6 {
        plan.listed(&order, &[], at, AT);
        let step = plan.step(at);
        assert!(matches!(step, Step::Register(..)));
        plan.failed(&step, None, at);
        let Step::Wait(until) = plan.step(at) else { panic!("it waits") };
        at = until;
    }
    assert!(at - now > 10 * SECOND, "{:?}", at - now);
}

#[test]
fn one_topic_holds_up_no_other() {
    let now = Instant::now();
    let mut plan = Plan::new(&job(&["order", "alarm"], None), Vec::new(), now);
    plan.failed(&Step::Look(place("order")), Some(60 * SECOND), now);
    assert_eq!(plan.step(now), Step::Look(place("alarm")));
}
