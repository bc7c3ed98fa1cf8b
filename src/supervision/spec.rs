//! One line of a supervisor's child list.

use super::child::Child;
use super::guardian::{Command, Commands, Guardian, Lifelines, Report};
use super::policy::Restart;
use super::supervisor::Supervisor;
use actix::dev::channel;
use actix::prelude::*;
use std::cell::RefCell;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a worker may take to stop, unless its spec says otherwise.
const WORKER_DEADLINE: Duration = Duration::from_secs(5);
/// A supervisor's deadline is the last resort behind those of its children.
const SUPERVISOR_DEADLINE: Duration = Duration::from_secs(60);
/// Reports and requests of a supervisor; the reports come by `do_send` and are not bound by it.
const SUPERVISOR_MAILBOX: usize = 1024;

/// A child to be: its name, how it is made, when it is restarted and how long it may take to stop.
pub struct Spec {
    pub(super) name: String,
    /// What it is called in metrics; its name, unless said otherwise.
    pub(super) counted_as: Option<&'static str>,
    pub(super) restart: Restart,
    pub(super) shutdown: Duration,
    pub(super) nested: Option<Addr<Supervisor>>,
    spawn: Box<dyn FnOnce(String, Report) -> Handle + Send>,
}

impl Spec {
    /// A permanent child with a mailbox of `capacity`, on `arbiter` or else on that of its supervisor, with five
    /// seconds to stop. The address is valid at once: what is sent before the child runs waits in its mailbox.
    ///
    /// `make` is called when the supervisor starts the child, and again only after it panicked; a restart keeps
    /// the value and calls its `restarting`.
    pub fn new<A: Child>(
        name: impl Into<String>,
        capacity: usize,
        arbiter: Option<ArbiterHandle>,
        make: impl Fn() -> A + Send + 'static,
    ) -> (Spec, Addr<A>) {
        Spec::with_brood(name.into(), capacity, arbiter, move |_| make(), Lifelines::default())
    }

    /// A supervisor as the child of another, on the same arbiter; its children may live elsewhere. It has a minute
    /// to stop: the deadlines of its children come first.
    pub fn supervisor(supervisor: Supervisor) -> (Spec, Addr<Supervisor>) {
        let (name, brood) = (supervisor.name.clone(), supervisor.lifelines.clone());
        let supervisor = RefCell::new(Some(supervisor));
        let make = move |path: &str| {
            let mut supervisor =
                supervisor.take().expect("made once: this cannot panic, so it is not repeated");
            supervisor.path = path.to_owned();
            supervisor
        };
        let (mut spec, addr) = Spec::with_brood(name, SUPERVISOR_MAILBOX, None, make, brood);
        spec.shutdown = SUPERVISOR_DEADLINE;
        spec.nested = Some(addr.clone());
        (spec, addr)
    }

    /// When it is restarted; [`Restart::Permanent`] unless said here.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// What it is called in metrics together with others of its kind: those that come and go would leave a series each.
    pub fn counted_as(mut self, kind: &'static str) -> Self {
        self.counted_as = Some(kind);
        self
    }

    /// How long it may take to stop before it is killed.
    pub fn shutdown(mut self, deadline: Duration) -> Self {
        self.shutdown = deadline;
        self
    }

    /// Spawns the guardian. The child starts when it is told to.
    pub(super) fn spawn(self, path: String, report: Report) -> Handle {
        (self.spawn)(path, report)
    }

    fn with_brood<A: Child>(
        name: String,
        capacity: usize,
        arbiter: Option<ArbiterHandle>,
        make: impl Fn(&str) -> A + Send + 'static,
        brood: Lifelines,
    ) -> (Spec, Addr<A>) {
        let (sender, mailbox) = channel::channel::<A>(capacity);
        let addr = Addr::new(sender);
        let ends = (addr.clone(), mailbox);
        let spawn = Box::new(move |path: String, report: Report| {
            let (commands, orders) = mpsc::unbounded_channel();
            let (gone, is_gone) = oneshot::channel();
            let make = Box::new(move || make(&path));
            let run = move || drop(actix_rt::spawn(Guardian::new(ends, make, orders, report, brood, gone)));
            match arbiter {
                // If the arbiter has ended, `orders` is dropped and the first command says so.
                Some(arbiter) => drop(arbiter.spawn_fn(run)),
                None => run(),
            }
            Handle { commands, is_gone }
        });
        let (restart, shutdown) = (Restart::Permanent, WORKER_DEADLINE);
        (Spec { name, counted_as: None, restart, shutdown, nested: None, spawn }, addr)
    }
}

/// The supervisor's end of a guardian. When it and the lifeline are dropped, the guardian ends and the child's
/// mailbox closes.
pub(super) struct Handle {
    pub(super) commands: Commands,
    /// Resolves when the mailbox is closed.
    pub(super) is_gone: oneshot::Receiver<()>,
}

impl Handle {
    /// False if the guardian is gone, which happens only when its arbiter has ended.
    pub(super) fn command(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }
}
