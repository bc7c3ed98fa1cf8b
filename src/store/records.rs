//! The values that go into the store and come out of it, in the words of the trade.

use super::tenure::Tenure;
use crate::event::{Status, TopicEvent};
use crate::plan::{Plan, Request, SubscriberEffect};
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// What has become of one event of an `append`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub uuid: Uuid,
    /// `em_event.id`; 0 where the row was rejected.
    pub id: i64,
    /// Why the database refuses this row for good (a constraint, a letter that its encoding lacks).
    pub rejected: Option<String>,
}

/// How far an event has come since it was last recorded: one idempotent write.
///
/// Everything in it is committed in one transaction where events and subscribers share a database; otherwise the
/// effect is committed first, then the rest.
#[derive(Debug, Clone)]
pub struct Progress {
    pub event: Uuid,
    /// In which it was read what this depends on: it is written in no other. `None`: in any.
    pub tenure: Option<Tenure>,
    /// From 1; a retry by an operator is a new attempt, whose steps are counted anew.
    pub attempt: u32,
    /// The plan of this attempt, where it has just been made; `None` leaves the stored one.
    pub plan: Option<Arc<Plan>>,
    pub steps: Vec<StepMark>,
    pub effect: Option<SubscriberEffect>,
    /// Added to the warnings of this attempt, unless they are already there.
    pub warnings: Vec<String>,
    pub verdict: Option<Verdict>,
}

/// What has happened to one step of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMark {
    /// Position in the plan, from 0.
    pub position: u32,
    pub state: StepState,
    /// What the peer said, in a few words, without secrets.
    pub answer: Option<String>,
    pub at: SystemTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepState {
    /// The request is about to leave or has left; no answer is known.
    Sent,
    Done,
    /// The peer refused it, and an earlier sending of it may have been carried out.
    Failed,
    /// The peer refused it, and so it is not carried out.
    Refused,
    /// The answer is known to be lost.
    Unknown,
    /// It certainly was not carried out: it did not leave, or the peer said that it would not do it now.
    NotTaken,
    /// In shadow mode: it would have been sent.
    Planned,
}

impl StepState {
    /// The word in `em_step.state`.
    pub fn as_str(self) -> &'static str {
        match self {
            StepState::Sent => "sent",
            StepState::Done => "done",
            StepState::Failed => "failed",
            StepState::Refused => "refused",
            StepState::Unknown => "unknown",
            StepState::NotTaken => "not_taken",
            StepState::Planned => "planned",
        }
    }

    /// Whether what was sent may be in effect.
    pub fn may_be_carried_out(self) -> bool {
        match self {
            StepState::Sent | StepState::Done | StepState::Failed | StepState::Unknown => true,
            StepState::Refused | StepState::NotTaken | StepState::Planned => false,
        }
    }

    /// Whether there is nothing left to do: answered, or planned by a shadow.
    pub fn is_done(self) -> bool {
        matches!(self, StepState::Done | StepState::Planned)
    }

    /// Whether the peer has refused it for good.
    pub fn is_refusal(self) -> bool {
        matches!(self, StepState::Failed | StepState::Refused)
    }

    /// The state that `word` names; `None` for any other word.
    pub fn parse(word: &str) -> Option<StepState> {
        use StepState::*;
        [Sent, Done, Failed, Refused, Unknown, NotTaken, Planned]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// The status that an event ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub status: Status,
    pub reason: Option<String>,
    /// Of a failure: by what it is told later whether the subscriber is still as the attempt left it.
    pub digest: Option<String>,
    /// What is written into the topic log if the verdict counts, and not otherwise.
    pub handed_on: Vec<TopicEvent>,
    /// Of a failure: it holds its subject until somebody resolves it, also after a restart.
    pub holds: bool,
}

impl Verdict {
    /// A verdict that no attempt goes on from.
    pub fn new(status: Status, reason: Option<String>) -> Verdict {
        Verdict { status, reason, digest: None, handed_on: Vec::new(), holds: false }
    }
}

/// The journal of one event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Journal {
    /// The latest attempt; what follows is about it, up to `earlier`.
    pub attempt: u32,
    pub plan: Option<Plan>,
    /// In order of position.
    pub steps: Vec<StepMark>,
    /// How often a worker has panicked over this attempt.
    pub panics: u32,
    /// Whether this attempt has had its verdict; an event that is pending all the same has been put back by somebody.
    pub has_verdict: bool,
    pub reason: Option<String>,
    /// See [`Verdict::digest`].
    pub digest: Option<String>,
    pub warnings: Vec<String>,
    /// The steps of the attempts before, oldest first.
    pub earlier: Vec<EarlierStep>,
    /// How the attempt before this one ended.
    pub before: Option<Ended>,
}

/// An attempt that has had its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    pub attempt: u32,
    pub plan: Option<Plan>,
    /// See [`Verdict::digest`].
    pub digest: Option<String>,
    /// In order of position.
    pub steps: Vec<StepMark>,
}

/// A step of an earlier attempt, with what it sent.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierStep {
    pub attempt: u32,
    /// `None` where the plan of that attempt does not have the position.
    pub request: Option<Request>,
    pub step: StepMark,
}

impl Journal {
    /// Begins the next attempt: what was the latest is the one before.
    pub fn begin_attempt(&mut self) {
        let attempt = self.attempt;
        let ended = Ended {
            attempt,
            plan: self.plan.take(),
            digest: self.digest.take(),
            steps: std::mem::take(&mut self.steps),
        };
        self.earlier.extend(ended.earlier_steps());
        // One that came to nothing hides the attempt before it no more than it has done anything.
        let is_nothing = ended.plan.is_none() && ended.steps.is_empty();
        let before = if is_nothing { self.before.take() } else { None };
        *self = Journal {
            attempt: attempt + 1,
            earlier: std::mem::take(&mut self.earlier),
            before: before.or(Some(ended)),
            ..Journal::default()
        };
    }

