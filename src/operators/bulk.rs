//! Acts on many events at once: a set is frozen and shown first, and run only when the operator says so.
//!
//! ```text
//! gathering → prepared → running → done
//!                 ↓          ↓
//!              expired   cancelled
//! ```
//!
//! The sets live in this actor alone. One that is lost with the process has done what the audit says, and nothing else.

use super::{Chosen, Operators, Order, Refusal};
use crate::store::{EventFilter, EventSummary, IdPage, ReadError, Store};
use crate::supervision::Shutdown;
use actix::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// Events of a set, at most.
const LARGEST: usize = 100_000;
/// Events of all sets together, at most.
const ALL: usize = 500_000;
/// Sets that are remembered, at most.
const SETS: usize = 50;
/// Events that are shown of a set.
const SAMPLES: usize = 10;
/// Refusals that are told; the others are counted.
const REFUSALS: usize = 20;
/// Events that are acted on in one go.
const CHUNK: usize = 100;
/// So long nothing is tried where the store could not be asked, or longer, until it can be.
const PAUSE: Duration = Duration::from_millis(500);
/// Rows of a page while a set is gathered.
const PAGE: usize = 500;
/// A set that is not run by then is forgotten, and one that was run is shown this long.
pub const KEPT: Duration = Duration::from_secs(15 * 60);

/// Where a set stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Gathering,
    Prepared,
    Running,
    Done,
    Cancelled,
    /// It could not be gathered, or has not been run in time.
    Expired,
}

impl State {
    /// Whether there is something to be done with it.
    fn is_open(self) -> bool {
        matches!(self, State::Gathering | State::Prepared | State::Running)
    }
}

/// What is known of a set.
#[derive(Debug, Clone)]
pub struct Bulk {
    pub id: Uuid,
    pub order: Order,
    pub state: State,
    pub count: usize,
    /// There are more events than a set can hold.
    pub truncated: bool,
    pub samples: Vec<EventSummary>,
    pub done: usize,
    pub refused: usize,
    /// The first ones.
    pub refusals: Vec<(i64, Refusal)>,
    /// Why it could not be gathered.
    pub failure: Option<String>,
    /// What it waits for, before it goes on.
    pub waits: Option<String>,
    /// When it is forgotten.
    pub expires: SystemTime,
}

/// Asks for a frozen set of the events that match.
#[derive(Message)]
#[rtype(result = "Result<Bulk, Busy>")]
pub struct Prepare {
    pub filter: EventFilter,
    pub order: Order,
}

/// Asks how a set stands; `None`: there is no such set.
#[derive(Message)]
#[rtype(result = "Option<Bulk>")]
pub struct Get(pub Uuid);

/// Runs a set that is prepared; the state of any other does not change.
#[derive(Message)]
#[rtype(result = "Option<Bulk>")]
pub struct Run {
    pub id: Uuid,
    /// Who runs it: whoever prepared it may be somebody else.
    pub actor: String,
}

/// Ends a set before it is done: no further event of it is acted on.
#[derive(Message)]
#[rtype(result = "Option<Bulk>")]
pub struct Cancel(pub Uuid);

/// Too many sets are being run.
#[derive(Debug, thiserror::Error)]
#[error("{SETS} sets are being run already: cancel one, or try again later")]
pub struct Busy;

/// See the module.
pub struct Bulks {
    store: Store,
    operators: Operators,
    sets: BTreeMap<Uuid, Set>,
}

struct Set {
    bulk: Bulk,
    /// Those that are still to be acted on, the oldest last, as they were when they were gathered.
    events: Vec<(i64, Option<Uuid>)>,
}

impl Bulks {
    /// Sets of events in `store`, acted on by `operators`.
    pub fn new(store: Store, operators: Operators) -> Self {
        Bulks { store, operators, sets: BTreeMap::new() }
    }

    fn forget_old(&mut self) {
        let now = SystemTime::now();
        self.sets.retain(|_, set| set.bulk.state == State::Running || set.bulk.expires > now);
    }

