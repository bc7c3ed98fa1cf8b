//! What operators do to events: retry and resolve, one or many ([`bulk`]); and how much is logged.
//!
//! Whether an act may be done is looked at here; that it is done, with its line in the audit table, is one write of the
//! store; the router is told afterwards, and would find out by itself.

mod actor;
pub mod bulk;
mod refusal;

pub use actor::{ActOn, OperatorActs, SetLogLevel, Wish};
pub use refusal::Refusal;

use crate::event::{Event, NewEvent, Status};
use crate::processors::command_type;
use crate::processors::subject::Subject;
use crate::router::Router;
use crate::router::actor::{Announce, Announced, Reconsider};
use crate::router::executor::Executor;
use crate::store::{Act, DatabaseHealth, Decided, Decision, ReadError, Store, Verb};
use crate::telemetry::LogLevel;
use crate::wire::ocir::Document;
use actix::Addr;
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// So many of the latest events about a subscriber are looked at for some that came after a failed one.
const LATER_LOOKED_AT: usize = 100;

/// An act as an operator asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub verb: Verb,
    /// Who.
    pub actor: String,
    /// Why. To resolve wants one.
    pub reason: Option<String>,
    /// Retry although later events about the same subscriber have completed or wait.
    pub force: bool,
}

/// What has been done to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub event: i64,
    /// The attempt that is to come, or was the last.
    pub attempt: u32,
    /// A retry goes on at the step that failed; false: it is planned anew.
    pub resumes: bool,
}

/// Carries acts out.
#[derive(Clone)]
pub struct Operators {
    store: Store,
    /// `None` where nothing is provisioned.
    provisioning: Option<(Arc<Executor>, Addr<Router>)>,
    log: LogLevel,
}

impl Operators {
    /// Acts on the events of `store`, and on `log`; `provisioning` runs events that are retried.
    pub fn new(store: Store, provisioning: Option<(Arc<Executor>, Addr<Router>)>, log: LogLevel) -> Self {
        Operators { store, provisioning, log }
    }

    /// Does it to one event.
    pub async fn act(&self, event: i64, order: &Order) -> Result<Done, Refusal> {
        let mut done = self.act_on_all(&[event], order).await;
        done.pop().map_or(Err(Refusal::Gone), |(_, done)| done)
    }

    /// Does it to each of the events, in this order; says of each what came of it.
    pub async fn act_on_all(&self, events: &[i64], order: &Order) -> Vec<(i64, Result<Done, Refusal>)> {
        if let Err(refusal) = self.check_store() {
            return events.iter().map(|id| (*id, Err(refusal.clone()))).collect();
        }
        let mut outcomes = Vec::with_capacity(events.len());
        let mut allowed = Vec::new();
        for id in events {
            match self.check(*id, order).await {
                Ok(candidate) => allowed.push(candidate),
                Err(refusal) => outcomes.push((*id, Err(refusal))),
            }
        }
        outcomes.extend(self.decide(allowed, order).await);
        outcomes
    }

    /// Stores an event that an operator wishes, and has it run.
    pub async fn wish(&self, event: NewEvent, act: Act, subject: Subject) -> Result<i64, Refusal> {
        self.check_store()?;
        let (uuid, actor, object) = (event.uuid, act.actor.clone(), act.object.clone());
        let what = act.act.clone();
        let id = self.store.append_wish(event, act).await?;
        tracing::info!(event = id, act = what, actor, object, "act of an operator");
        if let Some((_, router)) = &self.provisioning {
            // A wake-up: a router that fails finds the event in the store.
            router.do_send(Announce(vec![Announced { event: uuid, subject }]));
        }
        Ok(id)
    }

    /// Sets the level of the log once that stands in the audit.
    async fn set_log_level(&self, wish: SetLogLevel) -> Result<(), Refusal> {
        self.check_store()?;
        let SetLogLevel { level, actor, reason } = wish;
        let change = format!("{} → {level}", self.log.level());
        let act = Act {
            uuid: Uuid::now_v7(),
            at: SystemTime::now(),
            actor: actor.clone(),
            act: "log".to_owned(),
            object: "level".to_owned(),
            detail: Some(reason.map_or(change.clone(), |reason| format!("{change}: {reason}"))),
        };
        self.store.record_act(act, None).await?;
        self.log.set(&level);
        tracing::info!(act = "log", actor, level, "act of an operator");
        Ok(())
    }

    /// An act is refused where it would have to wait for the database: nobody knows when it would be carried out.
    fn check_store(&self) -> Result<(), Refusal> {
        match &self.store.health().borrow().events {
            DatabaseHealth::Up => Ok(()),
            DatabaseHealth::Down { reason } => Err(Refusal::StoreAway(reason.clone())),
        }
    }

