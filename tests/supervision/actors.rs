//! A worker with bad habits, the journal it writes, and how to wait for things.

use actix::prelude::*;
use eventmanager::supervision::Supervisor; // not that of actix
use eventmanager::supervision::*;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const QUICK: Backoff = Backoff { first: ms(2), max: ms(20) };
/// Longer than any test takes.
pub const SLOW: Backoff = Backoff { first: Duration::from_secs(3600), max: Duration::from_secs(3600) };
pub const FEW: Intensity = Intensity { max: 3, within: Duration::from_secs(60) };
pub const MANY: Intensity = Intensity { max: usize::MAX, within: Duration::from_secs(60) };

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Waits until the condition holds, for ten seconds at most.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        actix_rt::time::sleep(ms(1)).await;
    }
}

/// The journal of a test: what its workers did, in order.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub fn notes(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, what: &str) -> usize {
        self.notes().iter().filter(|note| *note == what).count()
    }

    pub fn starts(&self, names: &[&str]) -> Vec<usize> {
        names.iter().map(|name| self.count(&format!("start {name}"))).collect()
    }

    pub async fn shows(&self, what: &str) {
        eventually(what, || self.count(what) > 0).await;
    }

    pub fn worker(&self, name: &str) -> (Spec, Addr<Worker>) {
        self.worker_with(name, Habits::NONE, None)
    }

    pub fn worker_with(
        &self,
        name: &str,
        habits: Habits,
        arbiter: Option<ArbiterHandle>,
    ) -> (Spec, Addr<Worker>) {
        let worker = Worker { name: name.to_owned(), counted: 0, habits, journal: self.clone() };
        Spec::new(name, 64, arbiter, move || worker.clone())
    }
}

#[derive(Clone, Copy)]
pub struct Habits {
    pub panics_in_started: bool,
    pub panics_in_restarting: bool,
    pub panics_in_stopping: bool,
    pub panics_in_stopped: bool,
    pub panics_on_shutdown: bool,
    pub ignores_shutdown: bool,
    pub refuses_to_stop: bool,
}

/// Does not hear that it should stop.
pub const DEAF: Habits = Habits { ignores_shutdown: true, ..Habits::NONE };

impl Habits {
    pub const NONE: Habits = Habits {
        panics_in_started: false,
        panics_in_restarting: false,
        panics_in_stopping: false,
        panics_in_stopped: false,
        panics_on_shutdown: false,
        ignores_shutdown: false,
        refuses_to_stop: false,
    };
}

#[derive(Clone)]
pub struct Worker {
    name: String,
    counted: u32,
    habits: Habits,
    journal: Journal,
}

impl Actor for Worker {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        self.journal.note(format!("start {}", self.name));
        assert!(!self.habits.panics_in_started, "cannot start");
    }

    fn stopping(&mut self, _: &mut Context<Self>) -> Running {
        self.journal.note(format!("stopping {}", self.name));
        assert!(!self.habits.panics_in_stopping, "in stopping");
        if self.habits.refuses_to_stop { Running::Continue } else { Running::Stop }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.journal.note(format!("stop {}", self.name));
        assert!(!self.habits.panics_in_stopped, "in stopped");
    }
}

impl Supervised for Worker {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.counted = 0;
        self.journal.note(format!("restarting {}", self.name));
        // Once only: the second attempt succeeds.
        if self.habits.panics_in_restarting && self.journal.count(&format!("restarting {}", self.name)) == 1 {
            panic!("in restarting");
        }
    }
}

impl Handler<Shutdown> for Worker {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        self.journal.note(format!("shutdown {}", self.name));
        assert!(!self.habits.panics_on_shutdown, "on shutdown");
        if !self.habits.ignores_shutdown {
            ctx.stop();
        }
    }
}

/// Answers how many of these this incarnation has seen.
#[derive(Message)]
#[rtype(result = "u32")]
pub struct Count;

impl Handler<Count> for Worker {
    type Result = u32;

    fn handle(&mut self, _: Count, _: &mut Context<Self>) -> u32 {
        self.counted += 1;
        self.counted
    }
}

#[derive(Message)]
#[rtype(result = "()")]
pub struct Panic;

impl Handler<Panic> for Worker {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("boom {}", self.name)
    }
}

#[derive(Message)]
#[rtype(result = "()")]
pub struct PanicLater;

impl Handler<PanicLater> for Worker {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: PanicLater, _: &mut Context<Self>) -> Self::Result {
        let later = async {
            actix_rt::task::yield_now().await;
            panic!("boom, later")
        };
        Box::pin(later.into_actor(self))
    }
}

/// Stops by itself.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Quit;

impl Handler<Quit> for Worker {
    type Result = ();

    fn handle(&mut self, _: Quit, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

/// Keeps the actor from taking other messages while it works on this one, as those do that need an order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Slowly;

impl Handler<Slowly> for Worker {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Slowly, _: &mut Context<Self>) -> Self::Result {
        let work = actix_rt::time::sleep(ms(2)).into_actor(self);
        AtomicResponse::new(Box::pin(work.map(|_, worker, _| worker.journal.note("worked slowly"))))
    }
}

/// Sets a timer of the actor's context.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Remind(pub Duration);

impl Handler<Remind> for Worker {
    type Result = ();

    fn handle(&mut self, Remind(after): Remind, ctx: &mut Context<Self>) {
        ctx.run_later(after, move |worker, _| worker.journal.note(format!("reminded after {after:?}")));
    }
}

/// Hangs the thread until the sender is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Hang(pub std::sync::mpsc::Receiver<()>);

impl Handler<Hang> for Worker {
    type Result = ();

    fn handle(&mut self, Hang(until): Hang, _: &mut Context<Self>) {
        self.journal.note(format!("hangs {}", self.name));
        let _ = until.recv();
    }
}

pub fn supervise(strategy: Strategy, specs: Vec<Spec>) -> Root {
    root(Supervisor::new("root", strategy, MANY, QUICK, specs))
}

pub async fn tree(of: &Addr<Supervisor>) -> Tree {
    of.send(GetTree).await.expect("the root answers")
}

/// Waits until the child is in this state.
pub async fn state(of: &Addr<Supervisor>, child: &str, wanted: State) {
    let start = Instant::now();
    loop {
        let tree = tree(of).await;
        let found = tree.children.iter().find(|line| line.name == child);
        if found.is_some_and(|line| line.state == wanted) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{child} never {wanted}: {found:?}");
        actix_rt::time::sleep(ms(1)).await;
    }
}

/// Waits until every child runs, and longer than any quick backoff, so that one start too many would show.
pub async fn settled(of: &Addr<Supervisor>) -> Tree {
    for _ in 0..2 {
        for child in tree(of).await.children {
            state(of, &child.name, State::Running).await;
        }
        actix_rt::time::sleep(QUICK.max * 2).await;
    }
    tree(of).await
}

pub async fn crash(of: &Addr<Supervisor>, path: &str) {
    of.send(Crash { path: path.into() }).await.unwrap().unwrap();
}

pub async fn ended(exit: tokio::sync::oneshot::Receiver<Exit>) -> Exit {
    actix_rt::time::timeout(Duration::from_secs(10), exit).await.expect("the tree ends").unwrap()
}