    /// Makes room for another set, of which the oldest has gone that has ended, else the oldest that nobody has run: a set
    /// that is being run stays. The ids are in the order of time.
    fn make_room(&mut self) -> Result<(), Busy> {
        while self.sets.len() >= SETS {
            let oldest = |goes: fn(State) -> bool| {
                self.sets.iter().find(|(_, set)| goes(set.bulk.state)).map(|(id, _)| *id)
            };
            let id = oldest(|state| !state.is_open()).or_else(|| oldest(|state| state != State::Running));
            self.sets.remove(&id.ok_or(Busy)?);
        }
        Ok(())
    }

    /// Reads the next page of the events that match.
    fn gather(&mut self, id: Uuid, filter: EventFilter, ctx: &mut Context<Self>) {
        let store = self.store.clone();
        let page = filter.clone();
        let page = async move {
            let IdPage { ids, next } = store.page_of_ids(page).await?;
            Ok::<_, ReadError>((store.uuids(&ids).await?, next))
        };
        ctx.spawn(page.into_actor(self).map(move |page, this, ctx| {
            let Some(set) = this.sets.get_mut(&id).filter(|set| set.bulk.state == State::Gathering) else {
                return;
            };
            let (seen, next) = match page {
                Ok(page) => page,
                Err(error) => return set.fail(error.to_string()),
            };
            let Set { bulk, events } = set;
            events.extend(seen);
            bulk.truncated = events.len() > LARGEST || (events.len() == LARGEST && next.is_some());
            events.truncate(LARGEST);
            bulk.count = events.len();
            let next = next.filter(|_| !bulk.truncated);
            if !keep_within(&mut this.sets, id, ALL) {
                return;
            }
            match next {
                Some(after) => this.gather(id, EventFilter { after: Some(after), ..filter }, ctx),
                None => this.sample(id, ctx),
            }
        }));
    }

    /// Reads what is shown of a set that has been gathered.
    fn sample(&mut self, id: Uuid, ctx: &mut Context<Self>) {
        let Some(Set { events, .. }) = self.sets.get_mut(&id) else { return };
        let samples: Vec<i64> = events.iter().map(|(id, _)| *id).take(SAMPLES).collect();
        events.reverse();
        events.shrink_to_fit();
        let store = self.store.clone();
        let samples = async move { store.summaries(&samples).await };
        ctx.spawn(samples.into_actor(self).map(move |samples, this, _| {
            let Some(set) = this.sets.get_mut(&id).filter(|set| set.bulk.state == State::Gathering) else {
                return;
            };
            match samples {
                Ok(samples) => (set.bulk.samples, set.bulk.state) = (samples, State::Prepared),
                Err(error) => set.fail(error.to_string()),
            }
        }));
    }

    /// Acts on the next events of a running set.
    fn go_on(&mut self, id: Uuid, ctx: &mut Context<Self>) {
        let Some(Set { bulk, events }) = self.sets.get_mut(&id) else { return };
        if bulk.state != State::Running {
            return;
        }
        if events.is_empty() {
            bulk.state = State::Done;
            bulk.expires = SystemTime::now() + KEPT;
            let Bulk { count, done, refused, .. } = bulk;
            tracing::info!(bulk = %id, count, done, refused, "bulk act of an operator ended");
            return;
        }
        let chunk = events.split_off(events.len().saturating_sub(CHUNK));
        let chosen: Vec<Chosen> = chunk.iter().rev().map(|(id, uuid)| Chosen::Seen(*id, *uuid)).collect();
        let (operators, order) = (self.operators.clone(), bulk.order.clone());
        let acted = async move { operators.act_on_all(&chosen, &order).await };
        ctx.spawn(acted.into_actor(self).map(move |outcomes, this, ctx| {
            let Some(set) = this.sets.get_mut(&id) else { return };
            match set.put_back(chunk, outcomes) {
                false => this.go_on(id, ctx),
                true => this.wait_for_store(id, ctx),
            }
        }));
    }

    /// Goes on when the store can be asked.
    fn wait_for_store(&mut self, id: Uuid, ctx: &mut Context<Self>) {
        let store = self.store.clone();
        let up = async move {
            tokio::time::sleep(PAUSE).await;
            store.wait_until_events_up().await;
        };
        ctx.spawn(up.into_actor(self).map(move |(), this, ctx| this.go_on(id, ctx)));
    }
}

