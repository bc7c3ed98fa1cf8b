//! Events published to NATS JetStream in a second: what the topic log holds, read, published, acknowledged and its place kept. Beside it
//! what a bare publisher does in the same run, with as many messages under way and nothing to read or to keep.
//!
//!     cargo bench --bench nats
//!
//! The server is a process of its own, and shares the processors.

#[path = "support/allocator.rs"]
mod allocator;
#[path = "../tests/nats/house.rs"]
#[allow(dead_code, reason = "a benchmark does less with it")]
mod house;
#[path = "support/load.rs"]
mod load;
#[path = "support/row.rs"]
mod row;
#[path = "../tests/nats/server.rs"]
#[allow(dead_code, reason = "a benchmark does less with it")]
mod server;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::message::PublishMessage;
use eventmanager::config::Nats;
use eventmanager::event::TopicEvent;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use house::{House, event, eventually, stop};
use row::Row;
use server::{Server, stream};
use std::time::{Duration, Instant};
use uuid::Uuid;

const EVENTS: usize = 100_000;
const ROUNDS: usize = 3;

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("{}", load::of_the_minute_before());
    actix_rt::System::new().block_on(async {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let (bare, ours) = (bare().await, ours().await);
            rounds.push((ours / bare, ours));
        }
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (part, rate) = rounds[ROUNDS / 2];
        let row = Row::new(
            "published to NATS JetStream, from the log to its place kept",
            format!("{rate:.0} events/s"),
        );
        row.budget("≥ 20000", rate >= 20_000.0).of(part, "a bare publisher").print();
    });
}

fn config(server: &Server) -> Nats {
    Nats { stream: "EVENTS".to_owned(), subject_prefix: "em".to_owned(), ..Nats::new(vec![server.url()]) }
}

fn payload() -> String {
    format!(r#"{{"user":"anna@example.net","detail":"{}"}}"#, "x".repeat(150))
}

fn per_second(took: Duration) -> f64 {
    EVENTS as f64 / took.as_secs_f64()
}

async fn bare() -> f64 {
    let server = Server::start();
    let in_flight = config(&server).in_flight;
    let client = async_nats::connect(server.url()).await.expect("a connection");
    let context = ContextBuilder::new().max_ack_inflight(in_flight + 1).build(client);
    context.create_stream(stream("EVENTS", "em.>", -1)).await.expect("a stream");
    let payload = payload();
    let began = Instant::now();
    let mut under_way = FuturesOrdered::new();
    for _ in 0..EVENTS {
        while under_way.len() >= in_flight {
            acknowledged(under_way.next().await);
        }
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", Uuid::now_v7().to_string());
        let message = PublishMessage::build().headers(headers).payload(payload.clone().into());
        let sent = context.send_publish("em.k1.call", message).await.expect("sent");
        under_way.push_back(sent.into_future());
    }
    while let Some(one) = under_way.next().await {
        acknowledged(Some(one));
    }
    per_second(began.elapsed())
}

fn acknowledged<T, E: std::fmt::Debug>(one: Option<Result<T, E>>) {
    one.expect("one is under way").expect("acknowledged");
}

async fn ours() -> f64 {
    let (server, house) = (Server::start(), House::new().await);
    house.store.keep_place("nats", 0).await.expect("kept");
    for _ in 0..EVENTS / 1_000 {
        let one = || TopicEvent { payload: payload().into(), ..event("calls", "call") };
        house.hand_on((0..1_000).map(|_| one()).collect()).await;
    }
    let context = server.jetstream().await;
    let began = Instant::now();
    let publisher = house.publisher(&config(&server));
    let end = house.store.topic_log_end().await.expect("read");
    let took = eventually("all are published, and that is kept", async || {
        let is_published = messages(&context).await == EVENTS as u64;
        let is_kept = is_published && house.store.place("nats").await.expect("read") == Some(end);
        is_kept.then(|| began.elapsed())
    })
    .await;
    stop(publisher).await;
    house.close().await;
    per_second(took)
}

async fn messages(context: &Context) -> u64 {
    match context.get_stream("EVENTS").await {
        Ok(stream) => stream.cached_info().state.messages,
        Err(_) => 0,
    }
}
