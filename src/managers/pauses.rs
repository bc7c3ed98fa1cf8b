//! Which systems operators have paused: nothing is sent to these, and events that need them wait.
//!
//! The store holds the pauses, so that they outlive the daemon; this actor alone changes them, one act after the other,
//! and publishes what stands on a board that everybody who sends looks at.

use super::board::{Paused, Publisher, gauge};
use crate::plan::System;
use crate::store::{self, Act, DatabaseHealth, PauseChange, Store, StoreError, Tenure};
use crate::supervision::Shutdown;
use actix::prelude::*;
use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// How long after a failed reading of the store the next one comes.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// Acts that wait for those before them, at most.
const ACTS: usize = 100;

/// What is to become of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Pause,
    Resume,
}

impl Wish {
    /// The word in the audit table.
    pub fn as_str(self) -> &'static str {
        match self {
            Wish::Pause => "pause",
            Wish::Resume => "resume",
        }
    }
}

/// An operator's act. It is answered when it is stored and published.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Done, Refused>")]
pub struct SetPause {
    pub system: System,
    pub wish: Wish,
    pub actor: String,
    pub reason: Option<String>,
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// False: the system was paused, or not paused, already.
    pub changed: bool,
    /// The pause that stands now.
    pub pause: Option<store::Pause>,
}

/// Why an act was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the store is away, and an act must be recorded: {0}")]
    StoreAway(String),
    #[error("the pauses have not been read from the store yet: try again in a moment")]
    NotKnownYet,
    #[error("{ACTS} other acts wait already: try again in a moment")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// See the module.
pub struct Pauses {
    store: Store,
    publisher: Publisher,
    /// Rebuilt from the store at every start.
    paused: Option<Paused>,
    /// Of the act that is being stored. Those behind it wait in their order.
    turn: Arc<Semaphore>,
    under_way: usize,
}

impl Pauses {
    /// Keeps the pauses of `store` and publishes them.
    pub fn new(store: Store, publisher: Publisher) -> Self {
        Pauses { store, publisher, paused: None, turn: Arc::new(Semaphore::new(1)), under_way: 0 }
    }

    /// Reads the pauses as soon as the store can be read. The mailbox stays open meanwhile.
    fn load(&mut self, ctx: &mut Context<Self>) {
        let (store, turn) = (self.store.clone(), Arc::clone(&self.turn).acquire_owned());
        let pauses = async move {
            let _turn = turn.await;
            // Queued behind what an earlier incarnation may have left there; an error shows in the reading.
            let _ = store.append(Vec::new()).await;
            let tenure = store.tenure();
            store.pauses().await.map(|pauses| (pauses, tenure))
        };
        ctx.spawn(pauses.into_actor(self).map(|pauses, this, ctx| match pauses {
            Ok((pauses, tenure)) => {
                this.publish(pauses.into_iter().collect());
                this.watch_tenure(tenure, ctx);
            }
            Err(error) => {
                tracing::warn!(%error, "pauses cannot be read: trying again");
                ctx.run_later(READ_AGAIN, Self::load);
            }
        }));
    }

    /// Another daemon that has had the database may have paused or resumed: until that is read nothing is known.
    fn watch_tenure(&mut self, tenure: Tenure, ctx: &mut Context<Self>) {
        let is_over = self.store.superseded(tenure);
        ctx.spawn(is_over.into_actor(self).map(|(), this, ctx| {
            this.paused = None;
            this.publisher.send_replace(None);
            this.load(ctx);
        }));
    }

    fn publish(&mut self, paused: Paused) {
        for system in System::ALL {
            gauge(system, paused.get(system).is_some());
        }
        self.paused = Some(paused.clone());
        self.publisher.send_replace(Some(paused));
    }

    /// An act is refused where it would have to wait for a database: nobody knows when it would be carried out.
    fn check(&self) -> Result<(), Refused> {
        if let DatabaseHealth::Down { reason } = &self.store.health().borrow().events {
            return Err(Refused::StoreAway(reason.clone()));
        }
        match self.paused {
            None => Err(Refused::NotKnownYet),
            Some(_) if self.under_way >= ACTS => Err(Refused::TooMany),
            Some(_) => Ok(()),
        }
    }

