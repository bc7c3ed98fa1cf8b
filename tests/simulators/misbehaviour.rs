//! Scripts, latency and outages of the simulated EMA, and its journal of what was asked.

use crate::client::{Client, closed, start};
use crate::documents::*;
use eventmanager::simulators::ema::{EmaOptions, EmaSimulator, Outcome, faults};
use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn a_script_decides_what_comes_of_a_request() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    let fault = Action::Fault { code: 4006, detail_code: Some(35256), style: FaultStyle::RespCode };
    ema.script(vec![
        Rule::new(fault).op("Create").mo("DNSSubscription").contains("2991").times(1),
        Rule::new(Action::Status(503)).op("Create").skip(1).times(1),
        Rule::new(Action::Body { status: 200, body: "?".to_owned() }).op("Delete"),
    ]);
    let (status, body) = client.soap(&create_enum("tel:2991", "sip:a")).unwrap();
    assert_eq!(status, 500);
    assert!(body.contains("respCode>35256<"), "{body}");
    client.succeeds(&create_enum("tel:2991", "sip:a"));
    assert_eq!(client.soap(&create_enum("tel:2992", "sip:a")).unwrap().0, 503);
    client.succeeds(&create_enum("tel:2992", "sip:a"));
    assert_eq!(client.soap(&delete_enum("tel:2992")).unwrap(), (200, "?".to_owned()));
    assert_eq!(ema.state().enum_records.len(), 2, "what the script answered was not done");
}

#[test]
fn a_dropped_request_is_not_done_and_a_processed_one_is_though_nobody_hears_of_it() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    let session = client.session.clone();
    ema.script(vec![
        Rule::new(Action::Drop).contains("2991").times(1),
        Rule::new(Action::ProcessAndDrop).contains("2992").times(1),
    ]);
    closed(client.soap(&create_enum("tel:2991", "sip:a")));
    assert!(ema.state().enum_records.is_empty());
    let mut client = Client { session: session.clone(), ..Client::connect(ema.addr()).unwrap() };
    closed(client.soap(&create_enum("tel:2992", "sip:a")));
    assert_eq!(ema.state().enum_records.len(), 1);
    let mut client = Client { session, ..Client::connect(ema.addr()).unwrap() };
    client.is_refused(&create_enum("tel:2992", "sip:a"), 4006, faults::DNS_SUBSCRIPTION_EXISTS);
    let twice = ema.created_twice();
    assert_eq!((twice.refused, twice.refused_after_answer, twice.applied_again), (1, 0, 0));
    client.succeeds(&create_enum("tel:2991", "sip:a"));
    client.is_refused(&create_enum("tel:2991", "sip:a"), 4006, faults::DNS_SUBSCRIPTION_EXISTS);
    client.succeeds(&delete_enum("tel:2991"));
    client.succeeds(&create_enum("tel:2991", "sip:a"));
    let twice = ema.created_twice();
    assert_eq!((twice.refused, twice.refused_after_answer, twice.applied_again), (2, 1, 1));
    let outcomes: Vec<_> = ema.calls().iter().skip(1).take(3).map(|call| call.outcome).collect();
    let exists = Outcome::Fault { code: 4006, detail_code: Some(faults::DNS_SUBSCRIPTION_EXISTS) };
    assert_eq!(outcomes, [Outcome::Unanswered { done: false }, Outcome::Unanswered { done: true }, exists]);
}

#[test]
fn a_hung_request_holds_up_no_other() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    ema.script(vec![Rule::new(Action::ProcessAndHang).times(1)]);
    let mut hanging = Client { session: client.session.clone(), ..Client::connect(ema.addr()).unwrap() };
    hanging.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let waited = hanging.soap(&create_enum("tel:2991", "sip:a")).expect_err("no answer comes").kind();
    assert!(matches!(waited, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{waited:?}");
    client.succeeds(&create_enum("tel:2992", "sip:a"));
    assert_eq!(ema.state().enum_records.len(), 2);
}

#[test]
fn answers_come_after_the_latency() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    let latency = Duration::from_millis(30);
    ema.set_latency(latency);
    let started = Instant::now();
    client.succeeds(&create_enum("tel:2991", "sip:a"));
    assert!(started.elapsed() >= latency);
    ema.set_latency(Duration::ZERO);
    ema.script(vec![Rule::delay(latency)]);
    let started = Instant::now();
    client.succeeds(&create_enum("tel:2992", "sip:a"));
    assert!(started.elapsed() >= latency);
}

#[test]
fn a_refusing_server_listens_again_at_the_same_port_with_what_it_held() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    client.succeeds(&create_association("a1", "nivi@x.gl"));
    for _ in 0..3 {
        ema.refuse(true).unwrap();
        closed(client.soap(&delete_association("a1")));
        for _ in 0..100 {
            let refused = TcpStream::connect(ema.addr()).expect_err("the port is closed");
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
        ema.refuse(false).unwrap();
        let session = client.session.take();
        client = Client { session, ..Client::connect(ema.addr()).unwrap() };
        client.is_refused(&create_association("a1", "nivi@x.gl"), 4006, faults::ASSOCIATION_EXISTS);
    }
}

#[test]
fn the_journal_tells_what_was_asked_in_order_and_can_be_switched_off() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    client.succeeds(&create_association("a1", "nivi@x.gl"));
    client.succeeds(&set("a1", &public_data("tel:+2991", "nivi@x.gl", "nivi@x.gl")));
    let calls = ema.calls();
    let told: Vec<_> =
        calls.iter().map(|call| (call.number, call.step, &*call.mo_id, &*call.subject)).collect();
    assert_eq!(
        told,
        [
            (1, "Login", "", ""),
            (2, "Create Association", "a1", "sip:nivi@x.gl"),
            (3, "Set teluri", "a1", "tel:+2991")
        ]
    );
    assert_eq!(calls[2].session, client.session);
    let quiet = EmaSimulator::start(EmaOptions { journal: 0, ..EmaOptions::default() }).unwrap();
    Client::logged_in(&quiet);
    assert!(quiet.calls().is_empty());
    assert_eq!(quiet.counts().requests, 1);
}

#[test]
fn a_stopped_simulator_frees_its_port_and_keeps_its_state() {
    let mut ema = start();
    Client::logged_in(&ema).succeeds(&create_association("a1", "nivi@x.gl"));
    ema.stop();
    assert_eq!(ema.state().associations.len(), 1);
    let options = EmaOptions { addr: ema.addr(), ..EmaOptions::default() };
    drop(ema);
    let again = EmaSimulator::start(options).unwrap();
    assert!(again.state().associations.is_empty());
}
