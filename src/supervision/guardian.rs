//! The task that owns one child: it runs it, contains its panics and keeps its mailbox across restarts.
//!
//! It decides nothing. It obeys the [`Command`]s of the supervisor and reports [`Fact`]s.

use super::child::{Child, Shutdown};
use super::exit::{self, Exit};
use actix::dev::channel::AddressReceiver;
use actix::dev::{ContextFut, Request};
use actix::prelude::*;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};
use tokio::sync::{mpsc, oneshot};

/// What a supervisor tells a guardian. The channel keeps their order, so that a command can never reach a later
/// incarnation than the one it was meant for.
pub(super) enum Command {
    /// Begin the incarnation with this number.
    Start(u64),
    /// Put a [`Shutdown`] behind what is in the mailbox.
    Stop,
    /// End the incarnation now and drop nothing of the mailbox.
    Kill,
    /// Panic where the child's own code would.
    Crash,
}

pub(super) type Commands = mpsc::UnboundedSender<Command>;

/// What a guardian tells its supervisor about an incarnation.
pub(super) enum Fact {
    Started,
    Exited(Exit),
}

pub(super) type Report = Box<dyn Fn(u64, Fact) + Send>;

/// The command channels of a supervisor's children by their numbers, shared with the supervisor's own guardian: a
/// supervisor that failed cannot stop its children any more, so the guardian does.
#[derive(Clone, Default)]
pub(super) struct Lifelines(Arc<Mutex<HashMap<u64, Commands>>>);

impl Lifelines {
    pub(super) fn tie(&self, child: u64, commands: Commands) {
        self.lines().insert(child, commands);
    }

    pub(super) fn untie(&self, child: u64) {
        self.lines().remove(&child);
    }

    fn kill_all(&self) {
        for commands in self.lines().values() {
            let _ = commands.send(Command::Kill); // closed: that child is gone already
        }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<u64, Commands>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Life<A> = Pin<Box<ContextFut<A, Context<A>>>>;

pub(super) struct Guardian<A: Child> {
    /// Held so that the mailbox stays open when nobody else has the address.
    addr: Addr<A>,
    /// Makes the first incarnation; called again only if it panicked.
    make: Box<dyn Fn() -> A + Send>,
    /// Until the first incarnation takes it.
    mailbox: Option<AddressReceiver<A>>,
    /// The actor with its context; kept when an incarnation ends, as the mailbox is in it.
    life: Option<Life<A>>,
    commands: mpsc::UnboundedReceiver<Command>,
    report: Report,
    /// Of a supervisor: its children's lifelines.
    brood: Lifelines,
    incarnation: u64,
    alive: bool,
    announced: bool,
    crash: bool,
    /// The [`Shutdown`] in the mailbox. Dropped with its incarnation: actix then skips the message, so that it
    /// cannot stop the next one. The answer is of no interest, so this is not polled.
    farewell: Option<Pin<Box<Request<A, Shutdown>>>>,
    /// Dropped last, when the mailbox is closed.
    _gone: oneshot::Sender<()>,
}

impl<A: Child> Guardian<A> {
    pub(super) fn new(
        (addr, mailbox): (Addr<A>, AddressReceiver<A>),
        make: Box<dyn Fn() -> A + Send>,
        commands: mpsc::UnboundedReceiver<Command>,
        report: Report,
        brood: Lifelines,
        gone: oneshot::Sender<()>,
    ) -> Self {
        Guardian {
            addr,
            make,
            mailbox: Some(mailbox),
            life: None,
            commands,
            report,
            brood,
            incarnation: 0,
            alive: false,
            announced: false,
            crash: false,
            farewell: None,
            _gone: gone,
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start(incarnation) => self.start(incarnation),
            _ if !self.alive => {} // it ended by itself meanwhile, and the supervisor knows or will soon
            // Without being polled, as a new clone of an address is let even into a full mailbox.
            Command::Stop => self.farewell = Some(Box::pin(self.addr.clone().send(Shutdown))),
            Command::Kill => {
                self.terminate();
                self.ended(Exit::Killed);
            }
            Command::Crash => self.crash = true,
        }
    }

    fn start(&mut self, incarnation: u64) {
        self.incarnation = incarnation;
        self.alive = true;
        self.announced = false;
        self.crash = false;
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.be_born())) {
            self.ended(Exit::of_unwind(payload));
        }
    }

    /// Runs the child's code: its constructor or `restarting`, and the destructors of what it had spawned.
    fn be_born(&mut self) {
        if let Some(life) = &mut self.life {
            let restarted = life.restart();
            assert!(restarted, "the guardian holds an address, so the mailbox is open");
            return;
        }
        let actor = (self.make)();
        let mailbox = self.mailbox.take().expect("taken only here, and then there is a life");
        self.life = Some(Box::pin(Context::with_receiver(mailbox).into_future(actor)));
    }

    /// Polls the child with all its messages, timers and futures.
    fn run(&mut self, cx: &mut TaskContext<'_>) {
        let crash = std::mem::take(&mut self.crash);
        let Some(life) = &mut self.life else { return };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if crash {
                exit::crash();
            }
            life.as_mut().poll(cx)
        }));
        match polled {
            Ok(Poll::Pending) => self.announce(),
            Ok(Poll::Ready(())) => self.ended(Exit::Normal),
            Err(payload) => self.ended(Exit::of_unwind(payload)),
        }
    }

    fn announce(&mut self) {
        if !self.announced {
            self.announced = true;
            (self.report)(self.incarnation, Fact::Started);
        }
    }

    fn ended(&mut self, exit: Exit) {
        self.alive = false;
        self.farewell = None;
        if exit.is_failure() {
            self.brood.kill_all();
        }
        (self.report)(self.incarnation, Fact::Exited(exit));
    }

    /// Marks the actor as stopped. Without this, dropping its future would poll it once more, and a panic in
    /// `stopping` would then be one during a drop: the process would abort.
    fn terminate(&mut self) {
        if let Some(life) = &mut self.life {
            life.ctx().terminate();
        }
    }
}

impl<A: Child> Future for Guardian<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let guardian = self.get_mut();
        while let Poll::Ready(command) = guardian.commands.poll_recv(cx) {
            match command {
                Some(command) => guardian.obey(command),
                None => return Poll::Ready(()), // the child was removed or its supervisor is gone
            }
        }
        if guardian.alive {
            guardian.run(cx);
        }
        Poll::Pending
    }
}

impl<A: Child> Drop for Guardian<A> {
    /// After its task is done, or when its arbiter ends under a living child.
    fn drop(&mut self) {
        self.terminate();
        if self.alive {
            self.ended(Exit::Killed);
        }
        let (life, mailbox) = (self.life.take(), self.mailbox.take());
        let _ = catch_unwind(AssertUnwindSafe(|| drop((life, mailbox))));
    }
}
