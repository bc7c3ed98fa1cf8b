//! Processor actors: one per kind of command, answering [`PlanRequest`] and doing no IO.

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
    /// Who plans it.
    pub command_type: &'static CommandType,
    pub command: Arc<Command>,
    pub subscriber: Option<Subscriber>,
    /// The members of the group that the event deletes; of a row that cannot be read, why.
    pub members: Vec<Result<Subscriber, String>>,
    /// Those in force when the event is planned.
    pub rules: Arc<Rules>,
    /// For an association that is created without a password of its own.
    pub new_password: Secret,
}

/// The addresses of all processors, by name.
pub type Processors = HashMap<&'static str, Addr<Processor>>;

/// Plans the events of one kind of command.
pub struct Processor;

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
            members: &request.members,
            rules: &request.rules,
            new_password: &request.new_password,
        };
        // A plan is a pure function: one that panics over an event would do so each time. The event fails, and a run
        // of such events does not wear out the restarts of the processors.
        let planned = catch_unwind(AssertUnwindSafe(|| (request.command_type.plan)(&inputs)));
        planned.unwrap_or(Err(Refusal::Defect(request.command_type.processor)))
    }
}

impl Handler<Shutdown> for Processor {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
