//! How a run of an event begins: with a plan that is there, at its first step that is not done, or with one that is made anew.
//!
//! The executor asks this before it runs an event, and whoever shows an operator what a run would send asks the same.

use super::deciding::{SubscriberRows, subject_of};
use super::journey::is_over;
use crate::config::Mode;
use crate::event::{Event, Status};
use crate::plan::Plan;
use crate::processors::attributes::Rules;
use crate::store::{Ended, Journal, ReadError, StepMark, StepState, Store};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Enough to tell two rows, or two sets of rules, apart.
const DIGEST_BYTES: usize = 16;
/// How the answer of a step begins that was done before.
const IN_ATTEMPT: &str = "done in attempt ";

/// Where a run finds what it depends on.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub store: &'a Store,
    pub rules: &'a Rules,
    pub mode: Mode,
}

/// How a run begins.
#[derive(Debug)]
pub enum Course {
    Resumes(Box<Begun>),
    /// It is planned against the subscribers as they are then.
    Anew(Anew),
}

/// A plan of which something has been done or sent.
#[derive(Debug)]
pub struct Begun {
    pub plan: Plan,
    /// What is known of its steps.
    pub marks: Vec<StepMark>,
    /// Of the attempt before: with what they were compared. `None` where plan and marks are the attempt's own.
    pub(super) rows: Option<SubscriberRows>,
}

/// Why there is no plan to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Anew {
    #[error("nothing of it has been done yet")]
    NothingDone,
    #[error("the old release has left no plan of it")]
    Released,
    #[error("a whole group is planned anew each time: who has been deleted is no member any more")]
    Group,
    #[error("how its subscriber was when it failed is not known")]
    NotKnown,
    #[error("its subscriber has changed since it failed")]
    Subscriber,
    #[error("the configuration has changed since its plan was made")]
    Configuration,
    #[error("in shadow mode nothing is sent, and every attempt is planned anew")]
    Shadow,
    #[error("it is {0} and does not run: this is what it would send if it had just been received")]
    Ended(&'static str),
}

impl Begun {
    /// The positions of the steps that are still to be sent. A member of a group that has failed gets no more.
    pub fn left(&self) -> Vec<usize> {
        let states: HashMap<usize, StepState> =
            self.marks.iter().map(|mark| (mark.position as usize, mark.state)).collect();
        let state = |position: usize| states.get(&position).copied();
        let branches = self.plan.branches().into_iter().map(|(_, positions)| positions);
        let open = branches.filter(|positions| {
            self.plan.members.is_empty() || !positions.clone().filter_map(state).any(StepState::is_refusal)
        });
        open.flatten().filter(|position| !state(*position).is_some_and(StepState::is_done)).collect()
    }
}

/// How the event would be run if an operator retried it now; where it is pending, how it goes on.
pub async fn foreseen(ground: Ground<'_>, event: &Event) -> Result<Course, ReadError> {
    let Some(uuid) = event.uuid else { return Ok(Course::Anew(Anew::Released)) };
    let mut journal = ground.store.journal(uuid).await?.unwrap_or_default();
    match event.status {
        Some(Status::Failed) => journal.begin_attempt(),
        Some(Status::Pending) if is_over(&journal, ground.mode) => journal.begin_attempt(),
        Some(Status::Pending) => {}
        status => return Ok(Course::Anew(Anew::Ended(status.map_or("of no known status", Status::as_str)))),
    }
    course(ground, event, &journal).await
}

/// How the latest attempt of the journal begins.
///
/// The attempt before is gone on with where nobody has changed the subscriber since it failed, nor the rules since its plan was
/// made: otherwise what is left of the plan may no longer be right.
pub(super) async fn course(
    ground: Ground<'_>,
    event: &Event,
    journal: &Journal,
) -> Result<Course, ReadError> {
    // A plan of which nothing has been sent is made anew: the rows may have changed while the event waited.
    if let Some(plan) = journal.plan.clone().filter(|_| !journal.steps.is_empty()) {
        return Ok(Course::Resumes(Box::new(Begun { plan, marks: journal.steps.clone(), rows: None })));
    }
    let (plan, digest, marks) = match left_over(journal, ground.mode) {
        Ok(left_over) => left_over,
        Err(why) => return Ok(Course::Anew(why)),
    };
    let rules = digest_of_rules(ground.rules);
    if plan.rules.as_ref() != Some(&rules) {
        return Ok(Course::Anew(Anew::Configuration));
    }
    let Some(rows) = rows_of_one(ground, event).await? else { return Ok(Course::Anew(Anew::NotKnown)) };
    if digest_of(&rows, &rules) != *digest {
        return Ok(Course::Anew(Anew::Subscriber));
    }
    Ok(Course::Resumes(Box::new(Begun { plan: plan.clone(), marks, rows: Some(rows) })))
}

