//! What the actor runs: knows who has subscribed, hands out what the log brings, and minds time and configuration.

use super::known::Known;
use super::lanes::Lanes;
use super::listeners::Doors;
use super::registry::{Registry, Subscription};
use super::target::Address;
use crate::config::{Config, Evi, Live};
use crate::failpoints;
use crate::steady::Steady;
use crate::store::{DatabaseHealth, EviChange, EviSubscription, ReadError, Store};
use crate::supervision::Backoff;
use crate::telemetry::Seldom;
use crate::topics::turn::ReceiverId;
use crate::wire::evi::Format;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Our name among the readers of the topic log.
const READER: &str = "evi";
/// Distance of the attempts to read while the database is away.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };
/// How often the place in the log is kept, and it is looked for subscriptions that are over.
const TICK: Duration = Duration::from_secs(1);
/// What came before the end of a subscription is handed out by then, once the database is there.
const LATE: Duration = Duration::from_secs(5);
/// The place is kept within this at a stop.
const KEEP: Duration = Duration::from_secs(1);

/// See the module.
pub struct Server {
    pub config: Live<Evi>,
    /// The whole configuration, for routes and the events of endpoints.
    pub whole: Live<Config>,
    pub store: Store,
    pub registry: RefCell<Registry>,
    pub known: RefCell<Known>,
    pub lanes: Lanes,
    /// Whether it has read who has subscribed.
    pub is_loaded: Cell<bool>,
    /// Changes of subscriptions come one after the other.
    pub changes: Rc<Mutex<()>>,
    /// What was begun, to its end.
    pub tasks: RefCell<JoinSet<()>>,
    /// How far the log has been handed out.
    pub handed_out: Cell<i64>,
    /// Where commands come in over UDP, as it was bound.
    pub bound: Option<SocketAddr>,
    /// Subscriptions that were new.
    pub begun: Seldom,
    /// Subscriptions that a reload has ended.
    unsubscribed: Seldom,
    /// What could not be read, over all who send.
    pub bad: Seldom,
    /// By which subscriptions end.
    pub clock: Steady,
    next: Cell<ReceiverId>,
    kept: Cell<Option<i64>>,
}

impl Server {
    /// One that knows nobody yet.
    pub fn new(config: Live<Evi>, whole: Live<Config>, store: Store, bound: Option<SocketAddr>) -> Server {
        let server = Server {
            config,
            whole,
            store,
            registry: RefCell::default(),
            known: RefCell::default(),
            lanes: Lanes::default(),
            is_loaded: Cell::default(),
            changes: Rc::default(),
            tasks: RefCell::default(),
            handed_out: Cell::default(),
            bound,
            begun: Seldom::default(),
            unsubscribed: Seldom::default(),
            bad: Seldom::default(),
            clock: Steady::start(),
            next: Cell::new(1),
            kept: Cell::default(),
        };
        server.configure();
        server.show();
        server
    }

    /// Serves until `stop` is notified; then what waits is sent, if that can be done at once.
    pub async fn run(self: Rc<Self>, doors: Doors, stop: &Notify) {
        tokio::select! {
            never = self.follow_log() => match never {},
            never = doors.serve(&self) => match never {},
            never = self.mind_time() => match never {},
            never = self.mind_config() => match never {},
            () = self.lanes.watch() => {}
            () = stop.notified() => {}
        }
        self.close().await;
    }

    async fn follow_log(&self) -> Infallible {
        loop {
            let tenure = self.store.tenure();
            let place = self.load().await;
            self.handed_out.set(place);
            tokio::select! {
                never = self.hand_out(place) => match never {},
                // Who has subscribed elsewhere meanwhile stands in the database.
                () = self.store.superseded(tenure) => self.is_loaded.set(false),
            }
        }
    }

    /// Reads who has subscribed; gives the place up to which the log has been handed out.
    async fn load(&self) -> i64 {
        let mut failures = 0;
        loop {
            self.store.wait_until_events_up().await;
            let guard = self.changes.lock().await;
            match self.read().await {
                Ok((stored, place)) => {
                    self.take(stored);
                    self.is_loaded.set(true);
                    return place;
                }
                Err(error) => tracing::warn!(%error, "subscriptions cannot be read: trying again"),
            }
            drop(guard);
            sleep(RETRY.delay(failures)).await;
            failures += 1;
        }
    }

    async fn read(&self) -> Result<(Vec<EviSubscription>, i64), ReadError> {
        let stored = self.store.evi_subscriptions().await?;
        if let Some(place) = self.store.place(READER).await? {
            return Ok((stored, place));
        }
        let end = self.store.topic_log_end().await?;
        // From the first command on nothing is passed over.
        if let Err(error) = self.store.keep_place(READER, end).await {
            tracing::warn!(%error, "the place in the topic log cannot be kept");
        }
        Ok((stored, end))
    }

    fn take(&self, stored: Vec<EviSubscription>) {
        let others = self.registry.borrow_mut().take(|_| true);
        self.end(&others);
        let over = self.clock.now() - LATE;
        let (living, ended): (Vec<_>, Vec<_>) =
            stored.into_iter().partition(|it| self.clock.of_wall(it.expires) > over);
        self.forget(ended.into_iter().map(|it| (it.event, it.socket)));
        for subscription in living {
            let (event, socket) = (subscription.event.clone(), subscription.socket.clone());
            if let Err(reason) = self.restore(subscription) {
                tracing::warn!(event, socket, reason, "a stored subscription is not served");
            }
        }
        self.show();
    }

