//! Sockets that listen: PUB, PULL, REP.

use crate::libzmq::Peer;
use crate::{brought, listen, texts, within};
use eventmanager::zmq::{Happening, PublishServer, Published, PullServer, Replier, ServerSettings};
use serde_json::{Value, json};
use std::time::Duration;

/// Serves until this has happened, and fails where a peer goes.
async fn serve<T>(server: &mut PublishServer, what: impl Future<Output = T>) -> T {
    let served = async {
        loop {
            match server.next().await {
                Happening::Came(_) | Happening::Subscribed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::select! {
        happened = within(what) => happened,
        () = served => unreachable!(),
    }
}

/// Waits until a message that begins so would go to so many.
async fn wanted_by(server: &mut PublishServer, frames: &[&str], queued: usize) {
    let publisher = server.publisher();
    let wanted = async {
        while publisher.publish(frames) != (Published { queued, dropped: 0 }) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    serve(server, wanted).await;
}

#[actix::test]
async fn subscribers_get_what_they_want_and_no_more() {
    let (listener, address) = listen().await;
    let mut server = PublishServer::new(listener, ServerSettings::default());
    let publisher = server.publisher();
    let (mut one, mut two) = serve(&mut server, async {
        (Peer::connect("SUB", &address, &[]).await, Peer::connect("SUB", &address, &[]).await)
    })
    .await;
    one.ask(json!({"do": "subscribe", "add": ["[*]", "[S1]"]})).await;
    two.ask(json!({"do": "subscribe", "add": ["[*]", "[S2]", "[gone]"]})).await;
    two.ask(json!({"do": "subscribe", "remove": ["[gone]"], "add": ["[last]"]})).await;
    wanted_by(&mut server, &["[S1]", "ready"], 1).await;
    wanted_by(&mut server, &["[last]"], 1).await;
    let one_of = Published { queued: 1, dropped: 0 };
    assert_eq!(publisher.publish(&["[*]", "all"]), Published { queued: 2, dropped: 0 });
    assert_eq!(publisher.publish(&["[S2]", "two"]), one_of);
    assert_eq!(publisher.publish(&["[S1]", "one"]), one_of);
    assert_eq!(publisher.publish(&["[gone]", "nobody"]), Published::default());
    assert_eq!(publisher.publish(&["other"]), Published::default());
    let messages = json!({"do": "receive", "times": 3});
    let got = serve(&mut server, async { (one.ask(messages.clone()).await, two.ask(messages).await) }).await;
    assert_eq!(got.0["messages"], json!([["[S1]", "ready"], ["[*]", "all"], ["[S1]", "one"]]));
    assert_eq!(got.1["messages"], json!([["[last]"], ["[*]", "all"], ["[S2]", "two"]]));
    drop(one);
    match within(server.next()).await {
        Happening::Gone { reason, dropped, .. } => assert_eq!((reason.label(), dropped), ("closed", 0)),
        other => panic!("{other:?}"),
    }
    assert_eq!(publisher.publish(&["[*]", "all"]), one_of);
}

#[actix::test]
async fn a_slow_subscriber_costs_the_others_nothing_and_what_it_misses_is_counted() {
    let (listener, address) = listen().await;
    let settings = ServerSettings { queue: 500, ..ServerSettings::default() };
    let mut server = PublishServer::new(listener, settings);
    let publisher = server.publisher();
    let (mut slow, mut fast) = serve(&mut server, async {
        let slow = Peer::connect("SUB", &address, &["RCVHWM=1", "RCVBUF=4096"]).await;
        (slow, Peer::connect("SUB", &address, &["RCVHWM=0"]).await)
    })
    .await;
    slow.ask(json!({"do": "subscribe", "add": [""]})).await;
    fast.ask(json!({"do": "subscribe", "add": [""]})).await;
    wanted_by(&mut server, &["ready"], 2).await;
    fast.tell(json!({"do": "count", "start": "x", "end": "end"}));
    let (message, mut sent, mut dropped) = ("x".repeat(10_000), 0, 0);
    let flood = async {
        while dropped < 1_000 {
            let published = publisher.publish(&[&message]);
            assert!(published.queued >= 1, "the fast one has room");
            (sent, dropped) = (sent + 1, dropped + published.dropped);
            // As fast as the fast one takes it.
            while publisher.subscribers().iter().all(|it| it.waiting > 100) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::task::yield_now().await;
        }
    };
    serve(&mut server, flood).await;
    // The slow one reads what was queued for it, and then there is room for the end.
    slow.tell(json!({"do": "count", "start": "x", "end": "end"}));
    serve(&mut server, async {
        while publisher.subscribers().iter().any(|it| it.waiting > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(publisher.publish(&["end"]), Published { queued: 2, dropped: 0 });
    let counts = serve(&mut server, async { [slow.answer().await, fast.answer().await] }).await;
    let count = |answer: &Value| answer["messages"].as_u64().expect("a number") as usize;
    assert_eq!(count(&counts[0]) + dropped, sent, "every message was queued or counted");
    assert_eq!(count(&counts[1]), sent, "the fast one has got all");
    slow.kill();
    match within(server.next()).await {
        Happening::Gone { dropped: told, .. } => assert_eq!(told as usize, dropped),
        other => panic!("{other:?}"),
    }
}

#[actix::test]
async fn many_peers_push_and_each_message_is_whole() {
    let (listener, address) = listen().await;
    let mut server = PullServer::new(listener, ServerSettings::default());
    let mut came = Vec::new();
    let mut peers = Vec::new();
    for name in ["S0", "S1"] {
        let connect = Peer::connect("PUSH", &address, &[]);
        let (mut peer, happening) = tokio::join!(connect, within(server.next()));
        assert!(matches!(happening, Happening::Came(_)), "{happening:?}");
        peer.tell(json!({"do": "send", "frames": ["[*]", format!("{name} %d")], "times": 2_000}));
        peers.push(peer);
        // So many from this one; the other has not come.
        for number in 0..2_000 {
            let (from, message) = brought(within(server.next()).await);
            assert_eq!(texts(message.frames()), ["[*]", &format!("{name} {number}")]);
            came.push(from);
        }
    }
    came.dedup();
    assert_eq!(came.len(), 2);
    peers[0].send(&["x".repeat(1 << 20).as_str(), ""]).await;
    assert_eq!(brought(within(server.next()).await).1.frames()[0].len(), 1 << 20);
    drop(peers.remove(1));
    assert!(matches!(within(server.next()).await, Happening::Gone { peer, .. } if peer == came[1]));
}

#[actix::test]
async fn what_is_pulled_can_be_published_as_it_is() {
    let ((to_us, push), (to_them, subscribe)) = (listen().await, listen().await);
    let mut pull = PullServer::new(to_us, ServerSettings::default());
    let mut publish = PublishServer::new(to_them, ServerSettings::default());
    let (mut agent, mut other) = serve(&mut publish, async {
        (Peer::connect("PUSH", &push, &[]).await, Peer::connect("SUB", &subscribe, &[]).await)
    })
    .await;
    other.ask(json!({"do": "subscribe", "add": ["[*]", "[S1]"]})).await;
    wanted_by(&mut publish, &["[*]", "ready"], 1).await;
    let frames = ["[S1]", "{\"msg_type\":\"AgentPing\",\"uuid\":\"8\",\"origin\":\"S1\"}\u{ff}"];
    agent.send(&frames).await;
    let publisher = publish.publisher();
    serve(&mut publish, async {
        let message = loop {
            if let Happening::Brought((_, message)) = pull.next().await {
                break message;
            }
        };
        assert_eq!(publisher.publish(message.frames()), Published { queued: 1, dropped: 0 });
        assert_eq!(other.receive().await, ["[*]", "ready"]);
        assert_eq!(other.receive().await, frames);
    })
    .await;
}

#[actix::test]
async fn where_nobody_takes_what_is_pushed_the_peers_wait_and_nothing_is_lost() {
    let (listener, address) = listen().await;
    let mut server = PullServer::new(listener, ServerSettings::default());
    let connect = Peer::connect("PUSH", &address, &["SNDHWM=100"]);
    let (mut peer, _) = tokio::join!(connect, within(server.next()));
    let body = "x".repeat(10_000);
    peer.tell(json!({"do": "send", "frames": ["%d", body], "times": 5_000}));
    let waits = tokio::time::timeout(Duration::from_millis(500), peer.answer()).await;
    assert!(waits.is_err(), "it has sent 50 MB to nobody");
    for number in 0..5_000 {
        let (_, message) = brought(within(server.next()).await);
        assert_eq!(message.frames()[0], number.to_string());
    }
}

#[actix::test]
async fn a_replier_answers_req_and_dealer() {
    let (listener, address) = listen().await;
    let mut replier = Replier::new(listener, ServerSettings::default());
    let connect =
        async { (Peer::connect("REQ", &address, &[]).await, Peer::connect("DEALER", &address, &[]).await) };
    let served = async { [within(replier.next()).await, within(replier.next()).await] };
    let ((mut req, mut dealer), came) = tokio::join!(connect, served);
    assert!(came.iter().all(|it| matches!(it, Happening::Came(_))), "{came:?}");
    for number in 0..3 {
        req.send(&[&format!("{number}"), "second"]).await;
        let question = brought(within(replier.next()).await);
        assert_eq!(texts(&question.frames), [&format!("{number}"), "second"]);
        question.reply(&["answer", &number.to_string()]).expect("room");
        let answer = tokio::select! {
            answer = req.receive() => answer,
            other = replier.next() => panic!("{other:?}"),
        };
        assert_eq!(answer, ["answer", &number.to_string()]);
    }
    dealer.ask(json!({"do": "send", "frames": ["id", "", "%d"], "times": 3})).await;
    for number in 0..3 {
        let question = brought(within(replier.next()).await);
        assert_eq!(texts(&question.frames), [number.to_string()]);
        question.reply(&[format!("re {number}")]).expect("room");
    }
    let answers = dealer.ask(json!({"do": "receive", "times": 3})).await;
    assert_eq!(answers["messages"], json!([["id", "", "re 0"], ["id", "", "re 1"], ["id", "", "re 2"]]));
    dealer.send(&["no envelope"]).await;
    match within(replier.next()).await {
        Happening::Gone { reason, .. } => assert_eq!(reason.to_string(), "a request without an envelope"),
        other => panic!("{other:?}"),
    }
}

#[actix::test]
async fn peers_from_elsewhere_and_too_many_are_sent_away() {
    let refused = async |settings: ServerSettings, expected: &str| {
        let (listener, address) = listen().await;
        let mut server = PullServer::new(listener, settings);
        let _peer = tokio::net::TcpStream::connect(&address).await.expect("it listens");
        let other = tokio::net::TcpStream::connect(&address).await.expect("it listens");
        match within(server.next()).await {
            Happening::Refused { reason, .. } => assert_eq!(reason, expected),
            other => panic!("{other:?}"),
        }
        drop(other);
    };
    let networks = vec!["192.0.2.0/24".parse().expect("a network")];
    refused(ServerSettings { networks, ..ServerSettings::default() }, "address").await;
    refused(ServerSettings { peers: 1, ..ServerSettings::default() }, "full").await;
}
