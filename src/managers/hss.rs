//! The HSS: associations, identities and profiles of subscribers.

use super::ema::{Ask, CoreRequest, Ema};
use super::{Answer, Provision};
use crate::supervision::Shutdown;
use crate::wire::cai3g::HssRequest;
use actix::prelude::*;

/// Sends [`HssRequest`]s through the gateway.
pub struct Hss {
    ema: Addr<Ema>,
}

impl Hss {
    /// The manager of the HSS behind `ema`.
    pub fn new(ema: Addr<Ema>) -> Self {
        Hss { ema }
    }
}

impl Actor for Hss {
    type Context = Context<Self>;
}

impl Supervised for Hss {}

impl Handler<Provision<HssRequest>> for Hss {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, Provision(request): Provision<HssRequest>, _: &mut Context<Self>) -> Self::Result {
        let operation = operation(&request);
        let ask = Ask { operation, request: CoreRequest::Hss(request) };
        Box::pin(super::ema::ask(self.ema.clone(), ask).into_actor(self))
    }
}

impl Handler<Shutdown> for Hss {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

/// The label `operation` of `southbound_request_seconds`.
fn operation(request: &HssRequest) -> &'static str {
    match request {
        HssRequest::CreateAssociation(_) => "create_association",
        HssRequest::DeleteAssociation { .. } => "delete_association",
        HssRequest::SetPublicIdentity { .. } => "set_public_identity",
        HssRequest::DeletePublicIdentity { .. } => "delete_public_identity",
        HssRequest::SetServiceProfile { .. } => "set_service_profile",
        HssRequest::DeleteServiceProfile { .. } => "delete_service_profile",
        HssRequest::SetPhoneContext { .. } => "set_phone_context",
        HssRequest::SetPassword { .. } => "set_password",
    }
}
