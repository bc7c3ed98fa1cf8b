//! The events that are being run, and what operators have decided about them meanwhile.
//!
//! A run reads the row of its event when it begins. What is decided after that, in the moment between the commit of its
//! verdict and its end here at the latest, it does not see: the row is looked at again when the run has ended.

use super::actor::Announced;
use crate::store::Verb;
use std::collections::HashMap;
use uuid::Uuid;

/// Every event that is being run, with the latest decision about it.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    runs: HashMap<Uuid, Option<(Announced, Verb)>>,
}

impl UnderWay {
    /// A run begins.
    pub fn begin(&mut self, event: Uuid) {
        self.runs.insert(event, None);
    }

    /// Keeps a decision until the run of its event has ended; gives it back where there is none under way.
    pub fn put_off(&mut self, announced: Announced, verb: Verb) -> Option<Announced> {
        match self.runs.get_mut(&announced.event) {
            Some(decided) => {
                *decided = Some((announced, verb));
                None
            }
            None => Some(announced),
        }
    }

    /// Whether no run is under way.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The run has ended: what has been decided meanwhile.
    pub fn end(&mut self, event: Uuid) -> Option<(Announced, Verb)> {
        self.runs.remove(&event).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processors::subject::Subject;

    #[test]
    fn a_decision_waits_for_the_end_of_the_run_and_is_told_once() {
        let of = |n| Announced { event: Uuid::from_u128(n), subject: Subject::default() };
        let mut under_way = UnderWay::default();
        assert!(under_way.put_off(of(1), Verb::Retry).is_some(), "nobody runs it");
        under_way.begin(of(1).event);
        assert!(under_way.put_off(of(2), Verb::Retry).is_some(), "another one");
        assert!(under_way.put_off(of(1), Verb::Resolve).is_none());
        assert!(under_way.put_off(of(1), Verb::Retry).is_none());
        let (announced, verb) = under_way.end(of(1).event).expect("the latest decision");
        assert_eq!((announced.event, verb), (of(1).event, Verb::Retry));
        assert!(under_way.end(of(1).event).is_none() && under_way.put_off(of(1), Verb::Retry).is_some());
    }
}
