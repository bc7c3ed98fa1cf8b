//! What a session is to do, as the messages of its actor say: the manager has states written and listed, operators have actions run.
//!
//! The manager has so many writes unanswered at most, and of actions there are few, so that little waits here.

use super::actions::{Answer, NotRun, RunAction};
use crate::managers::device_state::messages::Tell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::{Notify, oneshot};

/// Orders behind which an action is refused: nobody gives as many while a session takes them.
const WAITING: usize = 1_000;

/// One of them.
pub enum Order {
    Tell(Tell),
    List,
    /// Whether the server is there, for somebody else than the session.
    Ping(RunAction, Reply),
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
    /// Adds one. Where too many wait an action is refused; what the manager has written is bounded by its window, and lists that are wanted
    /// are asked for once.
    pub fn give(&self, order: Order) {
        let mut waiting = self.0.waiting.borrow_mut();
        match order {
            Order::Ping(_, reply) | Order::Run(_, reply) if waiting.len() >= WAITING => {
                reply.give(Err(NotRun::Busy))
            }
            Order::List if waiting.iter().any(|it| matches!(it, Order::List)) => {}
            order => {
                waiting.push_back(order);
                self.0.came.notify_one();
            }
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
            if let Order::Ping(_, reply) | Order::Run(_, reply) = order {
                reply.give(Err(NotRun::NotConnected(reason.to_owned())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::managers::device_state::messages::Session;
    use std::time::Duration;
    use tokio::time::Instant;

    fn tell() -> Order {
        Order::Tell(Tell { session: Session::new(), writes: Vec::new() })
    }

    #[test]
    fn an_action_is_refused_behind_too_many_orders_and_nothing_else_is() {
        let orders = Orders::default();
        (0..WAITING).for_each(|_| orders.give(tell()));
        let (reply, mut told) = Reply::new();
        let until = Instant::now() + Duration::from_secs(1);
        orders.give(Order::Run(RunAction { action: "Ping".to_owned(), headers: Vec::new(), until }, reply));
        assert_eq!(told.try_recv().expect("told"), Err(NotRun::Busy));
        orders.give(tell());
        orders.give(Order::List);
        let given: Vec<Order> = std::iter::from_fn(|| orders.next()).collect();
        assert_eq!(given.len(), WAITING + 2);
        assert!(matches!(given.last(), Some(Order::List)));
    }

    #[test]
    fn a_list_that_waits_is_asked_for_once() {
        let orders = Orders::default();
        [Order::List, tell(), Order::List].into_iter().for_each(|order| orders.give(order));
        let next = || orders.next();
        assert!(matches!((next(), next(), next()), (Some(Order::List), Some(Order::Tell(_)), None)));
        orders.give(Order::List);
        assert!(orders.next().is_some(), "once more when it is asked for");
    }
}
