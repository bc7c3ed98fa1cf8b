//! The proxy does what it says: an oracle behind one that does nothing would prove nothing.

use crate::support::daemon::{PATIENCE, eventually};
use crate::support::proxy::{Fault, Proxy};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Both ends of a connection through a proxy.
struct Line {
    proxy: Proxy,
    listener: TcpListener,
    client: TcpStream,
    peer: TcpStream,
}

impl Line {
    fn start() -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let proxy = Proxy::start(listener.local_addr().expect("an address"));
        let (client, peer) = connect(&proxy, &listener);
        Line { proxy, listener, client, peer }
    }

    /// Every fault is set on a line on which something has passed.
    fn with(to_peer: Fault, from_peer: Fault) -> Line {
        let mut line = Line::start();
        line.client.write_all(b"before").expect("sent");
        assert_eq!(take(&mut line.peer, 6), b"before");
        line.proxy.set(to_peer, from_peer);
        line
    }
}

fn connect(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address).expect("connected");
    let (peer, _) = listener.accept().expect("accepted");
    for side in [&client, &peer] {
        side.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    }
    (client, peer)
}

fn take(from: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    from.read_exact(&mut bytes).expect("bytes");
    bytes
}

/// All that comes until the end, and whether that is a reset.
fn rest(from: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    match from.read_to_end(&mut bytes) {
        Ok(_) => (bytes, false),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
            (bytes, true)
        }
    }
}

/// Nothing comes, and nothing ends.
fn is_silent(from: &mut TcpStream) -> bool {
    from.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let read = from.read(&mut [0]);
    from.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    matches!(read.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock))
}

#[test]
fn what_passes_passes_whole_and_ends_as_it_ended() {
    let mut line = Line::with(Fault::Pass, Fault::Bytes);
    let all: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
    line.peer.write_all(&all).expect("sent");
    assert_eq!(take(&mut line.client, all.len()), all);
    line.client.shutdown(std::net::Shutdown::Write).expect("closed");
    assert_eq!(rest(&mut line.peer), (Vec::new(), false));
    line.peer.write_all(b"later").expect("sent");
    drop(line.peer);
    assert_eq!(rest(&mut line.client), (b"later".to_vec(), false));
}

#[test]
fn what_is_late_or_slow_takes_its_time() {
    let mut line = Line::with(Fault::Late(Duration::from_millis(200)), Fault::Slow(1000));
    let since = Instant::now();
    line.client.write_all(b"question").expect("sent");
    assert_eq!(take(&mut line.peer, 8), b"question");
    assert!(since.elapsed() >= Duration::from_millis(200));
    let since = Instant::now();
    line.peer.write_all(&[7; 500]).expect("sent");
    assert_eq!(take(&mut line.client, 500), [7; 500]);
    assert!(since.elapsed() >= Duration::from_millis(450), "{:?}", since.elapsed());
}

#[test]
fn a_reset_comes_after_so_many_bytes_and_to_both_sides() {
    let mut line = Line::with(Fault::Reset(5), Fault::Pass);
    line.client.write_all(b"question").expect("sent");
    let (bytes, is_reset) = rest(&mut line.peer);
    assert!(b"quest".starts_with(&bytes) && is_reset, "{bytes:?}");
    assert!(rest(&mut line.client).1);
    assert!(line.proxy.struck() > 0);
}

#[test]
fn an_answer_is_lost_after_its_question_has_arrived() {
    let mut line = Line::with(Fault::Pass, Fault::Reset(0));
    line.client.write_all(b"question").expect("sent");
    assert_eq!(take(&mut line.peer, 8), b"question");
    line.peer.write_all(b"answer").expect("sent");
    assert_eq!(rest(&mut line.client), (Vec::new(), true));
    // The next connection as well, until everything passes.
    let (mut client, mut peer) = connect(&line.proxy, &line.listener);
    peer.write_all(b"banner").expect("sent");
    assert_eq!(rest(&mut client), (Vec::new(), true));
    line.proxy.pass();
    let (mut client, mut peer) = connect(&line.proxy, &line.listener);
    peer.write_all(b"banner").expect("sent");
    assert_eq!(take(&mut client, 6), b"banner");
}

#[test]
fn what_is_swallowed_is_taken_and_never_arrives_nor_what_follows() {
    let mut line = Line::with(Fault::Swallow, Fault::Pass);
    line.client.write_all(b"question").expect("sent");
    assert!(is_silent(&mut line.peer));
    line.proxy.pass();
    line.client.write_all(b"again").expect("sent");
    assert!(is_silent(&mut line.peer), "a stream with a hole is none");
    line.peer.write_all(b"answer").expect("sent");
    assert_eq!(take(&mut line.client, 6), b"answer", "the other way goes on");
    line.client.shutdown(std::net::Shutdown::Write).expect("closed");
    assert!(is_silent(&mut line.peer), "nor does the end arrive");
}

#[test]
fn one_way_may_be_closed_and_the_other_go_on() {
    let mut line = Line::with(Fault::Pass, Fault::Close(3));
    line.peer.write_all(b"answer").expect("sent");
    assert_eq!(rest(&mut line.client), (b"ans".to_vec(), false));
    line.client.write_all(b"more").expect("sent");
    assert_eq!(take(&mut line.peer, 4), b"more");
}

#[test]
fn rubbish_is_as_long_as_what_it_stands_for() {
    let mut line = Line::with(Fault::Pass, Fault::Garbage);
    line.peer.write_all(b"answer").expect("sent");
    let bytes = take(&mut line.client, 6);
    assert!(bytes.iter().zip(b"answer").all(|(came, sent)| came != sent), "{bytes:?}");
}

#[test]
fn what_is_held_stays_with_the_kernel_until_it_may_go_on_or_is_cut() {
    let mut line = Line::with(Fault::Hold, Fault::Pass);
    line.client.write_all(b"question").expect("sent");
    eventually("the kernel holds it", || (line.proxy.unread() == 8).then_some(()));
    assert!(is_silent(&mut line.peer));
    line.proxy.pass();
    assert_eq!(take(&mut line.peer, 8), b"question");
    line.proxy.cut();
    assert!(rest(&mut line.peer).1 && rest(&mut line.client).1);
}

#[test]
fn nobody_listens_until_somebody_does_again() {
    let mut line = Line::with(Fault::Pass, Fault::Pass);
    line.proxy.refuse();
    assert!(rest(&mut line.client).1);
    eventually("it is refused", || {
        let refused = TcpStream::connect(line.proxy.address).err()?.kind();
        (refused == ErrorKind::ConnectionRefused).then_some(())
    });
    line.proxy.listen();
    let (mut client, mut peer) = connect(&line.proxy, &line.listener);
    client.write_all(b"question").expect("sent");
    assert_eq!(take(&mut peer, 8), b"question");
}
