//! What a hub has to keep in the store, without waiting for it: its place, of which only the newest counts, and what happened to it.

use crate::failpoints;
use crate::store::{Cursor, HubChange, Replay, Store, StoreError, hub_reader};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use std::collections::VecDeque;
use uuid::Uuid;

type Write = LocalBoxFuture<'static, Result<(), StoreError>>;

/// So many events may be delivered behind the place that is durable: as many come again after a crash.
const AHEAD: u32 = 100;

/// One write of each kind is under way at most.
pub struct Keeper {
    store: Store,
    hub: Uuid,
    cursor: Newest<Cursor>,
    replay: Newest<Option<Replay>>,
    /// What must not be passed over, in its order.
    events: VecDeque<Write>,
}

/// A value of which the newest counts.
struct Newest<T> {
    under_way: Option<Write>,
    next: Option<T>,
    /// How many have come and are not durable,
    ahead: u32,
    /// and how many of them the write that is under way makes so.
    carried: u32,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Newest { under_way: None, next: None, ahead: 0, carried: 0 }
    }
}

impl<T> Newest<T> {
    fn put(&mut self, value: T, begin: impl FnOnce(T) -> Write) {
        self.next = Some(value);
        self.ahead += 1;
        if self.under_way.is_none() {
            self.begin(begin);
        }
    }

    fn begin(&mut self, begin: impl FnOnce(T) -> Write) {
        self.under_way = self.next.take().map(begin);
        self.carried = self.ahead;
    }

    /// Until nothing is left.
    async fn settle(&mut self, begin: impl Fn(T) -> Write) {
        while let Some(write) = &mut self.under_way {
            let done = write.await;
            self.ahead -= self.carried;
            self.begin(&begin);
            tell(done);
        }
    }
}

impl Keeper {
    /// For this hub.
    pub fn new(store: Store, hub: Uuid) -> Keeper {
        let (cursor, replay) = (Newest::default(), Newest::default());
        Keeper { store, hub, cursor, replay, events: VecDeque::new() }
    }

    /// It has got everything up to here.
    pub fn cursor(&mut self, cursor: Cursor) {
        let begin = keep_cursor(&self.store, self.hub);
        self.cursor.put(cursor, begin);
    }

    /// So far events have been sent again.
    pub fn replay(&mut self, replay: Option<Replay>) {
        let begin = keep_replay(&self.store, self.hub);
        self.replay.put(replay, begin);
    }

    /// Something that has happened, which was queued at the store already.
    pub fn event(&mut self, write: impl Future<Output = Result<(), StoreError>> + Send + 'static) {
        self.events.push_back(write.boxed_local());
    }

    /// Until it may deliver more: the database may hang, and is not followed without bound. Dropping the future loses nothing.
    pub async fn keep_up(&mut self) {
        if self.cursor.ahead.max(self.replay.ahead) >= AHEAD {
            self.settle().await;
        }
    }

    /// Until all that has happened is durable. Dropping the future loses nothing.
    pub async fn events(&mut self) {
        while let Some(write) = self.events.front_mut() {
            let done = write.await;
            self.events.pop_front();
            tell(done);
        }
    }

    /// Until everything is durable.
    pub async fn settle(&mut self) {
        let cursor = self.cursor.settle(keep_cursor(&self.store, self.hub));
        let replay = self.replay.settle(keep_replay(&self.store, self.hub));
        tokio::join!(cursor, replay);
        self.events().await;
    }

    /// Goes on with it for as long as it is polled.
    pub async fn run(&mut self) -> std::convert::Infallible {
        self.settle().await;
        std::future::pending().await
    }
}

fn keep_cursor(store: &Store, hub: Uuid) -> impl Fn(Cursor) -> Write + use<> {
    let store = store.clone();
    move |cursor| {
        failpoints::pass_at_once("hub.place.before");
        let kept = store.keep_cursor(&hub_reader(hub), cursor);
        async move {
            let kept = kept.await;
            failpoints::pass("hub.place.after").await;
            kept
        }
        .boxed_local()
    }
}

fn keep_replay(store: &Store, hub: Uuid) -> impl Fn(Option<Replay>) -> Write + use<> {
    let store = store.clone();
    move |replay| {
        let change = HubChange::Replay { id: hub, replay };
        store.change_hubs(vec![change], Vec::new(), None).boxed_local()
    }
}

fn tell(done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(%error, "what became of a hub cannot be stored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::pending;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_a_write_under_way_carries_is_as_far_ahead_as_what_waits_behind_it() {
        let mut place = Newest::default();
        let (told, done) = oneshot::channel();
        place.put(1, |_| done.map(|_| Ok(())).boxed_local());
        for value in 2..=60 {
            place.put(value, |_| unreachable!("one is under way"));
        }
        assert_eq!(place.ahead, 60);
        told.send(()).expect("it is waited for");
        // The first is durable; the next write carries all others, and never ends.
        let next = |value| {
            assert_eq!(value, 60);
            pending().boxed_local()
        };
        assert_eq!(place.settle(next).now_or_never(), None);
        assert_eq!(place.ahead, 59);
        for value in 61..=100 {
            place.put(value, |_| unreachable!("one is under way"));
        }
        assert_eq!(place.ahead, 99, "as many come again if neither write is ever done");
    }
}
