//! The actor that reloads, one time after the other.

use super::{Outcome, Reloading};
use crate::supervision::Shutdown;
use crate::systemd::{Readiness, ReloadTold};
use actix::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Reads the configuration again, as SIGHUP asks.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Reload;

/// Begins the endpoints of the configuration in force that have not begun: this node of a cluster has become the active one.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct BeginAll;

/// Where what is reloaded lies between two reloads.
#[derive(Clone)]
pub struct Shelf(Arc<Mutex<Option<Reloading>>>);

impl Shelf {
    /// It lies there.
    pub fn new(reloading: Reloading) -> Shelf {
        Shelf(Arc::new(Mutex::new(Some(reloading))))
    }

    /// `None` while a reload has it.
    fn take(&self) -> Option<Taken> {
        let reloading = self.lock().take()?;
        Some(Taken { reloading: Some(reloading), shelf: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reloading>> {
        // Held for no longer than to put something there or take it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is reloaded, in the hands of a reload. It comes back to the shelf whatever ends the reload, a panic too.
struct Taken {
    reloading: Option<Reloading>,
    shelf: Shelf,
}

impl Taken {
    fn get(&mut self) -> &mut Reloading {
        self.reloading.as_mut().expect("it is given back when this is dropped, and not before")
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        *self.shelf.lock() = self.reloading.take();
    }
}

/// See the module.
pub struct Reloader {
    shelf: Shelf,
    readiness: Readiness,
    again: bool,
}

impl Reloader {
    /// Reloads what lies on `shelf`.
    pub fn new(shelf: Shelf, readiness: Readiness) -> Reloader {
        Outcome::ALL.into_iter().for_each(|outcome| outcome.count(0));
        Reloader { shelf, readiness, again: false }
    }

    /// However often it is asked during a reload, one more sees all of it.
    fn begin(&mut self, ctx: &mut Context<Self>) {
        let Some(taken) = self.shelf.take() else {
            self.again = true;
            return;
        };
        let reload = reload(taken, self.readiness.reloading());
        ctx.spawn(reload.into_actor(self).map(|(), this, ctx| {
            if std::mem::take(&mut this.again) {
                this.begin(ctx);
            }
        }));
    }
}

async fn reload(mut taken: Taken, _told: ReloadTold) {
    let outcome = taken.get().reload().await;
    outcome.count(1);
    // Said of every one: why it was refused or failed stands in the lines before.
    tracing::info!(outcome = outcome.as_str(), "reload ended");
}

async fn begin_all(mut taken: Taken) {
    if let Err(error) = taken.get().begin_all().await {
        tracing::error!(%error, "endpoints are not as they are configured");
    }
}

impl Actor for Reloader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // What was asked for during a reload that has panicked is still wanted.
        if std::mem::take(&mut self.again) {
            self.begin(ctx);
        }
    }
}

impl Supervised for Reloader {}

impl Handler<Reload> for Reloader {
    type Result = ();

    fn handle(&mut self, _: Reload, ctx: &mut Context<Self>) {
        self.begin(ctx);
    }
}

impl Handler<BeginAll> for Reloader {
    type Result = ();

    fn handle(&mut self, _: BeginAll, ctx: &mut Context<Self>) {
        // A reload that has it begins them as well: those that are wanted and not there.
        if let Some(taken) = self.shelf.take() {
            ctx.spawn(begin_all(taken).into_actor(self).map(|(), this, ctx| {
                if std::mem::take(&mut this.again) {
                    this.begin(ctx);
                }
            }));
        }
    }
}

impl Handler<Shutdown> for Reloader {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