    /// Stores an act that has its turn, then publishes what stands.
    fn carry_out(&mut self, asked: SetPause) -> ResponseActFuture<Self, Result<Done, Refused>> {
        let Some(mut paused) = self.paused.clone() else {
            return Box::pin(ready(Err(Refused::NotKnownYet)).into_actor(self));
        };
        let (act, change, changed) = decide(&mut paused, &asked);
        let store = self.store.clone();
        let recorded = async move { store.record_act(act, Some(change)).await };
        Box::pin(recorded.into_actor(self).map(move |recorded, this, _| {
            recorded?;
            let SetPause { system, wish, actor, reason } = asked;
            let act = wish.as_str();
            tracing::info!(%system, act, actor, reason, changed, "act of an operator");
            let pause = paused.get(system).cloned();
            // Else all of them are about to be read, this one too.
            if this.paused.is_some() {
                this.publish(paused);
            }
            Ok(Done { changed, pause })
        }))
    }
}

/// What an act comes to: its line in the audit table, its change, and whether it is one; `paused` is as it leaves it.
fn decide(paused: &mut Paused, asked: &SetPause) -> (Act, PauseChange, bool) {
    let SetPause { system, wish, actor, reason } = asked.clone();
    let at = now();
    let changed = paused.get(system).is_some() != (wish == Wish::Pause);
    let change = match wish {
        Wish::Pause => {
            let new = store::Pause { system, at, actor: actor.clone(), reason: reason.clone() };
            // The first pause stands, with its reason. It is written again in case somebody has deleted its row.
            PauseChange::Pause(paused.0.entry(system).or_insert(new).clone())
        }
        Wish::Resume => {
            paused.0.remove(&system);
            PauseChange::Resume(system)
        }
    };
    let unchanged = match wish {
        Wish::Pause => "was paused already",
        Wish::Resume => "was not paused",
    };
    let detail = match (changed, reason) {
        (true, reason) => reason,
        (false, None) => Some(unchanged.to_owned()),
        (false, Some(reason)) => Some(format!("{unchanged}: {reason}")),
    };
    let (act, object) = (wish.as_str().to_owned(), system.to_string());
    (Act { uuid: Uuid::now_v7(), at, actor, act, object, detail }, change, changed)
}

/// In whole milliseconds: what is shown is the same after a restart, whichever database keeps it.
fn now() -> SystemTime {
    let since = UNIX_EPOCH.elapsed().unwrap_or_default();
    UNIX_EPOCH + Duration::from_millis(u64::try_from(since.as_millis()).unwrap_or_default())
}

impl Actor for Pauses {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // What was published before stands until the store has been read again.
        *self = Pauses::new(self.store.clone(), Arc::clone(&self.publisher));
        self.load(ctx);
    }
}

impl Supervised for Pauses {}

impl Handler<SetPause> for Pauses {
    type Result = ResponseActFuture<Self, Result<Done, Refused>>;

    fn handle(&mut self, asked: SetPause, _: &mut Context<Self>) -> Self::Result {
        if let Err(refused) = self.check() {
            return Box::pin(ready(Err(refused)).into_actor(self));
        }
        self.under_way += 1;
        let turn = Arc::clone(&self.turn).acquire_owned();
        let acting = turn.into_actor(self).then(move |turn, this, _| {
            this.carry_out(asked).map(move |done, this, _| {
                this.under_way -= 1;
                drop(turn);
                done
            })
        });
        Box::pin(acting)
    }
}

impl Handler<Shutdown> for Pauses {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(paused: &mut Paused, wish: Wish, actor: &str, reason: Option<&str>) -> (Option<String>, bool) {
        let (actor, reason) = (actor.to_owned(), reason.map(str::to_owned));
        let (act, _, changed) = decide(paused, &SetPause { system: System::Hss, wish, actor, reason });
        (act.detail, changed)
    }

    #[test]
    fn the_first_pause_stands_until_it_is_lifted_and_every_act_says_what_it_changed() {
        let mut paused = Paused::default();
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(ask(&mut paused, Wish::Pause, "anna", Some("upgrade")), (said("upgrade"), true));
        assert_eq!(ask(&mut paused, Wish::Pause, "bo", None), (said("was paused already"), false));
        assert_eq!(
            ask(&mut paused, Wish::Pause, "bo", Some("too")),
            (said("was paused already: too"), false)
        );
        let stands = paused.get(System::Hss).map(|pause| (pause.actor.as_str(), pause.reason.as_deref()));
        assert_eq!(stands, Some(("anna", Some("upgrade"))));
        assert_eq!(paused.get(System::Enum), None);
        assert_eq!(ask(&mut paused, Wish::Resume, "bo", None), (None, true));
        assert_eq!(ask(&mut paused, Wish::Resume, "bo", None), (said("was not paused"), false));
        assert_eq!(paused, Paused::default());
    }
}
