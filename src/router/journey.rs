//! A plan and what its journal says of it: what is done, what may have been done, and whether it is over.

use crate::config::Mode;
use crate::plan::{Plan, Request};
use crate::store::{Journal, StepMark, StepState};
use std::ops::Range;

/// A plan, and what the journal knows of it.
pub(super) struct Journey<'a> {
    pub plan: &'a Plan,
    pub journal: &'a Journal,
    /// Those that are walked one after the other.
    pub steps: Range<usize>,
}

impl Journey<'_> {
    /// What is known of a step.
    pub fn mark(&self, position: usize) -> Option<&StepMark> {
        self.journal.step(position as u32)
    }

    /// Whether the steps are all done, or one was refused.
    pub fn is_over(&self) -> bool {
        let states = || self.steps.clone().filter_map(|position| self.mark(position)).map(|mark| mark.state);
        states().any(StepState::is_refusal)
            || states().filter(|state| state.is_done()).count() == self.steps.len()
    }

    /// Whether an earlier sending of the same creation may have been carried out.
    pub fn is_possibly_done(&self, request: &Request) -> bool {
        request.creates().is_some() && self.journal.sent_requests().any(|sent| same_creation(sent, request))
    }

    /// Whether an earlier sending, whose answer is lost or which is from an earlier attempt, may have made what `request`
    /// creates: what was found to be there already it has not made.
    pub fn may_have_made(&self, request: &Request) -> bool {
        let earlier = self
            .journal
            .earlier
            .iter()
            .filter_map(|earlier| Some((earlier.request.as_ref()?, &earlier.step)));
        let steps = self.journal.plan.as_ref().map(|plan| plan.steps.as_slice()).unwrap_or_default();
        let latest = self.journal.steps.iter();
        let latest = latest.filter_map(|mark| Some((&steps.get(mark.position as usize)?.request, mark)));
        let is_found = |mark: &StepMark| mark.state == StepState::Done && mark.answer.is_some();
        earlier.chain(latest).any(|(sent, mark)| {
            same_creation(sent, request) && mark.state.may_be_carried_out() && !is_found(mark)
        })
    }

    /// Why the event fails at a step.
    pub fn failure(&self, position: usize, reason: &str) -> String {
        let request = &self.plan.steps[position].request;
        format!("step {} of {}, {request}: {reason}", position - self.steps.start + 1, self.steps.len())
    }
}

/// Whether an attempt is over, so that its plan is not walked on: it has had its verdict, or was made in shadow mode, and
/// this is none.
///
/// That all steps are done is no verdict: they are recorded before it where what is handed on with it cannot be read yet. Nor is a step
/// of a member of a group that was refused.
pub(super) fn is_over(journal: &Journal, mode: Mode) -> bool {
    let Some(plan) = &journal.plan else { return journal.has_verdict || journal.reason.is_some() };
    let states = || journal.steps.iter().map(|step| step.state);
    journal.has_verdict
        || journal.reason.is_some()
        || (mode == Mode::Active && states().any(|state| state == StepState::Planned))
        || (plan.members.is_empty() && states().any(StepState::is_refusal))
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
