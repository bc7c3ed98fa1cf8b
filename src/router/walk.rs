//! One run of one event: from its journal to its verdict.
//!
//! ```text
//! plan stored, step 0 sent → request → step 0 done, its effect, step 1 sent → request → … → verdict
//! ```
//!
//! What stands between two arrows is one transaction, so whatever ends the process in between, the walk goes on where
//! it stopped. A step that was sent and never answered is sent again.
//!
//! The steps of a plan are walked one after the other. Where a whole group is deleted, the steps of each member are;
//! members are walked beside each other, and one that fails ends alone.

mod ending;

use super::course::{Begun, Course};
use super::executor::{Executor, Outcome, Stop};
use super::journey::{Journey, is_over};
use super::judge::{Judgement, judge};
use super::keys::Key;
use super::lane::Run;
use super::late::Late;
use super::outages::Party;
use super::unsaved::{Place, Unsaved};
use crate::config::Mode;
use crate::event::{Event, Status};
use crate::failpoints;
use crate::managers::Answer;
use crate::plan::{Plan, Request, Step, System};
use crate::processors::Decision;
use crate::store::{Journal, RecordError, StepState, Tenure, Verdict};
use crate::supervision::Backoff;
use futures_util::{StreamExt, stream};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use uuid::Uuid;

/// So many members of a group are walked for each request that may be under way: while one waits for an answer another
/// is being committed.
const MEMBERS_PER_REQUEST: usize = 2;
/// So many members that failed are named in the reason.
const NAMED: usize = 3;

/// See the module.
pub(super) struct Walk<'a> {
    executor: &'a Executor,
    uuid: Uuid,
    tenure: Tenure,
    event: Event,
    attempt: u32,
    /// Others wait to hear whether it gets through to a system.
    is_tried: bool,
    /// What is walked, once that is known.
    plan: Option<Arc<Plan>>,
    /// What an operator should know, told when the event ends: of the plan, and of what came of its steps.
    warnings: RefCell<Vec<String>>,
    /// Of the steps that are walked one after the other.
    unsaved: Unsaved,
}

impl<'a> Walk<'a> {
    pub fn new(executor: &'a Executor, run: &Run, event: Event) -> Self {
        let (warnings, unsaved) = (RefCell::default(), Unsaved::default());
        let Run { event: uuid, tenure, is_tried, .. } = *run;
        Walk { executor, uuid, tenure, event, attempt: 1, is_tried, plan: None, warnings, unsaved }
    }

    /// Goes on from the journal, or plans.
    pub async fn run(&mut self, held: &[Key]) -> Result<Status, Stop> {
        let mut journal = self.executor.store.journal(self.uuid).await?.unwrap_or_default();
        // An attempt that had its verdict is over: somebody has put the event back.
        if is_over(&journal, self.executor.mode) {
            journal.begin_attempt();
        }
        self.attempt = journal.attempt.max(1);
        let plan = match self.executor.course(&self.event, &journal, held).await? {
            Course::Resumes(begun) => self.go_on(*begun, &mut journal),
            Course::Anew(_) => match self.executor.decide(&self.event, held).await? {
                Decision::Run(plan) => Arc::clone(self.unsaved.plan.insert(Arc::new(plan))),
                Decision::Ignore(reason) => return self.end(Status::Ignored, Some(reason)).await,
            },
        };
        failpoints::pass("router.plan.after").await;
        self.plan = Some(Arc::clone(&plan));
        let warnings = self.warnings.get_mut();
        warnings.clone_from(&plan.warnings);
        // Those that an earlier run of this attempt has come to know.
        warnings.extend(journal.warnings.iter().filter(|known| !plan.warnings.contains(known)).cloned());
        let journey = Journey { plan: &plan, journal: &journal, steps: 0..plan.steps.len() };
        // What the attempt before has made is lost all the same.
        for mark in journal.steps.iter().filter(|mark| mark.state == StepState::Done) {
            let Some(step) = plan.steps.get(mark.position as usize) else { continue };
            let Some(warning) = plan.warning_of_restoring(&step.request) else { continue };
            let is_told = warnings.iter().any(|known| known.starts_with(warning));
            if !is_told && journey.may_have_made(&step.request) {
                warnings.push(warning.to_owned());
                self.unsaved.warnings.push(warning.to_owned());
            }
        }
        let mut failures = Vec::new();
        if plan.members.is_empty() {
            let mut unsaved = std::mem::take(&mut self.unsaved);
            let walked = self.walk(&journey, &mut unsaved).await;
            self.unsaved = unsaved;
            walked?;
        } else {
            failures = self.walk_members(&journey).await?;
        }
        failures.extend(plan.unplanned.iter().cloned());
        if !failures.is_empty() {
            return Err(Stop::Fail(failed_members(&failures, plan.members.len() + plan.unplanned.len())));
        }
        self.end(Status::Completed, self.remark(&plan)).await
    }

