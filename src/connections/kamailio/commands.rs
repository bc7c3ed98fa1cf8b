//! Commands of operators: which Kamailios there are, and what becomes of a command to one of them.
//!
//! A command does not wait for a connection: who has given it is told at once that there is none.

use super::KamailioConnection;
use super::outbox::{Begun, NotSent, Payload, Receipt, Sent};
use crate::config::Live;
use crate::connections::LinkState;
use actix::prelude::*;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};

/// A connection that says nothing of a command for so long after its time has hung, or has been ended.
const GRACE: Duration = Duration::from_millis(500);

/// Has a command written. Answered when that is done, or will not be any more.
#[derive(Message)]
#[rtype(result = "Sent")]
pub struct Command {
    pub payload: Payload,
    /// It is not begun to be written after that.
    pub until: Instant,
}

/// One that commands can be sent to.
#[derive(Clone)]
pub struct Kamailio {
    pub(in crate::connections) link: watch::Receiver<LinkState>,
    pub(in crate::connections) commands: Recipient<Command>,
}

/// All of them; a reload changes which they are.
#[derive(Clone)]
pub struct Kamailios(Live<Vec<Kamailio>>);

impl Kamailios {
    pub(in crate::connections) fn new(kamailios: Live<Vec<Kamailio>>) -> Self {
        Kamailios(kamailios)
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<Kamailio> {
        self.0.get().iter().find(|kamailio| kamailio.link.borrow().name == name).cloned()
    }

    /// The names of those that there are.
    pub fn names(&self) -> Vec<String> {
        self.0.get().iter().map(|kamailio| kamailio.link.borrow().name.clone()).collect()
    }
}

impl Kamailio {
    /// Whether it is connected; the error says why it is not.
    pub fn check(&self) -> Sent {
        check(&self.link.borrow())
    }

    /// Has a command written, unless that cannot be begun until `until`.
    pub async fn send(&self, payload: Payload, until: Instant) -> Sent {
        let sent = timeout_at(until + GRACE, self.commands.send(Command { payload, until })).await;
        // It has failed, or ended in the midst of it; or it hangs.
        sent.map_or(Err(NotSent::Unfinished), |answer| answer.unwrap_or(Err(NotSent::Unfinished)))
    }
}

fn check(state: &LinkState) -> Sent {
    match &state.reason {
        _ if state.up => Ok(()),
        reason => {
            Err(NotSent::NotConnected(reason.clone().unwrap_or_else(|| "not connected yet".to_owned())))
        }
    }
}

impl Handler<Command> for KamailioConnection {
    type Result = ResponseFuture<Sent>;

    fn handle(&mut self, Command { payload, until }: Command, _: &mut Context<Self>) -> Self::Result {
        let Some(outbox) = &self.outbox else { return Box::pin(async { Err(NotSent::Closed) }) };
        if let Err(reason) = check(&self.link.state()) {
            return Box::pin(async { Err(reason) });
        }
        let (tell, told) = oneshot::channel();
        let receipt = Receipt::new(move |sent| drop(tell.send(sent))); // whoever waits may have gone
        let begun = receipt.begun();
        outbox.put(payload, until, receipt);
        Box::pin(outcome(told, until, begun))
    }
}

/// What is told until then. Nobody writes to a connection that was lost meanwhile, so that nothing may be told at all.
async fn outcome(told: oneshot::Receiver<Sent>, until: Instant, begun: Begun) -> Sent {
    match timeout_at(until, told).await {
        Ok(told) => told.unwrap_or(Err(NotSent::Closed)),
        Err(_) if begun.get() => Err(NotSent::Unfinished),
        // It is not begun any more.
        Err(_) => Err(NotSent::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::super::outbox::{Frames, Outbox};
    use super::*;
    use crate::config::Framing;

    const LIMIT: Duration = Duration::from_secs(2);

    /// A command in an outbox, and what becomes of it.
    fn put() -> (Outbox, Frames, impl Future<Output = Sent>) {
        let (outbox, frames) = Outbox::new();
        let (tell, told) = oneshot::channel();
        let receipt = Receipt::new(move |sent| drop(tell.send(sent)));
        let (begun, until) = (receipt.begun(), Instant::now() + LIMIT);
        outbox.put(Payload::new("{}").expect("a payload"), until, receipt);
        (outbox, frames, outcome(told, until, begun))
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_nobody_writes_is_late_and_is_never_written() {
        let (outbox, mut frames, outcome) = put();
        let began = Instant::now();
        assert_eq!((outcome.await, began.elapsed()), (Err(NotSent::Late), LIMIT));
        drop(outbox);
        assert_eq!(frames.next(Framing::None).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn of_one_that_is_being_written_nobody_knows_whether_it_arrives() {
        let (_outbox, mut frames, outcome) = put();
        assert!(frames.next(Framing::None).await.is_some());
        assert_eq!(outcome.await, Err(NotSent::Unfinished));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_counts() {
        let (_outbox, mut frames, outcome) = put();
        assert!(frames.next(Framing::None).await.is_some());
        frames.written();
        assert_eq!(outcome.await, Ok(()));
        let (_outbox, frames, outcome) = put();
        drop(frames);
        assert_eq!(outcome.await, Err(NotSent::Closed));
    }
}