    /// Why the verb cannot be done to the event, as far as its status says; `None`: it can.
    pub fn obstacle(&self, event: &Event, verb: Verb) -> Option<Refusal> {
        if !verb.takes(event.status, event.uuid.is_some()) {
            return Some(Refusal::Status(verb, event.status));
        }
        if verb == Verb::Resolve {
            return None;
        }
        match (&self.provisioning, subject(event, self.provisioning.as_ref().map(|(executor, _)| executor))) {
            (None, _) => Some(Refusal::NothingProvisioned),
            (_, None) => Some(Refusal::NotActedOn),
            _ => None,
        }
    }

    async fn check(&self, id: i64, order: &Order) -> Result<Candidate, Refusal> {
        let event = self.store.event(id).await?.ok_or(Refusal::Gone)?;
        if let Some(refusal) = self.obstacle(&event, order.verb) {
            return Err(refusal);
        }
        let executor = self.provisioning.as_ref().map(|(executor, _)| executor);
        let subject = subject(&event, executor).unwrap_or_default();
        let mut resumes = false;
        if order.verb == Verb::Retry {
            let later = self.later(&event, &subject).await?;
            if !later.is_empty() && !order.force {
                return Err(Refusal::Later(later));
            }
            if let Some(executor) = executor {
                resumes = executor.would_resume(&event).await?;
            }
        }
        Ok(Candidate { event, subject, resumes })
    }

    /// Events about the same subscribers that came later and have completed, or are about to run.
    async fn later(&self, event: &Event, subject: &Subject) -> Result<Vec<i64>, ReadError> {
        let mut later = Vec::new();
        let mut users = subject.users.clone();
        if let Some(group) = &subject.whole_group {
            // Whoever is a member now would be deleted with it.
            let members = self.store.group_members(group).await?.into_iter().flatten();
            users.extend(members.map(|member| member.user_id));
        }
        // Where a failure holds its subject, what is pending waits behind it.
        let holds = self.provisioning.as_ref().is_some_and(|(executor, _)| executor.holds_failures());
        for user in &users {
            let about = self.store.events_about(user, LATER_LOOKED_AT).await?;
            let counts = |status| match status {
                Some(Status::Completed) => true,
                Some(Status::Pending) => !holds,
                _ => false,
            };
            let ids = about.iter().filter(|other| other.id > event.id && counts(other.status));
            later.extend(ids.map(|other| other.id));
        }
        later.sort_unstable();
        later.dedup();
        Ok(later)
    }

    async fn decide(&self, candidates: Vec<Candidate>, order: &Order) -> Vec<(i64, Result<Done, Refusal>)> {
        let decisions = candidates.iter().map(|candidate| decision(&candidate.event, order)).collect();
        let decided = match self.store.decide(decisions).await {
            Ok(decided) => decided,
            Err(error) => {
                let refused = |candidate: Candidate| (candidate.event.id, Err(error.clone().into()));
                return candidates.into_iter().map(refused).collect();
            }
        };
        let mut outcomes = Vec::with_capacity(candidates.len());
        let mut told = Vec::new();
        for (Candidate { event, subject, resumes }, decided) in candidates.into_iter().zip(decided) {
            let outcome = match decided {
                Ok(Decided::Done { uuid, attempt }) => {
                    told.push(Announced { event: uuid, subject });
                    log(&event, order);
                    Ok(Done { event: event.id, attempt, resumes })
                }
                Ok(Decided::Refused(status)) => Err(Refusal::Status(order.verb, status)),
                Ok(Decided::Gone) => Err(Refusal::Gone),
                Err(error) => Err(error.into()),
            };
            outcomes.push((event.id, outcome));
        }
        if let Some((_, router)) = &self.provisioning {
            // The answer does not matter: a router that has failed reads the store when it starts.
            router.do_send(Reconsider { events: told, verb: order.verb });
        }
        outcomes
    }
}

/// An event that an act may be done to.
struct Candidate {
    event: Event,
    subject: Subject,
    resumes: bool,
}

fn log(event: &Event, order: &Order) {
    let Order { verb, actor, reason, .. } = order;
    let (event, act) = (event.id, verb.as_str());
    tracing::info!(event, act, actor, reason, "act of an operator");
}

fn decision(event: &Event, order: &Order) -> Decision {
    let Order { verb, actor, reason, force } = order.clone();
    let detail = match (reason, force) {
        (Some(reason), true) => Some(format!("{reason} (forced)")),
        (None, true) => Some("forced".to_owned()),
        (reason, false) => reason,
    };
    let act = Act {
        uuid: Uuid::now_v7(),
        at: SystemTime::now(),
        actor,
        act: verb.as_str().to_owned(),
        object: format!("event {}", event.id),
        detail,
    };
    Decision { event: event.id, uuid: Uuid::now_v7(), verb, act }
}

/// What the event is about; `None` where it is nothing that is acted on, or cannot be read.
fn subject(event: &Event, executor: Option<&Arc<Executor>>) -> Option<Subject> {
    let entry = command_type(&event.command)?;
    let document = Document::from_text(event.document.to_string());
    let command = document.into_command(event.command_index).ok()??;
    Some((entry.subject)(&command, &executor?.rules.get()))
}
