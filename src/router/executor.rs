//! The one executor: what every run of an event shares. It begins a run, sends its requests as slots and pauses allow, makes its
//! verdict one that hands on and raises or clears an alarm, and fails an event over which actors fail again and again.
//!
//! What a run does, from its journal to its verdict, is [`super::walk`]; what it has learned and not committed yet
//! [`super::unsaved`]; what it is to do [`super::deciding`].

use super::conflicts::Hold;
use super::journey::is_over;
use super::keys::Key;
use super::lane::Run;
use super::outages::Party;
use super::unsaved::{Place, Unsaved};
use super::walk::Walk;
use crate::config::{Live, Mode, OnFailure, Processing, Route};
use crate::event::{Event, Status};
use crate::failpoints;
use crate::managers::{Answer, Board, Systems};
use crate::plan::{Request, System};
use crate::processors::actor::Processors;
use crate::processors::attributes::Rules;
use crate::store::{ReadError, RecordError, Store, Verdict};
use crate::topics::Ended;
use crate::topics::alarms::failures;
use crate::topics::changed::ChangeKind;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Everything that running an event needs.
#[derive(Clone)]
pub struct Executor {
    pub store: Store,
    pub rules: Live<Rules>,
    pub processors: Processors,
    pub systems: Systems,
    /// Which systems operators have paused.
    pub pauses: Board,
    pub mode: Mode,
    pub processing: Live<Processing>,
    /// Under which topics events are handed on when they have ended.
    pub routes: Live<Vec<Route>>,
    /// Whether failures are alarms, which Event Management hands on.
    pub raises_alarms: bool,
    pub slots: Slots,
}

/// One permit for every request that may be under way: a mail server that hangs keeps none from HSS and ENUM.
#[derive(Clone)]
pub struct Slots {
    core: Arc<Semaphore>,
    mail: Arc<Semaphore>,
}

impl Slots {
    /// So many for HSS and ENUM, and as many for mail.
    pub fn new(concurrency: usize) -> Slots {
        Slots { core: Arc::new(Semaphore::new(concurrency)), mail: Arc::new(Semaphore::new(concurrency)) }
    }

    /// Lets so many more or fewer requests be under way, from now on; those that are end as they began.
    ///
    /// Resolves when no more than that are: until then no further request begins.
    pub async fn resize(&self, from: usize, to: usize) {
        let retire = |slots: &Arc<Semaphore>| Arc::clone(slots).acquire_many_owned((from - to) as u32);
        if to >= from {
            [&self.core, &self.mail].into_iter().for_each(|slots| slots.add_permits(to - from));
            return;
        }
        let (core, mail) = tokio::join!(retire(&self.core), retire(&self.mail));
        for permits in [core, mail] {
            permits.expect("the semaphore is never closed").forget();
        }
    }

