//! What a session is to do, as the messages of its actor say: the manager has states written and listed, operators have actions run.
//!
//! The manager has so many writes unanswered at most, and of actions there are few, so that little waits here.

use super::actions::{Answer, NotRun, RunAction};
use crate::managers::device_state::messages::Tell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::{Notify, oneshot};

/// Orders that may wait: nobody gives as many while a session takes them.
const WAITING: usize = 10_000;

/// One of them.
pub enum Order {
    Tell(Tell),
    List,
    Run(RunAction, Reply),
}

/// Where whoever waits for an action is told what came of it.
pub struct Reply(oneshot::Sender<Result<Answer, NotRun>>);

impl Reply {
    /// A reply, and where it is told.
    pub fn new() -> (Reply, oneshot::Receiver<Result<Answer, NotRun>>) {
        let (tell, told) = oneshot::channel();
        (Reply(tell), told)
    }

    /// Tells it. Whoever waited may have gone.
    pub fn give(self, answer: Result<Answer, NotRun>) {
        let _ = self.0.send(answer);
    }
}

/// See the module. Clones are of the same one.
#[derive(Clone, Default)]
pub struct Orders(Rc<Inner>);

#[derive(Default)]
struct Inner {
    waiting: RefCell<VecDeque<Order>>,
    came: Notify,
}

impl Orders {
    /// Adds one. Where too many wait an action is refused; of states nothing is lost that a list does not show again.
    pub fn give(&self, order: Order) {
        let mut waiting = self.0.waiting.borrow_mut();
        if waiting.len() < WAITING {
            waiting.push_back(order);
            self.0.came.notify_one();
        } else if let Order::Run(_, reply) = order {
            reply.give(Err(NotRun::Busy));
        }
    }

    /// Wakes whoever waits in [`Orders::came`].
    pub fn wake(&self) {
        self.0.came.notify_one();
    }

    /// Resolves when there is something to do.
    pub async fn came(&self) {
        self.0.came.notified().await;
    }

    /// The next one.
    pub fn next(&self) -> Option<Order> {
        self.0.waiting.borrow_mut().pop_front()
    }

    /// The session has ended: nothing of this is done any more.
    pub fn refuse_all(&self, reason: &str) {
        for order in self.0.waiting.take() {
            if let Order::Run(_, reply) = order {
                reply.give(Err(NotRun::NotConnected(reason.to_owned())));
            }
        }
    }
}
