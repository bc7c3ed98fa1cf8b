//! Sockets that connect: SUB, requests to a REP, PUSH.

use crate::libzmq::Peer;
use crate::{soon, texts, within};
use eventmanager::wire::zmtp::ZmtpError;
use eventmanager::zmq::{Outbox, Pusher, Requester, Settings, Subscriber, ZmqError};
use serde_json::json;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

#[actix::test]
async fn a_subscriber_gets_what_begins_with_its_prefixes_and_nothing_else() {
    let mut publisher = Peer::bind("XPUB", &[]).await;
    let mut subscriber =
        Subscriber::open(publisher.stream().await, &["{", "[*]"], &soon()).await.expect("open");
    let subscribed = async { [publisher.receive().await, publisher.receive().await] };
    let subscribed = tokio::select! {
        subscribed = subscribed => subscribed,
        end = subscriber.next() => panic!("{end:?}"),
    };
    assert_eq!(subscribed, [["\x01{"], ["\x01[*]"]]);
    publisher.send(&["other"]).await;
    publisher.send(&[r#"{"Event": "LoadZmq"}"#]).await;
    publisher.send(&["[S1]", "not for us"]).await;
    publisher.send(&["[*]", "two frames"]).await;
    // Fewer than libzmq keeps for a subscriber that is behind.
    publisher.ask(json!({"do": "send", "frames": ["{%d"], "times": 500})).await;
    let large = format!("{{{}", "\u{ff}".repeat((1 << 20) - 1));
    publisher.send(&[&large]).await;
    let mut next = async || texts(within(subscriber.next()).await.expect("a message").frames());
    assert_eq!(next().await, [r#"{"Event": "LoadZmq"}"#]);
    assert_eq!(next().await, ["[*]", "two frames"]);
    for number in 0..500 {
        assert_eq!(next().await, [format!("{{{number}")]);
    }
    assert!(next().await == [large], "the largest one is not as it was sent");
}

#[actix::test]
async fn a_plain_pub_as_that_of_asterisk_is_heard() {
    let mut publisher = Peer::bind("PUB", &[]).await;
    let mut subscriber = Subscriber::open(publisher.stream().await, &["{"], &soon()).await.expect("open");
    // It does not tell when it has read the subscription.
    let message = loop {
        publisher.send(&["{}"]).await;
        let soon = tokio::time::timeout(Duration::from_millis(20), subscriber.next()).await;
        if let Ok(message) = soon {
            break message.expect("a message");
        }
    };
    assert_eq!(texts(message.frames()), ["{}"]);
}

#[actix::test]
async fn requests_are_pipelined_and_answered_in_their_order() {
    let mut asterisk = Peer::bind("REP", &[]).await;
    let mut requester = Requester::open(asterisk.stream().await, 100, LONG, &soon()).await.expect("open");
    asterisk.tell(json!({"do": "echo", "times": 5_000}));
    let (mut asked, mut answered, mut most) = (0, 0, 0);
    while answered < 5_000 {
        while asked < 5_000 && requester.has_room() {
            requester.ask(&[format!("{{\"ActionID\":\"{asked}\"}}")]).expect("room");
            asked += 1;
        }
        most = most.max(requester.unanswered());
        let reply = within(requester.next()).await.expect("a reply");
        assert_eq!(texts(&reply.frames), [format!("{{\"ActionID\":\"{answered}\"}}")]);
        answered += 1;
    }
    assert_eq!((most, requester.unanswered()), (100, 0));
    assert!(requester.ask(&["x"]).is_ok());
}

#[actix::test]
async fn large_requests_and_large_replies_do_not_wait_for_each_other() {
    let mut asterisk = Peer::bind("REP", &[]).await;
    let mut requester = Requester::open(asterisk.stream().await, 64, LONG, &soon()).await.expect("open");
    asterisk.tell(json!({"do": "echo", "times": 64}));
    let request = "x".repeat(500_000);
    (0..64).for_each(|_| requester.ask(&[&request, "second"]).expect("room"));
    assert!(requester.ask(&["one more than the window"]).is_err());
    for _ in 0..64 {
        let reply = within(requester.next()).await.expect("a reply");
        assert_eq!((reply.frames[0].len(), reply.frames[1].as_ref()), (request.len(), &b"second"[..]));
    }
}

#[actix::test]
async fn a_request_that_is_not_answered_ends_the_connection_and_the_next_one_works() {
    let mut asterisk = Peer::bind("REP", &[]).await;
    let timeout = Duration::from_millis(500);
    let mut requester = Requester::open(asterisk.stream().await, 10, timeout, &soon()).await.expect("open");
    requester.ask(&["one"]).expect("room");
    requester.ask(&["two"]).expect("room");
    let end = within(requester.next()).await.expect_err("no reply");
    assert!(matches!(end, ZmqError::NoReply(it) if it == timeout), "{end}");
    assert_eq!(asterisk.receive().await, ["one"]);
    drop(requester);
    // Whether libzmq still brings "two" of the connection that has ended is its own business.
    let mut requester = Requester::open(asterisk.stream().await, 10, LONG, &soon()).await.expect("open");
    requester.ask(&["three"]).expect("room");
    asterisk.send(&["late"]).await;
    asterisk.tell(json!({"do": "echo", "times": 2}));
    assert_eq!(texts(&within(requester.next()).await.expect("a reply").frames), ["three"]);
}

#[actix::test]
async fn what_is_pushed_arrives_in_its_order_with_all_frames() {
    let mut server = Peer::bind("PULL", &[]).await;
    let outbox = Outbox::new(100_000, 64 << 20);
    let mut pusher = Pusher::open(server.stream().await, outbox.clone(), &soon()).await.expect("open");
    outbox.push(&["[*]", "{}"]).expect("room");
    outbox.push(&["x".repeat(900_000)]).expect("room");
    (0..10_000).for_each(|number| outbox.push(&[number.to_string()]).expect("room"));
    outbox.push(&["end"]).expect("room");
    within(pusher.flush()).await.expect("written");
    assert!(outbox.is_empty());
    let mut received = async || {
        assert_eq!(server.receive().await, ["[*]", "{}"]);
        assert_eq!(server.receive().await[0].len(), 900_000);
        server.ask(json!({"do": "count", "start": "", "end": "end"})).await["messages"].clone()
    };
    tokio::select! {
        messages = received() => assert_eq!(messages, 10_000),
        end = pusher.run() => panic!("{end}"),
    }
}

#[actix::test]
async fn what_waits_is_pushed_to_the_peer_that_comes_back() {
    let server = Peer::bind("PULL", &[]).await;
    let outbox = Outbox::new(10, 1 << 20);
    let mut pusher = Pusher::open(server.stream().await, outbox.clone(), &soon()).await.expect("open");
    let address = server.kill();
    let end = within(pusher.run()).await;
    assert!(matches!(end, ZmqError::Closed | ZmqError::Io(_)), "{end}");
    outbox.push(&["one"]).expect("room");
    outbox.push(&["two"]).expect("room");
    let mut server = Peer::bind_at("PULL", &address).await;
    let mut pusher = Pusher::open(server.stream().await, outbox.clone(), &soon()).await.expect("open");
    within(pusher.flush()).await.expect("written");
    assert_eq!([server.receive().await, server.receive().await], [["one"], ["two"]]);
}

#[actix::test]
async fn peers_of_another_kind_are_refused_with_the_reason() {
    let end = async |peer: Peer, settings: &Settings| {
        Subscriber::open(peer.stream().await, &["{"], settings).await.err().expect("refused")
    };
    // It closes the connection without a word of its own.
    let other = end(Peer::bind("PULL", &[]).await, &soon()).await;
    assert!(matches!(other, ZmqError::Unwelcome | ZmqError::Incompatible { .. }), "{other}");
    // So it does here, unless what it wants has come before.
    let login = end(Peer::bind("PUB", &["PLAIN_SERVER=1"]).await, &soon()).await;
    let plain = ZmtpError::Mechanism("PLAIN".to_owned());
    let is_told = matches!(&login, ZmqError::Protocol(error) if *error == plain);
    assert!(is_told || matches!(login, ZmqError::Unwelcome), "{login}");
}

#[actix::test]
async fn a_message_above_the_limit_ends_the_connection() {
    let mut publisher = Peer::bind("XPUB", &[]).await;
    let settings = Settings { largest: 1000, ..soon() };
    let mut subscriber = Subscriber::open(publisher.stream().await, &["{"], &settings).await.expect("open");
    tokio::select! {
        _ = publisher.receive() => {}
        end = subscriber.next() => panic!("{end:?}"),
    }
    publisher.send(&["{".repeat(1000).as_str()]).await;
    publisher.send(&["{".repeat(1001).as_str()]).await;
    assert_eq!(within(subscriber.next()).await.expect("a message").frames()[0].len(), 1000);
    let end = within(subscriber.next()).await.expect_err("too large");
    assert!(matches!(end, ZmqError::Protocol(ZmtpError::LongFrame { max: 1000 })), "{end}");
}
