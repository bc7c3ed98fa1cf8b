//! Out: each event once and in order, whatever becomes of the server.

use crate::house::{House, event, eventually, stop};
use crate::server::{Server, Stored, stored, stream};
use crate::support::proxy::{Fault, Proxy};
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::StorageType;
use eventmanager::config::Nats;
use eventmanager::event::{Form, TopicEvent};
use std::time::Duration;

fn config(server: &Server) -> Nats {
    Nats { stream: "EVENTS".to_owned(), subject_prefix: "em".to_owned(), ..Nats::new(vec![server.url()]) }
}

/// Waits until so many stand in the stream.
async fn wait(context: &Context, messages: usize) -> Vec<Stored> {
    eventually(&format!("{messages} messages"), async || {
        let state = context.get_stream("EVENTS").await.ok()?.cached_info().state.clone();
        (state.messages >= messages as u64).then_some(())
    })
    .await;
    stored(context, "EVENTS").await
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<TopicEvent> {
    numbers.map(|number| event("calls", &number.to_string())).collect()
}

fn ids(events: &[TopicEvent]) -> Vec<String> {
    events.iter().map(|event| event.uuid.to_string()).collect()
}

fn ids_of(stored: &[Stored]) -> Vec<String> {
    stored.iter().map(|message| message.id.clone()).collect()
}

#[actix_rt::test]
async fn an_event_is_one_message_with_all_that_is_known_of_it() {
    let (server, house) = (Server::start(), House::new().await);
    house.hand_on(vec![event("calls", "before")]).await;
    let publisher = house.publisher(&config(&server));
    house.begun().await;
    let first = event("calls", "dialog:end");
    let elsewhere = TopicEvent { topic: "audit".to_owned(), ..first.clone() };
    let change = TopicEvent { form: Form::Change, ..event("broadworks", "UserAddRequest") };
    let fed_in = TopicEvent { form: Form::Posted { origin: Some("nats".into()) }, ..event("order", "a") };
    let posted = TopicEvent { form: Form::Posted { origin: Some("pss".into()) }, ..event("order", "b") };
    house.hand_on(vec![first.clone(), elsewhere, change.clone(), fed_in, posted.clone()]).await;
    let context = server.jetstream().await;
    let messages = wait(&context, 3).await;
    assert_eq!(
        ids_of(&messages),
        ids(&[first.clone(), change, posted]),
        "what came over nats does not go there"
    );
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let one = Stored {
        subject: "em.k1.dialog_end".to_owned(),
        id: first.uuid.to_string(),
        topics: "calls,audit".to_owned(),
        headers: vec![
            header("Event-Source", "k1"),
            header("Event-Name", "dialog:end"),
            header("Event-Time", "2026-03-01T12:00:00.123Z"),
        ],
        body: first.payload.to_string(),
    };
    assert_eq!(messages[0], one);
    let forms: Vec<_> = messages.iter().map(|it| it.headers.get(3).map(|(_, form)| form.as_str())).collect();
    assert_eq!(forms, [None, Some("change"), Some("posted")]);
    // The stream is ours, and lasts.
    let made = context.get_stream("EVENTS").await.expect("a stream").cached_info().config.clone();
    assert_eq!((made.subjects, made.storage), (vec!["em.>".to_owned()], StorageType::File));
    assert_eq!(made.duplicate_window, Duration::from_secs(120));
    // The next start goes on behind it.
    stop(publisher).await;
    let end = house.store.topic_log_end().await.expect("read");
    assert_eq!(house.store.place("nats").await.expect("read"), Some(end));
    let late = event("calls", "late");
    house.hand_on(vec![late.clone()]).await;
    let publisher = house.publisher(&config(&server));
    assert_eq!(ids_of(&wait(&context, 4).await)[3..], ids(&[late]));
    stop(publisher).await;
    house.close().await;
}

/// Its log begins with the first row again.
#[actix_rt::test]
async fn what_a_database_brings_that_replaces_another_is_published() {
    let (server, house) = (Server::start(), House::new().await);
    let publisher = house.publisher(&config(&server));
    house.begun().await;
    let mut events = numbered(0..50);
    house.hand_on(events.clone()).await;
    let context = server.jetstream().await;
    wait(&context, 50).await;
    house.remove_database();
    for number in 50..55 {
        let some = numbered(number..number + 1);
        house.hand_on(some.clone()).await;
        events.extend(some);
    }
    assert_eq!(ids_of(&wait(&context, 55).await), ids(&events));
    let end = house.store.topic_log_end().await.expect("read");
    assert_eq!(end, 5, "the log is another");
    eventually("its place is kept", async || {
        (house.store.place("nats").await.ok()? == Some(end)).then_some(())
    })
    .await;
    stop(publisher).await;
    house.close().await;
}

#[actix_rt::test]
async fn a_server_that_is_killed_under_load_has_every_event_once_and_in_order() {
    let (mut server, house) = (Server::start(), House::new().await);
    let publisher = house.publisher(&config(&server));
    house.begun().await;
    let mut events = Vec::new();
    for round in 0..4 {
        for part in 0..5 {
            let from = round * 1_000 + part * 200;
            let some = numbered(from..from + 200);
            house.hand_on(some.clone()).await;
            events.extend(some);
        }
        let context = server.jetstream().await;
        eventually("some are there", async || {
            let state = context.get_stream("EVENTS").await.ok()?.cached_info().state.clone();
            (state.messages > round as u64 * 1_000).then_some(())
        })
        .await;
        server.kill();
        house.hand_on(vec![event("calls", "while it was away")]).await;
        let last = house.store.topic_log_end().await.expect("read");
        events.push(house.store.topic_log_after(last - 1, 1).await.expect("read")[0].event.clone());
        server.resume();
    }
    let messages = wait(&server.jetstream().await, events.len()).await;
    assert_eq!(ids_of(&messages), ids(&events));
    stop(publisher).await;
    house.close().await;
}

/// What the client held when its connection was cut would come first over the next one, before what the old one has lost.
#[actix_rt::test]
async fn what_was_held_back_when_a_connection_was_cut_overtakes_nothing() {
    let (server, house) = (Server::start(), House::new().await);
    let proxy = Proxy::start(server.address());
    let publisher =
        house.publisher(&Nats { urls: vec![format!("nats://{}", proxy.address)], ..config(&server) });
    house.begun().await;
    house.hand_on(numbered(0..1)).await;
    let context = server.jetstream().await;
    wait(&context, 1).await;
    proxy.set(Fault::Hold, Fault::Pass);
    let body = format!(r#"{{"a":"{}"}}"#, "x".repeat(20_000));
    let large = |one: TopicEvent| TopicEvent { payload: body.as_str().into(), ..one };
    let events: Vec<TopicEvent> = numbered(1..800).into_iter().map(large).collect();
    house.hand_on(events.clone()).await;
    // It has written what the sockets take; the rest waits in the client.
    let (mut before, mut same) = (0, 0);
    eventually("the sockets are full", async || {
        let unread = proxy.unread();
        same = if unread > 0 && unread == before { same + 1 } else { 0 };
        before = unread;
        (same > 10).then_some(())
    })
    .await;
    proxy.cut();
    proxy.pass();
    assert_eq!(ids_of(&wait(&context, 800).await)[1..], ids(&events));
    stop(publisher).await;
    house.close().await;
}

#[actix_rt::test]
async fn a_stream_that_is_deleted_is_made_again_and_nothing_is_left_out() {
    let (server, house) = (Server::start(), House::new().await);
    let publisher = house.publisher(&config(&server));
    house.begun().await;
    let context = server.jetstream().await;
    house.hand_on(numbered(0..3)).await;
    wait(&context, 3).await;
    context.delete_stream("EVENTS").await.expect("deleted");
    let events = numbered(3..10);
    house.hand_on(events.clone()).await;
    assert_eq!(ids_of(&wait(&context, 7).await), ids(&events));
    stop(publisher).await;
    house.close().await;
}

#[actix_rt::test]
async fn a_full_stream_is_waited_for() {
    let (server, house) = (Server::start(), House::new().await);
    let context = server.jetstream().await;
    let made = context.create_stream(stream("EVENTS", "em.>", 5)).await.expect("a stream");
    let publisher = house.publisher(&config(&server));
    house.begun().await;
    let events = numbered(0..8);
    house.hand_on(events.clone()).await;
    let first = wait(&context, 5).await;
    assert_eq!(ids_of(&first), ids(&events[..5]));
    // The place does not pass those that are refused.
    let rows = house.store.topic_log_after(0, 8).await.expect("read");
    eventually("the place is kept", async || {
        let place = house.store.place("nats").await.expect("read");
        (place == Some(rows[4].sequence)).then_some(())
    })
    .await;
    made.purge().await.expect("purged");
    let rest = eventually("the rest is there", async || {
        let rest = stored(&context, "EVENTS").await;
        (rest.len() == 3).then_some(rest)
    })
    .await;
    assert_eq!(ids_of(&rest), ids(&events[5..]));
    stop(publisher).await;
    house.close().await;
}

#[actix_rt::test]
async fn one_that_is_too_large_is_passed_over() {
    let (server, house) = (Server::with("max_payload: 4096"), House::new().await);
    let context = server.jetstream().await;
    let small =
        async_nats::jetstream::stream::Config { max_message_size: 2_000, ..stream("EVENTS", "em.>", -1) };
    context.create_stream(small).await.expect("a stream");
    let publisher = house.publisher(&config(&server));
    house.begun().await;
    let large = |bytes: usize| TopicEvent {
        payload: format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes)).into(),
        ..event("calls", "large")
    };
    let fine = numbered(0..3);
    let [one, two, three] = [0, 1, 2].map(|at| fine[at].clone());
    // For the server, and for the stream.
    house.hand_on(vec![one, large(5_000), two, large(3_000), three]).await;
    assert_eq!(ids_of(&wait(&context, 3).await), ids(&fine));
    let end = house.store.topic_log_end().await.expect("read");
    eventually("the place is behind all", async || {
        (house.store.place("nats").await.expect("read") == Some(end)).then_some(())
    })
    .await;
    stop(publisher).await;
    house.close().await;
}
