//! Sweeping: events past their retention go, and rows of ours whose event somebody has deleted.
//!
//! What is to go is read past the writer, by indexes, and deleted in batches so small that whoever commits meanwhile waits
//! for milliseconds; a batch that took long is followed by a smaller one, and each by a pause as long as itself.

use super::errors::{ReadError, StoreError};
use super::reader::{Dialect, Reader, Value};
use super::records::Swept;
use super::writes::{EXPIRES, Outcome, Write, micros, time_from};
use super::{Inner, Store};
use std::time::{Duration, Instant, SystemTime};
use uuid::Uuid;

/// Rows of a page that is looked through.
const PAGE: usize = 1_000;
/// Events of one batch.
const SMALLEST: usize = 10;
const LARGEST: usize = 100;
/// A batch that is answered sooner may grow, one that is answered later shrinks.
const QUICK: Duration = Duration::from_millis(5);
/// Times of two stores' clocks may differ in their last digits: a page begins a little before the end of the one before.
const OVERLAP: Duration = Duration::from_millis(1);

/// A sweep has ended before its end; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Deletes what is ours of events that are gone, and events older than `older_than` with what is ours of them. What is
    /// pending or has failed stays, however old.
    pub async fn sweep(&self, older_than: Option<SystemTime>) -> Result<Swept, SweepError> {
        let mut sweep = Sweep::new(&self.inner);
        if let Some(older_than) = older_than {
            sweep.expire(older_than).await?;
        }
        for (table, column) in [("em_journal", "uuid"), ("em_subject", "event")] {
            sweep.forget(table, column).await?;
        }
        Ok(sweep.total)
    }
}

/// A sweep under way.
pub(super) struct Sweep<'a> {
    store: &'a Inner,
    /// Rows of the next batch.
    pub batch: usize,
    pub total: Swept,
}

impl<'a> Sweep<'a> {
    pub fn new(store: &'a Inner) -> Self {
        Sweep { store, batch: SMALLEST, total: Swept::default() }
    }

    /// Deletes the events that are past their retention, the oldest first.
    async fn expire(&mut self, older_than: SystemTime) -> Result<(), SweepError> {
        let mut from = SystemTime::UNIX_EPOCH - Duration::from_secs(100 * 365 * 86_400);
        loop {
            let (ids, last) = self.store.events.reader.expired(from, older_than).await?;
            let before = self.total.events;
            let mut rest = ids.as_slice();
            while !rest.is_empty() {
                let (batch, later) = rest.split_at(self.batch.min(rest.len()));
                self.write(Write::Expire { ids: batch.to_vec(), older_than }).await?;
                rest = later;
            }
            // What was read and is there all the same has been taken up by somebody else: it is not waited for.
            if ids.len() < PAGE || self.total.events == before {
                return Ok(());
            }
            from = last - OVERLAP;
        }
    }

    /// Deletes what a table of ours holds of events that are gone.
    async fn forget(&mut self, table: &str, column: &str) -> Result<(), SweepError> {
        let mut after = Uuid::nil();
        loop {
            let started = Instant::now();
            let page = self.store.events.reader.page_of_ours(table, column, after).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            let gone: Vec<Uuid> =
                page.iter().filter(|(_, is_there)| !is_there).map(|(event, _)| *event).collect();
            let mut rest = gone.as_slice();
            while !rest.is_empty() {
                let (batch, later) = rest.split_at(self.batch.min(rest.len()));
                self.write(Write::Forget { events: batch.to_vec() }).await?;
                rest = later;
            }
            if page.len() < PAGE {
                return Ok(());
            }
            tokio::time::sleep(started.elapsed()).await;
        }
    }

    /// Has a batch deleted, and lets others write for as long.
    pub async fn write(&mut self, write: Write) -> Result<(), StoreError> {
        let started = Instant::now();
        let step = match self.store.events.shared.queue.push(vec![write]).await?.pop() {
            Some(Outcome::Swept(step)) => step,
            Some(Outcome::Rejected(reason)) => return Err(StoreError::Rejected(reason)),
            other => unreachable!("a sweep is not answered by {other:?}"),
        };
        for (rows, count) in [("events", step.events), ("orphans", step.orphans), ("topics", step.handed_on)]
        {
            metrics::counter!("eventmanager_swept_total", "rows" => rows).increment(count);
        }
        self.total.events += step.events;
        self.total.orphans += step.orphans;
        self.total.handed_on += step.handed_on;
        let took = started.elapsed();
        self.batch = if took < QUICK { self.batch * 2 } else { self.batch / 2 }.clamp(SMALLEST, LARGEST);
        tokio::time::sleep(took).await;
        Ok(())
    }
}

impl Reader {
    /// The first events that may go of those that were received in this time, and when the last of them was.
    async fn expired(
        &self,
        from: SystemTime,
        older_than: SystemTime,
    ) -> Result<(Vec<i64>, SystemTime), ReadError> {
        let sql = format!(
            "select cast(id as bigint), {received} from em_event
             where {EXPIRES} and inserted >= {from} and inserted < {until} order by inserted limit {PAGE}",
            received = self.dialect().micros("inserted"),
            from = self.dialect().time("$1"),
            until = self.dialect().time("$2"),
        );
        let rows = self.rows(sql, vec![Value::Int(micros(from)), Value::Int(micros(older_than))]).await?;
        let last = rows.last().map_or_else(|| time_from(0), |row| row.time(1));
        Ok((rows.iter().filter_map(|row| row.int(0)).collect(), last))
    }

    /// The events that a table of ours has rows of, by uuid, and whether they are still there.
    async fn page_of_ours(
        &self,
        table: &str,
        column: &str,
        after: Uuid,
    ) -> Result<Vec<(Uuid, bool)>, ReadError> {
        let event = match self.dialect() {
            Dialect::Sqlite => "page.event",
            Dialect::Postgres => "cast(page.event as text)",
        };
        let sql = format!(
            "select {event}, cast((select count(*) from em_event where em_event.uuid = page.event) as bigint)
             from (select distinct {column} as event from {table} where {column} > {after}
                order by {column} limit {PAGE}) as page
             order by page.event",
            after = self.dialect().uuid("$1"),
        );
        let rows = self.rows(sql, vec![Value::Text(after.to_string())]).await?;
        Ok(rows.into_iter().filter_map(|mut row| Some((row.uuid(0)?, row.int(1)? > 0))).collect())
    }
}
