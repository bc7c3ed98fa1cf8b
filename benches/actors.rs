//! What supervision costs a message, and how soon what fails is there again. Beside actors of ours stand actix' own, which nobody looks
//! after.
//!
//!     cargo bench --bench actors

#[path = "support/allocator.rs"]
mod allocator;
#[path = "support/row.rs"]
#[allow(dead_code, reason = "a message has no budget")]
mod row;

use actix::prelude::*;
use actix_rt::{Arbiter, ArbiterHandle, System};
use eventmanager::supervision::{Backoff, Intensity, Root, Shutdown, Spec, Strategy, Supervisor, root};
use row::Row;
use std::time::{Duration, Instant};

/// Turns of each, of which the best counts.
const TURNS: usize = 7;
const MESSAGES: u32 = 200_000;
/// Sent before one of them is waited for.
const AT_ONCE: u32 = 500;
const QUESTIONS: u32 = 50_000;
const FAILURES: u32 = 2_000;
const MAILBOX: usize = 1_024;

/// Counts what it is told.
#[derive(Default)]
struct Counter {
    count: u64,
}

impl Actor for Counter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Supervised for Counter {}

impl Handler<Shutdown> for Counter {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

/// What it has counted with this.
#[derive(Message)]
#[rtype(result = "u64")]
struct Count;

impl Handler<Count> for Counter {
    type Result = u64;

    fn handle(&mut self, _: Count, _: &mut Context<Self>) -> u64 {
        self.count += 1;
        self.count
    }
}

/// Makes it panic.
#[derive(Message)]
#[rtype(result = "()")]
struct Fail;

impl Handler<Fail> for Counter {
    type Result = ();

    fn handle(&mut self, _: Fail, _: &mut Context<Self>) {
        std::panic::resume_unwind(Box::new("as it was told"));
    }
}

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    System::new().block_on(async {
        let other = Arbiter::new();
        for (place, arbiter) in
            [("the arbiter of the sender", None), ("another arbiter", Some(other.handle()))]
        {
            let (ours, tree) = supervised(arbiter.clone());
            let bare = match &arbiter {
                None => Counter::default().start(),
                Some(arbiter) => Counter::start_in_arbiter(arbiter, |_| Counter::default()),
            };
            let (mut best, mut of_bare) = ([f64::MAX; 2], [f64::MAX; 2]);
            for _ in 0..TURNS {
                for (actor, best) in [(&ours, &mut best), (&bare, &mut of_bare)] {
                    best[0] = best[0].min(each(MESSAGES, stream(actor)).await);
                    best[1] = best[1].min(each(QUESTIONS, questions(actor)).await);
                }
            }
            let rate = format!("{:.0} thousand/s", 1e-3 / best[0]);
            let what = format!("messages to a supervised actor on {place}, {AT_ONCE} at once");
            Row::new(what, rate).of(of_bare[0] / best[0], "a bare actor").print();
            let took = format!("{:.2} µs", best[1] * 1e6);
            let what = format!("a question to a supervised actor on {place}, and its answer");
            Row::new(what, took).of(best[1] / of_bare[1], "the time of a bare actor").print();
            if arbiter.is_none() {
                let took = each(FAILURES, failures(&ours)).await;
                let what =
                    "from a panic until the next message is answered, with no pause before the restart";
                Row::new(what, format!("{:.0} µs", took * 1e6)).print();
            }
            tree.addr.send(Shutdown).await.expect("it stops");
            tree.exit.await.expect("it has stopped");
        }
        other.stop();
    });
}

/// An actor below a supervisor that never gives up.
fn supervised(arbiter: Option<ArbiterHandle>) -> (Addr<Counter>, Root) {
    let (spec, counter) = Spec::new("counter", MAILBOX, arbiter, Counter::default);
    let intensity = Intensity { max: usize::MAX, within: Duration::from_secs(1) };
    let at_once = Backoff { first: Duration::ZERO, max: Duration::ZERO };
    let supervisor = Supervisor::new("root", Strategy::OneForOne, intensity, at_once, vec![spec]);
    (counter, root(supervisor))
}

/// Seconds that each of so many takes.
async fn each(count: u32, work: impl Future<Output = ()>) -> f64 {
    let began = Instant::now();
    work.await;
    began.elapsed().as_secs_f64() / f64::from(count)
}

async fn stream(actor: &Addr<Counter>) {
    for _ in 0..MESSAGES / AT_ONCE {
        for _ in 1..AT_ONCE {
            actor.try_send(Count).expect("there is room");
        }
        actor.send(Count).await.expect("it lives");
    }
}

async fn questions(actor: &Addr<Counter>) {
    for _ in 0..QUESTIONS {
        actor.send(Count).await.expect("it lives");
    }
}

async fn failures(actor: &Addr<Counter>) {
    for _ in 0..FAILURES {
        actor.send(Fail).await.expect_err("it fails");
        actor.send(Count).await.expect("it lives again");
    }
}
