//! HSS, ENUM and mail as actors in front of the model, with the fates of requests.

use crate::core::{Core, Log};
use crate::crash::Boundaries;
use crate::sequence::Fate;
use actix::prelude::*;
use eventmanager::managers::{Answer, Provision};
use eventmanager::plan::Request;
use eventmanager::wire::cai3g::{EnumRequest, HssRequest};
use eventmanager::wire::surgemail::MailRequest;
use fastrand::Rng;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// What survives every crash of the daemon.
pub struct Systems {
    pub core: Core,
    pub log: Log,
    /// Every request and its answer, for those who read of a failure.
    pub dialogue: Vec<String>,
    /// So many requests were refused that could have been carried out.
    pub refusals: u32,
    requests: u32,
    fates: BTreeMap<u32, Fate>,
    rng: Rng,
}

impl Systems {
    /// Systems that hold `core`; the seed decides how quick they are.
    pub fn new(core: Core, fates: BTreeMap<u32, Fate>, seed: u64) -> Systems {
        let rng = Rng::with_seed(seed);
        Systems { core, log: Log::default(), dialogue: Vec::new(), refusals: 0, requests: 0, fates, rng }
    }

    fn next_fate(&mut self) -> Option<Fate> {
        self.requests += 1;
        self.fates.remove(&(self.requests - 1))
    }

    /// How long a request or an answer is under way.
    fn latency(&mut self) -> Duration {
        Duration::from_millis(self.rng.u64(0..4))
    }

    fn meet(&mut self, request: &Request, fate: Option<Fate>) -> Answer {
        let reason = "it is so fated".to_owned();
        let answer = match fate {
            Some(Fate::Refused) => {
                self.refusals += 1;
                Answer::Refused(reason)
            }
            Some(Fate::NotTaken) => Answer::NotTaken(reason),
            Some(Fate::Unanswered { applied }) => {
                applied.then(|| self.apply(request));
                Answer::Unanswered(reason)
            }
            Some(Fate::NotUnderstood { applied }) => {
                applied.then(|| self.apply(request));
                Answer::NotUnderstood(reason)
            }
            None => self.apply(request),
        };
        self.dialogue.push(format!("{request}: {fate:?} {answer:?}"));
        answer
    }

    fn apply(&mut self, request: &Request) -> Answer {
        self.log.add(request);
        self.core.apply(request)
    }
}

/// One life of the managers.
pub struct Peers {
    pub systems: Rc<RefCell<Systems>>,
    pub boundaries: Boundaries,
}

impl Actor for Peers {
    type Context = Context<Self>;
}

impl Peers {
    fn answer(&self, request: Request) -> ResponseActFuture<Self, Answer> {
        let (systems, boundaries) = (Rc::clone(&self.systems), self.boundaries.clone());
        let answered = async move {
            let (there, back) = {
                let mut systems = systems.borrow_mut();
                (systems.latency(), systems.latency())
            };
            actix_rt::time::sleep(there).await;
            boundaries.pass().await;
            let answer = {
                let mut systems = systems.borrow_mut();
                let fate = systems.next_fate();
                systems.meet(&request, fate)
            };
            boundaries.pass().await;
            actix_rt::time::sleep(back).await;
            answer
        };
        Box::pin(answered.into_actor(self))
    }
}

impl Handler<Provision<HssRequest>> for Peers {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, Provision(request): Provision<HssRequest>, _: &mut Context<Self>) -> Self::Result {
        self.answer(Request::Hss(request))
    }
}

impl Handler<Provision<EnumRequest>> for Peers {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, Provision(request): Provision<EnumRequest>, _: &mut Context<Self>) -> Self::Result {
        self.answer(Request::Enum(request))
    }
}

impl Handler<Provision<MailRequest>> for Peers {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, Provision(request): Provision<MailRequest>, _: &mut Context<Self>) -> Self::Result {
        self.answer(Request::Mail(request))
    }
}
