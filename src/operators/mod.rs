//! What operators do to events: retry and resolve, one or many ([`bulk`]); how much is logged; what they send to Kamailios, and what they
//! have run on Asterisks.
//!
//! Whether an act may be done is looked at here; that it is done, with its line in the audit table, is one write of the
//! store; the router is told afterwards, and would find out by itself.

mod actor;
pub mod bulk;
mod later;
mod orders_to_peers;
mod refusal;
mod run_action;
mod send;

pub use actor::{ActOn, OperatorActs, SetLogLevel, Wish};
pub use later::{Later, Unknown};
pub use refusal::Refusal;
pub use run_action::{NoAnswer, RunOnAsterisk};
pub use send::{SendCommand, Unsent};

use crate::connections::asterisk::Asterisks;
use crate::connections::kamailio::Kamailios;
use crate::event::{Event, NewEvent, TopicEvent};
use crate::failpoints;
use crate::processors::command_type;
use crate::processors::subject::Subject;
use crate::router::Router;
use crate::router::actor::{Announce, Announced, Reconsider};
use crate::router::course::Course;
use crate::router::executor::Executor;
use crate::store::{Act, DatabaseHealth, Decided, ReadError, Ruling, Store, Verb};
use crate::telemetry::LogLevel;
use crate::topics::alarms::failures;
use crate::wire::ocir::Document;
use actix::Addr;
use later::Search;
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// An act as an operator asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub verb: Verb,
    /// Who.
    pub actor: String,
    /// Why. To resolve wants one.
    pub reason: Option<String>,
    /// Retry although later events about the same subscriber have completed or wait, or that cannot be known.
    pub force: bool,
}

/// An event that an act is to be done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// Whichever has this id now.
    Id(i64),
    /// The one that had this id and uuid when it was chosen: ids may start anew.
    Seen(i64, Option<Uuid>),
}

impl Chosen {
    fn id(self) -> i64 {
        match self {
            Chosen::Id(id) | Chosen::Seen(id, _) => id,
        }
    }

    fn is(self, event: &Event) -> bool {
        match self {
            Chosen::Id(_) => true,
            Chosen::Seen(_, uuid) => event.uuid == uuid,
        }
    }
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
    kamailios: Kamailios,
    asterisks: Asterisks,
}

impl Operators {
    /// Acts on the events of `store`, on `log`, on the scripts of `kamailios`, and on `asterisks`; `provisioning` runs events that are retried.
    pub fn new(
        store: Store,
        provisioning: Option<(Arc<Executor>, Addr<Router>)>,
        log: LogLevel,
        (kamailios, asterisks): (Kamailios, Asterisks),
    ) -> Self {
        Operators { store, provisioning, log, kamailios, asterisks }
    }

    /// Does it to one event.
    pub async fn act(&self, event: i64, order: &Order) -> Result<Done, Refusal> {
        let mut done = self.act_on_all(&[Chosen::Id(event)], order).await;
        done.pop().map_or(Err(Refusal::Gone), |(_, done)| done)
    }

    /// Does it to each of the events, in this order; says of each what came of it. Where the store is away nothing is done
    /// to what comes behind either.
    pub async fn act_on_all(&self, events: &[Chosen], order: &Order) -> Vec<(i64, Result<Done, Refusal>)> {
        let mut outcomes = Vec::with_capacity(events.len());
        let mut allowed = Vec::new();
        let mut away = self.check_store().err();
        for chosen in events {
            let checked = match &away {
                Some(refusal) => Err(refusal.clone()),
                None => self.check(*chosen, order).await,
            };
            match checked {
                Ok(candidate) => allowed.push(candidate),
                Err(refusal) => {
                    away = away.or_else(|| Some(refusal.clone()).filter(Refusal::is_store_away));
                    outcomes.push((chosen.id(), Err(refusal)));
                }
            }
        }
        if !allowed.is_empty() {
            outcomes.extend(self.decide(allowed, order).await);
        }
        outcomes
    }

