//! The router: gives stored events their keys, starts those that nobody stands in the way of, and deals with what
//! becomes of them.
//!
//! It holds names, never documents: the store is the queue. After a restart it reads there what is unfinished.

use super::arrivals::KNOWN_LIMIT;
use super::conflicts::{Conflicts, Hold};
use super::executor::{Executor, Outcome};
use super::keys::Key;
use super::lane::{Lane, Run};
use super::outages::{Outages, Party};
use super::under_way::UnderWay;
use crate::config::{OnFailure, Processing, RunOrder};
use crate::event::Status;
use crate::managers::Board;
use crate::plan::System;
use crate::processors::subject::Subject;
use crate::store::{ReadError, Tenure, Verb};
use crate::supervision::{Backoff, Shutdown};
use actix::prelude::*;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How often events that hold their subject are looked at again.
const HELD_CHECK: Duration = Duration::from_secs(5);
/// So many of them are read at a time.
const HELD_PAGE: usize = 500;
/// How often the store is looked through for events that somebody has put back to pending.
const RESCAN: Duration = Duration::from_secs(30);
/// A backlog larger than this is not looked through.
const RESCAN_LIMIT: usize = 1000;
/// How often it is looked whether the last run has ended, before a shutdown or a new beginning.
pub(super) const DRAIN_TICK: Duration = Duration::from_millis(20);

/// An event that has been stored, as the router needs it.
#[derive(Debug, Clone)]
pub struct Announced {
    pub event: Uuid,
    pub subject: Subject,
}

/// Events that have been stored as pending; those of one connection in the order in which they came.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Announce(pub Vec<Announced>);

/// Events about which an operator has decided, so that their rows say something else.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Reconsider {
    pub events: Vec<Announced>,
    pub verb: Verb,
}

/// The workers that may run events from now on: those of before with further ones behind them. `at_once` of all may run
/// an event at a time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SetLanes {
    pub further: Vec<Addr<Lane>>,
    pub at_once: usize,
}

/// Asks for the router's numbers.
#[derive(Message)]
#[rtype(result = "Backlog")]
pub struct GetBacklog;

/// What the router has before it.
#[derive(Debug, Clone, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Backlog {
    /// Unfinished events that it knows of.
    pub unfinished: usize,
    pub running: usize,
    /// Events that wait for a party to come back, by its name.
    pub waiting: Vec<(String, usize)>,
    /// More are in the store.
    pub more_in_store: bool,
}

/// See the module.
pub struct Router {
    pub(super) executor: Arc<Executor>,
    /// Their number only grows: those beyond what is configured have nothing to do.
    pub(super) workers: Vec<Addr<Lane>>,
    /// So many of them may run an event at a time.
    pub(super) at_once: usize,
    pub(super) order: RunOrder,
    pub(super) state: State,
}

/// Rebuilt from the store at every start, and when another daemon has had it.
#[derive(Default)]
pub(super) struct State {
    /// Stored, without keys as yet.
    pub(super) arrivals: VecDeque<Announced>,
    pub(super) known: HashSet<Uuid>,
    pub(super) reading: bool,
    pub(super) read_failures: u32,
    /// What is unfinished in the store is being read, or will be once it can be.
    pub(super) loading: bool,
    /// Not all that is pending in the store is known here.
    pub(super) more_in_store: bool,
    /// Announced while the store is read: they come after what was there before.
    pub(super) meanwhile: Vec<Announced>,
    pub(super) conflicts: Conflicts,
    pub(super) ready: VecDeque<Uuid>,
    pub(super) idle: Vec<usize>,
    pub(super) running: usize,
    pub(super) under_way: UnderWay,
    pub(super) outages: Outages,
    /// Failed, and holding its subject: one for each subject at most.
    pub(super) held: HashSet<Uuid>,
    pub(super) checking_held: bool,
    /// What had begun before this start is known.
    pub(super) knows_begun: bool,
    /// What held its subject before this start is known.
    pub(super) knows_held: bool,
    pub(super) draining: bool,
    /// In which all this has been read, and in no other it holds.
    pub(super) tenure: Option<Tenure>,
    /// That one is over: nothing begins, and with the last run all this is read anew.
    pub(super) superseded: bool,
}

impl Router {
    /// A router over these workers.
    pub fn new(executor: Arc<Executor>, workers: Vec<Addr<Lane>>) -> Self {
        let (at_once, order) = (workers.len(), executor.processing.get().order);
        Router { executor, workers, at_once, order, state: State::default() }
    }

    /// How events are run, as it is configured now.
    pub(super) fn processing(&self) -> Arc<Processing> {
        self.executor.processing.get()
    }

    pub(super) fn retry(&self) -> Backoff {
        let processing = self.processing();
        Backoff { first: processing.retry_initial, max: processing.retry_max }
    }

