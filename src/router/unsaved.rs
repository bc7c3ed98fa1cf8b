//! What a walk has learned and not committed yet.

use crate::plan::{Plan, SubscriberEffect};
use crate::store::{Progress, StepMark, StepState, Tenure, Verdict};
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// To which run a commit belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub event: Uuid,
    /// In which the run has read what it goes on from.
    pub tenure: Tenure,
    pub attempt: u32,
}

/// What goes with the next transaction.
#[derive(Default, Clone)]
pub(super) struct Unsaved {
    pub plan: Option<Arc<Plan>>,
    pub marks: Vec<StepMark>,
    pub effect: Option<SubscriberEffect>,
    /// Beside those of the plan.
    pub warnings: Vec<String>,
    /// The mark in the journal that one of these answers.
    pub answers: Option<StepMark>,
}

impl Unsaved {
    /// Notes what has become of a step; returns its mark.
    pub fn mark(&mut self, position: usize, state: StepState, answer: Option<String>) -> StepMark {
        let mark = StepMark { position: position as u32, state, answer, at: SystemTime::now() };
        // One that was not committed yet would be overwritten by this one anyway.
        self.marks.retain(|before| before.position != mark.position);
        self.marks.push(mark.clone());
        mark
    }

    /// What of it stays true if the database refuses the rest: which steps are done.
    pub fn answered(&self) -> Unsaved {
        let marks: Vec<StepMark> =
            self.marks.iter().filter(|mark| mark.state == StepState::Done).cloned().collect();
        if marks.is_empty() {
            return Unsaved::default();
        }
        Unsaved { plan: self.plan.clone(), marks, warnings: self.warnings.clone(), ..Unsaved::default() }
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.plan.is_none() && self.marks.is_empty() && self.effect.is_none() && self.warnings.is_empty()
    }

    /// All of it as one write.
    pub fn progress(self, place: Place, verdict: Option<Verdict>) -> Progress {
        let Place { event, tenure, attempt } = place;
        let mut warnings = self.plan.as_ref().map_or_else(Vec::new, |plan| plan.warnings.clone());
        warnings.extend(self.warnings);
        Progress {
            event,
            tenure: Some(tenure),
            attempt,
            plan: self.plan,
            steps: self.marks,
            effect: self.effect,
            warnings,
            verdict,
        }
    }
}
