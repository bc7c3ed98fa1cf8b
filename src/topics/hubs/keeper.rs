//! What a hub has to keep in the store, without waiting for it: its place, of which only the newest counts, and what happened to it.

use crate::failpoints;
use crate::store::{Cursor, HubChange, Replay, Store, StoreError, hub_reader};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use std::collections::VecDeque;
use uuid::Uuid;

type Write = LocalBoxFuture<'static, Result<(), StoreError>>;

/// So many events may be delivered while a place is being stored: as many come again after a crash.
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
    /// How many have come since the one that is under way.
    since: u32,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Newest { under_way: None, next: None, since: 0 }
    }
}

impl<T> Newest<T> {
    fn put(&mut self, value: T, begin: impl FnOnce(T) -> Write) {
        self.next = Some(value);
        self.since += 1;
        if self.under_way.is_none() {
            self.under_way = self.next.take().map(begin);
            self.since = 0;
        }
    }

    /// Until nothing is left.
    async fn settle(&mut self, begin: impl Fn(T) -> Write) {
        while let Some(write) = &mut self.under_way {
            let done = write.await;
            self.under_way = self.next.take().map(&begin);
            self.since = 0;
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
        if self.cursor.since.max(self.replay.since) >= AHEAD {
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