    /// Gives ready events to idle workers.
    pub(super) fn dispatch(&mut self, ctx: &mut Context<Self>) {
        let Some(tenure) = self.state.tenure.filter(|_| !self.state.draining && !self.state.superseded)
        else {
            return;
        };
        while self.state.running < self.at_once && !self.state.idle.is_empty() {
            let Some(event) = self.state.ready.pop_front() else { return };
            let worker = self.state.idle.pop().expect("there is an idle worker");
            let keys = self.state.conflicts.keys(event);
            self.state.running += 1;
            self.state.under_way.begin(event);
            // `send`: its answer is what frees the worker and the keys.
            let is_tried = self.state.outages.tried_for(event).is_some();
            let run = self.workers[worker].send(Run { event, tenure, keys, is_tried });
            ctx.spawn(run.into_actor(self).map(move |result, this, ctx| {
                this.state.running -= 1;
                this.state.idle.push(worker);
                this.ran(event, result.unwrap_or_else(|error| Outcome::Crashed(error.to_string())), ctx);
                this.dispatch(ctx);
            }));
        }
    }

    fn ran(&mut self, event: Uuid, outcome: Outcome, ctx: &mut Context<Self>) {
        let still_tried =
            matches!(outcome, Outcome::Waits(party, _) if self.state.outages.tried_for(event) == Some(party));
        if !still_tried {
            let freed = self.state.outages.passed(event);
            self.state.ready.extend(freed);
        }
        let decided = match outcome {
            // It has not ended before that is counted.
            Outcome::Crashed(_) => None,
            _ => self.state.under_way.end(event),
        };
        match outcome {
            Outcome::Ended(Some(Status::Failed)) => self.failed(event, ctx),
            Outcome::Ended(_) => self.finish(event, ctx),
            Outcome::Passed => self.state.ready.push_back(event),
            Outcome::Waits(party, reason) => self.park(event, party, &reason, ctx),
            Outcome::Needs(more) => self.extend(event, more),
            Outcome::Crashed(reason) => self.crashed(event, reason, ctx),
        }
        if let Some((announced, verb)) = decided {
            self.reconsider(announced, verb);
            self.admit(ctx);
        }
    }

    /// A failed event lets the others go, or holds them until somebody resolves it.
    fn failed(&mut self, event: Uuid, ctx: &mut Context<Self>) {
        match self.processing().on_failure {
            OnFailure::Continue => self.finish(event, ctx),
            OnFailure::Hold => {
                let held_too_many = self.state.holds_too_many();
                self.state.held.insert(event);
                if self.state.holds_too_many() && !held_too_many {
                    let held = self.state.held.len();
                    tracing::error!(
                        held,
                        "too many failed events hold their subjects: no further event is begun until some are resolved"
                    );
                }
            }
        }
    }

    fn finish(&mut self, event: Uuid, ctx: &mut Context<Self>) {
        self.state.known.remove(&event);
        let freed = self.state.conflicts.leave(event);
        self.state.ready.extend(freed);
        let has_room = self.state.unheld() < KNOWN_LIMIT / 2 && !self.state.holds_too_many();
        if self.state.more_in_store && !self.state.loading && has_room {
            self.load(ctx);
        }
    }

    fn park(&mut self, event: Uuid, party: Party, reason: &str, ctx: &mut Context<Self>) {
        if let Party::Paused(system) = party
            && self.executor.pauses.obstacle(system).is_none()
        {
            // Resumed since the event was stopped: nobody would release it.
            return self.state.ready.push_back(event);
        }
        let Some(failures) = self.state.outages.park(party, event) else {
            tracing::debug!(%event, %party, reason, "event waits with others");
            return;
        };
        tracing::warn!(%event, %party, reason, failures, "event waits");
        ctx.run_later(self.retry().delay(failures), move |this, ctx| {
            this.state.ready.extend(this.state.outages.next(party));
            this.dispatch(ctx);
        });
    }

    /// Lets the events of a system go when it is no longer paused.
    fn watch_pauses(&mut self, board: Board, ctx: &mut Context<Self>) {
        ctx.spawn(board.changed().into_actor(self).map(|board, this, ctx| {
            let Some(board) = board else { return };
            for system in System::ALL {
                if board.obstacle(system).is_none() {
                    this.state.ready.extend(this.state.outages.release(Party::Paused(system)));
                }
            }
            this.dispatch(ctx);
            this.watch_pauses(board, ctx);
        }));
    }

    fn extend(&mut self, event: Uuid, more: Vec<(Key, Hold)>) {
        for startable in self.state.conflicts.extend(event, more) {
            self.state.ready.push_front(startable);
        }
    }

