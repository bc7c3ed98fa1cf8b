//! Subscriptions come and go: what is answered is stored.

use super::failures::{absent, bad, refused, store_away, unpublished};
use super::registry::Subscription;
use super::server::Server;
use super::target::{Address, Target};
use crate::failpoints;
use crate::store::{Act, DatabaseHealth, EviChange, EviSubscription, StoreError};
use crate::wire::evi::Format;
use crate::wire::mi::{DEFAULT_EXPIRE, Failure, Subscribe};
use std::rc::Rc;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

/// What is not stored within this time is answered; it is carried out all the same when it can be stored.
const LIMIT: Duration = Duration::from_secs(3);

/// Changes that are under way, and commands that wait for theirs, at most: while the database hangs they come to no end.
const UNDER_WAY: usize = 1_000;

/// A subscription that is asked for, as far as it could be checked.
struct Wanted {
    stored: EviSubscription,
    format: Format,
    target: Target,
}

impl Server {
    /// Subscribes or renews; with 0 seconds unsubscribes. `actor` is the operator who asks, where one does.
    pub(super) async fn subscribe(
        self: &Rc<Self>,
        wish: &Subscribe,
        actor: Option<&str>,
    ) -> Result<(), Failure> {
        let act = |act: &str| actor.map(|actor| self.act(actor, act, &wish.event, wish.socket.clone()));
        if wish.expire == Some(0) {
            let (server, act) = (Rc::clone(self), act("unsubscribe"));
            let (event, socket) = (wish.event.clone(), wish.socket.clone());
            return self.begin(async move { server.remove(event, socket, act).await }).await;
        }
        let wanted = self.check(wish).await?;
        // A renewal says nothing new of who wants what.
        let is_new = self.registry.borrow().get(&wish.event, &wish.socket).is_none();
        let (server, act) = (Rc::clone(self), is_new.then(|| act("subscribe")).flatten());
        self.begin(async move { server.add(wanted, act).await }).await
    }

    async fn check(&self, wish: &Subscribe) -> Result<Wanted, Failure> {
        let config = self.config.get();
        let format = format(wish.format.as_deref())?;
        let longest = u32::try_from(config.max_expire.as_secs()).unwrap_or(u32::MAX);
        let expire = wish.expire.unwrap_or(DEFAULT_EXPIRE.min(longest));
        if expire > longest {
            return Err(bad("expire", format!("{expire} is more than evi.max_expire allows, {longest}")));
        }
        let address = Address::parse(&wish.socket).map_err(|reason| bad("socket", reason))?;
        // What somebody has subscribed to can be renewed, though nobody may have raised it since the start.
        let is_held = self.registry.borrow().of(&wish.event).next().is_some();
        if !is_held && !self.known.borrow().is_known(&wish.event) {
            return Err(unpublished());
        }
        let there = self.registry.borrow().get(&wish.event, &wish.socket).map(|it| it.lane.target.clone());
        let target = match there {
            Some(target) => target,
            None => {
                let found = address.resolve(|ip| config.allows_target(ip)).await;
                found.map_err(|reason| bad("socket", reason))?
            }
        };
        self.may_send_to(&target).map_err(|reason| bad("socket", reason))?;
        if format == Format::Text && !target.is_datagram() {
            return Err(bad("format", "text comes in datagrams alone".to_owned()));
        }
        let stored = EviSubscription {
            event: wish.event.clone(),
            socket: wish.socket.clone(),
            address: target.address().map(|address| address.to_string()),
            format: if format == Format::Text { "text" } else { "json" }.to_owned(),
            expire,
            expires: SystemTime::now() + Duration::from_secs(expire.into()),
        };
        Ok(Wanted { stored, format, target })
    }

    async fn add(&self, wanted: Wanted, act: Option<Act>) -> Result<(), Failure> {
        let _guard = self.changes.lock().await;
        let Wanted { stored, format, target } = wanted;
        // A reload may have come since it was checked.
        self.may_send_to(&target).map_err(|reason| bad("socket", reason))?;
        let before = self.registry.borrow().get(&stored.event, &stored.socket).cloned();
        if before.is_none() && self.registry.borrow().len() >= self.config.get().max_subscriptions {
            return Err(refused("Too many subscriptions"));
        }
        let mut subscription = match before.clone() {
            Some(before) => before,
            None => {
                let lane = self.lanes.enter(&target).map_err(|error| bad("socket", error.to_string()))?;
                Subscription {
                    id: self.next_id(),
                    stored: stored.clone(),
                    until: self.clock.now(),
                    format,
                    lane,
                    tally: Rc::default(),
                }
            }
        };
        (subscription.format, subscription.stored) = (format, stored.clone());
        subscription.until = self.clock.now() + Duration::from_secs(stored.expire.into());
        failpoints::pass("evi.subscribe.before").await;
        if let Err(failure) = self.store(EviChange::Subscribe(stored), act).await {
            if before.is_none() {
                self.lanes.leave(&subscription.lane, subscription.id);
            }
            return Err(failure);
        }
        failpoints::pass("evi.subscribe.after").await;
        if before.is_none() {
            self.tell_begun(&subscription);
        }
        self.registry.borrow_mut().put(subscription);
        self.show();
        Ok(())
    }

