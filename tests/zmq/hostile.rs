//! Peers that break the rules, byte by byte.

use crate::{listen, soon, within};
use bytes::BytesMut;
use eventmanager::wire::zmtp::{SocketType, encode};
use eventmanager::zmq::{
    Happening, PublishServer, PullServer, Requester, ServerSettings, Settings, Subscriber, ZmqError,
};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn written(write: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut stream = BytesMut::new();
    write(&mut stream);
    stream.to_vec()
}

/// A handshake of this socket, and then this.
fn hello(socket: SocketType, rest: &[u8]) -> Vec<u8> {
    let mut bytes = written(|stream| {
        encode::greeting(stream);
        encode::ready(socket, b"", stream);
    });
    bytes.extend_from_slice(rest);
    bytes
}

/// Both ends of a connection, ours first.
async fn connection() -> (TcpStream, TcpStream) {
    let (listener, address) = listen().await;
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.expect("connected"), far.expect("accepted").0)
}

/// How a subscriber ends whose peer sends this and then waits, or closes the connection.
async fn end(bytes: &[u8], closes: bool) -> ZmqError {
    let (near, mut far) = connection().await;
    far.write_all(bytes).await.expect("sent");
    if closes {
        far.shutdown().await.expect("closed");
    }
    let settings =
        Settings { handshake: Duration::from_millis(300), whole: Duration::from_millis(300), ..soon() };
    let run = async { Subscriber::open(near, &["{"], &settings).await?.next().await };
    within(run).await.expect_err("an end")
}

#[actix::test]
async fn what_is_no_peer_ends_with_the_reason() {
    let check = async |bytes: &[u8], closes, text: &str| {
        let end = end(bytes, closes).await.to_string();
        assert!(end.contains(text), "{end}");
    };
    check(b"", false, "no handshake within 300ms").await;
    check(&hello(SocketType::Pub, b"")[..70], false, "no handshake within 300ms").await;
    check(b"", true, "closed by the peer within the handshake").await;
    check(&hello(SocketType::Pub, b"")[..70], true, "closed by the peer within the handshake").await;
    check(&hello(SocketType::Pull, b""), false, "the peer is a PULL, which does not talk to a SUB").await;
    check(&hello(SocketType::Pub, b""), true, "closed by the peer").await;
    check(b"HTTP/1.1 400 Bad Request\r\n\r\n", true, "no ZMTP of version 3").await;
    check(&hello(SocketType::Pub, b"\x00\x05abc"), true, "within a message").await;
    check(&hello(SocketType::Pub, b"\x00\x05abc"), false, "not whole after 300ms").await;
    check(&hello(SocketType::Pub, b"\x08\x00"), false, "cannot be understood").await;
    check(&hello(SocketType::Pub, b"\x02\x7f\xff\xff\xff\xff\xff\xff\xff"), false, "more than 1048576 bytes")
        .await;
    check(&hello(SocketType::Pub, b"\x04\x02\x01x\x04\x04\x05ERR"), false, "cannot be read").await;
    let refused = written(|stream| {
        encode::greeting(stream);
        encode::error("go away", stream);
    });
    check(&refused, false, "refused: go away").await;
}

#[actix::test]
async fn a_message_that_drips_is_not_waited_for() {
    let (near, mut far) = connection().await;
    let settings = Settings { whole: Duration::from_millis(500), ..soon() };
    let drip = async {
        far.write_all(&hello(SocketType::Pub, b"\x00\xff")).await.expect("sent");
        while far.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending().await
    };
    let run = async { Subscriber::open(near, &["{"], &settings).await?.next().await };
    let end = tokio::select! { end = within(run) => end.expect_err("an end"), () = drip => unreachable!() };
    assert!(matches!(end, ZmqError::Unfinished(_)), "{end}");
}

