//! The events of the simulated OpenSIPS, and how long they come.

use crate::mi_client::{Opensips, TcpReceiver, UdpReceiver, UnixReceiver, json};
use crate::support::daemon::eventually;
use eventmanager::simulators::opensips::{
    Misbehaviour, OpensipsOptions, OpensipsSimulator, Told, Version, named, positional,
};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[test]
fn every_version_writes_events_in_its_own_way() {
    let check = |version, expected: [&str; 2]| {
        let opensips = Opensips::start(version);
        let (udp, unix) = (UdpReceiver::new(), UnixReceiver::new(opensips.directory.path(), "events"));
        opensips.subscribe(&udp.socket(), 60);
        opensips.subscribe(&unix.socket(), 60);
        opensips.server.raise("E_TEST", named([("domain", "location"), ("aor", "anna")]));
        opensips.server.raise("E_TEST", []);
        for expected in expected {
            assert_eq!((udp.next().as_str(), unix.next().as_str()), (expected, expected), "{version}");
        }
    };
    let text = ["E_TEST\ndomain::location\naor::anna\n\n", "E_TEST\n\n"];
    check(Version::V2_4, text);
    check(Version::V3_0, text);
    let rest = r#""jsonrpc":"2.0","method":"E_TEST""#;
    let params = r#""params":{"domain":"location","aor":"anna"}"#;
    check(
        Version::V3_1_0,
        [&format!(r#"{{"id":null,{rest},{params}}}"#), &format!(r#"{{"id":null,{rest},"params":{{}}}}"#)],
    );
    check(Version::V3_6, [&format!("{{{rest},{params}}}"), &format!("{{{rest}}}")]);
}

#[test]
fn an_event_goes_to_those_who_have_subscribed_to_it() {
    let opensips = Opensips::start(Version::V3_6);
    let (first, second) = (UdpReceiver::new(), UdpReceiver::new());
    opensips.subscribe(&first.socket(), 60);
    opensips.subscribe(&second.socket(), 60);
    let both = Told { sent: 2, ..Told::default() };
    assert_eq!(opensips.server.raise("E_TEST", positional(["a", "2"])), both);
    assert_eq!(opensips.server.raise("E_1", []), Told::default());
    assert_eq!(opensips.server.raise("E_NONE", []), Told::default());
    assert_eq!(opensips.server.raise_bytes("E_TEST", b"garbage"), both);
    for receiver in [first, second] {
        assert_eq!(receiver.next(), r#"{"jsonrpc":"2.0","method":"E_TEST","params":["a","2"]}"#);
        assert_eq!(receiver.next(), "garbage");
        receiver.is_empty();
    }
}

#[test]
fn raise_event_raises_what_is_asked_for() {
    let opensips = Opensips::start(Version::V3_6);
    let receiver = UdpReceiver::new();
    opensips.subscribe(&receiver.socket(), 60);
    let answer = opensips.udp().ask(&json("raise_event", r#"{"event":"E_TEST","params":["a","b"]}"#));
    assert_eq!(answer, r#"{"jsonrpc":"2.0","result":"OK","id":1}"#);
    assert_eq!(receiver.next(), r#"{"jsonrpc":"2.0","method":"E_TEST","params":["a","b"]}"#);
    let opensips = Opensips::start(Version::V2_4);
    opensips.subscribe(&receiver.socket(), 60);
    assert_eq!(opensips.udp().ask(":raise_event:\nE_TEST\na\nb\n"), "200 OK\n\n");
    assert_eq!(receiver.next(), "E_TEST\na\nb\n\n");
}

#[test]
fn a_subscription_ends_when_it_expires_and_a_renewal_replaces_its_time() {
    let opensips = Opensips::start(Version::V3_6);
    let receiver = UdpReceiver::new();
    let advance = |seconds| opensips.server.advance(Duration::from_secs(seconds));
    let raise = || opensips.server.raise("E_TEST", []).sent;
    opensips.subscribe(&receiver.socket(), 60);
    advance(60);
    assert_eq!(raise(), 1);
    advance(1);
    assert_eq!(raise(), 0);
    opensips.subscribe(&receiver.socket(), 3600);
    opensips.subscribe(&receiver.socket(), 10);
    advance(10);
    assert_eq!((raise(), opensips.subscribed().len()), (1, 1));
    advance(1);
    assert_eq!((raise(), opensips.subscribed().len()), (0, 0));
    let default =
        json("event_subscribe", &format!(r#"{{"event":"E_TEST","socket":"{}"}}"#, receiver.socket()));
    opensips.udp().ask(&default);
    assert_eq!(opensips.server.subscribers()[0].expire, 3600);
}

#[test]
fn who_unsubscribes_is_told_for_a_second() {
    let opensips = Opensips::start(Version::V2_4);
    let receiver = UdpReceiver::new();
    opensips.subscribe(&receiver.socket(), 60);
    assert!(opensips.server.is_subscribed("E_TEST", &receiver.socket()));
    opensips.subscribe(&receiver.socket(), 0);
    assert!(!opensips.server.is_subscribed("E_TEST", &receiver.socket()));
    assert_eq!(opensips.server.raise("E_TEST", []).sent, 1);
    opensips.server.advance(Duration::from_secs(1));
    assert_eq!(opensips.server.raise("E_TEST", []).sent, 0);
}

#[test]
fn a_socket_that_is_the_beginning_of_another_refreshes_that_one() {
    let opensips = Opensips::start(Version::V3_6);
    let other = UdpReceiver::at("127.0.0.11:0");
    let own = format!("udp:127.0.0.1:{}", other.port());
    opensips.subscribe(&other.socket(), 60);
    opensips.subscribe(&own, 600);
    opensips.subscribe("unix:/nowhere/ab", 60);
    opensips.subscribe("unix:/nowhere/a", 60);
    assert_eq!(opensips.subscribed(), ["unix:/nowhere/ab", &other.socket()]);
    let listed =
        opensips.udp().ask(&json("subscribers_list", &format!(r#"{{"event":"E_TEST","socket":"{own}"}}"#)));
    let subscriber = format!(r#""Subscriber":{{"socket":"{}","expire":600,"ttl":600}}"#, other.socket());
    assert!(listed.contains(&subscriber), "{listed}");
    let told = opensips.server.raise("E_TEST", []);
    assert_eq!(told, Told { sent: 1, lost: 1, ..Told::default() });
    other.next();
    assert_eq!(opensips.server.counts().lost, 1);
}

#[test]
fn addresses_are_texts() {
    let opensips = Opensips::start(Version::V3_6);
    let receiver = UdpReceiver::new();
    opensips.subscribe(&receiver.socket(), 60);
    opensips.subscribe(&format!("udp:localhost:{}", receiver.port()), 60);
    assert_eq!(opensips.server.raise("E_TEST", []).sent, 2);
}

#[test]
fn a_restart_forgets_who_has_subscribed() {
    let opensips = Opensips::start(Version::V3_6);
    let receiver = UdpReceiver::new();
    opensips.subscribe(&receiver.socket(), 3600);
    opensips.server.restart().unwrap();
    assert_eq!((opensips.subscribed().len(), opensips.server.raise("E_TEST", []).sent), (0, 0));
    opensips.subscribe(&receiver.socket(), 3600);
    assert_eq!(opensips.server.raise("E_TEST", []).sent, 1);
    assert_eq!(opensips.server.asked("event_subscribe"), 2);
}

#[test]
fn nobody_is_there_while_it_is_away_and_its_addresses_stay_its_own() {
    let opensips = Opensips::start(Version::V3_6);
    let request = json("version", "{}");
    let udp = opensips.udp();
    let http = opensips.server.http().unwrap();
    let mut open = opensips.http();
    open.ask(&request);
    opensips.server.stop().unwrap();
    udp.send(&request);
    assert_eq!(udp.receive().unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(std::net::UdpSocket::bind(opensips.server.udp().unwrap()).is_err());
    assert_eq!(TcpStream::connect(http).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    open.ended();
    assert!(!opensips.server.unix().unwrap().exists() && !opensips.server.fifo().unwrap().exists());
    opensips.server.start().unwrap();
    opensips.server.start().unwrap();
    udp.ask(&request);
    opensips.unix().ask(&request);
    opensips.http().ask(&request);
    opensips.fifo().ask("rep", &format!(":rep:{request}"));
}

#[test]
fn a_file_of_somebody_else_is_not_replaced() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "somebody else's").unwrap();
    let (udp, usual) = (UdpReceiver::new(), OpensipsOptions::default());
    let own = directory.path().join("mi.sock");
    for options in [
        OpensipsOptions { unix: Some(path.clone()), ..usual.clone() },
        OpensipsOptions { unix: Some(own.clone()), fifo: Some(path.clone()), ..usual.clone() },
        OpensipsOptions { udp: Some(udp.addr()), ..usual },
    ] {
        assert!(OpensipsSimulator::start(options).is_err());
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody else's");
    assert!(!own.exists());
}

fn over_tcp(reliable: bool) -> (Opensips, TcpReceiver) {
    let opensips = Opensips::start_with(Version::V3_6, |options| OpensipsOptions { reliable, ..options });
    let receiver = TcpReceiver::new();
    opensips.subscribe(&receiver.socket(), 60);
    (opensips, receiver)
}

fn object(number: u32) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"E_TEST","params":{{"n":"{number}"}}}}"#)
}

fn raise(opensips: &Opensips, number: u32) {
    let told = opensips.server.raise("E_TEST", named([("n", number.to_string())]));
    assert_eq!(told, Told { queued: 1, ..Told::default() });
}

/// Reads exactly what is expected.
#[track_caller]
fn read(stream: &mut TcpStream, expected: &str) {
    let mut buffer = vec![0; expected.len()];
    stream.read_exact(&mut buffer).expect("as many bytes");
    assert_eq!(String::from_utf8(buffer).unwrap(), expected);
}

#[test]
fn events_over_tcp_run_together() {
    let (opensips, receiver) = over_tcp(false);
    (0..3).for_each(|number| raise(&opensips, number));
    let mut stream = receiver.accept();
    read(&mut stream, &[object(0), object(1), object(2)].concat());
    // It does not care what it is told.
    stream.write_all(b"nonsense}").unwrap();
    raise(&opensips, 3);
    read(&mut stream, &object(3));
    eventually("they are counted", || (opensips.server.counts().sent == 4).then_some(()));
    assert_eq!(opensips.server.counts().streams, 1);
}

#[test]
fn a_subscription_with_a_method_is_made_again_by_each_renewal() {
    let (opensips, receiver) = over_tcp(false);
    let named = format!("{}/told", receiver.socket());
    opensips.subscribe(&named, 60);
    opensips.subscribe(&named, 60);
    opensips.subscribe(&receiver.socket(), 60);
    assert_eq!(opensips.subscribed(), [named.clone(), named, receiver.socket()]);
    assert_eq!(opensips.server.raise("E_TEST", []).queued, 3);
    let (told, usual) = (r#"{"jsonrpc":"2.0","method":"told"}"#, r#"{"jsonrpc":"2.0","method":"E_TEST"}"#);
    read(&mut receiver.accept(), &[told, told, usual].concat());
}

#[test]
fn a_stream_that_is_closed_is_made_anew_with_the_next_event() {
    let (opensips, receiver) = over_tcp(false);
    raise(&opensips, 0);
    let mut stream = receiver.accept();
    read(&mut stream, &object(0));
    stream.shutdown(Shutdown::Both).unwrap();
    let mut number = 1;
    let mut stream = eventually("it connects again", || {
        raise(&opensips, number);
        number += 1;
        (opensips.server.counts().streams == 2).then(|| receiver.accept())
    });
    let mut first = [0; 8];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, br#"{"jsonrp"#);
}

#[test]
fn an_event_is_lost_where_nobody_takes_the_connection() {
    let (opensips, receiver) = over_tcp(false);
    drop(receiver);
    raise(&opensips, 0);
    eventually("it is lost", || (opensips.server.counts().lost == 1).then_some(()));
    assert_eq!(opensips.server.counts().sent, 0);
}

#[test]
fn in_reliable_mode_events_have_ids_that_are_answered() {
    let (opensips, receiver) = over_tcp(true);
    raise(&opensips, 0);
    raise(&opensips, 1);
    let mut stream = receiver.accept();
    let with_id = |id: u32| object(id - 1).replacen('{', &format!(r#"{{"id":{id},"#), 1);
    read(&mut stream, &[with_id(1), with_id(2)].concat());
    stream
        .write_all(br#"{"jsonrpc":"2.0","result":"OK","id":2}{"jsonrpc":"2.0","result":"OK","id":7}"#)
        .unwrap();
    eventually("one is answered", || (opensips.server.counts().acknowledged == 1).then_some(()));
    stream.write_all(br#"{"jsonrpc":"2.0","result":"OK","id":1}"#).unwrap();
    eventually("both are answered", || (opensips.server.counts().acknowledged == 2).then_some(()));
    raise(&opensips, 2);
    read(&mut stream, &with_id(3));
}

#[test]
fn in_reliable_mode_nonsense_ends_the_connection() {
    for nonsense in ["nonsense", "{]", r#"{"jsonrpc":"2.0"}"#, r#"{"id":"1"}"#] {
        let (opensips, receiver) = over_tcp(true);
        raise(&opensips, 0);
        let mut stream = receiver.accept();
        stream.write_all(nonsense.as_bytes()).unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap_or_else(|error| panic!("{nonsense}: {error}"));
        raise(&opensips, 1);
        receiver.accept();
    }
}

#[test]
fn a_stream_is_truncated() {
    let (opensips, receiver) = over_tcp(false);
    opensips.server.misbehave(Misbehaviour::Truncating { after: object(0).len() + 10 });
    raise(&opensips, 0);
    raise(&opensips, 1);
    let mut all = String::new();
    receiver.accept().read_to_string(&mut all).unwrap();
    assert_eq!(all, format!("{}{}", object(0), &object(1)[..10]));
    assert_eq!((opensips.server.counts().sent, opensips.server.counts().lost), (1, 1));
}

#[test]
fn a_flood_counts_what_it_sends() {
    let opensips = Opensips::start(Version::V3_6);
    let unix = UnixReceiver::new(opensips.directory.path(), "events");
    opensips.subscribe(&unix.socket(), 3600);
    let received = Arc::new(AtomicU64::new(0));
    let counter = received.clone();
    let own = unix.0.try_clone().unwrap();
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while own.recv(&mut buffer).is_ok_and(|length| length > 0) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let numbered = |number: u64| named([("n", number.to_string())]);
    let told = opensips.server.flood("E_TEST", 20_000, None, numbered).unwrap().join();
    assert_eq!(told.sent + told.lost, 20_000);
    assert!(told.sent > 0, "{told:?}");
    eventually("all that was sent is there", || {
        (received.load(Ordering::Relaxed) == told.sent).then_some(())
    });
    assert_eq!((opensips.server.counts().sent, opensips.server.counts().lost), (told.sent, told.lost));
    // An empty datagram ends the one who reads.
    std::os::unix::net::UnixDatagram::unbound()
        .unwrap()
        .send_to(b"", &unix.socket()["unix:".len()..])
        .unwrap();
    thread.join().unwrap();
}

#[test]
fn a_flood_keeps_its_rate_and_ends_when_it_is_dropped() {
    let opensips = Opensips::start(Version::V3_6);
    let receiver = UdpReceiver::new();
    opensips.subscribe(&receiver.socket(), 3600);
    let since = Instant::now();
    let told = opensips.server.flood("E_TEST", 101, Some(1000), |_| Vec::new()).unwrap().join();
    assert_eq!(told.sent, 101);
    assert!(since.elapsed() >= Duration::from_millis(100), "{:?}", since.elapsed());
    let endless = opensips.server.flood("E_TEST", u64::MAX, Some(1000), |_| Vec::new()).unwrap();
    eventually("it has begun", || (opensips.server.counts().sent > 101).then_some(()));
    drop(endless);
    let sent = opensips.server.counts().sent;
    opensips.server.raise("E_TEST", []);
    assert_eq!(opensips.server.counts().sent, sent + 1);
}
