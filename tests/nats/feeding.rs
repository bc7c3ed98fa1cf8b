//! In: stored once, acknowledged behind that.

use crate::house::{House, eventually, stop};
use crate::server::{Server, stream};
use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::PullConsumer;
use eventmanager::config::{Nats, NatsConsume, Route, Setting};
use eventmanager::event::{Form, TopicEvent};
use eventmanager::matching::{Conditions, Pattern};

fn config(server: &Server) -> Nats {
    let consume = NatsConsume {
        stream: "IN".to_owned(),
        subject: "in.orders.>".to_owned(),
        durable: "em".to_owned(),
        topic: "order".to_owned(),
    };
    Nats { consume: Some(consume), ..Nats::new(vec![server.url()]) }
}

async fn publish(context: &Context, subject: &str, id: Option<&str>, body: &str) {
    let mut headers = HeaderMap::new();
    if let Some(id) = id {
        headers.insert("Nats-Msg-Id", id);
    }
    let published = context.publish_with_headers(subject.to_owned(), headers, body.to_owned().into()).await;
    published.expect("published").await.expect("acknowledged");
}

/// Waits until the server knows that all has been dealt with.
async fn settled(context: &Context) {
    eventually("all is acknowledged", async || {
        let stream = context.get_stream("IN").await.ok()?;
        let mut consumer: PullConsumer = stream.get_consumer("em").await.ok()?;
        let info = consumer.info().await.ok()?;
        (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
    })
    .await;
}

async fn rows(house: &House) -> Vec<TopicEvent> {
    let rows = house.store.topic_log_after(0, 10_000).await.expect("read");
    rows.into_iter().map(|row| row.event).collect()
}

#[actix_rt::test]
async fn what_is_fed_in_is_posted_and_what_cannot_be_read_does_not_come_again() {
    let (server, house) = (Server::start(), House::new().await);
    let context = server.jetstream().await;
    let consumer = house.consumer(&config(&server));
    // It waits for the stream.
    context.create_stream(stream("IN", "in.>", -1)).await.expect("a stream");
    let uuid = "019ca9f4-8c00-7000-8000-000000000001";
    publish(&context, "in.orders.new", Some(uuid), r#"{"eventType":"created","event":{"id":"1"}}"#).await;
    publish(&context, "in.else", None, r#"{"not":"ours"}"#).await;
    for bad in ["", "[]", "hello", "{"] {
        publish(&context, "in.orders.bad", None, bad).await;
    }
    publish(&context, "in.orders.new", None, "{}").await;
    settled(&context).await;
    let rows = rows(&house).await;
    let posted = Form::Posted { origin: Some("nats".into()) };
    let seen: Vec<_> =
        rows.iter().map(|row| (&*row.source, &*row.name, row.topic.as_str(), &*row.payload)).collect();
    assert_eq!(
        seen,
        [
            ("nats", "created", "order", r#"{"eventType":"created","event":{"id":"1"}}"#),
            ("nats", "posted", "order", "{}")
        ]
    );
    assert!(rows.iter().all(|row| row.form == posted));
    assert_eq!(rows[0].uuid.to_string(), uuid);
    stop(consumer).await;
    house.close().await;
}

#[actix_rt::test]
async fn what_is_fed_in_passes_the_rules_and_a_reload_of_them_counts_for_the_next() {
    let (server, house) = (Server::start(), House::new().await);
    let context = server.jetstream().await;
    context.create_stream(stream("IN", "in.>", -1)).await.expect("a stream");
    let rules = |text: &str| {
        let pattern = |text: &str| Pattern::parse(text).expect("a pattern");
        let when = Conditions::new([("state".to_owned(), pattern(text))].into());
        let (to, store) = (vec!["work".to_owned()], false);
        vec![Route { source: pattern("nats"), event: pattern("*"), when, to, store }]
    };
    let routes = Setting::new(rules("pending"));
    let consumer = house.consumer_by(&config(&server), routes.live());
    for state in ["pending", "done"] {
        let body = format!(r#"{{"event":{{"state":"{state}"}}}}"#);
        publish(&context, "in.orders.new", None, &body).await;
    }
    settled(&context).await;
    let topics = async || -> Vec<String> { rows(&house).await.into_iter().map(|row| row.topic).collect() };
    assert_eq!(topics().await, ["order", "work", "order"]);
    let rows = rows(&house).await;
    assert!(rows[0].uuid == rows[1].uuid && rows[0].payload == rows[1].payload && &*rows[1].source == "nats");
    routes.set(rules("done"));
    publish(&context, "in.orders.new", None, r#"{"event":{"state":"done"}}"#).await;
    settled(&context).await;
    assert_eq!(topics().await, ["order", "work", "order", "order", "work"]);
    stop(consumer).await;
    house.close().await;
}

#[actix_rt::test]
async fn what_is_fed_in_is_stored_once_over_restarts_of_both_sides() {
    let (mut server, house) = (Server::start(), House::new().await);
    let mut context = server.jetstream().await;
    // Without a memory of ids: whatever is published stands there, also twice.
    let config_of = async_nats::jetstream::stream::Config {
        duplicate_window: std::time::Duration::from_millis(100),
        ..stream("IN", "in.>", -1)
    };
    context.create_stream(config_of).await.expect("a stream");
    let mut consumer = house.consumer(&config(&server));
    for round in 0..3 {
        for number in 0..100 {
            let id = format!("order-{}", round * 100 + number);
            publish(
                &context,
                "in.orders.new",
                Some(&id),
                &format!(r#"{{"number":{}}}"#, round * 100 + number),
            )
            .await;
        }
        if round == 1 {
            stop(consumer).await;
            consumer = house.consumer(&config(&server));
        }
        server.kill();
        server.resume();
        context = server.jetstream().await;
        eventually("the server is ready", async || context.get_stream("IN").await.ok()).await;
    }
    // Its publisher repeats some of them, long after.
    for number in 0..100 {
        publish(
            &context,
            "in.orders.again",
            Some(&format!("order-{number}")),
            &format!(r#"{{"number":{number}}}"#),
        )
        .await;
    }
    settled(&context).await;
    let bodies: Vec<String> = rows(&house).await.iter().map(|row| row.payload.to_string()).collect();
    let expected: Vec<String> = (0..300).map(|number| format!(r#"{{"number":{number}}}"#)).collect();
    assert_eq!(bodies, expected);
    stop(consumer).await;
    house.close().await;
}
