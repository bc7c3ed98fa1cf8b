//! A simulated Asterisk that misbehaves, and clients that do.

use crate::ami_client::{Ami, quiet, start};
use crate::support::daemon::{Site, eventually};
use eventmanager::simulators::asterisk::{
    AsteriskOptions, AsteriskSimulator, AsteriskThread, Classes, Ending, Lie, Misbehaviour,
};
use eventmanager::states::DeviceState::{Busy, InUse};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn connections_are_reset_before_they_are_told_anything() {
    let server = start(quiet());
    server.reset_next(2);
    for _ in 0..2 {
        let error = Ami::open(server.addr()).stream.read(&mut [0; 8]).expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    let mut ami = Ami::log_in(&server, "on");
    server.end_sessions(Ending::Reset).unwrap();
    let error = ami.stream.read(&mut [0; 8]).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    Ami::log_in(&server, "on").nothing_comes();
}

#[test]
fn another_server_answers_at_its_port() {
    let server = start(quiet());
    server.misbehave(Misbehaviour::http());
    let answer = Ami::open(server.addr()).rest();
    assert_eq!(answer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    server.misbehave(Misbehaviour::None);
    Ami::log_in(&server, "on").nothing_comes();
}

#[test]
fn a_slow_one_answers_late() {
    let server = start(quiet());
    let mut ami = Ami::log_in(&server, "on");
    server.misbehave(Misbehaviour::Slow(Duration::from_millis(200)));
    let since = Instant::now();
    ami.nothing_comes();
    assert!(since.elapsed() >= Duration::from_millis(200));
}

/// Nothing comes for a while.
#[track_caller]
fn is_silent(ami: &mut Ami) {
    ami.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let error = ami.stream.read(&mut [0; 8]).expect_err("nothing comes");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    ami.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
}

#[test]
fn a_silent_one_says_nothing_and_does_nothing() {
    let server = start(quiet());
    let mut before = Ami::log_in(&server, "on");
    server.misbehave(Misbehaviour::Silent);
    let mut after = Ami::open(server.addr());
    before.send("Action: Setvar|Variable: DEVICE_STATE(Custom:a)|Value: INUSE");
    server.set_device("SIP/100", InUse);
    is_silent(&mut before);
    is_silent(&mut after);
    server.misbehave(Misbehaviour::None);
    before.nothing_comes();
    after.read_banner();
    assert_eq!(server.device("Custom:a"), None);
}

#[test]
fn a_frozen_one_goes_on_where_it_was() {
    let server = start(quiet());
    let mut before = Ami::log_in(&server, "on");
    server.misbehave(Misbehaviour::Frozen);
    let mut after = Ami::open(server.addr());
    before.send("Action: Setvar|ActionID: 1|Variable: DEVICE_STATE(Custom:a)|Value: INUSE");
    server.set_device("SIP/100", InUse);
    is_silent(&mut before);
    is_silent(&mut after);
    server.misbehave(Misbehaviour::None);
    before.read("Event: DeviceStateChange|Privilege: call,all|Device: SIP/100|State: INUSE");
    before.read("Event: DeviceStateChange|Privilege: call,all|Device: Custom:a|State: INUSE");
    before.read("Response: Success|ActionID: 1|Message: Variable Set");
    after.read_banner();
    server.misbehave(Misbehaviour::Frozen);
    server.stop(Ending::Quiet).unwrap();
    before.ended();
}

#[test]
fn a_truncating_one_closes_in_the_middle() {
    let server = start(quiet());
    let mut before = Ami::log_in(&server, "on");
    server.misbehave(Misbehaviour::Truncating { after: 10 });
    assert_eq!(Ami::open(server.addr()).rest(), "Asterisk C");
    server.set_device("SIP/100", InUse);
    let event = "Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: SIP/100\r\nState: INUSE\r\n\r\n";
    assert_eq!(before.rest(), event[..event.len() / 2]);
}

#[test]
fn a_lying_one_gives_wrong_answers() {
    let server = start(quiet());
    server.set_device("SIP/100", InUse);
    let mut ami = Ami::log_in(&server, "off");
    ami.set("X", "1", "Variable Set");
    let mut set = |lie: Lie, id: &str, answer: &str| {
        server.misbehave(Misbehaviour::Lying(lie));
        ami.expect(&format!("Action: Setvar|ActionID: {id}|Variable: X|Value: 1"), answer);
    };
    set(Lie::OtherIds, "1", "Response: Success|ActionID: |Message: Variable Set");
    set(Lie::OtherIds, "2", "Response: Success|ActionID: 1|Message: Variable Set");
    set(Lie::UnknownIds, "3", "Response: Success|ActionID: nobody|Message: Variable Set");
    set(Lie::NoIds, "4", "Response: Success|Message: Variable Set");
    set(
        Lie::MoreHeaders,
        "5",
        "Response: Success|ActionID: 5|ActionID: nobody|Response: Error|Event: DeviceStateChange|Device: SIP/forged|\
         State: INUSE|no colon|EventList: Complete|ListItems: 0|Message: Variable Set",
    );
    set(Lie::Twice, "6", "Response: Success|ActionID: 6|Message: Variable Set");
    ami.read("Response: Success|ActionID: 6|Message: Variable Set");
    server.misbehave(Misbehaviour::Lying(Lie::WrongCount));
    ami.send("Action: DeviceStateList|ActionID: 7");
    for _ in 0..2 {
        ami.next();
    }
    ami.read("Event: DeviceStateListComplete|ActionID: 7|EventList: Complete|ListItems: 2");
    // Who is not logged in is not lied to: it would never get in.
    server.misbehave(Misbehaviour::Lying(Lie::UnknownIds));
    Ami::log_in(&server, "on");
}

#[test]
fn bytes_that_no_asterisk_sends_go_out_as_they_are() {
    let server = start(quiet());
    let mut ami = Ami::log_in(&server, "on");
    server.tell_bytes(Classes::CALL, b"nonsense\nEvent: X\r\n\r\n");
    ami.read("nonsense\nEvent: X");
}

#[test]
fn a_client_that_does_not_read_is_cut_and_others_are_not() {
    let server = start(quiet());
    let mut stuck = Ami::log_in(&server, "on");
    let mut reader = Ami::log_in(&server, "call");
    server.flood(200_000);
    eventually("it is cut", || (server.counts().cut == 1).then_some(()));
    server.set_device("SIP/100", Busy);
    reader.read("Event: DeviceStateChange|Privilege: call,all|Device: SIP/100|State: BUSY");
    let got = stuck.rest();
    assert!(got.len() < 16 << 20 && got.len() > 100_000, "{}", got.len());
    assert!(!got.ends_with("\r\n\r\n"), "the last event is whole");
}

#[test]
fn several_share_a_thread() {
    let thread = AsteriskThread::start().unwrap();
    let servers: Vec<_> = (0..8).map(|_| AsteriskSimulator::start_on(&thread, quiet()).unwrap()).collect();
    drop(thread);
    let mut sessions: Vec<_> = servers.iter().map(|server| Ami::log_in(server, "call")).collect();
    for (number, server) in servers.iter().enumerate() {
        server.set_device(format!("SIP/{number}"), InUse);
    }
    for (number, ami) in sessions.iter_mut().enumerate() {
        ami.read(&format!("Event: DeviceStateChange|Privilege: call,all|Device: SIP/{number}|State: INUSE"));
        ami.nothing_comes();
    }
    let mut servers = servers.into_iter();
    drop(servers.next());
    sessions[0].ended();
    sessions[1].nothing_comes();
}

#[test]
fn a_session_may_be_over_tls() {
    // One that is there already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let site = Site::quiet("");
    site.make_certificate();
    let file = |name: &str| std::fs::read(site.directory.path().join(name)).unwrap();
    let certificate = CertificateDer::from_pem_slice(&file("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&file("key.pem")).unwrap();
    let tls = rustls::ServerConfig::builder().with_no_client_auth();
    let tls = tls.with_single_cert(vec![certificate.clone()], key).unwrap();
    let server = start(AsteriskOptions { tls: Some(Arc::new(tls)), ..quiet() });
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = Ami::open(server.addr()).stream;
    let client = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut ami = Ami::over(rustls::StreamOwned::new(client, stream));
    ami.read_banner();
    ami.log_in_as_usual("call");
    server.set_device("SIP/100", InUse);
    ami.read("Event: DeviceStateChange|Privilege: call,all|Device: SIP/100|State: INUSE");
    ami.set("X", "1", "Variable Set");
    server.end_sessions(Ending::Quiet).unwrap();
    ami.ended();
}
