//! The end of a run: its verdict, and what is handed on with it.

use super::{Unsaved, Walk};
use crate::event::{Event, Status};
use crate::failpoints;
use crate::plan::Plan;
use crate::router::executor::{Stop, count_ended};
use crate::store::{ReadError, Verdict};
use crate::supervision::Backoff;
use crate::topics::changed::{self, ChangeKind, amend};
use serde_json::{Map, Value};
use std::time::Duration;

/// Distance of the attempts to read what was changed while the database is away.
const READ_AGAIN: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };

impl Walk<'_> {
    /// Ends the event as failed, with what is unsaved; an effect that the database refused is not among it.
    pub async fn fail(&mut self, reason: String) -> Result<Status, Stop> {
        tracing::warn!(
            event = self.event.id,
            user = self.event.user_id,
            subscriber = self.executor.subscriber_of(&self.event),
            command = self.event.command,
            reason,
            "event failed"
        );
        match self.end(Status::Failed, Some(reason)).await {
            // The text itself may be what the database refuses; its own words it takes.
            Err(Stop::Fail(refused)) => {
                self.unsaved = Unsaved::default();
                self.end(Status::Failed, Some(format!("the reason cannot be recorded: {refused}"))).await
            }
            other => other,
        }
    }

    pub(super) async fn end(&mut self, status: Status, reason: Option<String>) -> Result<Status, Stop> {
        let mut unsaved = std::mem::take(&mut self.unsaved);
        let digest = match status {
            Status::Failed => self.executor.digest(&self.event, self.plan.as_deref()).await,
            _ => None,
        };
        let holds = status == Status::Failed && self.executor.holds_failures();
        let verdict = Verdict { digest, holds, ..Verdict::new(status, reason) };
        let plan = self.plan.clone().filter(|_| status == Status::Completed);
        let change = plan.as_deref().and_then(ChangeKind::of);
        let mut verdict = self.executor.hand_on(verdict, &self.event, self.attempt, change);
        if let Some(plan) = plan.filter(|_| change.is_some())
            && !verdict.handed_on.is_empty()
        {
            match self.entity(&plan, &mut unsaved).await {
                Ok(entity) => amend(&mut verdict.handed_on, entity),
                Err(stop) => {
                    self.unsaved = unsaved;
                    return Err(stop);
                }
            }
        }
        let verdict = self.executor.with_alarm(verdict, &self.event, self.attempt);
        failpoints::pass("router.verdict.before").await;
        let committed = self.commit(&mut unsaved, Some(verdict)).await;
        self.unsaved = unsaved;
        committed?;
        failpoints::pass("router.verdict.after").await;
        count_ended(&self.event, status);
        self.tell_warnings();
        Ok(status)
    }

    /// What the plan has changed, as it is with what is unsaved; while the database is away it waits, as the verdict would.
    async fn entity(&self, plan: &Plan, unsaved: &mut Unsaved) -> Result<Map<String, Value>, Stop> {
        let whose = self.executor.subscriber_of(&self.event).unwrap_or_default();
        let store = &self.executor.store;
        for attempt in 0.. {
            match store.subscriber(&whose).await {
                Ok(row) => return Ok(changed::entity(plan, &whose, row, unsaved.effect.as_ref())),
                Err(ReadError::Row { .. }) => break,
                // What was answered waits in no loop: it must survive a stop.
                Err(_) if !unsaved.is_empty() => self.commit(unsaved, None).await?,
                Err(_) => {
                    tokio::time::sleep(READ_AGAIN.delay(attempt)).await;
                    store.wait_until_up().await;
                }
            }
        }
        Ok(changed::entity(plan, &whose, None, unsaved.effect.as_ref()))
    }

    /// What is lost, or left for somebody to do, although the event ended as it should.
    fn tell_warnings(&mut self) {
        let warnings = std::mem::take(self.warnings.get_mut());
        if warnings.is_empty() {
            return;
        }
        let Event { id, user_id, command, .. } = &self.event;
        let subscriber = self.executor.subscriber_of(&self.event);
        for warning in warnings {
            metrics::counter!("eventmanager_event_warnings_total", "command" => command.clone()).increment(1);
            tracing::warn!(
                event = id,
                user = user_id,
                subscriber,
                command,
                warning,
                "event ended with a warning"
            );
        }
    }
}
