//! What can be asked of a running supervisor.

use super::guardian::Command;
use super::slot::{Fate, Phase};
use super::{Spec, Supervisor};
use actix::prelude::*;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a nested supervisor may take to take a [`Crash`] on.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Why a supervisor does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    #[error("there is a child named {0} already")]
    NameTaken(String),
    #[error("there is no child named {0}")]
    UnknownChild(String),
    #[error("{0} is not running")]
    NotRunning(String),
    #[error("{0} does not answer")]
    NotAnswering(String),
}

/// Adds a child at the end of the list and starts it, with its group if one is being restarted. The name of a
/// child that has finished may be taken again.
///
/// Errors: [`TreeError::NameTaken`]; [`TreeError::NotRunning`] if the supervisor is ending. The spec is dropped
/// then, and with it what is in the child's mailbox.
#[derive(Message)]
#[rtype(result = "Result<(), TreeError>")]
pub struct Add(pub Spec);

impl Handler<Add> for Supervisor {
    type Result = Result<(), TreeError>;

    fn handle(&mut self, Add(spec): Add, ctx: &mut Context<Self>) -> Self::Result {
        if self.ending.is_some() {
            return Err(TreeError::NotRunning(self.name.clone()));
        }
        match self.position(&spec.name) {
            Some(i) if !self.slots[i].is_finished() => return Err(TreeError::NameTaken(spec.name)),
            Some(finished) => self.forget(finished, ctx),
            None => {}
        }
        self.adopt(spec, &ctx.address());
        self.advance(ctx);
        Ok(())
    }
}

/// Stops the child with this name within its deadline and takes it out of the list. Answered when it has stopped and
/// its mailbox is closed; asked twice, both are answered then.
///
/// Errors: [`TreeError::UnknownChild`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), TreeError>")]
pub struct Remove(pub String);

impl Handler<Remove> for Supervisor {
    type Result = ResponseFuture<Result<(), TreeError>>;

    fn handle(&mut self, Remove(name): Remove, ctx: &mut Context<Self>) -> Self::Result {
        let Some(i) = self.position(&name) else {
            return Box::pin(async { Err(TreeError::UnknownChild(name)) });
        };
        let (remover, removed) = oneshot::channel();
        let slot = &mut self.slots[i];
        slot.removers.push(remover);
        if slot.is_up() {
            slot.fate = Fate::Remove;
            if slot.phase != Phase::Stopping {
                self.stop(i, ctx);
            }
        } else {
            self.forget(i, ctx);
            self.advance(ctx); // its group may have waited for its turn only
        }
        Box::pin(async {
            let _ = removed.await; // dropped unanswered only with the child
            Ok(())
        })
    }
}

/// Makes the child at this path (`managers/hss`, seen from the supervisor asked) panic in the next poll by its
/// guardian, as a defect in its own code would. It is there for tests, which must be able to fail every kind of
/// actor, supervisors included, without a door in each of them; nothing in operation sends it.
///
/// Errors: [`TreeError::UnknownChild`], [`TreeError::NotRunning`], and [`TreeError::NotAnswering`] if a supervisor on
/// the way is stuck. An answer means that the command is on its way, not that the child has failed already.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), TreeError>")]
pub struct Crash {
    pub path: String,
}

impl Handler<Crash> for Supervisor {
    type Result = ResponseFuture<Result<(), TreeError>>;

    fn handle(&mut self, Crash { path }: Crash, _: &mut Context<Self>) -> Self::Result {
        if let Some(i) = self.position(&path) {
            let crashed = self.slots[i].is_up() && self.slots[i].command(Command::Crash);
            let answer = if crashed { Ok(()) } else { Err(TreeError::NotRunning(path)) };
            return Box::pin(async { answer });
        }
        let below = self.slots.iter().find_map(|slot| {
            let rest = path.strip_prefix(&slot.name)?.strip_prefix('/')?;
            Some((slot.nested.clone()?, rest.to_owned()))
        });
        let Some((nested, rest)) = below else {
            return Box::pin(async { Err(TreeError::UnknownChild(path)) });
        };
        Box::pin(async move {
            let answer = nested.send(Crash { path: rest }).timeout(ANSWER_WITHIN).await;
            answer.unwrap_or(Err(TreeError::NotAnswering(path)))
        })
    }
}

impl Supervisor {
    fn position(&self, name: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.name == name)
    }
}