#[actix::test]
async fn a_peer_of_3_0_gets_subscriptions_as_messages_and_no_pings() {
    let (near, mut far) = connection().await;
    let mut hello = hello(SocketType::Pub, b"");
    hello[11] = 0;
    far.write_all(&hello).await.expect("sent");
    let mut subscriber = Subscriber::open(near, &["{"], &soon()).await.expect("open");
    let quiet = tokio::time::timeout(Duration::from_millis(1_500), subscriber.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    drop(subscriber);
    let mut heard = Vec::new();
    far.read_to_end(&mut heard).await.expect("closed");
    assert_eq!(heard, [self::hello(SocketType::Sub, b""), b"\x00\x02\x01{".to_vec()].concat());
}

#[actix::test]
async fn pings_are_answered_with_their_context_and_one_who_does_not_read_is_sent_away() {
    let (near, mut far) = connection().await;
    far.write_all(&hello(SocketType::Pub, &written(|stream| encode::ping(0, b"abc", stream))))
        .await
        .expect("sent");
    let mut subscriber = Subscriber::open(near, &["{"], &soon()).await.expect("open");
    let answers = b"\x04\x0b\x09SUBSCRIBE{\x04\x08\x04PONGabc";
    let mut heard = vec![0; hello(SocketType::Sub, answers).len()];
    tokio::select! {
        read = far.read_exact(&mut heard) => read.expect("an answer"),
        end = subscriber.next() => panic!("{end:?}"),
    };
    assert_eq!(heard, hello(SocketType::Sub, answers));
    let pings = written(|stream| encode::ping(0, &[0; 16], stream)).repeat(1_000);
    let flood = async {
        while far.write_all(&pings).await.is_ok() {}
        std::future::pending().await
    };
    let end = tokio::select! { end = within(subscriber.next()) => end.expect_err("an end"), () = flood => unreachable!() };
    assert!(matches!(end, ZmqError::Flood(_)), "{end}");
}

#[actix::test]
async fn replies_that_nobody_has_asked_for_end_the_connection() {
    let check = async |rest: &[u8], asks: bool, text: &str| {
        let (near, mut far) = connection().await;
        far.write_all(&hello(SocketType::Rep, rest)).await.expect("sent");
        let mut requester = Requester::open(near, 1, Duration::from_secs(5), &soon()).await.expect("open");
        if asks {
            requester.ask(&["x"]).expect("room");
        }
        let end = within(requester.next()).await.expect_err("an end").to_string();
        assert!(end.contains(text), "{end}");
    };
    check(b"\x01\x00\x00\x01a", false, "nobody has asked for").await;
    check(b"\x00\x01a", true, "without an envelope").await;
    check(b"\x01\x01x\x00\x01a", true, "without an envelope").await;
    check(b"\x00\x00", true, "without an envelope").await;
}

#[actix::test]
async fn a_peer_that_breaks_the_rules_costs_a_server_its_own_connection_alone() {
    let (listener, address) = listen().await;
    let mut server = PullServer::new(listener, ServerSettings::default());
    let mut good = TcpStream::connect(&address).await.expect("connected");
    good.write_all(&hello(SocketType::Push, b"\x00\x01a")).await.expect("sent");
    assert!(matches!(within(server.next()).await, Happening::Came(_)));
    assert!(matches!(within(server.next()).await, Happening::Brought(_)));
    for (bytes, label) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "protocol"),
        (hello(SocketType::Sub, b""), "incompatible"),
        (hello(SocketType::Push, b"\x00"), "truncated"),
        (hello(SocketType::Push, b"\x04\x0b\x09SUBSCRIBE{"), "unexpected"),
    ] {
        let mut bad = TcpStream::connect(&address).await.expect("connected");
        bad.write_all(&bytes).await.expect("sent");
        bad.shutdown().await.expect("closed");
        let reason = loop {
            match within(server.next()).await {
                Happening::Gone { reason, .. } => break reason,
                Happening::Came(_) | Happening::Subscribed { .. } => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(reason.label(), label, "{reason}");
    }
    good.write_all(b"\x00\x01b").await.expect("sent");
    assert!(matches!(within(server.next()).await, Happening::Brought(_)));
}

#[actix::test]
async fn a_subscriber_in_the_form_of_3_0_is_served_and_one_that_wants_everything_is_not() {
    let (listener, address) = listen().await;
    let mut server = PublishServer::new(listener, ServerSettings::default());
    let publisher = server.publisher();
    let mut old = TcpStream::connect(&address).await.expect("connected");
    old.write_all(&hello(SocketType::Sub, b"\x00\x02\x01a\x00\x02\x01b\x00\x02\x00b\x00\x01x"))
        .await
        .expect("sent");
    let served = async {
        while publisher.publish(&["a"]).queued == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut heard = vec![0; hello(SocketType::Pub, b"").len() + 3];
        old.read_exact(&mut heard).await.expect("a message");
        assert!(heard.ends_with(b"\x00\x01a"));
        assert_eq!(publisher.publish(&["b"]).queued, 0);
    };
    let ends =
        async { while matches!(server.next().await, Happening::Came(_) | Happening::Subscribed { .. }) {} };
    tokio::select! { () = within(served) => {}, () = ends => panic!("it was sent away") }
    let mut greedy = TcpStream::connect(&address).await.expect("connected");
    let many: Vec<u8> =
        (0..100_000u32).flat_map(|number| [&[0, 5, 1][..], &number.to_be_bytes()].concat()).collect();
    // It may be sent away before it has written all.
    let _ = greedy.write_all(&hello(SocketType::Sub, &many)).await;
    let reason = loop {
        if let Happening::Gone { reason, .. } = within(server.next()).await {
            break reason;
        }
    };
    assert!(matches!(reason, ZmqError::Flood(_)), "{reason}");
}
