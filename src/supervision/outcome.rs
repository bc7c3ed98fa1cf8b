//! What a supervisor does when a child has ended.

use super::guardian::Fact;
use super::policy::Restart;
use super::slot::{Fate, Next, Phase};
use super::supervisor::{Ending, KILL_GRACE};
use super::{Exit, Supervisor};
use actix::prelude::{ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

/// A guardian's report.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct News {
    pub(super) id: u64,
    pub(super) incarnation: u64,
    pub(super) fact: Fact,
}

impl Handler<News> for Supervisor {
    type Result = ();

    fn handle(&mut self, news: News, ctx: &mut Context<Self>) {
        let Some(i) = self.slots.iter().position(|slot| slot.id == news.id) else { return };
        let slot = &mut self.slots[i];
        if news.incarnation != slot.incarnation || !slot.is_up() {
            // Written off, or ended with an earlier life of this supervisor.
            if let Fact::Exited(exit @ (Exit::Panic(_) | Exit::Escalated(_))) = news.fact {
                log_exit(&self.path_of(&self.slots[i].name), &exit, false, None);
            }
            return;
        }
        match news.fact {
            Fact::Started => slot.started(),
            Fact::Exited(exit) => self.exited(i, exit, ctx),
        }
        self.advance(ctx);
    }
}

impl Supervisor {
    /// The present incarnation of a child has ended.
    pub(super) fn exited(&mut self, i: usize, exit: Exit, ctx: &mut Context<Self>) {
        let slot = &mut self.slots[i];
        let (asked, next) = (slot.phase == Phase::Stopping, slot.after(&exit));
        slot.down(&exit);
        if next == Next::Fail {
            return self.failed(i, exit, ctx);
        }
        log_exit(&self.path_of(&self.slots[i].name), &exit, asked, None);
        match next {
            Next::Fail | Next::Rest => {}
            Next::Again => self.slots[i].phase = Phase::Waiting(Instant::now()),
            Next::Finish => self.finish(i, ctx),
            Next::Leave => self.forget(i, ctx),
        }
    }

    /// A child ended that must not have: restart it, and its group, or give up.
    fn failed(&mut self, i: usize, exit: Exit, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let path = self.path_of(&self.slots[i].name);
        if !self.window.allows(now) {
            log_exit(&path, &exit, false, None);
            return self.end(Ending::GivesUp(format!(
                "{}: restart intensity exceeded by {path} ({exit})",
                self.name
            )));
        }
        let delay = self.slots[i].delay(&self.backoff);
        log_exit(&path, &exit, false, Some(delay));
        self.slots[i].phase = Phase::Waiting(now + delay);
        for member in self.strategy.group(i, self.slots.len()) {
            self.slots[member].condemn(Fate::Restart);
        }
        ctx.run_later(delay, |supervisor, ctx| supervisor.advance(ctx));
    }

    /// A child has done its work: its mailbox closes. A temporary one leaves the list as well.
    fn finish(&mut self, i: usize, ctx: &mut Context<Self>) {
        if self.slots[i].restart == Restart::Temporary {
            return self.forget(i, ctx);
        }
        let slot = &mut self.slots[i];
        slot.handle = None;
        self.lifelines.untie(slot.id);
    }

    /// Takes a child out of the list, and tells those who wait for this when its mailbox is closed.
    pub(super) fn forget(&mut self, i: usize, ctx: &mut Context<Self>) {
        let slot = self.slots.remove(i);
        self.lifelines.untie(slot.id);
        let Some(handle) = slot.handle else { return };
        drop(handle.commands);
        let is_gone = actix_rt::time::timeout(KILL_GRACE, handle.is_gone);
        let tell = |_, _: &mut Self, _: &mut Context<Self>| {
            for remover in slot.removers {
                let _ = remover.send(()); // it may have lost its patience
            }
        };
        ctx.spawn(is_gone.into_actor(self).map(tell));
    }
}

/// Every exit is told once: a failure as such, one that was asked for only to those who debug.
fn log_exit(actor: &str, exit: &Exit, asked: bool, restart_in: Option<Duration>) {
    match exit {
        Exit::Panic(_) => error!(actor, %exit, ?restart_in, "child panicked"),
        Exit::Escalated(_) => error!(actor, %exit, ?restart_in, "supervisor gave up"),
        Exit::Normal if asked => debug!(actor, %exit, "child stopped"),
        Exit::Normal if restart_in.is_none() => info!(actor, %exit, "child has finished"),
        Exit::Normal | Exit::Killed => warn!(actor, %exit, ?restart_in, "child exited"),
    }
}
