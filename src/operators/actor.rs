//! The actor that carries out acts on single events, on the level of the log, and on Kamailios and Asterisks.
//!
//! An act that was begun goes on to its end, whether or not somebody still waits for the answer: what is stored is told to
//! the router.

use super::{Done, NoAnswer, Operators, Order, Refusal, RunOnAsterisk, SendCommand, Unsent};
use crate::connections::asterisk::Answer;
use crate::event::NewEvent;
use crate::processors::subject::Subject;
use crate::store::Act;
use crate::supervision::Shutdown;
use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use std::collections::HashMap;
use std::future::ready;

/// Acts that are under way, at most: where the store hangs, nobody can pile them up.
const ACTS: usize = 100;

/// Does it to one event.
#[derive(Message)]
#[rtype(result = "Result<Done, Refusal>")]
pub struct ActOn {
    pub event: i64,
    pub order: Order,
}

/// Stores an event that an operator wishes, with its line in the audit table, and has it run; gives its id. Refused while
/// an event with the same command about the same subscriber has not ended.
#[derive(Message)]
#[rtype(result = "Result<i64, Refusal>")]
pub struct Wish {
    pub event: NewEvent,
    pub act: Act,
    pub subject: Subject,
}

/// Logs more or less until the next reload or restart.
#[derive(Message)]
#[rtype(result = "Result<(), Refusal>")]
pub struct SetLogLevel {
    /// One of the levels of the configuration.
    pub level: String,
    pub actor: String,
    pub reason: Option<String>,
}

/// A command, and whom it is about.
type Same = (String, Vec<String>);
/// What comes of a wish, for whoever wishes the same meanwhile too.
type Wished = Shared<LocalBoxFuture<'static, Result<i64, Refusal>>>;

/// See the module.
pub struct OperatorActs {
    operators: Operators,
    under_way: usize,
    /// Wishes that are being stored: the store does not know them yet.
    wishes: HashMap<Same, Wished>,
}

impl OperatorActs {
    /// Acts as `operators` do.
    pub fn new(operators: Operators) -> Self {
        OperatorActs { operators, under_way: 0, wishes: HashMap::new() }
    }

    /// Runs an act beside the others.
    fn begin<T: 'static, E: From<Refusal> + 'static>(
        &mut self,
        act: impl Future<Output = Result<T, E>> + 'static,
    ) -> ResponseActFuture<Self, Result<T, E>> {
        if self.under_way >= ACTS {
            return Box::pin(ready(Err(Refusal::TooMany.into())).into_actor(self));
        }
        self.under_way += 1;
        Box::pin(act.into_actor(self).map(|done, this, _| {
            this.under_way -= 1;
            done
        }))
    }
}

impl Actor for OperatorActs {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        self.under_way = 0;
        self.wishes.clear();
    }
}

impl Supervised for OperatorActs {}

impl Handler<ActOn> for OperatorActs {
    type Result = ResponseActFuture<Self, Result<Done, Refusal>>;

    fn handle(&mut self, ActOn { event, order }: ActOn, _: &mut Context<Self>) -> Self::Result {
        let operators = self.operators.clone();
        self.begin(async move { operators.act(event, &order).await })
    }
}

impl Handler<Wish> for OperatorActs {
    type Result = ResponseActFuture<Self, Result<i64, Refusal>>;

    fn handle(&mut self, Wish { event, act, subject }: Wish, _: &mut Context<Self>) -> Self::Result {
        let same = (event.command.clone(), event.about.clone());
        if let Some(first) = self.wishes.get(&same).cloned() {
            return self
                .begin(async move { Err(first.await.map_or_else(|refusal| refusal, Refusal::UnderWay)) });
        }
        if self.under_way >= ACTS {
            return Box::pin(ready(Err(Refusal::TooMany)).into_actor(self));
        }
        let operators = self.operators.clone();
        let wished = async move { operators.wish(event, act, subject).await }.boxed_local().shared();
        self.wishes.insert(same.clone(), wished.clone());
        Box::pin(self.begin(wished).map(move |id, this: &mut Self, _| {
            this.wishes.remove(&same);
            id
        }))
    }
}

impl Handler<SetLogLevel> for OperatorActs {
    type Result = ResponseActFuture<Self, Result<(), Refusal>>;

    fn handle(&mut self, wish: SetLogLevel, _: &mut Context<Self>) -> Self::Result {
        let operators = self.operators.clone();
        self.begin(async move { operators.set_log_level(wish).await })
    }
}

impl Handler<SendCommand> for OperatorActs {
    type Result = ResponseActFuture<Self, Result<usize, Unsent>>;

    fn handle(&mut self, wish: SendCommand, _: &mut Context<Self>) -> Self::Result {
        let operators = self.operators.clone();
        self.begin(async move { operators.send(wish).await })
    }
}

impl Handler<RunOnAsterisk> for OperatorActs {
    type Result = ResponseActFuture<Self, Result<Answer, NoAnswer>>;

    fn handle(&mut self, wish: RunOnAsterisk, _: &mut Context<Self>) -> Self::Result {
        let operators = self.operators.clone();
        self.begin(async move { operators.run_action(wish).await })
    }
}

impl Handler<Shutdown> for OperatorActs {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