    fn restore(&self, stored: EviSubscription) -> Result<(), String> {
        let address = stored.address.as_deref().and_then(|address| address.parse().ok());
        let target = Address::parse(&stored.socket)?.pinned(address).ok_or("its address is missing")?;
        self.may_send_to(&target)?;
        let lane = self.lanes.enter(&target).map_err(|error| error.to_string())?;
        let format = if stored.format == "text" { Format::Text } else { Format::Json };
        let (id, until) = (self.next_id(), self.clock.of_wall(stored.expires));
        let subscription = Subscription { id, stored, until, format, lane, tally: Rc::default() };
        self.registry.borrow_mut().put(subscription);
        Ok(())
    }

    /// A number that no subscription has had.
    pub fn next_id(&self) -> ReceiverId {
        let id = self.next.get();
        self.next.set(id + 1);
        id
    }

    /// Sends nothing more for these, which are not among the others any more.
    pub fn end(&self, ended: &[Subscription]) {
        ended.iter().for_each(|it| self.lanes.leave(&it.lane, it.id));
        self.show();
    }

    /// How many there are.
    pub fn show(&self) {
        metrics::gauge!("eventmanager_evi_subscriptions").set(self.registry.borrow().len() as f64);
    }

    /// A change that waits to be stored holds up the ends of subscriptions, and not the place.
    async fn mind_time(&self) -> Infallible {
        tokio::select! {
            never = self.mind_ends() => never,
            never = self.mind_place() => never,
        }
    }

    async fn mind_ends(&self) -> Infallible {
        loop {
            sleep(TICK).await;
            // What came within its life is handed out still, and nobody can renew while the database is away.
            if matches!(self.store.health().borrow().events, DatabaseHealth::Up) {
                let over = self.clock.now() - LATE;
                self.drop_those(|subscription| subscription.until <= over).await;
            }
        }
    }

    async fn mind_place(&self) -> Infallible {
        loop {
            sleep(TICK).await;
            self.keep_place().await;
        }
    }

    /// Ends the subscriptions for which this holds, here and in the database; gives them. One that is being stored or renewed is
    /// waited for.
    async fn drop_those(&self, is_meant: impl Fn(&Subscription) -> bool) -> Vec<Subscription> {
        let _guard = self.changes.lock().await;
        let ended = self.registry.borrow_mut().take(is_meant);
        let key = |it: &Subscription| (it.stored.event.clone(), it.stored.socket.clone());
        self.forget(ended.iter().map(key));
        self.end(&ended);
        ended
    }

    /// Takes these out of the database. Queued at once; a database that is away is waited for by nobody.
    fn forget(&self, keys: impl Iterator<Item = (String, String)>) {
        let gone: Vec<_> = keys.map(|(event, socket)| EviChange::Unsubscribe { event, socket }).collect();
        if !gone.is_empty() {
            drop(self.store.change_evi(gone, None));
        }
    }

    async fn keep_place(&self) {
        if !self.is_loaded.get() {
            return;
        }
        let place = self.lanes.settled(self.handed_out.get());
        if self.kept.get().is_none_or(|kept| kept < place) {
            failpoints::pass("evi.place.before").await;
            let kept = self.store.keep_place(READER, place).await;
            failpoints::pass("evi.place.after").await;
            match kept {
                Ok(()) => self.kept.set(Some(place)),
                Err(error) => tracing::warn!(%error, "the place in the topic log cannot be kept"),
            }
        }
    }

    async fn mind_config(&self) -> Infallible {
        let (mut config, mut whole) = (self.config.clone(), self.whole.clone());
        loop {
            tokio::select! {
                Some(changed) = config.clone().changed() => config = changed,
                Some(changed) = whole.clone().changed() => whole = changed,
                // Nothing new can come.
                else => std::future::pending().await,
            }
            self.configure();
            let ended = self.drop_those(|it| self.may_send_to(&it.lane.target).is_err()).await;
            ended.iter().for_each(|it| self.tell_unsubscribed(it));
        }
    }

    fn tell_unsubscribed(&self, subscription: &Subscription) {
        if let Some(so_far) = self.unsubscribed.count() {
            let (event, socket) = subscription.key();
            tracing::warn!(event, socket, so_far, "unsubscribed: its socket is not allowed any more");
        }
    }

    fn configure(&self) {
        self.known.borrow_mut().configure(&self.config.get(), &self.whole.get());
    }

    async fn close(&self) {
        let left = self.lanes.close().await;
        if left > 0 {
            metrics::counter!("eventmanager_dropped_total", "connection" => READER).increment(left as u64);
            tracing::warn!(events = left, "subscribers did not take in time what waited for them");
        }
        if timeout(KEEP, self.keep_place()).await.is_err() {
            tracing::warn!("the place in the topic log could not be kept in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::Trial;
    use super::*;

    #[actix::test]
    async fn the_place_is_kept_while_a_change_waits_to_be_stored() {
        let Trial { server, .. } = &Trial::start().await;
        server.handed_out.set(7);
        let _change = server.changes.lock().await;
        let is_kept = async {
            while !matches!(server.store.place(READER).await, Ok(Some(7))) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            never = server.mind_time() => match never {},
            kept = timeout(10 * TICK, is_kept) => kept.expect("it is kept"),
        }
    }
}