/// Keeps the events of all sets within a bound while this one grows: the oldest goes that nobody has run. Where all others are being run
/// it fails itself, and is false.
fn keep_within(sets: &mut BTreeMap<Uuid, Set>, growing: Uuid, most: usize) -> bool {
    while sets.values().map(|set| set.events.len()).sum::<usize>() > most {
        let may_go = |(id, set): &(&Uuid, &Set)| {
            **id != growing && set.bulk.state != State::Running && !set.events.is_empty()
        };
        let oldest = sets.iter().find(may_go).map(|(id, _)| *id);
        if let Some(oldest) = oldest {
            sets.remove(&oldest);
            continue;
        }
        if let Some(set) = sets.get_mut(&growing) {
            set.fail("too many events are being acted on already".to_owned());
        }
        return false;
    }
    true
}

impl Set {
    /// Nothing more is done with it.
    fn end(&mut self, state: State) {
        (self.bulk.state, self.events) = (state, Vec::new());
    }

    /// It cannot be gathered.
    fn fail(&mut self, reason: String) {
        self.end(State::Expired);
        self.bulk.failure = Some(reason);
    }

    /// Counts what came of a chunk, of which those are still to be acted on that met no store: true where there are such. Nothing more is
    /// done with a set that was cancelled meanwhile.
    fn put_back(
        &mut self,
        mut chunk: Vec<(i64, Option<Uuid>)>,
        outcomes: Vec<(i64, Result<super::Done, Refusal>)>,
    ) -> bool {
        let is_away = |outcome: &Result<_, Refusal>| outcome.as_ref().is_err_and(Refusal::is_store_away);
        let (away, ended): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| is_away(outcome));
        self.bulk.count_outcomes(ended);
        if self.bulk.state != State::Running {
            return false;
        }
        self.bulk.waits =
            away.first().and_then(|(_, outcome)| outcome.as_ref().err().map(Refusal::to_string));
        let away: HashSet<i64> = away.into_iter().map(|(id, _)| id).collect();
        chunk.retain(|(id, _)| away.contains(id));
        self.events.append(&mut chunk);
        !away.is_empty()
    }
}

impl Bulk {
    /// One that is being gathered.
    fn new(id: Uuid, order: Order) -> Bulk {
        Bulk {
            id,
            order,
            state: State::Gathering,
            count: 0,
            truncated: false,
            samples: Vec::new(),
            done: 0,
            refused: 0,
            refusals: Vec::new(),
            failure: None,
            waits: None,
            expires: SystemTime::now() + KEPT,
        }
    }

    /// Each line of the audit names the set.
    fn begin(&mut self, actor: String) {
        let Order { verb, reason, .. } = &self.order;
        let reason = reason.iter().cloned().chain([format!("(bulk {})", self.id)]);
        let reason = reason.collect::<Vec<_>>().join(" ");
        let (bulk, act, count) = (self.id, verb.as_str(), self.count);
        tracing::info!(%bulk, act, count, actor, reason, "bulk act of an operator");
        (self.order.actor, self.order.reason) = (actor, Some(reason));
        self.state = State::Running;
    }

    fn count_outcomes(&mut self, outcomes: Vec<(i64, Result<super::Done, Refusal>)>) {
        for (event, outcome) in outcomes {
            match outcome {
                Ok(_) => self.done += 1,
                Err(refusal) => {
                    self.refused += 1;
                    if self.refusals.len() < REFUSALS {
                        self.refusals.push((event, refusal));
                    }
                }
            }
        }
    }
}

impl Actor for Bulks {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        // What was under way has nobody who goes on with it.
        self.sets.clear();
    }
}

impl Supervised for Bulks {}

impl Handler<Prepare> for Bulks {
    type Result = Result<Bulk, Busy>;

    fn handle(&mut self, Prepare { filter, order }: Prepare, ctx: &mut Context<Self>) -> Self::Result {
        self.forget_old();
        self.make_room()?;
        let id = Uuid::now_v7();
        let bulk = Bulk::new(id, order);
        self.sets.insert(id, Set { bulk: bulk.clone(), events: Vec::new() });
        // Oldest first: a later event about the same subscriber must not stand in the way of an earlier one.
        let filter = EventFilter { newest_first: false, after: None, limit: PAGE, ..filter };
        self.gather(id, filter, ctx);
        Ok(bulk)
    }
}

