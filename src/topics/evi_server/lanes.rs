//! All places to which events are sent, each with a task that does so: nobody waits for another.

use super::lane::Lane;
use super::load::Load;
use super::sending::{Senders, send};
use super::target::Target;
use crate::telemetry::Seldom;
use crate::topics::turn::ReceiverId;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// What waits is sent within this at a stop.
const FLUSH: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Default)]
pub struct Lanes {
    open: RefCell<BTreeMap<Target, Open>>,
    next: Cell<ReceiverId>,
    senders: Senders,
    /// They end with it.
    tasks: RefCell<JoinSet<()>>,
    began: Notify,
    moved: Rc<Notify>,
    /// What waits in all of them.
    load: Rc<Load>,
    /// Tasks that have failed.
    failed: Seldom,
}

struct Open {
    lane: Rc<Lane>,
    task: AbortHandle,
    subscriptions: usize,
}

impl Lanes {
    /// The lane to a place, for a subscription more; an error says that there is no such network here.
    pub fn enter(&self, target: &Target) -> io::Result<Rc<Lane>> {
        let mut open = self.open.borrow_mut();
        if let Some(there) = open.get_mut(target) {
            there.subscriptions += 1;
            return Ok(Rc::clone(&there.lane));
        }
        let sender = self.senders.sender(target)?;
        self.next.set(self.next.get() + 1);
        let (moved, load) = (Rc::clone(&self.moved), Rc::clone(&self.load));
        let lane = Rc::new(Lane::new(self.next.get(), target.clone(), moved, load));
        let task = self.tasks.borrow_mut().spawn_local(send(Rc::clone(&lane), sender));
        self.began.notify_one();
        open.insert(target.clone(), Open { lane: Rc::clone(&lane), task, subscriptions: 1 });
        Ok(lane)
    }

    /// A subscription has ended: what waits for it is not sent any more.
    pub fn leave(&self, lane: &Lane, subscription: ReceiverId) {
        lane.forget(subscription);
        let mut open = self.open.borrow_mut();
        if let Some(there) = open.get_mut(&lane.target) {
            there.subscriptions -= 1;
            if there.subscriptions == 0 {
                there.task.abort();
                open.remove(&lane.target);
            }
        }
    }

    /// Whether some of these are there, and for each of them more waits than half of what may.
    pub fn are_all_behind(&self, ids: &BTreeSet<ReceiverId>, most: usize) -> bool {
        let open = self.open.borrow();
        let mut there = open.values().map(|it| &it.lane).filter(|lane| ids.contains(&lane.id)).peekable();
        there.peek().is_some() && there.all(|lane| lane.is_over_half(most))
    }

    /// Resolves when one of them has sent what was in its hand.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    /// How far everything has been sent, where the log has been handed out to this place; who takes nothing does not count.
    pub fn settled(&self, handed_out: i64) -> i64 {
        let open = self.open.borrow();
        let oldest = open.values().filter_map(|it| it.lane.oldest_fresh()).min();
        oldest.map_or(handed_out, |oldest| handed_out.min(oldest - 1))
    }

    /// Tells of tasks that have failed; never resolves.
    pub async fn watch(&self) {
        loop {
            let ended = poll_fn(|context| self.tasks.borrow_mut().poll_join_next(context)).await;
            match ended {
                None => self.began.notified().await,
                Some(Err(error)) if !error.is_cancelled() => {
                    if let Some(so_far) = self.failed.count() {
                        tracing::error!(%error, so_far, "sending to a subscriber failed");
                    }
                    self.begin_again();
                }
                Some(_) => {}
            }
        }
    }

    /// Lanes whose tasks have failed get new ones.
    fn begin_again(&self) {
        for (target, there) in self.open.borrow_mut().iter_mut().filter(|(_, it)| it.task.is_finished()) {
            there.lane.put_down();
            if let Ok(sender) = self.senders.sender(target) {
                there.task = self.tasks.borrow_mut().spawn_local(send(Rc::clone(&there.lane), sender));
            }
        }
    }

    /// Sends what waits, as far as it is taken at once; how much is not.
    pub async fn close(&self) -> usize {
        self.open.borrow().values().for_each(|it| it.lane.close());
        let all = async {
            while poll_fn(|context| self.tasks.borrow_mut().poll_join_next(context)).await.is_some() {}
        };
        // What is left then is counted below.
        let _ = timeout(FLUSH, all).await;
        self.open.borrow().values().map(|it| it.lane.len()).sum()
    }
}
