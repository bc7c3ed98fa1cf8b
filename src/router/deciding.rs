//! What an event needs to be planned: its document, the rows that it is about, and the keys that it holds.

use super::course::{self, Course, Ground, digest_of_rules};
use super::executor::{Executor, Outcome, Stop};
use super::keys::{Key, keys};
use crate::event::Event;
use crate::plan::{Plan, Step, Subscriber};
use crate::processors::actor::PlanRequest;
use crate::processors::attributes::Rules;
use crate::processors::subject::Subject;
use crate::processors::{Decision, command_type, password};
use crate::store::{Journal, ReadError, Store};
use crate::wire::ocir::{Command, Document};
use std::collections::HashSet;
use std::sync::Arc;

impl Executor {
    /// Plans an event that holds `held` against the subscribers as they are now.
    pub(super) async fn decide(&self, event: &Event, held: &[Key]) -> Result<Decision, Stop> {
        let Some(entry) = command_type(&event.command) else {
            return Ok(Decision::Ignore("this command is not acted on".into()));
        };
        let command = command(event)?;
        let rules = self.rules.get();
        let rows = SubscriberRows::read(&self.store, &(entry.subject)(&command, &rules)).await?;
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
            self.check_own(plan.steps.iter(), &rows, &rules).await?;
            self.check_fits(plan, rows.subscriber)?;
        }
        Ok(decision)
    }

    /// How a run of the event begins that holds `held`.
    pub(super) async fn course(
        &self,
        event: &Event,
        journal: &Journal,
        held: &[Key],
    ) -> Result<Course, Stop> {
        let rules = self.rules.get();
        let course = course::course(self.ground(&rules), event, journal).await?;
        if let Course::Resumes(begun) = &course
            && let Some(rows) = &begun.rows
        {
            rows.check_held(held)?;
            let left = begun.left().into_iter().map(|position| &begun.plan.steps[position]);
            self.check_own(left, rows, &rules).await?;
        }
        Ok(course)
    }

    /// Fails the event before anything is sent if it would take away a phone that another subscriber has got meanwhile: its
    /// own row still says so where an event failed half-way.
    async fn check_own(
        &self,
        steps: impl Iterator<Item = &Step>,
        rows: &SubscriberRows,
        rules: &Rules,
    ) -> Result<(), Stop> {
        let mut taken = Subject::default();
        let requests = steps.map(|step| &step.request).filter(|request| request.is_delete());
        requests.for_each(|request| taken.add_request(request, rules));
        if taken.phones.is_empty() {
            return Ok(());
        }
        let holders = self.store.holders(&taken.phones).await?;
        let members = rows.members.iter().flatten().map(|member| &member.user_id);
        let own: HashSet<&String> = rows.users.iter().chain(members).collect();
        match holders.iter().find(|(user, _)| !own.contains(user)) {
            None => Ok(()),
            Some((user, phone)) => Err(Stop::Fail(format!(
                "phone {phone} is that of {user} by now, as srd_user says, and would be taken away: nothing is sent. \
                 Mend the row that does not hold it any more, then retry"
            ))),
        }
    }

    /// How the event would be run if it were retried now.
    pub async fn foreseen_course(&self, event: &Event) -> Result<Course, ReadError> {
        let rules = self.rules.get();
        course::foreseen(self.ground(&rules), event).await
    }

    /// See [`course::digest`]; `None` also where it cannot be read: then a retry plans anew.
    pub(super) async fn digest(&self, event: &Event, plan: Option<&Plan>) -> Option<String> {
        let rules = self.rules.get();
        course::digest(self.ground(&rules), event, plan).await.ok().flatten()
    }

    fn ground<'a>(&'a self, rules: &'a Rules) -> Ground<'a> {
        Ground { store: &self.store, rules, mode: self.mode }
    }

    /// Whom the event is about: its own `user_id` is who has clicked. `None` where it cannot be read.
    pub(super) fn subscriber_of(&self, event: &Event) -> Option<String> {
        subject_of(event, &self.rules.get())?.whose().map(str::to_owned)
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

/// What the event is about; `None` where it is nothing that is acted on, or cannot be read.
pub(super) fn subject_of(event: &Event, rules: &Rules) -> Option<Subject> {
    let entry = command_type(&event.command)?;
    let command = command(event).ok()?;
    Some((entry.subject)(&command, rules))
}

/// The rows of `srd_user` that an event is about.
#[derive(Debug)]
pub(super) struct SubscriberRows {
    pub subscriber: Option<Subscriber>,
    /// Whom the event is about.
    users: Vec<String>,
    /// Of a whole group; of a row that cannot be read, why.
    members: Vec<Result<Subscriber, String>>,
}

impl SubscriberRows {
    pub async fn read(store: &Store, subject: &Subject) -> Result<SubscriberRows, ReadError> {
        let subscriber = match subject.users.first() {
            Some(user) => store.subscriber(user).await?,
            None => None,
        };
        let members = match &subject.whole_group {
            Some(group) => store.group_members(group).await?,
            None => Vec::new(),
        };
        let members = members.into_iter().map(|member| member.map_err(|error| error.to_string())).collect();
        Ok(SubscriberRows { subscriber, users: subject.users.clone(), members })
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
