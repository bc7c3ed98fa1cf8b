//! What an actor must be to be supervised.

use actix::{Actor, Context, Handler, Message, Supervised};

/// Asks an actor to finish its work and stop.
///
/// It is handled after everything that was in the mailbox before it. A child that needs no farewell answers with
/// `ctx.stop()`; one with work in flight finishes that first and stops then, within the deadline of its
/// [`Spec`](super::Spec), after which it is killed. Sent to a [`Supervisor`](super::Supervisor) it stops the
/// children in reverse order, then the supervisor.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Shutdown;

/// An actor that can be supervised. There is nothing to implement beyond the traits it is made of.
///
/// `Supervised::restarting` is called on the value that failed, before `started`: it must rebuild the state from
/// configuration and store (often `*self = Self::new(…)`), never trust what the failed incarnation left behind.
/// What that incarnation had spawned (timers, streams, answers under way) is dropped just before.
///
/// Three things an actor must not do:
/// - answer `Running::Continue` from `stopping`: it would only be killed at its deadline;
/// - rely on `do_send` for flow control: it ignores the mailbox limit;
/// - call `ctx.cancel_future` before code that may panic in the same handler: actix carries the cancellation over
///   into the next incarnation, whose handles count from the beginning again, and takes one of its timers (measured
///   with 0.13.5). Cancel last.
pub trait Child: Actor<Context = Context<Self>> + Supervised + Handler<Shutdown> {}

impl<A> Child for A where A: Actor<Context = Context<A>> + Supervised + Handler<Shutdown> {}