    /// Takes up a plan that was begun; that of the attempt before becomes this attempt's own.
    fn go_on(&mut self, begun: Begun, journal: &mut Journal) -> Arc<Plan> {
        let plan = Arc::new(begun.plan);
        if journal.steps.is_empty() {
            self.unsaved.plan = Some(Arc::clone(&plan));
            // The database may have refused the effect of the last answer. Written again it changes nothing.
            let last = begun.marks.iter().max_by_key(|mark| mark.position);
            let step = last.and_then(|mark| plan.steps.get(mark.position as usize));
            self.unsaved.effect = step.and_then(|step| step.effect.clone());
            self.unsaved.marks.clone_from(&begun.marks);
            (journal.plan, journal.steps) = (Some(Plan::clone(&plan)), begun.marks);
        }
        plan
    }

    /// What is worth saying of an event that completes.
    fn remark(&self, plan: &Plan) -> Option<String> {
        match self.executor.mode {
            Mode::Shadow => Some("shadow mode: nothing was sent".to_owned()),
            Mode::Active if plan.members.is_empty() => None,
            Mode::Active if plan.members.len() == 1 => Some("1 member deleted".to_owned()),
            Mode::Active => Some(format!("{} members deleted", plan.members.len())),
        }
    }

    /// Walks the members beside each other; returns why some of them failed. Whoever has to wait for a system makes the
    /// whole event wait, and no further member is begun then.
    async fn walk_members(&mut self, journey: &Journey<'_>) -> Result<Vec<String>, Stop> {
        // The plan is stored before several walks mark its steps.
        let mut unsaved = std::mem::take(&mut self.unsaved);
        self.commit(&mut unsaved, None).await?;
        if self.is_tried {
            return self.try_first_member(journey).await;
        }
        let (walk, is_stopped) = (&*self, Cell::new(false));
        let branches = journey.plan.branches();
        let walks = branches.into_iter().map(|(member, steps)| {
            let is_stopped = &is_stopped;
            async move {
                if is_stopped.get() {
                    return (member, Ok(()));
                }
                let walked = walk.walk_member(&Journey { steps, ..*journey }).await;
                is_stopped.set(is_stopped.get() || matches!(walked, Err(Stop::Outcome(_))));
                (member, walked)
            }
        });
        let at_once = self.executor.processing.get().concurrency * MEMBERS_PER_REQUEST;
        let walked: Vec<_> = stream::iter(walks).buffer_unordered(at_once).collect().await;
        let mut failures = Vec::new();
        for (member, walked) in walked {
            match walked {
                Ok(()) => {}
                Err(Stop::Fail(reason)) => failures.push(format!("{}: {reason}", member.unwrap_or_default())),
                Err(stop) => return Err(stop),
            }
        }
        Ok(failures)
    }

    /// Walks only the first member that is not done: the others of its group, and all who wait with it, go when it got
    /// through.
    async fn try_first_member(&self, journey: &Journey<'_>) -> Result<Vec<String>, Stop> {
        let mut members = journey.plan.branches().into_iter().map(|(_, steps)| Journey { steps, ..*journey });
        if let Some(member) = members.find(|member| !member.is_over())
            && let Err(Stop::Outcome(outcome)) = self.walk_member(&member).await
        {
            return Err(Stop::Outcome(outcome));
        }
        Err(Stop::Outcome(Outcome::Passed))
    }

    /// Walks one member to its end and commits that, also where it fails.
    async fn walk_member(&self, journey: &Journey<'_>) -> Result<(), Stop> {
        let mut unsaved = Unsaved::default();
        let walked = self.walk(journey, &mut unsaved).await;
        if !unsaved.is_empty() {
            self.commit(&mut unsaved, None).await?;
        }
        walked
    }

    /// Walks steps that depend on each other.
    async fn walk(&self, journey: &Journey<'_>, unsaved: &mut Unsaved) -> Result<(), Stop> {
        for position in journey.steps.clone() {
            match journey.mark(position) {
                Some(mark) if mark.state.is_done() => {}
                // Only of a member: it has failed before the event had to wait.
                Some(mark) if mark.state.is_refusal() => {
                    return Err(Stop::Fail(
                        journey.failure(position, mark.answer.as_deref().unwrap_or_default()),
                    ));
                }
                _ if self.executor.mode == Mode::Shadow => self.pass(journey, position, unsaved).await?,
                _ => self.step(journey, position, unsaved).await?,
            }
        }
        Ok(())
    }

    /// In shadow mode: takes the step for done without sending it.
    async fn pass(&self, journey: &Journey<'_>, position: usize, unsaved: &mut Unsaved) -> Result<(), Stop> {
        let effect = &journey.plan.steps[position].effect;
        if effect.is_some() && unsaved.effect.is_some() {
            self.commit(unsaved, None).await?;
        }
        unsaved.mark(position, StepState::Planned, None);
        if effect.is_some() {
            unsaved.effect.clone_from(effect);
        }
        Ok(())
    }

