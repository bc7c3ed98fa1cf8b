//! What an event needs to be planned: its document, the rows that it is about, and the keys that it holds.

use super::executor::{Executor, Outcome, Stop};
use super::journey::resumable;
use super::keys::{Key, keys};
use crate::config::Mode;
use crate::event::Event;
use crate::plan::{Plan, Subscriber};
use crate::processors::actor::PlanRequest;
use crate::processors::attributes::Rules;
use crate::processors::subject::Subject;
use crate::processors::{Decision, command_type, password};
use crate::store::{ReadError, Store};
use crate::wire::ocir::{Command, Document};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::Arc;

/// Enough to tell two rows, or two sets of rules, apart.
const DIGEST_BYTES: usize = 16;

impl Executor {
    /// Plans an event that holds `held` against the subscribers as they are now.
    pub(super) async fn decide(&self, event: &Event, held: &[Key]) -> Result<Decision, Stop> {
        let Some(entry) = command_type(&event.command) else {
            return Ok(Decision::Ignore("this command is not acted on".into()));
        };
        let command = command(event)?;
        let rules = self.rules.get();
        let rows = Rows::read(&self.store, &(entry.subject)(&command, &rules)).await?;
        rows.check_held(held)?;
        let request = PlanRequest {
            command_type: entry,
            command,
            subscriber: rows.subscriber.clone(),
            members: rows.members.clone(),
            rules: Arc::clone(&rules),
            new_password: password::random(),
        };
        let mut decision = match self.processors[entry.processor].send(request).await {
            Ok(decision) => decision.map_err(|refusal| Stop::Fail(refusal.to_string()))?,
            Err(error) => {
                let reason = format!("processor {} failed: {error}", entry.processor);
                return Err(Stop::Outcome(Outcome::Crashed(reason)));
            }
        };
        if let Decision::Run(plan) = &mut decision {
            plan.rules = Some(digest_of_rules(&rules));
            self.check_fits(plan, rows.subscriber)?;
        }
        Ok(decision)
    }

    /// By what the subscriber of an event, and the rules that a plan was made with, are told from how they are at another
    /// time. `None` without a plan, and for an event that is about more than one subscriber, or about none.
    pub(super) async fn digest(&self, event: &Event, plan: Option<&Plan>) -> Result<Option<String>, Stop> {
        match plan.and_then(|plan| plan.rules.as_deref()) {
            Some(rules) => self.digest_under(event, rules, None).await,
            None => Ok(None),
        }
    }

    /// The same under the rules that are in force. With `held` the event must hold the keys of its subscriber.
    pub(super) async fn digest_now(
        &self,
        event: &Event,
        held: Option<&[Key]>,
    ) -> Result<Option<String>, Stop> {
        self.digest_under(event, &digest_of_rules(&self.rules.get()), held).await
    }

    async fn digest_under(
        &self,
        event: &Event,
        rules: &str,
        held: Option<&[Key]>,
    ) -> Result<Option<String>, Stop> {
        let Some(entry) = command_type(&event.command) else { return Ok(None) };
        let Ok(command) = command(event) else { return Ok(None) };
        let subject = (entry.subject)(&command, &self.rules.get());
        if subject.users.is_empty() || subject.whole_group.is_some() {
            return Ok(None);
        }
        let rows = Rows::read(&self.store, &subject).await?;
        if let Some(held) = held {
            rows.check_held(held)?;
        }
        let row = serde_json::to_vec(&rows.subscriber).expect("a row has only keys that JSON can write");
        Ok(Some(hex(Sha256::new().chain_update(row).chain_update(rules))))
    }

    /// Whether a retry of a failed event would go on at the step that failed, as things are now.
    pub async fn would_resume(&self, event: &Event) -> Result<bool, ReadError> {
        let (Some(uuid), Mode::Active) = (event.uuid, self.mode) else { return Ok(false) };
        let Some(mut journal) = self.store.journal(uuid).await? else { return Ok(false) };
        journal.begin_attempt();
        // Where the rows cannot be read now, they may be when it runs.
        let digest = self.digest_now(event, None).await.unwrap_or_default();
        Ok(resumable(&journal, digest.as_deref()).is_some())
    }

    /// Whom the event is about: its own `user_id` is who has clicked. `None` where it cannot be read.
    pub(super) fn subscriber_of(&self, event: &Event) -> Option<String> {
        let entry = command_type(&event.command)?;
        let command = command(event).ok()?;
        (entry.subject)(&command, &self.rules.get()).whose().map(str::to_owned)
    }

    /// Fails the event before anything is sent if a value would not fit its column afterwards.
    fn check_fits(&self, plan: &Plan, mut subscriber: Option<Subscriber>) -> Result<(), Stop> {
        for effect in plan.steps.iter().filter_map(|step| step.effect.as_ref()) {
            effect.apply(&mut subscriber);
            if let Some(subscriber) = &subscriber {
                self.store.limits().check(subscriber).map_err(Stop::Fail)?;
            }
        }
        Ok(())
    }
}

/// The event's command, read again from its stored document.
fn command(event: &Event) -> Result<Arc<Command>, Stop> {
    let document = Document::from_text(event.document.to_string());
    match document.into_command(event.command_index) {
        Ok(Some(command)) => Ok(Arc::new(command)),
        Ok(None) => Err(Stop::Fail("its document holds no such command".into())),
        Err(error) => Err(Stop::Fail(error.to_string())),
    }
}

fn digest_of_rules(rules: &Rules) -> String {
    hex(Sha256::new().chain_update(format!("{rules:?}")))
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// The rows of `srd_user` that an event is about.
struct Rows {
    subscriber: Option<Subscriber>,
    /// Of a whole group; of a row that cannot be read, why.
    members: Vec<Result<Subscriber, String>>,
}

impl Rows {
    async fn read(store: &Store, subject: &Subject) -> Result<Rows, Stop> {
        let subscriber = match subject.users.first() {
            Some(user) => store.subscriber(user).await?,
            None => None,
        };
        let members = match &subject.whole_group {
            Some(group) => store.group_members(group).await?,
            None => Vec::new(),
        };
        let members = members.into_iter().map(|member| member.map_err(|error| error.to_string())).collect();
        Ok(Rows { subscriber, members })
    }

    /// Somebody may have edited a row since the event got its keys: then it waits for those that it lacks.
    fn check_held(&self, held: &[Key]) -> Result<(), Stop> {
        // Where one key orders everything there is nothing to wait for.
        if held.contains(&Key::ALL) {
            return Ok(());
        }
        let held: HashSet<&Key> = held.iter().collect();
        let subscribers = self.subscriber.iter().chain(self.members.iter().flatten());
        let needed = subscribers.flat_map(|subscriber| keys(&Subject::of(subscriber)));
        let missing: Vec<_> = needed.filter(|(key, _)| !held.contains(key)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Stop::Outcome(Outcome::Needs(missing))) }
    }
}
