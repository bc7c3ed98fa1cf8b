//! The one executor: walks an event's plan, step by step, and journals every step before and after.
//!
//! ```text
//! plan stored, step 0 sent → request → step 0 done, its effect, step 1 sent → request → … → verdict
//! ```
//!
//! What stands between two arrows is one transaction, so whatever ends the process in between, the walk goes on where
//! it stopped. A step that was sent and never answered is sent again.

use super::judge::{Judgement, judge};
use super::keys::{Key, keys};
use super::outages::Party;
use crate::event::{Event, Status};
use crate::managers::pauses::Board;
use crate::managers::{Answer, Systems};
use crate::plan::{Plan, Request, Step, Subscriber, SubscriberEffect, System};
use crate::processors::actor::{PlanRequest, Processors};
use crate::processors::attributes::Rules;
use crate::processors::subject::Subject;
use crate::processors::{Decision, command_type, password};
use crate::store::{Journal, Progress, ReadError, RecordError, StepMark, StepState, Store, Verdict};
use crate::wire::ocir::{Command, Document};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Everything that running an event needs.
#[derive(Clone)]
pub struct Executor {
    pub store: Store,
    pub rules: Arc<Rules>,
    pub processors: Processors,
    pub systems: Systems,
    /// Which systems operators have paused.
    pub pauses: Board,
    /// One permit for every request that may be under way: `concurrency` of them.
    pub slots: Arc<Semaphore>,
}

/// An event over which actors fail this often fails.
const CRASH_LIMIT: u32 = 3;

/// A failure of actors could not be recorded now.
#[derive(Debug, thiserror::Error)]
pub enum CrashError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// The event has a final status; `None`: its row is gone, or somebody else has decided.
    Ended(Option<Status>),
    /// It goes on once this party is there again.
    Waits(Party, String),
    /// Its subscriber holds more than the event's keys: somebody has edited the row.
    Needs(Vec<Key>),
    /// An actor that it needs has failed over it.
    Crashed(String),
}

/// Why a run stops before its last step.
enum Stop {
    Outcome(Outcome),
    /// The event fails for this reason.
    Fail(String),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Stop {
        match error {
            ReadError::Row { .. } => Stop::Fail(error.to_string()),
            _ => Stop::Outcome(Outcome::Waits(Party::Store, error.to_string())),
        }
    }
}

impl Executor {
    /// Runs an event that holds `held`, from wherever its journal stands.
    pub async fn run(&self, uuid: Uuid, held: &[Key]) -> Outcome {
        let event = match self.store.event_by_uuid(uuid).await {
            Ok(Some(event)) if event.status == Some(Status::Pending) => event,
            // Somebody has failed it, or it failed before a restart: where failures hold, it holds its lane.
            Ok(Some(event)) if event.status == Some(Status::Failed) => {
                return Outcome::Ended(Some(Status::Failed));
            }
            Ok(_) => return Outcome::Ended(None),
            Err(error) => return Outcome::Waits(Party::Store, error.to_string()),
        };
        let mut walk = Walk { executor: self, uuid, event, attempt: 1, unsaved: Unsaved::default() };
        let ended = match walk.run(held).await {
            Err(Stop::Fail(reason)) => walk.fail(reason).await,
            other => other,
        };
        match ended {
            Ok(status) => Outcome::Ended(Some(status)),
            Err(Stop::Outcome(outcome)) => outcome,
            Err(Stop::Fail(reason)) => {
                Outcome::Waits(Party::Store, format!("failure of the event could not be recorded: {reason}"))
            }
        }
    }

    /// Counts that an actor failed over the event. True: too often, so the event has failed.
    pub async fn crashed(&self, uuid: Uuid, reason: &str) -> Result<bool, CrashError> {
        let attempt = self.store.journal(uuid).await?.map_or(1, |journal| journal.attempt.max(1));
        let crashes = self.store.record_panic(uuid, attempt).await?;
        tracing::error!(event = %uuid, reason, crashes, "actor failed while it ran an event");
        if crashes < CRASH_LIMIT {
            return Ok(false);
        }
        let reason = Some(format!("actors failed over it {crashes} times: {reason}"));
        let verdict = Some(Verdict { status: Status::Failed, reason });
        self.store.record(Unsaved::default().progress(uuid, attempt, verdict)).await?;
        Ok(true)
    }

    async fn ask(&self, request: &Request) -> Answer {
        let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
        self.systems.ask(request).await
    }
}

/// What goes with the next transaction.
#[derive(Default)]
struct Unsaved {
    plan: Option<Arc<Plan>>,
    marks: Vec<StepMark>,
    effect: Option<SubscriberEffect>,
}