/// The plan of the attempt before, the digest of when it failed, and its done steps, for an attempt of which nothing has been
/// sent.
fn left_over(journal: &Journal, mode: Mode) -> Result<(&Plan, &String, Vec<StepMark>), Anew> {
    let before = journal.before.as_ref().filter(|_| journal.steps.is_empty()).ok_or(Anew::NothingDone)?;
    let plan = before.plan.as_ref().ok_or(Anew::NothingDone)?;
    if mode == Mode::Shadow {
        return Err(Anew::Shadow);
    }
    // Those that are done are no members any more.
    if !plan.members.is_empty() || !plan.unplanned.is_empty() {
        return Err(Anew::Group);
    }
    let marks = done_before(before);
    if marks.is_empty() {
        return Err(Anew::NothingDone);
    }
    let digest = before.digest.as_ref().ok_or(Anew::NotKnown)?;
    Ok((plan, digest, marks))
}

fn done_before(before: &Ended) -> Vec<StepMark> {
    let done = before.steps.iter().filter(|mark| mark.state == StepState::Done);
    let again = |mark: &StepMark| StepMark {
        answer: Some(match &mark.answer {
            Some(answer) if answer.starts_with(IN_ATTEMPT) => answer.clone(),
            _ => format!("{IN_ATTEMPT}{}", before.attempt),
        }),
        ..mark.clone()
    };
    done.map(again).collect()
}

/// By what the subscriber of an event that fails, and the rules that its plan was made with, are told from how they are later.
/// `None` without a plan, and for an event that is about more than one subscriber, or about none.
pub(super) async fn digest(
    ground: Ground<'_>,
    event: &Event,
    plan: Option<&Plan>,
) -> Result<Option<String>, ReadError> {
    let Some(rules) = plan.and_then(|plan| plan.rules.as_deref()) else { return Ok(None) };
    Ok(rows_of_one(ground, event).await?.map(|rows| digest_of(&rows, rules)))
}

/// The row of the one subscriber that the event is about, if it is about one.
async fn rows_of_one(ground: Ground<'_>, event: &Event) -> Result<Option<SubscriberRows>, ReadError> {
    let Some(subject) = subject_of(event, ground.rules) else { return Ok(None) };
    if subject.users.is_empty() || subject.whole_group.is_some() {
        return Ok(None);
    }
    SubscriberRows::read(ground.store, &subject).await.map(Some)
}

fn digest_of(rows: &SubscriberRows, rules: &str) -> String {
    let row = serde_json::to_vec(&rows.subscriber).expect("a row has only keys that JSON can write");
    hex(Sha256::new().chain_update(row).chain_update(rules))
}

pub(super) fn digest_of_rules(rules: &Rules) -> String {
    hex(Sha256::new().chain_update(format!("{rules:?}")))
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Member, Request, Step};
    use crate::wire::cai3g::EnumRequest;
    use std::time::SystemTime;

    fn plan(members: &[usize], steps: usize) -> Plan {
        let step =
            || Step { request: Request::Enum(EnumRequest::Delete { msisdn: "1".into() }), effect: None };
        let member = |steps: &usize| Member { user_id: format!("of {steps}"), steps: *steps };
        Plan {
            steps: (0..steps).map(|_| step()).collect(),
            members: members.iter().map(member).collect(),
            ..Plan::default()
        }
    }

    fn check(members: &[usize], states: &[StepState], expected: &[usize]) {
        let mark = |(position, state): (usize, &StepState)| StepMark {
            position: position as u32,
            state: *state,
            answer: None,
            at: SystemTime::UNIX_EPOCH,
        };
        let marks = states.iter().enumerate().map(mark).collect();
        let begun = Begun { plan: plan(members, 5), marks, rows: None };
        assert_eq!(begun.left(), expected, "{members:?} {states:?}");
    }

    #[test]
    fn what_is_left_is_all_that_is_not_done_but_no_more_of_a_member_that_has_failed() {
        use StepState::{Done, NotTaken, Refused, Sent, Unknown};
        check(&[], &[], &[0, 1, 2, 3, 4]);
        check(&[], &[Done, Done, Sent], &[2, 3, 4]);
        check(&[], &[Done, Unknown], &[1, 2, 3, 4]);
        check(&[], &[Done, NotTaken], &[1, 2, 3, 4]);
        check(&[], &[Done; 5], &[]);
        check(&[2, 3], &[Done, Refused, Done, Sent], &[3, 4]);
        check(&[2, 3], &[Done, Done], &[2, 3, 4]);
    }
}
