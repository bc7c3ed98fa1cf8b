//! Peers that hang, and peers that come back.

use crate::libzmq::Peer;
use crate::{listen, soon, texts, within};
use eventmanager::zmq::{
    Happening, Outbox, PullServer, Pusher, Requester, ServerSettings, Settings, Subscriber, ZmqError,
};
use serde_json::json;
use std::time::Duration;

/// A subscriber whose subscription the publisher, an XPUB, has read.
async fn subscribe(publisher: &mut Peer, settings: &Settings) -> Subscriber {
    let mut subscriber = Subscriber::open(publisher.stream().await, &["{"], settings).await.expect("open");
    tokio::select! {
        subscription = publisher.receive() => assert_eq!(subscription, ["\x01{"]),
        end = subscriber.next() => panic!("{end:?}"),
    }
    subscriber
}

#[actix::test]
async fn a_publisher_that_hangs_is_found_out_and_heard_again_when_it_goes_on() {
    let mut publisher = Peer::bind("XPUB", &[]).await;
    let mut subscriber = subscribe(&mut publisher, &soon()).await;
    publisher.freeze();
    let end = within(subscriber.next()).await.expect_err("it hangs");
    assert!(matches!(end, ZmqError::Silent(_)), "{end}");
    drop(subscriber);
    // Its kernel accepts for it; nobody shakes hands.
    let settings = Settings { handshake: Duration::from_millis(300), ..soon() };
    let end = Subscriber::open(publisher.stream().await, &["{"], &settings).await.err().expect("it hangs");
    assert!(matches!(end, ZmqError::Handshake(_)), "{end}");
    publisher.thaw();
    let mut subscriber = Subscriber::open(publisher.stream().await, &["{"], &soon()).await.expect("open");
    // The subscription of before is withdrawn, or was the same.
    let message = loop {
        publisher.send(&["{}"]).await;
        if let Ok(message) = tokio::time::timeout(Duration::from_millis(20), subscriber.next()).await {
            break message.expect("a message");
        }
    };
    assert_eq!(texts(message.frames()), ["{}"]);
}

#[actix::test]
async fn a_peer_that_has_nothing_to_say_is_kept() {
    let quiet =
        Settings { ping: Some(Duration::from_millis(100)), silence: Duration::from_millis(500), ..soon() };
    let mut publisher = Peer::bind("XPUB", &[]).await;
    let mut subscriber = subscribe(&mut publisher, &quiet).await;
    let asterisk = Peer::bind("REP", &[]).await;
    let timeout = Duration::from_millis(300);
    let mut requester = Requester::open(asterisk.stream().await, 1, timeout, &quiet).await.expect("open");
    let server = Peer::bind("PULL", &[]).await;
    let mut pusher = Pusher::open(server.stream().await, Outbox::new(1, 1), &quiet).await.expect("open");
    tokio::select! {
        // Four times as long as silence is borne.
        () = tokio::time::sleep(Duration::from_secs(2)) => {}
        end = subscriber.next() => panic!("{end:?}"),
        end = requester.next() => panic!("{end:?}"),
        end = pusher.run() => panic!("{end:?}"),
    }
}

#[actix::test]
async fn a_publisher_that_talks_without_end_after_a_silence_keeps_us() {
    let quiet =
        Settings { ping: Some(Duration::from_millis(100)), silence: Duration::from_millis(500), ..soon() };
    let mut publisher = Peer::bind("XPUB", &[]).await;
    let mut subscriber = subscribe(&mut publisher, &quiet).await;
    // So long that we have asked it for a sign of life.
    let silence = tokio::time::timeout(Duration::from_millis(250), subscriber.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    // From then on we have nothing to say, since it is heard: for four times as long as we bear silence.
    publisher.tell(json!({"do": "send", "frames": ["{%d"], "times": 200, "pause": 0.01}));
    for number in 0..200 {
        let message = within(subscriber.next()).await.expect("a message");
        assert_eq!(texts(message.frames()), [format!("{{{number}")]);
    }
}

#[actix::test]
async fn a_peer_that_asks_for_signs_of_life_gets_them() {
    let (listener, address) = listen().await;
    let mut server = PullServer::new(listener, ServerSettings::default());
    let options = ["HEARTBEAT_IVL=100", "HEARTBEAT_TIMEOUT=400", "HEARTBEAT_TTL=400", "RECONNECT_IVL=-1"];
    let (mut peer, came) = tokio::join!(Peer::connect("PUSH", &address, &options), within(server.next()));
    assert!(matches!(came, Happening::Came(_)), "{came:?}");
    let quiet = tokio::time::timeout(Duration::from_secs(2), server.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    peer.send(&["still here"]).await;
    assert!(matches!(within(server.next()).await, Happening::Brought(_)));
}

#[actix::test]
async fn a_rep_that_hangs_is_found_out_with_and_without_a_request() {
    let asterisk = Peer::bind("REP", &[]).await;
    let open =
        async |timeout| Requester::open(asterisk.stream().await, 10, timeout, &soon()).await.expect("open");
    let (mut idle, mut asking) =
        (open(Duration::from_secs(60)).await, open(Duration::from_millis(300)).await);
    asterisk.freeze();
    asking.ask(&["x"]).expect("room");
    let (idle, asking) = tokio::join!(within(idle.next()), within(asking.next()));
    assert!(matches!(idle, Err(ZmqError::Silent(_))), "{idle:?}");
    assert!(matches!(asking, Err(ZmqError::NoReply(_))), "{asking:?}");
}

#[actix::test]
async fn a_pull_that_takes_nothing_is_found_out_and_what_waits_is_kept() {
    let server = Peer::bind("PULL", &[]).await;
    let outbox = Outbox::new(100_000, 1 << 30);
    let mut pusher = Pusher::open(server.stream().await, outbox.clone(), &soon()).await.expect("open");
    server.freeze();
    let message = "x".repeat(100_000);
    (0..1_000).for_each(|_| outbox.push(&[&message]).expect("room"));
    let end = within(pusher.run()).await;
    assert!(matches!(end, ZmqError::Silent(_)), "{end}");
    assert!(outbox.len() > 500, "{}", outbox.len());
}

#[actix::test]
async fn a_publisher_that_ends_is_told_and_the_one_that_comes_back_is_heard() {
    let mut publisher = Peer::bind("XPUB", &[]).await;
    let mut subscriber = subscribe(&mut publisher, &soon()).await;
    let address = publisher.kill();
    let end = within(subscriber.next()).await.expect_err("it has ended");
    assert!(matches!(end, ZmqError::Closed | ZmqError::Io(_)), "{end}");
    let mut publisher = Peer::bind_at("XPUB", &address).await;
    let mut subscriber = self::subscribe(&mut publisher, &soon()).await;
    publisher.send(&["{again"]).await;
    assert_eq!(texts(within(subscriber.next()).await.expect("a message").frames()), ["{again"]);
}
