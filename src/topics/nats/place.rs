//! How far the server has got the events, as the store keeps it: one write is under way, and the newest place counts.

use crate::failpoints;
use crate::store::{NATS_READER, ReadError, Store, StoreError, Tenure};
use crate::supervision::Backoff;
use futures_util::future::{BoxFuture, FutureExt};
use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

/// Distance of the attempts to read while the database is away.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };
/// What is left to be kept at a stop is waited for so long.
const AT_A_STOP: Duration = Duration::from_secs(2);

pub(super) struct Place {
    store: Store,
    /// The last row that the server has got, with all before it; for whoever shows it, too.
    reached: Rc<Cell<Option<i64>>>,
    kept: Option<i64>,
    /// In which these are its places.
    tenure: Tenure,
    writing: Option<BoxFuture<'static, (i64, Result<(), StoreError>)>>,
}

impl Place {
    pub fn new(store: Store, reached: Rc<Cell<Option<i64>>>) -> Place {
        let tenure = store.tenure();
        Place { store, reached, kept: None, tenure, writing: None }
    }

    /// Where to go on: as it is kept, which another daemon may have changed meanwhile; at the first time at the end of the log, and
    /// in a database that has replaced another one at its beginning.
    pub async fn read(&mut self) -> Result<i64, ReadError> {
        self.store.wait_until_events_up().await;
        let tenure = self.store.tenure();
        let is_another = self.tenure != tenure && self.tenure != Tenure::default();
        let kept = self.store.place(NATS_READER).await?;
        let place = match kept {
            Some(place) => place,
            None if is_another => 0,
            None => self.store.topic_log_end().await?,
        };
        if is_another {
            self.reached.set(None);
            self.kept = None;
            self.writing = None;
        }
        self.tenure = tenure;
        self.kept = self.kept.max(kept);
        self.reach(place);
        Ok(self.reached.get().unwrap_or(place))
    }

    /// Resolves when its places are those of another log, perhaps: it is to be read again.
    pub fn superseded(&self) -> impl Future<Output = ()> + use<> {
        self.store.superseded(self.tenure)
    }

    /// Has a place that is kept before anything else happens: from the first start on nothing is passed over, whether or not
    /// there is a server. However long the database is away.
    pub async fn begin(&mut self) {
        let mut failures = 0;
        while let Err(error) = self.read().await {
            tracing::warn!(%error, "the place in the topic log cannot be read: trying again");
            tokio::time::sleep(RETRY.delay(failures)).await;
            failures += 1;
        }
        self.keep_all().await;
    }

    /// The server has got everything up to this row.
    pub fn reach(&mut self, sequence: i64) {
        self.reached.set(self.reached.get().max(Some(sequence)));
    }

    /// Keeps what is not kept; never resolves. It may be dropped and called again.
    pub async fn keep(&mut self) -> Infallible {
        loop {
            self.write();
            match &mut self.writing {
                Some(writing) => {
                    let written = writing.await;
                    self.end(written);
                }
                None => std::future::pending().await,
            }
        }
    }

    /// Keeps the last place, if the store takes it soon.
    pub async fn close(&mut self) {
        if tokio::time::timeout(AT_A_STOP, self.keep_all()).await.is_err() {
            tracing::warn!("the place in the topic log could not be kept in time");
        }
    }

    async fn keep_all(&mut self) {
        while self.kept < self.reached.get() || self.writing.is_some() {
            self.write();
            if let Some(writing) = &mut self.writing {
                let written = writing.await;
                self.end(written);
            }
        }
    }

    fn write(&mut self) {
        let reached = self.reached.get();
        let Some(reached) = reached.filter(|_| self.kept < reached && self.writing.is_none()) else { return };
        failpoints::pass_at_once("nats.place.before");
        let kept = self.store.keep_place_in(self.tenure, NATS_READER, reached);
        let writing = async move {
            let kept = kept.await;
            failpoints::pass("nats.place.after").await;
            (reached, kept)
        };
        self.writing = Some(writing.boxed());
    }

    fn end(&mut self, (sequence, written): (i64, Result<(), StoreError>)) {
        self.writing = None;
        // What the store refuses once it refuses again: nothing but a repetition depends on it.
        self.kept = self.kept.max(Some(sequence));
        if let Err(error) = written {
            tracing::warn!(%error, "the place in the topic log cannot be kept");
        }
    }
}
