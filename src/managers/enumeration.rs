//! ENUM: the DNS records that lead from a phone to a public identity.

use super::ema::{Ask, CoreRequest, Ema};
use super::{Answer, Provision};
use crate::supervision::Shutdown;
use crate::wire::cai3g::EnumRequest;
use actix::prelude::*;

/// Sends [`EnumRequest`]s through the gateway.
pub struct Enumeration {
    ema: Addr<Ema>,
}

impl Enumeration {
    /// The manager of the ENUM server behind `ema`.
    pub fn new(ema: Addr<Ema>) -> Self {
        Enumeration { ema }
    }
}

impl Actor for Enumeration {
    type Context = Context<Self>;
}

impl Supervised for Enumeration {}

impl Handler<Provision<EnumRequest>> for Enumeration {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, Provision(request): Provision<EnumRequest>, _: &mut Context<Self>) -> Self::Result {
        let operation = match &request {
            EnumRequest::Create { .. } => "create_subscription",
            EnumRequest::Delete { .. } => "delete_subscription",
        };
        let ask = Ask { operation, request: CoreRequest::Enum(request) };
        Box::pin(super::ema::ask(self.ema.clone(), ask).into_actor(self))
    }
}

impl Handler<Shutdown> for Enumeration {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