    fn tell_begun(&self, subscription: &Subscription) {
        if let Some(so_far) = self.begun.count() {
            let (event, socket) = subscription.key();
            let address = subscription.stored.address.as_deref();
            tracing::info!(event, socket, address, so_far, "a program has subscribed");
        }
    }

    async fn remove(&self, event: String, socket: String, act: Option<Act>) -> Result<(), Failure> {
        let _guard = self.changes.lock().await;
        if self.registry.borrow().get(&event, &socket).is_none() {
            return Err(absent());
        }
        let change = EviChange::Unsubscribe { event: event.clone(), socket: socket.clone() };
        self.store(change, act).await?;
        let ended = self.registry.borrow_mut().remove(&event, &socket);
        self.end(ended.as_slice());
        Ok(())
    }

    async fn store(&self, change: EviChange, act: Option<Act>) -> Result<(), Failure> {
        self.check_store()?;
        let done = act.clone();
        self.store.change_evi(vec![change], act).await.map_err(|error| match error {
            StoreError::Rejected(reason) => refused(&format!("The database refuses it: {reason}")),
            StoreError::Closed => store_away("it is being stopped"),
        })?;
        done.iter().for_each(tell);
        Ok(())
    }

    /// While the database is away nothing is begun.
    pub(super) fn check_store(&self) -> Result<(), Failure> {
        match &self.store.health().borrow().events {
            DatabaseHealth::Down { reason } => Err(store_away(reason)),
            DatabaseHealth::Up if self.is_loaded.get() => Ok(()),
            DatabaseHealth::Up => Err(store_away("it has just come up")),
        }
    }

    /// Begins something that goes on to its end, whether or not somebody still waits for it.
    pub(super) async fn begin(
        &self,
        work: impl Future<Output = Result<(), Failure>> + 'static,
    ) -> Result<(), Failure> {
        self.check_store()?;
        let (tell, told) = oneshot::channel();
        {
            let mut tasks = self.tasks.borrow_mut();
            while tasks.try_join_next().is_some() {}
            if tasks.len() >= UNDER_WAY {
                return Err(store_away("too much waits for it"));
            }
            tasks.spawn_local(async move { drop(tell.send(work.await)) });
        }
        match timeout(LIMIT, told).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(refused("It has failed")),
            Err(_) => Err(store_away("it is carried out as soon as it can be stored")),
        }
    }

    /// A line of the audit.
    pub(super) fn act(&self, actor: &str, act: &str, object: &str, detail: String) -> Act {
        Act {
            uuid: Uuid::now_v7(),
            at: SystemTime::now(),
            actor: actor.to_owned(),
            act: act.to_owned(),
            object: object.to_owned(),
            detail: Some(detail),
        }
    }
}

/// Tells of an act that is done.
pub(super) fn tell(Act { act, actor, object, .. }: &Act) {
    tracing::info!(act, actor, object, "act of an operator");
}

fn format(word: Option<&str>) -> Result<Format, Failure> {
    match word {
        None | Some("json") => Ok(Format::Json),
        Some("text") => Ok(Format::Text),
        Some(_) => Err(bad("format", "it is neither json nor text".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::Trial;
    use super::*;
    use futures_util::FutureExt as _;
    use std::future::pending;

    #[actix::test]
    async fn of_what_comes_to_no_end_no_more_is_begun_than_there_is_room_for() {
        let Trial { server, .. } = &Trial::start().await;
        for number in 0..UNDER_WAY {
            assert!(server.begin(pending()).now_or_never().is_none(), "{number} have begun");
        }
        let refused = server.begin(pending()).now_or_never().expect("at once").expect_err("refused");
        assert_eq!((refused.code, refused.data.as_deref()), (503, Some("too much waits for it")));
        server.tasks.borrow_mut().abort_all();
        tokio::task::yield_now().await;
        assert_eq!(server.begin(async { Ok(()) }).await, Ok(()));
    }
}
