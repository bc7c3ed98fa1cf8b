//! The gateway (EMA, PG) that HSS and ENUM are provisioned through: sessions, two hosts, fail-back.
//!
//! ```text
//! Login → sessionId          once per session, then kept
//! Create, Set, Delete        with a session of the pool
//! Logout                     on shutdown
//! ```
//!
//! The primary is used while it answers; the secondary when the primary refuses the connection, times out or refuses
//! the login. A host that failed is asked again by a probe (a login), never by an event. [`host`] decides which host
//! may be asked, [`gateway`] speaks to it.

mod gateway;
mod host;
mod scrub;

use super::hosts::Publisher;
use super::{Answer, Board, measured};
use crate::config::{self, Live};
use crate::plan::System;
use crate::supervision::Shutdown;
use crate::wire::Secret;
use crate::wire::cai3g::{self, EnumRequest, HssRequest};
use actix::prelude::*;
use gateway::Gateway;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::RwLock;

/// How often hosts that failed are looked at; each is probed at its own growing distance.
const PROBE_TICK: Duration = Duration::from_millis(250);
/// How long a shutdown waits for the gateway to confirm logouts.
pub(super) const LOGOUT_LIMIT: Duration = Duration::from_secs(3);

/// A request to one of the systems behind the gateway.
#[derive(Debug, Clone)]
pub enum CoreRequest {
    Hss(HssRequest),
    Enum(EnumRequest),
}

impl CoreRequest {
    fn system(&self) -> System {
        match self {
            CoreRequest::Hss(_) => System::Hss,
            CoreRequest::Enum(_) => System::Enum,
        }
    }

    fn secret(&self) -> Option<&Secret> {
        match self {
            CoreRequest::Hss(request) => request.secret(),
            CoreRequest::Enum(_) => None,
        }
    }

    fn render(&self, session: &Secret) -> String {
        match self {
            CoreRequest::Hss(request) => cai3g::hss(request, session),
            CoreRequest::Enum(request) => cai3g::enumeration(request, session),
        }
    }
}

/// Asks the gateway for one request, once.
#[derive(Message)]
#[rtype(result = "Answer")]
pub struct Ask {
    pub operation: &'static str,
    pub request: CoreRequest,
}

/// Asks, and measures what came of it. An actor that fails in between leaves the outcome open.
pub async fn ask(ema: Addr<Ema>, ask: Ask) -> Answer {
    let lost = |error: MailboxError| Answer::Unanswered(format!("the request was lost inside: {error}"));
    let (system, operation) = (ask.request.system(), ask.operation);
    measured(system, operation, async { ema.send(ask).await.unwrap_or_else(lost) }).await
}

/// Owns the sessions with both hosts.
pub struct Ema {
    config: Live<config::Ema>,
    board: Publisher,
    pauses: Board,
    gateway: Option<Rc<RwLock<Gateway>>>,
}

impl Ema {
    /// The gateway of a configuration; sessions are opened as they are needed. `board` shows its hosts; what
    /// `pauses` says is heeded up to the moment in which a request leaves.
    pub fn new(config: Live<config::Ema>, board: Publisher, pauses: Board) -> Self {
        Ema { config, board, pauses, gateway: None }
    }

    /// The gateway of this incarnation.
    fn gateway(&self) -> Rc<RwLock<Gateway>> {
        Rc::clone(self.gateway.as_ref().expect("started() opens the gateway"))
    }

    fn probe(&mut self, ctx: &mut Context<Self>) {
        let gateway = self.gateway();
        ctx.spawn(async move { gateway.read().await.probe_failed_hosts().await }.into_actor(self));
    }

    /// Follows the configuration. Where only what a fault code means or the time-out is another, the sessions stay; else
    /// requests wait until those under way have ended and the sessions of before are handed back: a gateway allows only so
    /// many.
    fn watch(&mut self, config: Live<config::Ema>, ctx: &mut Context<Self>) {
        ctx.spawn(config.changed().into_actor(self).then(|changed, this, _| {
            let gateway = this.gateway();
            async move {
                let live = changed?;
                let config = live.get();
                gateway.write().await.change(&config).await;
                Some(live)
            }
            .into_actor(this)
            .map(|live, this, ctx: &mut Context<Self>| {
                if let Some(live) = live {
                    this.watch(live, ctx);
                }
            })
        }));
    }
}

impl Actor for Ema {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let config = self.config.clone();
        let gateway = Gateway::new(&config.get(), &self.board, &self.pauses.lease());
        let before = self.gateway.replace(Rc::new(RwLock::new(gateway)));
        // What has failed may be in there, so it is made anew; the sessions of before are handed back.
        if let Some(before) = before {
            ctx.spawn(async move { before.read().await.log_out().await }.into_actor(self));
        }
        self.watch(config, ctx);
        ctx.run_interval(PROBE_TICK, Self::probe);
    }
}

impl Supervised for Ema {}

impl Handler<Ask> for Ema {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, ask: Ask, _: &mut Context<Self>) -> Self::Result {
        let (gateway, pauses) = (self.gateway(), self.pauses.clone());
        Box::pin(async move { gateway.read().await.ask(&ask.request, &pauses).await }.into_actor(self))
    }
}

impl Handler<Shutdown> for Ema {
    type Result = ResponseActFuture<Self, ()>;

    /// Hands the sessions back: a gateway allows only so many.
    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) -> Self::Result {
        let gateway = self.gateway();
        let logout = async move {
            tokio::time::timeout(LOGOUT_LIMIT, async move { gateway.read().await.log_out().await }).await
        };
        Box::pin(logout.into_actor(self).map(|timed, _, ctx: &mut Context<Self>| {
            if timed.is_err() {
                tracing::warn!("logout from the ema not confirmed in time");
            }
            ctx.stop();
        }))
    }
}