    /// Sends one step; its success is left unsaved, to go with what comes next.
    async fn step(&self, journey: &Journey<'_>, position: usize, unsaved: &mut Unsaved) -> Result<(), Stop> {
        let Step { request, effect } = &journey.plan.steps[position];
        let possibly_done = journey.is_possibly_done(request);
        self.check_paused(request.system(), unsaved).await?;
        let sent = unsaved.mark(position, StepState::Sent, None);
        self.commit(unsaved, None).await?;
        let answer = self.executor.ask(request).await;
        unsaved.answers = Some(sent);
        let existed = matches!(answer, Answer::Exists(_));
        match judge(answer, request, possibly_done, journey.plan.restores) {
            Judgement::Done(remark) => {
                self.warn_of_restoring(journey, request, existed, unsaved);
                unsaved.mark(position, StepState::Done, remark);
                unsaved.effect.clone_from(effect);
                Ok(())
            }
            Judgement::Failed(reason) => {
                let state = if possibly_done { StepState::Failed } else { StepState::Refused };
                unsaved.mark(position, state, Some(reason.clone()));
                Err(Stop::Fail(journey.failure(position, &reason)))
            }
            Judgement::Again(state, reason) => {
                unsaved.mark(position, state, Some(reason.clone()));
                if let Err(Stop::Fail(_)) = self.commit(unsaved, None).await {
                    // What the peer said cannot be written; that the step is open must be.
                    unsaved.mark(position, state, None);
                    self.commit(unsaved, None).await?;
                }
                let system = request.system();
                let is_paused = self.executor.pauses.obstacle(system).is_some();
                let party = if is_paused { Party::Paused(system) } else { Party::System(system) };
                Err(Stop::Outcome(Outcome::Waits(party, reason)))
            }
        }
    }

    /// What was lost with the association that an event has had to make anew.
    fn warn_of_restoring(
        &self,
        journey: &Journey<'_>,
        request: &Request,
        existed: bool,
        unsaved: &mut Unsaved,
    ) {
        let Some(warning) = journey.plan.warning_of_restoring(request) else { return };
        let warning = match (existed, journey.may_have_made(request)) {
            (false, _) => warning.to_owned(),
            (true, true) => format!("{warning}, unless the association was there before this event began"),
            (true, false) => return,
        };
        self.warnings.borrow_mut().push(warning.clone());
        unsaved.warnings.push(warning);
    }

    /// Stops before a request to a paused system. What was answered is recorded first; a plan of which nothing has been
    /// sent is left to be made anew.
    async fn check_paused(&self, system: System, unsaved: &mut Unsaved) -> Result<(), Stop> {
        let Some(reason) = self.executor.pauses.obstacle(system) else { return Ok(()) };
        if !unsaved.marks.is_empty() {
            self.commit(unsaved, None).await?;
        }
        Err(Stop::Outcome(Outcome::Waits(Party::Paused(system), reason)))
    }

    /// Commits what is unsaved. Where the database refuses it, what was answered stays unsaved, to go with the verdict: the
    /// effect is left to a retry. Members of a group are planned anew each time.
    async fn commit(&self, unsaved: &mut Unsaved, verdict: Option<Verdict>) -> Result<(), Stop> {
        let place = Place { event: self.uuid, tenure: self.tenure, attempt: self.attempt };
        let is_whole = self.plan.as_ref().is_some_and(|plan| plan.members.is_empty());
        let answered = if is_whole { unsaved.answered() } else { Unsaved::default() };
        let (late, is_end) = (Late::of(unsaved, verdict.as_ref()), verdict.is_some());
        match self.executor.store.record(std::mem::take(unsaved).progress(place, verdict)).await {
            Err(RecordError::Superseded) => self.commit_late(late, place, is_end).await,
            recorded => {
                if matches!(recorded, Err(RecordError::Rejected(_))) {
                    *unsaved = answered;
                }
                self.committed(recorded)
            }
        }
    }

    /// Another daemon has had the database since the run has read from it: it is over, and at most an answer is left to be
    /// recorded.
    async fn commit_late(&self, late: Option<Late>, place: Place, is_end: bool) -> Result<(), Stop> {
        let processing = self.executor.processing.get();
        let retry = Backoff { first: processing.retry_initial, max: processing.retry_max };
        if let Some(late) = late {
            let recorded = late.record(&self.executor.store, place, retry).await;
            let is_recorded = *recorded.as_ref().unwrap_or(&false);
            tracing::warn!(
                event = self.event.id,
                is_recorded,
                "answer came while another eventmanager had the database"
            );
            self.committed(recorded.map(drop))?;
            if is_recorded && is_end {
                return Ok(());
            }
        }
        Err(Stop::Outcome(Outcome::Waits(Party::Store, RecordError::Superseded.to_string())))
    }

    /// What a run makes of what the store says.
    fn committed(&self, recorded: Result<(), RecordError>) -> Result<(), Stop> {
        match recorded {
            Ok(()) => Ok(()),
            Err(error @ RecordError::Superseded) => {
                Err(Stop::Outcome(Outcome::Waits(Party::Store, error.to_string())))
            }
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

/// How many members failed, and the first of them by name.
fn failed_members(failures: &[String], members: usize) -> String {
    let named = failures.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    let rest = if failures.len() > NAMED { "; …" } else { "" };
    format!("{} of {members} members failed: {named}{rest}", failures.len())
}