impl Unsaved {
    fn mark(&mut self, position: usize, state: StepState, answer: Option<String>) {
        let position = position as u32;
        // A mark that was not committed yet would be overwritten by this one anyway.
        self.marks.retain(|mark| mark.position != position);
        self.marks.push(StepMark { position, state, answer, at: SystemTime::now() });
    }

    fn progress(self, event: Uuid, attempt: u32, verdict: Option<Verdict>) -> Progress {
        let warnings = self.plan.as_ref().map_or_else(Vec::new, |plan| plan.warnings.clone());
        Progress {
            event,
            attempt,
            plan: self.plan,
            steps: self.marks,
            effect: self.effect,
            warnings,
            verdict,
        }
    }
}

/// One run of one event.
struct Walk<'a> {
    executor: &'a Executor,
    uuid: Uuid,
    event: Event,
    attempt: u32,
    unsaved: Unsaved,
}

impl Walk<'_> {
    async fn run(&mut self, held: &[Key]) -> Result<Status, Stop> {
        let journal = self.executor.store.journal(self.uuid).await?.unwrap_or_default();
        // An attempt that had its verdict is over: somebody has put the event back, and the subscriber may have changed
        // since.
        let is_over = is_over(&journal);
        self.attempt = journal.attempt.max(1) + u32::from(is_over);
        let plan = match journal.plan.clone().filter(|_| !is_over) {
            Some(plan) => Arc::new(plan),
            None => match self.decide(held).await? {
                Decision::Run(plan) => Arc::clone(self.unsaved.plan.insert(Arc::new(plan))),
                Decision::Ignore(reason) => return self.end(Status::Ignored, Some(reason)).await,
            },
        };
        for (position, step) in plan.steps.iter().enumerate() {
            let mark = journal.step(position as u32).filter(|_| !is_over);
            if mark.is_none_or(|mark| mark.state != StepState::Done) {
                self.step(position, step, &journal, plan.steps.len()).await?;
            }
        }
        self.end(Status::Completed, None).await
    }

    /// Sends one step; its success is left unsaved, to go with what comes next.
    async fn step(&mut self, position: usize, step: &Step, journal: &Journal, of: usize) -> Result<(), Stop> {
        let request = &step.request;
        let possibly_done = journal.sent_requests().any(|sent| same_creation(sent, request));
        self.check_paused(request.system()).await?;
        self.unsaved.mark(position, StepState::Sent, None);
        self.commit(None).await?;
        let answer = self.executor.ask(request).await;
        match judge(answer, request, possibly_done) {
            Judgement::Done(remark) => {
                self.unsaved.mark(position, StepState::Done, remark);
                self.unsaved.effect = step.effect.clone();
                Ok(())
            }
            Judgement::Failed(reason) => {
                self.unsaved.mark(position, StepState::Failed, Some(reason.clone()));
                Err(Stop::Fail(format!("step {} of {of}, {request}: {reason}", position + 1)))
            }
            Judgement::Again(state, reason) => {
                self.unsaved.mark(position, state, Some(reason.clone()));
                if let Err(Stop::Fail(_)) = self.commit(None).await {
                    // What the peer said cannot be written; that the step is open must be.
                    self.unsaved.mark(position, state, None);
                    self.commit(None).await?;
                }
                Err(Stop::Outcome(Outcome::Waits(Party::System(request.system()), reason)))
            }
        }
    }

    /// Stops before a request to a paused system. What was answered is recorded first; a plan of which nothing has been
    /// sent is left to be made anew.
    async fn check_paused(&mut self, system: System) -> Result<(), Stop> {
        let Some(reason) = self.executor.pauses.obstacle(system) else { return Ok(()) };
        if !self.unsaved.marks.is_empty() {
            self.commit(None).await?;
        }
        Err(Stop::Outcome(Outcome::Waits(Party::Paused(system), reason)))
    }

    /// Plans the event against the subscriber as it is now.
    async fn decide(&self, held: &[Key]) -> Result<Decision, Stop> {
        let Some(entry) = command_type(&self.event.command) else {
            return Ok(Decision::Ignore("this command is not acted on".into()));
        };
        let command = self.command()?;
        let subject = (entry.subject)(&command, &self.executor.rules);
        let subscriber = match subject.users.first() {
            Some(user) => self.executor.store.subscriber(user).await?,
            None => None,
        };
        if let Some(subscriber) = &subscriber {
            let needed = keys(&Subject::of(subscriber));
            let missing: Vec<Key> = needed.into_iter().filter(|key| !held.contains(key)).collect();
            // Where one key orders everything there is nothing to wait for.
            if !missing.is_empty() && !held.contains(&Key::ALL) {
                return Err(Stop::Outcome(Outcome::Needs(missing)));
            }
        }
        let request =
            PlanRequest { command, subscriber: subscriber.clone(), new_password: password::random() };
        let decision = match self.executor.processors[entry.command].send(request).await {
            Ok(decision) => decision.map_err(|refusal| Stop::Fail(refusal.to_string()))?,
            Err(error) => {
                let reason = format!("processor {} failed: {error}", entry.processor);
                return Err(Stop::Outcome(Outcome::Crashed(reason)));
            }
        };
        if let Decision::Run(plan) = &decision {
            self.check_fits(plan, subscriber)?;
        }
        Ok(decision)
    }

    /// The event's command, read again from its stored document.
    fn command(&self) -> Result<Arc<Command>, Stop> {
        let document = Document::from_text(self.event.document.to_string());
        match document.into_command(self.event.command_index) {
            Ok(Some(command)) => Ok(Arc::new(command)),
            Ok(None) => Err(Stop::Fail("its document holds no such command".into())),
            Err(error) => Err(Stop::Fail(error.to_string())),
        }
    }

    /// Fails the event before anything is sent if a value would not fit its column afterwards.
    fn check_fits(&self, plan: &Plan, mut subscriber: Option<Subscriber>) -> Result<(), Stop> {
        for effect in plan.steps.iter().filter_map(|step| step.effect.as_ref()) {
            match (effect, &mut subscriber) {
                (SubscriberEffect::Insert(new), _) => subscriber = Some((**new).clone()),
                (SubscriberEffect::Update { changes, .. }, Some(subscriber)) => subscriber.apply(changes),
                (SubscriberEffect::Update { .. } | SubscriberEffect::Delete { .. }, _) => subscriber = None,
            }
            if let Some(subscriber) = &subscriber {
                self.executor.store.limits().check(subscriber).map_err(Stop::Fail)?;
            }
        }
        Ok(())
    }

    /// Ends the event as failed, with what is unsaved; an effect that the database refused is not among it.
    async fn fail(&mut self, reason: String) -> Result<Status, Stop> {
        tracing::warn!(
            event = self.event.id,
            user = self.event.user_id,
            command = self.event.command,
            reason,
            "event failed"
        );
        match self.end(Status::Failed, Some(reason)).await {
            // The text itself may be what the database refuses; its own words it takes.
            Err(Stop::Fail(refused)) => {
                self.end(Status::Failed, Some(format!("the reason cannot be recorded: {refused}"))).await
            }
            other => other,
        }
    }

    async fn end(&mut self, status: Status, reason: Option<String>) -> Result<Status, Stop> {
        self.commit(Some(Verdict { status, reason })).await?;
        let labels = [("command", self.event.command.clone()), ("status", status.to_string())];
        metrics::counter!("eventmanager_events_total", &labels).increment(1);
        let lasted = self.event.received.elapsed().unwrap_or_default();
        let command = self.event.command.clone();
        metrics::histogram!("eventmanager_event_duration_seconds", "command" => command).record(lasted);
        Ok(status)
    }

    async fn commit(&mut self, verdict: Option<Verdict>) -> Result<(), Stop> {
        let progress = std::mem::take(&mut self.unsaved).progress(self.uuid, self.attempt, verdict);
        match self.executor.store.record(progress).await {
            Ok(()) => Ok(()),
            Err(RecordError::NotPending(_) | RecordError::Gone) => {
                tracing::warn!(event = self.event.id, "somebody else has ended the event or deleted its row");
                Err(Stop::Outcome(Outcome::Ended(None)))
            }
            Err(RecordError::Rejected(reason)) => {
                Err(Stop::Fail(format!("the database refuses it: {reason}")))
            }
            Err(RecordError::Closed) => {
                Err(Stop::Outcome(Outcome::Waits(Party::Store, "the store is closed".into())))
            }
        }
    }
}

/// Whether an attempt had its verdict: a reason, a step that failed, or all of its steps done, which goes with the
/// verdict in one commit.
fn is_over(journal: &Journal) -> bool {
    let is = |state: StepState| move |step: &StepMark| step.state == state;
    let steps = journal.plan.as_ref().map(|plan| plan.steps.len());
    journal.reason.is_some()
        || journal.steps.iter().any(is(StepState::Failed))
        || steps.is_some_and(|steps| {
            journal.steps.iter().filter(|step| is(StepState::Done)(step)).count() == steps
        })
}

/// Whether both create the same thing: of associations the password may differ, which a plan made anew chooses anew.
fn same_creation(sent: &Request, request: &Request) -> bool {
    match (sent, request) {
        (Request::Enum(sent), Request::Enum(request)) => sent == request,
        _ => {
            request.creates().is_some()
                && sent.system() == request.system()
                && sent.creates() == request.creates()
        }
    }
}