    /// An actor failed over the event: it is run again, but not for ever.
    fn crashed(&mut self, event: Uuid, reason: String, ctx: &mut Context<Self>) {
        let executor = Arc::clone(&self.executor);
        let counted = async move { executor.crashed(event, &reason).await };
        ctx.spawn(counted.into_actor(self).map(move |failed, this, ctx| {
            match failed {
                Ok(true) => this.ran(event, Outcome::Ended(Some(Status::Failed)), ctx),
                Ok(false) => this.run_again(event),
                // Somebody has deleted the row, or the store is away: the next run finds out.
                Err(error) => {
                    tracing::warn!(%event, %error, "failure of an actor could not be recorded");
                    this.run_again(event);
                }
            }
            this.dispatch(ctx);
        }));
    }

    /// The next run reads the row as it then is, and with it what has been decided meanwhile.
    fn run_again(&mut self, event: Uuid) {
        self.state.under_way.end(event);
        self.state.ready.push_back(event);
    }

    /// Looks at a row again about which an operator has decided: what is to be retried runs, what is resolved lets its
    /// subject go. While a run is under way that has read the row before, it is looked at when that has ended.
    fn reconsider(&mut self, announced: Announced, verb: Verb) {
        let event = announced.event;
        if self.state.held.remove(&event) || self.state.outages.take(event) {
            self.state.ready.push_back(event);
        } else if let Some(announced) = self.state.under_way.put_off(announced, verb)
            && verb == Verb::Retry
        {
            self.announce(announced);
        }
    }

    /// Finds events that somebody has put back to pending in the table.
    fn rescan(&mut self, ctx: &mut Context<Self>) {
        let is_stopping = self.state.draining || self.state.superseded;
        let has_room = self.state.unheld() < RESCAN_LIMIT && !self.state.holds_too_many();
        if !self.state.loading && !is_stopping && has_room {
            self.load(ctx);
        }
    }

    /// Lets those events go that somebody has resolved meanwhile, and runs those again that are to be retried.
    fn check_held(&mut self, ctx: &mut Context<Self>) {
        if self.processing().on_failure == OnFailure::Continue {
            // It was "hold" until a reload.
            std::mem::take(&mut self.state.held).into_iter().for_each(|event| self.finish(event, ctx));
            return self.dispatch(ctx);
        }
        if self.state.checking_held || self.state.held.is_empty() {
            return;
        }
        self.state.checking_held = true;
        let held: Vec<Uuid> = self.state.held.iter().copied().collect();
        let store = self.executor.store.clone();
        let statuses = async move {
            let mut statuses = HashMap::new();
            for page in held.chunks(HELD_PAGE) {
                statuses.extend(store.statuses(page).await?);
            }
            Ok::<_, ReadError>((held, statuses))
        };
        ctx.spawn(statuses.into_actor(self).map(|read, this, ctx| {
            this.state.checking_held = false;
            // Where they cannot be read now, they can be later.
            let Ok((held, statuses)) = read else { return };
            for event in held {
                let status = statuses.get(&event).copied().flatten();
                // An operator may have decided about it meanwhile.
                if status == Some(Status::Failed) || !this.state.held.remove(&event) {
                    continue;
                }
                match status {
                    Some(Status::Pending) => this.state.ready.push_back(event),
                    _ => this.finish(event, ctx),
                }
            }
            this.dispatch(ctx);
        }));
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.begin(ctx);
        self.watch_pauses(self.executor.pauses.clone(), ctx);
        ctx.run_interval(HELD_CHECK, Self::check_held);
        ctx.run_interval(RESCAN, Self::rescan);
    }
}

impl Supervised for Router {}

impl Handler<Announce> for Router {
    type Result = ();

    fn handle(&mut self, Announce(events): Announce, ctx: &mut Context<Self>) {
        events.into_iter().for_each(|announced| self.announce(announced));
        self.admit(ctx);
    }
}

impl Handler<Reconsider> for Router {
    type Result = ();

    fn handle(&mut self, Reconsider { events, verb }: Reconsider, ctx: &mut Context<Self>) {
        events.into_iter().for_each(|announced| self.reconsider(announced, verb));
        self.admit(ctx);
        self.dispatch(ctx);
    }
}

impl Handler<SetLanes> for Router {
    type Result = ();

    fn handle(&mut self, SetLanes { further, at_once }: SetLanes, ctx: &mut Context<Self>) {
        self.state.idle.extend(self.workers.len()..self.workers.len() + further.len());
        self.workers.extend(further);
        self.at_once = at_once;
        self.dispatch(ctx);
    }
}

impl Handler<GetBacklog> for Router {
    type Result = MessageResult<GetBacklog>;

    fn handle(&mut self, _: GetBacklog, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Backlog {
            unfinished: self.state.known.len(),
            running: self.state.running,
            waiting: self.state.outages.waiting().map(|(party, count)| (party.to_string(), count)).collect(),
            more_in_store: self.state.more_in_store,
        })
    }
}

impl Handler<Shutdown> for Router {
    type Result = ();

    /// Starts nothing more, and stops when the running events have ended.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        self.state.draining = true;
        ctx.run_interval(DRAIN_TICK, |this, ctx| {
            if this.state.running == 0 {
                ctx.stop();
            }
        });
    }
}
