//! The supervising actor: it starts its children in order, restarts them by its policy, gives up towards its
//! parent when that does not help, and stops them in reverse order.
//!
//! There is no procedure "restart this group". Every child has a [`Phase`] (where it stands) and a [`Fate`] (what is
//! to become of it); each event changes those, and [`Supervisor::advance`] then does whatever they allow: stop the
//! next condemned child, or start those that are due once nothing is left to stop. So a failure in the middle of a
//! restart only widens it.

use super::child::Shutdown;
use super::exit::escalate;
use super::guardian::{Command, Fact, Lifelines, Report};
use super::outcome::News;
use super::policy::{Backoff, Intensity, Restart, RestartWindow, Strategy};
use super::slot::{Fate, Phase, Slot};
use super::{Exit, Spec};
use actix::prelude::*;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, error, warn};

/// A killed child that does not report within this time is on an arbiter whose thread hangs: it is written off, so
/// that the others need not wait for it.
pub(super) const KILL_GRACE: Duration = Duration::from_secs(1);

/// An actor that looks after others. Give it to [`root`](super::root()) or, as a child, to [`Spec::supervisor`].
///
/// Children are started in the order of the list without waiting for one another: what one sends to another that
/// is not up yet waits in its mailbox.
pub struct Supervisor {
    pub(super) name: String,
    /// The names from below the root down to here, joined by `/`; empty for the root.
    pub(super) path: String,
    pub(super) lifelines: Lifelines,
    pub(super) slots: Vec<Slot>,
    pub(super) ending: Option<Ending>,
    pub(super) strategy: Strategy,
    pub(super) backoff: Backoff,
    pub(super) window: RestartWindow,
    /// Not adopted yet.
    specs: Vec<Spec>,
    next_id: u64,
}

/// Why a supervisor stops its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    Asked,
    /// It gives up, for this reason; its children stop first, so that none runs without a supervisor.
    GivesUp(String),
}

impl Supervisor {
    /// A supervisor of `specs`, started in this order and stopped in reverse.
    pub fn new(
        name: impl Into<String>,
        strategy: Strategy,
        intensity: Intensity,
        backoff: Backoff,
        specs: Vec<Spec>,
    ) -> Self {
        Supervisor {
            name: name.into(),
            path: String::new(),
            lifelines: Lifelines::default(),
            slots: Vec::new(),
            ending: None,
            strategy,
            backoff,
            window: RestartWindow::new(intensity),
            specs,
            next_id: 0,
        }
    }

    /// The path of a child, as logs name it, and metrics where it is not counted with others: `managers/hss`.
    pub(super) fn path_of(&self, child: &str) -> String {
        join(&self.path, child)
    }

    /// Takes a child into the list; [`advance`](Self::advance) starts it.
    pub(super) fn adopt(&mut self, spec: Spec, me: &Addr<Self>) {
        let id = self.next_id;
        self.next_id += 1;
        let path = self.path_of(&spec.name);
        let slot = Slot::new(id, spec, |spec| spec.spawn(path, report_to(me, id)));
        restarts_counter(&self.path_of(&slot.counted_as)).increment(0); // the series exists before the first restart
        let handle = slot.handle.as_ref().expect("a new slot has one");
        self.lifelines.tie(id, handle.commands.clone());
        self.slots.push(slot);
    }

    /// Does what the phases and fates of the children allow now.
    pub(super) fn advance(&mut self, ctx: &mut Context<Self>) {
        self.stop_next(ctx);
        match &self.ending {
            None => self.start_due(ctx),
            Some(_) if self.slots.iter().any(Slot::is_up) => {}
            Some(Ending::Asked) => ctx.stop(),
            Some(Ending::GivesUp(why)) => escalate(why.clone()),
        }
    }

    /// Tells the last condemned child to stop, unless one after it is still at it: one after the other, in reverse.
    fn stop_next(&mut self, ctx: &mut Context<Self>) {
        let last = self.slots.iter().rposition(|slot| slot.phase == Phase::Stopping || slot.is_condemned());
        if let Some(i) = last.filter(|i| self.slots[*i].is_condemned()) {
            self.stop(i, ctx);
        }
    }

