//! Processor actors: one per command type, answering [`PlanRequest`] and doing no IO.

use super::attributes::Rules;
use super::{CommandType, Decision, Inputs, Refusal};
use crate::plan::Subscriber;
use crate::supervision::Shutdown;
use crate::wire::Secret;
use crate::wire::ocir::Command;
use actix::prelude::*;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Asks for the plan of one event.
#[derive(Message)]
#[rtype(result = "Result<Decision, Refusal>")]
pub struct PlanRequest {
    pub command: Arc<Command>,
    pub subscriber: Option<Subscriber>,
    /// For an association that is created without a password of its own.
    pub new_password: Secret,
}

/// The addresses of all processors, by command type.
pub type Processors = HashMap<&'static str, Addr<Processor>>;

/// Plans the events of one command type.
pub struct Processor {
    command_type: &'static CommandType,
    rules: Arc<Rules>,
}

impl Processor {
    /// The processor of `command_type` under `rules`.
    pub fn new(command_type: &'static CommandType, rules: Arc<Rules>) -> Self {
        Processor { command_type, rules }
    }
}

impl Actor for Processor {
    type Context = Context<Self>;
}

impl Supervised for Processor {}

impl Handler<PlanRequest> for Processor {
    type Result = Result<Decision, Refusal>;

    fn handle(&mut self, request: PlanRequest, _: &mut Context<Self>) -> Self::Result {
        let inputs = Inputs {
            command: &request.command,
            subscriber: request.subscriber.as_ref(),
            rules: &self.rules,
            new_password: &request.new_password,
        };
        // A plan is a pure function: one that panics over an event would do so each time. The event fails, and a run
        // of such events does not wear out the restarts of the processors.
        let planned = catch_unwind(AssertUnwindSafe(|| (self.command_type.plan)(&inputs)));
        planned.unwrap_or(Err(Refusal::Defect(self.command_type.processor)))
    }
}

impl Handler<Shutdown> for Processor {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