    /// Stores an event that an operator wishes, and has it run; not where one with the same command about the same
    /// subscriber has not ended. Whoever calls this does so once at a time for each of them.
    async fn wish(&self, event: NewEvent, act: Act, subject: Subject) -> Result<i64, Refusal> {
        self.check_store()?;
        for user in &event.about {
            if let Some(same) = self.store.pending_about(user, &event.command).await? {
                return Err(Refusal::UnderWay(same));
            }
        }
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

    async fn check(&self, chosen: Chosen, order: &Order) -> Result<Candidate, Refusal> {
        let event = self.store.event(chosen.id()).await?;
        let event = event.filter(|event| chosen.is(event)).ok_or(Refusal::Gone)?;
        if let Some(refusal) = self.obstacle(&event, order.verb) {
            return Err(refusal);
        }
        let executor = self.provisioning.as_ref().map(|(executor, _)| executor);
        let subject = subject(&event, executor).unwrap_or_default();
        let mut resumes = false;
        if order.verb == Verb::Retry {
            let later = if order.force { Later::default() } else { self.later(&event, &subject).await? };
            if !later.is_nothing() {
                return Err(Refusal::Later(later));
            }
            if let Some(executor) = executor {
                // Where its rows cannot be read now, they may be when it runs.
                let course = executor.foreseen_course(&event).await;
                resumes = matches!(course, Ok(Course::Resumes(_)));
            }
        }
        Ok(Candidate { event, subject, resumes })
    }

    /// What stands in the way of a retry, where there is something that would run it.
    async fn later(&self, event: &Event, subject: &Subject) -> Result<Later, ReadError> {
        let Some((executor, _)) = &self.provisioning else { return Ok(Later::default()) };
        let rules = executor.rules.get();
        let over = (&self.store, &*rules, executor.holds_failures());
        Search::run(over, (event.id, &event.user_id), subject).await
    }

    async fn decide(&self, candidates: Vec<Candidate>, order: &Order) -> Vec<(i64, Result<Done, Refusal>)> {
        let rulings = candidates.iter().map(|candidate| self.ruling(candidate, order)).collect();
        failpoints::pass("operator.act.before").await;
        let decided = match self.store.decide(rulings).await {
            Ok(decided) => decided,
            Err(error) => {
                let refused = |candidate: Candidate| (candidate.event.id, Err(error.clone().into()));
                return candidates.into_iter().map(refused).collect();
            }
        };
        failpoints::pass("operator.act.after").await;
        let mut outcomes = Vec::with_capacity(candidates.len());
        let mut told = Vec::new();
        for (Candidate { event, subject, resumes }, decided) in candidates.into_iter().zip(decided) {
            let outcome = match decided {
                Ok(Decided::Done { uuid, attempt, .. }) => {
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

impl Operators {
    fn ruling(&self, Candidate { event, subject, .. }: &Candidate, order: &Order) -> Ruling {
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
        let (about, over) = (subject.users.clone(), self.over(event, act.at));
        Ruling { event: event.id, is: event.uuid, uuid: Uuid::now_v7(), verb, about, over, act }
    }

    /// The end of the alarm that the event has raised if it has failed. The Erlang release, whose events have no uuid, raises none.
    fn over(&self, event: &Event, at: SystemTime) -> Option<TopicEvent> {
        self.provisioning.as_ref().filter(|(executor, _)| executor.raises_alarms)?;
        Some(failures::over(event, event.uuid?, at))
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

/// What the event is about; `None` where it is nothing that is acted on, or cannot be read.
fn subject(event: &Event, executor: Option<&Arc<Executor>>) -> Option<Subject> {
    let entry = command_type(&event.command)?;
    let document = Document::from_text(event.document.to_string());
    let command = document.into_command(event.command_index).ok()??;
    Some((entry.subject)(&command, &executor?.rules.get()))
}
