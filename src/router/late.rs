//! An answer that cannot be written as it is: another daemon has had the database since its request left.
//!
//! Where that one has not touched the step, the answer is recorded after all, so that nothing that was answered is sent
//! again. Otherwise the other one has gone on from there, with later events of the same subscriber too: what it has written
//! stands.

use super::unsaved::{Place, Unsaved};
use crate::event::Status;
use crate::store::{ReadError, RecordError, StepMark, Store, Verdict};
use crate::supervision::Backoff;
use std::time::{Duration, SystemTime};

/// A database may keep no finer times.
const GRAIN: Duration = Duration::from_millis(1);

/// The answer of one step, with its change of the subscriber and the verdict that follows from it.
pub(super) struct Late {
    /// How the step stood in the journal when its request left.
    sent: StepMark,
    answer: Unsaved,
    verdict: Option<Verdict>,
}

impl Late {
    /// What is to be kept of a commit, if it is an answer. Nothing has been done yet of what is to follow it.
    pub fn of(unsaved: &Unsaved, verdict: Option<&Verdict>) -> Option<Late> {
        let sent = unsaved.answers.clone()?;
        let mark = unsaved.marks.iter().find(|mark| mark.position == sent.position)?;
        let answer = Unsaved {
            marks: vec![mark.clone()],
            effect: unsaved.effect.clone(),
            warnings: unsaved.warnings.clone(),
            ..Unsaved::default()
        };
        // The row that a digest is made of is the other one's business by now: without one a retry plans anew.
        let verdict = verdict.map(|verdict| Verdict { digest: None, ..verdict.clone() });
        Some(Late { sent, answer, verdict })
    }

    /// Records the answer where the step still stands as it was left. False: it does not.
    pub async fn record(&self, store: &Store, place: Place, retry: Backoff) -> Result<bool, RecordError> {
        let mut failures = 0;
        loop {
            store.wait_until_events_up().await;
            let place = Place { tenure: store.tenure(), ..place };
            match self.is_untouched(store, place).await {
                Ok(true) => {}
                Ok(false) | Err(ReadError::Row { .. }) => return Ok(false),
                Err(error) => {
                    tracing::warn!(%error, "journal of an event cannot be read: trying again");
                    actix_rt::time::sleep(retry.delay(failures)).await;
                    failures += 1;
                    continue;
                }
            }
            match store.record(self.answer.clone().progress(place, self.verdict.clone())).await {
                // Lost once more.
                Err(RecordError::Superseded) => {}
                recorded => return recorded.map(|()| true),
            }
        }
    }

    async fn is_untouched(&self, store: &Store, place: Place) -> Result<bool, ReadError> {
        let event = store.event_by_uuid(place.event).await?;
        let journal = store.journal(place.event).await?.unwrap_or_default();
        let is_pending = event.is_some_and(|event| event.status == Some(Status::Pending));
        let is_as_left = |mark: &StepMark| mark.state == self.sent.state && is_same(mark.at, self.sent.at);
        let stands = journal.step(self.sent.position).is_some_and(is_as_left);
        Ok(is_pending && journal.attempt == place.attempt && stands)
    }
}

fn is_same(one: SystemTime, other: SystemTime) -> bool {
    one.duration_since(other).unwrap_or_else(|ahead| ahead.duration()) <= GRAIN
}
