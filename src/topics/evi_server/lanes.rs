//! All places to which events are sent, each with a task that does so: nobody waits for another.

use super::lane::{Lane, Parcel};
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

    /// Queues an event in one of them; gives how many others that has cost. Where all of them together hold too many bytes it costs
    /// those that hold most: who reads loses nothing because of others that do not.
    pub fn push(&self, lane: &Lane, parcel: Parcel, most: usize) -> u64 {
        let mut dropped = 0;
        while !self.load.has_room_for(&parcel.bytes) && self.drop_of_fullest() {
            dropped += 1;
        }
        dropped + lane.push(parcel, most)
    }

    fn drop_of_fullest(&self) -> bool {
        let open = self.open.borrow();
        let fullest = open.values().map(|it| &it.lane).max_by_key(|lane| lane.bytes());
        fullest.is_some_and(|lane| lane.drop_oldest())
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

    /// Whether some of these are there, and for each of them more waits than half of what may. Where that is so of all lanes together
    /// those are behind that hold more than their share of it.
    pub fn are_all_behind(&self, ids: &BTreeSet<ReceiverId>, most: usize) -> bool {
        let open = self.open.borrow();
        let share = self.load.share_of_half(open.len());
        let is_behind =
            |lane: &Rc<Lane>| lane.is_over_half(most) || share.is_some_and(|share| lane.bytes() > share);
        let mut there = open.values().map(|it| &it.lane).filter(|lane| ids.contains(&lane.id)).peekable();
        there.peek().is_some() && there.all(is_behind)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::evi_server::lane::Tally;
    use bytes::Bytes;

    const MIB: usize = 1 << 20;

    /// Lanes to sockets that are not there: nothing leaves them while nobody waits.
    fn away(lanes: &Lanes, count: usize) -> Vec<Rc<Lane>> {
        let enter = |number| {
            let target = Target::Unix(format!("/nowhere/{number}").into());
            lanes.enter(&target).expect("a lane")
        };
        (0..count).map(enter).collect()
    }

    fn parcel(bytes: impl Into<Bytes>, tally: &Rc<Tally>) -> Parcel {
        Parcel::new(bytes.into(), 1, 7, Rc::clone(tally))
    }

    /// So many MiB that nobody else holds, as that many events.
    fn fill(lanes: &Lanes, lane: &Lane, mib: usize, tally: &Rc<Tally>) -> u64 {
        (0..mib).map(|_| lanes.push(lane, parcel(vec![0; MIB], tally), 10_000)).sum()
    }

    #[actix::test]
    async fn where_all_hold_too_much_it_costs_those_that_hold_most() {
        let lanes = Lanes::default();
        let (them, us) = (Rc::<Tally>::default(), Rc::<Tally>::default());
        let all = away(&lanes, 6);
        let dropped: Vec<u64> = all[..5].iter().map(|lane| fill(&lanes, lane, 60, &them)).collect();
        assert_eq!((dropped, them.dropped.get()), (vec![0, 0, 0, 0, 44], 44));
        assert!(all[..5].iter().all(|lane| (51..=52).contains(&lane.len())), "in turn those that hold more");
        assert_eq!(fill(&lanes, &all[5], 30, &us), 30);
        assert_eq!(
            (all[5].len(), us.dropped.get(), us.queued.get()),
            (30, 0, 30),
            "who holds little keeps it"
        );
    }

    #[actix::test]
    async fn what_is_the_same_is_shared() {
        let (lanes, tally, same) = (Lanes::default(), Rc::default(), Bytes::from(vec![0; MIB]));
        for lane in away(&lanes, 10) {
            let push = |_| lanes.push(&lane, parcel(same.clone(), &tally), 10_000);
            assert_eq!((0..60).map(push).sum::<u64>(), 0);
        }
    }

    #[actix::test]
    async fn bytes_put_subscribers_behind_as_events_do() {
        let (lanes, tally) = (Lanes::default(), Rc::default());
        let one = away(&lanes, 1).remove(0);
        let ids = BTreeSet::from([one.id]);
        fill(&lanes, &one, 32, &tally);
        assert!(!lanes.are_all_behind(&ids, 10_000));
        fill(&lanes, &one, 1, &tally);
        assert!(lanes.are_all_behind(&ids, 10_000), "more than half of what may wait in one lane");
    }

    #[actix::test]
    async fn where_all_hold_much_those_are_behind_that_hold_their_share() {
        let (lanes, tally) = (Lanes::default(), Rc::default());
        let all = away(&lanes, 8);
        let ids = |lanes: &[Rc<Lane>]| -> BTreeSet<ReceiverId> { lanes.iter().map(|it| it.id).collect() };
        all.iter().for_each(|lane| assert_eq!(fill(&lanes, lane, 16, &tally), 0));
        assert!(!lanes.are_all_behind(&ids(&all), 10_000));
        all[1..].iter().for_each(|lane| assert_eq!(fill(&lanes, lane, 1, &tally), 0));
        assert!(lanes.are_all_behind(&ids(&all[1..]), 10_000), "together they are over half");
        // Who takes what it gets waits for none of them.
        assert!(!lanes.are_all_behind(&ids(&all), 10_000));
    }
}
