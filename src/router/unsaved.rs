//! What a walk has learned and not committed yet.

use crate::plan::{Plan, SubscriberEffect};
use crate::store::{Progress, StepMark, StepState, Verdict};
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// What goes with the next transaction.
#[derive(Default)]
pub(super) struct Unsaved {
    pub plan: Option<Arc<Plan>>,
    pub marks: Vec<StepMark>,
    pub effect: Option<SubscriberEffect>,
    /// Beside those of the plan.
    pub warnings: Vec<String>,
}

impl Unsaved {
    /// Notes what has become of a step.
    pub fn mark(&mut self, position: usize, state: StepState, answer: Option<String>) {
        let position = position as u32;
        // A mark that was not committed yet would be overwritten by this one anyway.
        self.marks.retain(|mark| mark.position != position);
        self.marks.push(StepMark { position, state, answer, at: SystemTime::now() });
    }

    /// What of it stays true if the database refuses the rest: which steps are done.
    pub fn answered(&self) -> Unsaved {
        let marks: Vec<StepMark> =
            self.marks.iter().filter(|mark| mark.state == StepState::Done).cloned().collect();
        if marks.is_empty() {
            return Unsaved::default();
        }
        Unsaved { plan: self.plan.clone(), marks, effect: None, warnings: self.warnings.clone() }
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.plan.is_none() && self.marks.is_empty() && self.effect.is_none() && self.warnings.is_empty()
    }

    /// All of it as one write.
    pub fn progress(self, event: Uuid, attempt: u32, verdict: Option<Verdict>) -> Progress {
        let mut warnings = self.plan.as_ref().map_or_else(Vec::new, |plan| plan.warnings.clone());
        warnings.extend(self.warnings);
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