impl Handler<Get> for Bulks {
    type Result = MessageResult<Get>;

    fn handle(&mut self, Get(id): Get, _: &mut Context<Self>) -> Self::Result {
        self.forget_old();
        MessageResult(self.sets.get(&id).map(|set| set.bulk.clone()))
    }
}

impl Handler<Run> for Bulks {
    type Result = MessageResult<Run>;

    fn handle(&mut self, Run { id, actor }: Run, ctx: &mut Context<Self>) -> Self::Result {
        self.forget_old();
        let Some(Set { bulk, .. }) = self.sets.get_mut(&id) else { return MessageResult(None) };
        if bulk.state != State::Prepared {
            return MessageResult(Some(bulk.clone()));
        }
        bulk.begin(actor);
        let bulk = bulk.clone();
        self.go_on(id, ctx);
        MessageResult(Some(bulk))
    }
}

impl Handler<Cancel> for Bulks {
    type Result = MessageResult<Cancel>;

    fn handle(&mut self, Cancel(id): Cancel, _: &mut Context<Self>) -> Self::Result {
        let Some(set) = self.sets.get_mut(&id) else { return MessageResult(None) };
        if set.bulk.state.is_open() {
            set.end(State::Cancelled);
            set.bulk.waits = None;
            set.bulk.expires = SystemTime::now() + KEPT;
        }
        MessageResult(Some(set.bulk.clone()))
    }
}

impl Handler<Shutdown> for Bulks {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Verb;

    fn set(state: State, count: usize) -> Set {
        let order = Order { verb: Verb::Retry, actor: String::new(), reason: None, force: false };
        let bulk = Bulk { state, count, ..Bulk::new(Uuid::nil(), order) };
        Set { bulk, events: vec![(1, None); count] }
    }

    #[test]
    fn all_sets_together_are_bounded_and_what_is_being_run_stays() {
        use State::{Done, Expired, Gathering, Prepared, Running};
        let check = |sets: &[(State, usize)], growing: usize, left: &[State]| {
            let id = |n: usize| Uuid::from_u128(n as u128);
            let numbered = sets.iter().enumerate();
            let mut sets = numbered.map(|(n, (state, count))| (id(n), set(*state, *count))).collect();
            let goes_on = keep_within(&mut sets, id(growing), 100);
            let states: Vec<State> = sets.values().map(|set| set.bulk.state).collect();
            assert_eq!(states, left);
            assert_eq!(goes_on, sets[&id(growing)].bulk.failure.is_none());
            assert!(sets.values().map(|set| set.events.len()).sum::<usize>() <= 100);
        };
        check(&[(Prepared, 50), (Gathering, 50)], 1, &[Prepared, Gathering]);
        check(&[(Done, 0), (Prepared, 60), (Prepared, 40), (Gathering, 10)], 3, &[Done, Prepared, Gathering]);
        check(&[(Running, 60), (Prepared, 40), (Gathering, 10)], 2, &[Running, Gathering]);
        check(&[(Running, 95), (Gathering, 10)], 1, &[Running, Expired]);
        check(&[(Gathering, 60), (Running, 40), (Gathering, 1)], 0, &[Gathering, Running]);
    }

    #[test]
    fn what_met_no_store_is_still_to_be_done_but_for_a_set_that_was_cancelled() {
        let check = |state: State, waits: bool, left: usize| {
            let (mut set, chunk) = (set(state, 0), vec![(3, None), (2, None), (1, None)]);
            let away = || Err(Refusal::StoreAway("hangs".to_owned()));
            let outcomes = vec![(1, Err(Refusal::Gone)), (2, away()), (3, away())];
            assert_eq!(set.put_back(chunk, outcomes), waits, "{state:?}");
            assert_eq!((set.bulk.waits.is_some(), set.events.len(), set.bulk.refused), (waits, left, 1));
        };
        check(State::Running, true, 2);
        check(State::Cancelled, false, 0);
    }

    #[test]
    fn a_set_that_cannot_be_gathered_holds_no_events() {
        let mut set = set(State::Gathering, 9);
        set.fail("the store is away".to_owned());
        assert_eq!((set.bulk.state, set.events.capacity()), (State::Expired, 0));
    }
}
