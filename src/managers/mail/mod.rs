//! The mail server: domains, and accounts for voice mail.
//!
//! The primary is used while it answers; the secondary when the primary refuses the connection, leaves a request unanswered
//! or refuses the login. A host that failed is asked for its front page until it answers; only a login that was refused is
//! tried by a request, one for each probe that would be due. [`server`] speaks to the hosts.

mod server;

use super::hosts::Publisher;
use super::{Answer, Board, Provision, measured};
use crate::config::{self, Live};
use crate::plan::System;
use crate::supervision::Shutdown;
use crate::wire::surgemail::MailRequest;
use actix::prelude::*;
use server::Server;
use std::rc::Rc;
use std::time::Duration;

/// How often hosts that failed are looked at; each is probed at its own growing distance.
const PROBE_TICK: Duration = Duration::from_millis(250);

/// Sends [`MailRequest`]s to the mail server.
pub struct Mail {
    config: Live<config::SurgeMail>,
    board: Publisher,
    pauses: Board,
    server: Option<Rc<Server>>,
}

impl Mail {
    /// The manager of a configured mail server. `board` shows its hosts; what `pauses` says is heeded up to the moment in
    /// which a request leaves.
    pub fn new(config: Live<config::SurgeMail>, board: Publisher, pauses: Board) -> Self {
        Mail { config, board, pauses, server: None }
    }

    /// The server as this incarnation knows it.
    fn server(&self) -> Rc<Server> {
        Rc::clone(self.server.as_ref().expect("started() makes the server"))
    }

    /// Follows the configuration: requests that are under way end with what they began with.
    fn watch(&mut self, config: Live<config::SurgeMail>, ctx: &mut Context<Self>) {
        ctx.spawn(config.changed().into_actor(self).map(|config, this, ctx| {
            let Some(config) = config else { return };
            if !this.server().is_made_of(&config.get()) {
                let server = Rc::new(Server::new(&config.get(), &this.board, &this.pauses.lease()));
                this.server().retire(&server);
                this.server = Some(server);
            }
            this.watch(config, ctx);
        }));
    }

    fn probe(&mut self, ctx: &mut Context<Self>) {
        let server = self.server();
        ctx.spawn(async move { server.probe_failed_hosts().await }.into_actor(self));
    }
}

impl Actor for Mail {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // What has failed may be in there, so it is made anew.
        let config = self.config.clone();
        self.server = Some(Rc::new(Server::new(&config.get(), &self.board, &self.pauses.lease())));
        self.watch(config, ctx);
        ctx.run_interval(PROBE_TICK, Self::probe);
    }
}

impl Supervised for Mail {}

impl Handler<Provision<MailRequest>> for Mail {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, Provision(request): Provision<MailRequest>, _: &mut Context<Self>) -> Self::Result {
        let (server, pauses) = (self.server(), self.pauses.clone());
        let ask =
            async move { measured(System::Mail, operation(&request), server.ask(&request, &pauses)).await };
        Box::pin(ask.into_actor(self))
    }
}

impl Handler<Shutdown> for Mail {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

/// The label `operation` of `southbound_request_seconds`.
fn operation(request: &MailRequest) -> &'static str {
    match request {
        MailRequest::SaveDomain { .. } => "save_domain",
        MailRequest::DeleteDomain { .. } => "delete_domain",
        MailRequest::CreateAccount { .. } => "create_account",
        MailRequest::DeleteAccount { .. } => "delete_account",
    }
}
