//! Deliveries to hubs: how many in a second and in order to fifty of them, beside bare clients in the same run; what five dead and five
//! slow ones cost the others; and how soon an event is there.
//!
//!     cargo bench --bench hubs [-- rate|others|latency]
//!
//! Daemon and receivers are one process here, and share its processors.

#[path = "support/allocator.rs"]
mod allocator;
#[path = "../tests/hubs/daemon.rs"]
#[allow(dead_code, reason = "a benchmark does less with it")]
mod daemon;
#[path = "support/load.rs"]
mod load;
#[path = "../tests/hubs/peer.rs"]
mod peer;
#[path = "support/hubs/receiver.rs"]
#[allow(dead_code, reason = "another benchmark counts what has come")]
mod receiver;
#[path = "support/round_trip.rs"]
mod round_trip;
#[path = "support/row.rs"]
mod row;
#[path = "../tests/support/mod.rs"]
mod support;

use daemon::{Daemon, event, site};
use receiver::Receiver;
use row::Row;
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Turns of what is compared, of which the median counts.
const TURNS: usize = 5;
const HUBS: usize = 50;
const EVENTS: usize = 600;
/// Events a second to one hub, and for how long.
const STEADY: u32 = 500;
const SECONDS: u32 = 10;
const SLOW: Duration = Duration::from_millis(200);

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let runs = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    println!("{}", load::of_the_minute_before());
    if runs("rate") {
        let (mut rates, mut parts) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            rates.push(delivered(&receivers(HUBS), &[]));
            parts.push(rates[rates.len() - 1] / bare(&receivers(HUBS)));
        }
        let ours = median(rates);
        Row::new(format!("delivered to {HUBS} hubs, in order"), format!("{ours:.0} events/s"))
            .budget("≥ 5000", ours >= 5_000.0)
            .of(median(parts), "as many bare clients")
            .print();
    }
    if runs("others") {
        let (mut rates, mut parts) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let alone = delivered(&receivers(HUBS - 10), &[]);
            rates.push(delivered(&receivers(HUBS - 10), &bad()));
            parts.push(rates[rates.len() - 1] / alone);
        }
        let (beside, part) = (median(rates), median(parts));
        Row::new("delivered to 40 hubs, 5 dead and 5 slow ones beside them", format!("{beside:.0} events/s"))
            .of(part, "the 40 alone")
            .budget("≥ 0.95", part >= 0.95)
            .print();
    }
    if runs("latency") {
        round_trip::print();
        latency();
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn receivers(count: usize) -> Vec<Receiver> {
    (0..count).map(|_| Receiver::start(Duration::ZERO)).collect()
}

/// Five at which nobody listens, and five that take their time.
fn bad() -> Vec<Receiver> {
    let dead = (0..5).map(|_| {
        let gone = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
        Receiver::of_nobody(gone)
    });
    dead.chain((0..5).map(|_| Receiver::start(SLOW))).collect()
}

/// Deliveries a second to `receivers`, beside those to `others`.
fn delivered(receivers: &[Receiver], others: &[Receiver]) -> f64 {
    let site = site();
    let all: Vec<&Receiver> = receivers.iter().chain(others).collect();
    let daemon = Daemon::of(&site, &all);
    for receiver in &all {
        daemon.register("order", &receiver.url(), None);
    }
    // Connections are made, and the dead are tried.
    daemon.hand_on("order", 0..10);
    receivers.iter().for_each(|receiver| drop(receiver.wait(10)));
    let began = Instant::now();
    daemon.hand_on("order", 0..EVENTS as i64);
    receivers.iter().for_each(|receiver| drop(receiver.wait(10 + EVENTS)));
    (receivers.len() * EVENTS) as f64 / began.elapsed().as_secs_f64()
}

/// Requests a second of clients that only post, each one after the other, on one thread.
fn bare(receivers: &[Receiver]) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = eventmanager::outbound::client(&["http://127.0.0.1"], Duration::from_secs(5), 1);
    let body = event("order", 1).payload.to_string();
    runtime.block_on(async {
        let post = async |url: &str| {
            let sent = client.post(url).body(body.clone()).send().await.expect("an answer");
            sent.bytes().await.expect("a body");
        };
        let posts = async |count| {
            let clients = receivers.iter().map(async |receiver| {
                for _ in 0..count {
                    post(&receiver.url()).await;
                }
            });
            futures_util::future::join_all(clients).await;
        };
        // Connections are made.
        posts(10).await;
        let began = Instant::now();
        posts(EVENTS).await;
        (receivers.len() * EVENTS) as f64 / began.elapsed().as_secs_f64()
    })
}

/// From the moment in which an event is given to the store to that in which the receiver has it.
fn latency() {
    let (site, receiver) = (site(), Receiver::start(Duration::ZERO));
    let daemon = Daemon::of(&site, &[&receiver]);
    daemon.register("order", &receiver.url(), None);
    let count = STEADY * SECONDS;
    let (mut given, began) = (Vec::new(), Instant::now());
    let mut pending = Vec::new();
    for n in 0..count {
        let due = began + Duration::from_secs(1) / STEADY * n;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        given.push(Instant::now());
        // It is queued at the call, and not waited for.
        pending.push(daemon.store.hand_on(vec![event("order", n.into())]));
    }
    let received = receiver.wait(count as usize);
    let mut times: Vec<Duration> = received.iter().zip(&given).map(|(got, given)| *got - *given).collect();
    times.sort();
    let millis = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1_000.0;
    let (median, p99, max) = (millis(0.5), millis(0.99), millis(1.0));
    let what = format!("from handing on to a hub, stored in between, at {STEADY} events/s");
    Row::new(what, format!("p50 {median:.1} ms, p99 {p99:.1} ms, longest {max:.1} ms"))
        .budget("p99 ≤ 20 ms", p99 <= 20.0)
        .print();
}