    /// Every request of this event that may have been carried out, oldest first.
    ///
    /// A plan made anew may carry another password: compare the parts that matter.
    pub fn sent_requests(&self) -> impl Iterator<Item = &Request> {
        let taken = |step: &StepMark| step.state.may_be_carried_out();
        let earlier = self.earlier.iter().filter(move |earlier| taken(&earlier.step));
        let earlier = earlier.filter_map(|earlier| earlier.request.as_ref());
        let steps = self.plan.as_ref().map(|plan| plan.steps.as_slice()).unwrap_or_default();
        let latest = self
            .steps
            .iter()
            .filter(move |mark| taken(mark))
            .filter_map(|mark| steps.get(mark.position as usize));
        earlier.chain(latest.map(|step| &step.request))
    }

    /// The mark of a step of the latest attempt.
    pub fn step(&self, position: u32) -> Option<&StepMark> {
        let found = self.steps.binary_search_by_key(&position, |step| step.position);
        found.ok().map(|index| &self.steps[index])
    }
}

impl Ended {
    fn earlier_steps(&self) -> impl Iterator<Item = EarlierStep> {
        let steps = self.plan.as_ref().map(|plan| plan.steps.as_slice()).unwrap_or_default();
        self.steps.iter().map(move |step| EarlierStep {
            attempt: self.attempt,
            request: steps.get(step.position as usize).map(|step| step.request.clone()),
            step: step.clone(),
        })
    }
}

/// The command of an event, by which is told whom it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCommand {
    pub id: i64,
    /// `None` for rows that the Erlang release wrote; these have no `command_index` either.
    pub uuid: Option<Uuid>,
    pub command: String,
    pub command_index: u32,
    /// `None` where somebody wrote a word that is not a status.
    pub status: Option<Status>,
    pub document: String,
}

/// An event that waits to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingEvent {
    pub id: i64,
    pub uuid: Uuid,
    pub command: String,
    pub document: Arc<str>,
    pub command_index: u32,
    pub source: String,
    pub user_id: String,
}

/// Which events a list shows. `default()` is the hundred oldest of all.
#[derive(Debug, Clone)]
pub struct EventFilter {
    /// Received at this time or later. Ids are taken to follow time to within an hour.
    pub since: Option<SystemTime>,
    /// Received at this time or earlier.
    pub until: Option<SystemTime>,
    /// Empty: whatever the status.
    pub statuses: Vec<Status>,
    /// Of whatever version: `UserAddRequest` is `UserAddRequest17sp4` too.
    pub command: Option<String>,
    pub user_id: Option<String>,
    /// Somewhere in user, command, reason or document, in whatever case. Secrets of a document do not count.
    pub text: Option<String>,
    /// Failed events with this [`super::Fault::key`].
    pub fault: Option<String>,
    /// The id of the last row of the page before.
    pub after: Option<i64>,
    pub limit: usize,
    pub newest_first: bool,
}

impl Default for EventFilter {
    fn default() -> Self {
        EventFilter {
            since: None,
            until: None,
            statuses: Vec::new(),
            command: None,
            user_id: None,
            text: None,
            fault: None,
            after: None,
            limit: 100,
            newest_first: false,
        }
    }
}

/// A line of a list of events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSummary {
    pub id: i64,
    /// `None` for rows that the Erlang release wrote.
    pub uuid: Option<Uuid>,
    pub source: Option<String>,
    pub user_id: String,
    pub command: String,
    /// `None` where somebody wrote a word that is not a status.
    pub status: Option<Status>,
    /// The reason of the latest attempt's verdict, else what was noted when the event was stored.
    pub note: Option<String>,
    pub received: SystemTime,
    /// The latest attempt; 0 where it was never run.
    pub attempt: u32,
    pub warnings: Vec<String>,
    /// The first subscriber that it is about, by name; `None` where it is stored with none.
    pub about: Option<String>,
    /// How many more there are.
    pub about_more: u32,
}

/// A page of a list. It may be short, even empty, with more behind it: no page looks at more than so many rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventPage {
    pub events: Vec<EventSummary>,
    /// What `after` must be for the page behind it; `None` at the end.
    pub next: Option<i64>,
    /// The last row that was looked at, where there may be more behind it.
    pub searched_to: Option<Position>,
}

/// The same with the ids alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdPage {
    pub ids: Vec<i64>,
    /// As in [`EventPage`].
    pub next: Option<i64>,
}

/// A row and when it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub id: i64,
    pub at: SystemTime,
}

/// The events that are not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Ours: those that run by themselves.
    pub pending: u64,
    /// When the oldest of them was received.
    pub oldest: Option<SystemTime>,
}

/// How many rows `em_event` holds of each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ours: those that run by themselves.
    pub pending: u64,
    /// Rows that the Erlang release left pending: they wait for an operator.
    pub left_pending: u64,
    pub completed: u64,
    pub failed: u64,
    pub ignored: u64,
    /// Rows with any other word.
    pub other: u64,
    /// When the oldest of `pending` was received.
    pub oldest_pending: Option<SystemTime>,
}

/// What a sweep has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows of `em_event` past their retention.
    pub events: u64,
    /// Rows of our own tables whose event is gone.
    pub orphans: u64,
    /// Rows of the topic log that it keeps no longer.
    pub handed_on: u64,
}
