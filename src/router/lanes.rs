//! How many lanes there are: four for each request that may be under way, and more once a reload wants them.

use super::actor::{Router, SetLanes};
use super::executor::Executor;
use super::lane::Lane;
use crate::supervision::{Add, Spec, Supervisor};
use actix::prelude::{Addr, ArbiterHandle};
use std::sync::Arc;

/// A lane gets only what the router gives it, one event at a time.
const MAILBOX: usize = 1024;
/// While the event of one lane is in a request, those of others are being planned or committed, which takes longer than a request where
/// the database shares its commits among many.
const LANES_PER_REQUEST: usize = 4;

/// Makes lanes. None is ever removed: one too many has nothing to do, and costs nothing.
pub struct Lanes {
    executor: Arc<Executor>,
    thread: ArbiterHandle,
    made: usize,
    concurrency: usize,
}

impl Lanes {
    /// Lanes of this executor; there are none yet.
    pub fn new(executor: Arc<Executor>, thread: ArbiterHandle) -> Lanes {
        Lanes { executor, thread, made: 0, concurrency: 0 }
    }

    /// The first lanes, for so many requests at a time.
    pub fn for_requests(&mut self, concurrency: usize) -> (Vec<Spec>, Vec<Addr<Lane>>) {
        self.concurrency = concurrency;
        self.made = concurrency * LANES_PER_REQUEST;
        (1..=self.made).map(|number| self.lane(number)).unzip()
    }

    fn lane(&self, number: usize) -> (Spec, Addr<Lane>) {
        let executor = Arc::clone(&self.executor);
        let make = move || Lane::new(Arc::clone(&executor));
        Spec::new(format!("lane-{number}"), MAILBOX, Some(self.thread.clone()), make)
    }

    /// Lets so many requests be under way from now on. Events that run end as they began; resolves when no more requests
    /// than that are under way.
    pub async fn resize(&mut self, concurrency: usize, supervisor: &Addr<Supervisor>, router: &Addr<Router>) {
        let before = std::mem::replace(&mut self.concurrency, concurrency);
        let at_once = concurrency * LANES_PER_REQUEST;
        if before == concurrency && self.made >= at_once {
            return;
        }
        let further = self.add(at_once, supervisor).await;
        // An error says that the daemon stops.
        let _ = router.send(SetLanes { further, at_once }).await;
        self.executor.slots.resize(before, concurrency).await;
    }

    /// Adds the lanes that are missing for so many; gives those that were taken. A supervisor that is being restarted takes
    /// none: the next reload adds them.
    async fn add(&mut self, wanted: usize, supervisor: &Addr<Supervisor>) -> Vec<Addr<Lane>> {
        let mut added = Vec::new();
        while self.made < wanted {
            let (spec, lane) = self.lane(self.made + 1);
            if !matches!(supervisor.send(Add(spec)).await, Ok(Ok(()))) {
                tracing::warn!(lanes = self.made, wanted, "a lane could not be added: reload again");
                break;
            }
            self.made += 1;
            added.push(lane);
        }
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Database, Live, Mode, Numbering, Processing, ServiceProfiles, StoreConfig};
    use crate::managers::{Answer, Board, Provision, Systems};
    use crate::processors::attributes::Rules;
    use crate::router::executor::Slots;
    use crate::supervision::{Backoff, Intensity, Strategy};
    use crate::wire::cai3g::{EnumRequest, HssRequest};
    use actix::{Actor, Arbiter, Context, Handler, MessageResult};
    use std::time::Duration;

    /// Nobody is asked for anything.
    struct Nobody;

    impl Actor for Nobody {
        type Context = Context<Self>;
    }

    impl Handler<Provision<HssRequest>> for Nobody {
        type Result = MessageResult<Provision<HssRequest>>;

        fn handle(&mut self, _: Provision<HssRequest>, _: &mut Context<Self>) -> Self::Result {
            MessageResult(Answer::Done)
        }
    }

    impl Handler<Provision<EnumRequest>> for Nobody {
        type Result = MessageResult<Provision<EnumRequest>>;

        fn handle(&mut self, _: Provision<EnumRequest>, _: &mut Context<Self>) -> Self::Result {
            MessageResult(Answer::Done)
        }
    }

    fn executor() -> Executor {
        let database = Database::Sqlite("nowhere.db".into());
        let (store, _) = crate::store::open(&StoreConfig::new(database)).expect("a store");
        let nobody = Nobody.start();
        let rules = Rules {
            numbering: Numbering::default(),
            service_profiles: ServiceProfiles::default(),
            mail: None,
        };
        Executor {
            store,
            rules: Live::fixed(rules),
            processors: Default::default(),
            systems: Systems { hss: nobody.clone().recipient(), enumeration: nobody.recipient(), mail: None },
            pauses: Board::all_running(),
            mode: Mode::Active,
            processing: Live::fixed(Processing::default()),
            routes: Live::fixed(Vec::new()),
            raises_alarms: false,
            slots: Slots::new(1),
        }
    }

    #[actix_rt::test]
    async fn a_lane_that_could_not_be_added_is_given_to_nobody_and_not_counted() {
        let mut lanes = Lanes::new(Arc::new(executor()), Arbiter::current());
        assert_eq!(lanes.for_requests(1).1.len(), LANES_PER_REQUEST);
        let (intensity, at_once) = (Intensity { max: 1, within: Duration::from_secs(1) }, Duration::ZERO);
        let backoff = Backoff { first: at_once, max: at_once };
        let supervisor = Supervisor::new("lanes", Strategy::OneForOne, intensity, backoff, Vec::new());
        // What is sent to it comes back: it is gone.
        let (spec, supervisor) = Spec::supervisor(supervisor);
        drop(spec);
        assert_eq!(lanes.add(3 * LANES_PER_REQUEST, &supervisor).await.len(), 0);
        assert_eq!(lanes.made, LANES_PER_REQUEST, "the others are still missing");
    }
}