    /// Tells a child to stop, kills it at its deadline, and writes it off if even that has no effect.
    pub(super) fn stop(&mut self, i: usize, ctx: &mut Context<Self>) {
        let slot = &mut self.slots[i];
        let (id, incarnation, deadline) = (slot.id, slot.incarnation, slot.deadline);
        slot.phase = Phase::Stopping;
        if !slot.command(Command::Stop) {
            return ctx.notify(News { id, incarnation, fact: Fact::Exited(Exit::Killed) });
        }
        ctx.run_later(deadline, move |supervisor, ctx| {
            let Some(i) = supervisor.still_stopping(id, incarnation) else { return };
            let slot = &supervisor.slots[i];
            warn!(
                actor = supervisor.path_of(&slot.name),
                ?deadline,
                "child did not stop in time and is killed"
            );
            slot.command(Command::Kill);
            ctx.run_later(KILL_GRACE, move |supervisor, ctx| {
                let Some(i) = supervisor.still_stopping(id, incarnation) else { return };
                error!(
                    actor = supervisor.path_of(&supervisor.slots[i].name),
                    "child cannot be killed: its arbiter hangs"
                );
                supervisor.exited(i, Exit::Killed, ctx);
                supervisor.advance(ctx);
            });
        });
    }

    fn still_stopping(&self, id: u64, incarnation: u64) -> Option<usize> {
        let stopping =
            |slot: &Slot| slot.id == id && slot.incarnation == incarnation && slot.phase == Phase::Stopping;
        self.slots.iter().position(stopping)
    }

    /// Starts the children whose time has come, in order. Members of a group wait for one another, and for those
    /// that are still to stop.
    fn start_due(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let is_due = |slot: &Slot| matches!(slot.phase, Phase::Waiting(until) if until <= now);
        let is_ahead = |slot: &Slot| matches!(slot.phase, Phase::Waiting(until) if until > now);
        let is_held = |slot: &Slot| is_ahead(slot) || slot.is_up() && slot.fate == Fate::Restart;
        if self.strategy != Strategy::OneForOne && self.slots.iter().any(is_held) {
            return;
        }
        for slot in self.slots.iter_mut().filter(|slot| is_due(slot)) {
            let reachable = slot.start();
            let (id, incarnation) = (slot.id, slot.incarnation);
            let path = join(&self.path, &slot.name);
            debug!(actor = path, incarnation, "child is started");
            if incarnation > 1 {
                restarts_counter(&join(&self.path, &slot.counted_as)).increment(1);
            }
            if !reachable {
                error!(actor = path, "child cannot be started: its arbiter has ended");
                ctx.notify(News { id, incarnation, fact: Fact::Exited(Exit::Killed) });
            }
        }
    }

    /// Condemns all children; the first reason counts.
    pub(super) fn end(&mut self, ending: Ending) {
        if self.ending.is_some() {
            return;
        }
        self.ending = Some(ending);
        for slot in &mut self.slots {
            slot.condemn(Fate::End); // those that wait for their restart are down, and nothing starts them now
        }
    }
}

fn join(parent: &str, child: &str) -> String {
    if parent.is_empty() { child.to_owned() } else { format!("{parent}/{child}") }
}

fn report_to(supervisor: &Addr<Supervisor>, id: u64) -> Report {
    let supervisor = supervisor.downgrade();
    Box::new(move |incarnation, fact| {
        if let Some(supervisor) = supervisor.upgrade() {
            supervisor.do_send(News { id, incarnation, fact }); // bounded: two for each start of a child
        }
    })
}

fn restarts_counter(path: &str) -> metrics::Counter {
    metrics::counter!("eventmanager_actor_restarts_total", "actor" => path.to_owned())
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        for spec in std::mem::take(&mut self.specs) {
            self.adopt(spec, &ctx.address());
        }
        self.advance(ctx);
    }
}

impl Supervised for Supervisor {
    /// All children start anew, with their addresses and mailboxes; those that were being removed, and temporary
    /// ones that had their turn, are not there any more.
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.ending = None;
        self.window.clear();
        let stays = |slot: &Slot| {
            slot.fate != Fate::Remove && (slot.restart != Restart::Temporary || slot.incarnation == 0)
        };
        for slot in self.slots.extract_if(.., |slot| !stays(slot)) {
            self.lifelines.untie(slot.id);
        }
        self.slots.iter_mut().for_each(Slot::reset);
    }
}

impl Handler<Shutdown> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        self.end(Ending::Asked);
        self.advance(ctx);
    }
}