    fn of(&self, system: System) -> &Semaphore {
        match system {
            System::Hss | System::Enum => &self.core,
            System::Mail => &self.mail,
        }
    }
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

/// Counts an event that has got its final status, and how long that took from its receipt.
pub(super) fn count_ended(event: &Event, status: Status) {
    let labels = [("command", event.command.clone()), ("status", status.to_string())];
    metrics::counter!("eventmanager_events_total", &labels).increment(1);
    let lasted = event.received.elapsed().unwrap_or_default();
    metrics::histogram!("eventmanager_event_duration_seconds", "command" => event.command.clone())
        .record(lasted);
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// The event has a final status; `None`: its row is gone, or somebody else has decided.
    Ended(Option<Status>),
    /// It has got through to the system for which it was tried, and has more to do.
    Passed,
    /// It goes on once this party is there again.
    Waits(Party, String),
    /// Its subscriber holds more than the event's keys: the row has changed since it got them.
    Needs(Vec<(Key, Hold)>),
    /// An actor that it needs has failed over it.
    Crashed(String),
}

/// Why a run stops before its last step.
pub(super) enum Stop {
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
    /// Runs an event from wherever its journal stands.
    pub async fn run(&self, run: Run) -> Outcome {
        let event = match self.store.event_by_uuid(run.event).await {
            Ok(Some(event)) if event.status == Some(Status::Pending) => event,
            // Somebody has failed it, or it failed before a restart: where failures hold, it holds its subject.
            Ok(Some(event)) if event.status == Some(Status::Failed) => {
                return Outcome::Ended(Some(Status::Failed));
            }
            Ok(_) => return Outcome::Ended(None),
            Err(error) => return Outcome::Waits(Party::Store, error.to_string()),
        };
        let mut walk = Walk::new(self, &run, event);
        let ended = match walk.run(&run.keys).await {
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
        let tenure = self.store.tenure();
        let mut journal = self.store.journal(uuid).await?.unwrap_or_default();
        // As the run that has crashed has counted.
        if is_over(&journal, self.mode) {
            journal.begin_attempt();
        }
        let (attempt, crashes) = (journal.attempt.max(1), journal.panics + 1);
        self.store.record_panics(uuid, attempt, crashes).await?;
        tracing::error!(event = %uuid, reason, crashes, "actor failed while it ran an event");
        if crashes < CRASH_LIMIT {
            return Ok(false);
        }
        let reason = Some(format!("actors failed over it {crashes} times: {reason}"));
        let event = self.store.event_by_uuid(uuid).await?;
        let digest = match &event {
            Some(event) => self.digest(event, journal.plan.as_ref()).await,
            None => None,
        };
        let verdict =
            Verdict { digest, holds: self.holds_failures(), ..Verdict::new(Status::Failed, reason) };
        let verdict = Some(match &event {
            Some(event) => self.with_alarm(self.hand_on(verdict, event, attempt, None), event, attempt),
            None => verdict,
        });
        let at = Place { event: uuid, tenure, attempt };
        self.store.record(Unsaved::default().progress(at, verdict)).await?;
        if let Some(event) = event {
            count_ended(&event, Status::Failed);
        }
        Ok(true)
    }

    /// The verdict, with what is handed on together with it. In shadow mode nobody is told what has not happened.
    pub(super) fn hand_on(
        &self,
        verdict: Verdict,
        event: &Event,
        attempt: u32,
        change: Option<ChangeKind>,
    ) -> Verdict {
        let routes = self.routes.get();
        let (Some(uuid), false, Mode::Active) = (event.uuid, routes.is_empty(), self.mode) else {
            return verdict;
        };
        let user = self.subscriber_of(event);
        let ended = Ended {
            uuid,
            attempt,
            source: event.source.as_deref().unwrap_or_default(),
            command: &event.command,
            given_by: &event.user_id,
            user: user.as_deref(),
            status: verdict.status,
            reason: verdict.reason.as_deref(),
            change,
            received: event.received,
        };
        let handed_on = ended.hand_on(&routes);
        Verdict { handed_on, ..verdict }
    }

    /// The verdict, with the alarm that it raises or clears: an attempt behind the first has raised one before.
    pub(super) fn with_alarm(&self, mut verdict: Verdict, event: &Event, attempt: u32) -> Verdict {
        let (Some(uuid), true, Mode::Active) = (event.uuid, self.raises_alarms, self.mode) else {
            return verdict;
        };
        let alarm = match verdict.status {
            Status::Failed => failures::failed(event, uuid, verdict.reason.as_deref().unwrap_or_default()),
            Status::Completed | Status::Ignored if attempt > 1 => {
                failures::over(event, uuid, SystemTime::now())
            }
            _ => return verdict,
        };
        verdict.handed_on.push(alarm);
        verdict
    }

    /// Whether a failed event holds its subject until somebody resolves it.
    pub fn holds_failures(&self) -> bool {
        self.processing.get().on_failure == OnFailure::Hold
    }

    /// Has a request sent when there is a slot for it.
    pub(super) async fn ask(&self, request: &Request) -> Answer {
        let system = request.system();
        let _slot = self.slots.of(system).acquire().await.expect("the semaphore is never closed");
        // Paused while it waited for its turn.
        if let Some(reason) = self.pauses.obstacle(system) {
            return Answer::NotTaken(reason);
        }
        let [send, answer] = failpoints(system);
        failpoints::pass(send).await;
        let answered = self.systems.ask(request).await;
        failpoints::pass(answer).await;
        answered
    }
}

/// Those before a request leaves, and behind its answer.
fn failpoints(system: System) -> [&'static str; 2] {
    match system {
        System::Hss => ["southbound.hss.send.before", "southbound.hss.answer.after"],
        System::Enum => ["southbound.enum.send.before", "southbound.enum.answer.after"],
        System::Mail => ["southbound.mail.send.before", "southbound.mail.answer.after"],
    }
}
