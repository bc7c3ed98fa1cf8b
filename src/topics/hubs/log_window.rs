//! The latest rows of the topic log, in memory, for all hubs that are not far behind: they are read once, and written as JSON once. Who is
//! further behind reads pages of its topic from the store.

use super::envelope::envelope;
use crate::event::Logged;
use crate::store::{ReadError, Store, TopicRows};
use crate::supervision::Backoff;
use crate::topics::Tail;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// What the rows of the window hold, about, in bytes.
const ROOM: usize = 16 << 20;
/// What a row holds beside its payload, about, and how often it holds that: as it is stored, and as it is delivered.
const ROW: usize = 1_000;
const COPIES: usize = 2;
/// Rows of a topic that keep what filters look at: that is several times as large as all else, and most hubs have seen it at once.
const FOR_FILTERS: usize = 64;
/// Hubs that read from the store at once.
const READS: usize = 4;
/// How often it is counted how far a hub is behind, where it changes meanwhile.
const COUNTS: u8 = 3;
/// Distance of the attempts to read while the database is away.
pub const RETRY: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };

/// A row, and what hubs get of it.
pub struct Row {
    pub logged: Logged,
    envelope: Mutex<Envelope>,
    body: OnceLock<Bytes>,
}

/// What filters look at.
enum Envelope {
    /// It is kept as soon as somebody has asked for it.
    Kept(Option<Arc<Map<String, Value>>>),
    /// Whoever asks gets one of its own.
    Forgotten,
}

impl Row {
    /// A row of which nothing is written yet.
    pub fn new(logged: Logged) -> Row {
        Row { logged, envelope: Mutex::new(Envelope::Kept(None)), body: OnceLock::new() }
    }

    /// What filters look at.
    pub fn envelope(&self, node: &str) -> Arc<Map<String, Value>> {
        let new = || Arc::new(envelope(&self.logged.event, node));
        match &mut *self.kept() {
            Envelope::Kept(kept) => kept.get_or_insert_with(new).clone(),
            Envelope::Forgotten => new(),
        }
    }

    /// What is delivered.
    pub fn body(&self, node: &str) -> Bytes {
        let write = || match &*self.kept() {
            Envelope::Kept(Some(envelope)) => written(envelope),
            _ => written(&envelope(&self.logged.event, node)),
        };
        self.body.get_or_init(write).clone()
    }

    fn forget_envelope(&self) {
        *self.kept() = Envelope::Forgotten;
    }

    fn kept(&self) -> MutexGuard<'_, Envelope> {
        // It is set whole or not at all.
        self.envelope.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn size(&self) -> usize {
        ROW + COPIES * self.logged.event.payload.len()
    }
}

/// No larger than it has to be: it is kept for a while.
fn written(envelope: &Map<String, Value>) -> Bytes {
    let text = serde_json::to_vec(envelope).expect("a map with keys of text can be written");
    text.into_boxed_slice().into()
}

/// Rows of a topic.
pub struct Page {
    pub rows: Vec<Arc<Row>>,
    /// Up to here the topic has no others.
    pub upto: i64,
    /// How many rows the topic had had by then since the start; `None` where the store was asked.
    pub total: Option<u64>,
}

/// See the module.
pub struct LogWindow {
    store: Store,
    rows: Mutex<Rows>,
    reads: Semaphore,
}

struct Rows {
    /// All rows behind this one are here.
    from: i64,
    /// The last one.
    last: i64,
    topics: HashMap<String, Lane>,
    /// Which go next: topic and size of each, in the order of the log.
    order: VecDeque<(String, usize)>,
    size: usize,
    room: usize,
}

/// Rows of one topic.
#[derive(Default)]
struct Lane {
    rows: VecDeque<Arc<Row>>,
    /// How many there have been.
    total: u64,
    grown: watch::Sender<()>,
}

impl LogWindow {
    /// An empty one: until it is filled everybody reads from the store.
    pub fn new(store: Store) -> LogWindow {
        LogWindow { store, rows: Mutex::new(Rows::new(ROOM)), reads: Semaphore::new(READS) }
    }

    /// Reads what the log brings.
    pub async fn fill(&self) -> Infallible {
        loop {
            self.store.wait_until_events_up().await;
            let tenure = self.store.tenure();
            tokio::select! {
                never = self.follow_log() => match never {},
                // It may be another log, with other places.
                () = self.store.superseded(tenure) => {}
            }
        }
    }

    async fn follow_log(&self) -> Infallible {
        let place = self.end().await;
        self.lock().begin(place);
        let mut tail = Tail::after(self.store.clone(), place);
        loop {
            let rows = tail.next().await;
            self.lock().push(rows);
            // Those who wait for these get their turn before more is read.
            tokio::task::yield_now().await;
        }
    }

    async fn end(&self) -> i64 {
        let mut failures = 0;
        loop {
            self.store.wait_until_events_up().await;
            match self.store.topic_log_end().await {
                Ok(end) => return end,
                Err(error) => tracing::warn!(%error, "the topic log cannot be read: trying again"),
            }
            tokio::time::sleep(RETRY.delay(failures)).await;
            failures += 1;
        }
    }

    /// The next rows of a topic behind this place, as many as `limit`.
    pub async fn next(&self, topic: &str, after: i64, limit: usize) -> Result<Page, ReadError> {
        let last = {
            let rows = self.lock();
            if let Some(page) = rows.page(topic, after, limit) {
                return Ok(page);
            }
            rows.last
        };
        // Closed it is never.
        let _permit = self.reads.acquire().await;
        let TopicRows { rows, is_end } = self.store.topic_rows_after(topic, after, limit).await?;
        let end = rows.last().map_or(after, |row| row.sequence);
        // What the window had read by then had been there.
        let upto = if is_end { end.max(last) } else { end };
        Ok(Page { rows: rows.into_iter().map(|row| Arc::new(Row::new(row))).collect(), upto, total: None })
    }

    /// Changes when this topic has grown.
    pub fn follow(&self, topic: &str) -> watch::Receiver<()> {
        self.lock().lane(topic).grown.subscribe()
    }

    /// How many rows of this topic have come since the start.
    pub fn total(&self, topic: &str) -> u64 {
        self.lock().topics.get(topic).map_or(0, |lane| lane.total)
    }

    /// How many rows of this topic there are behind this place, and how many had come by then since the start.
    pub async fn count(&self, topic: &str, after: i64) -> Result<(u64, u64), ReadError> {
        let mut tries = 0;
        loop {
            let (there, before) = self.lock().count(topic, after);
            if let Some(there) = there {
                return Ok((there, before));
            }
            let _permit = self.reads.acquire().await;
            let count = self.store.topic_rows_behind(topic, after).await?;
            tries += 1;
            // What came while it was counted may be among them or not; where some always come, about so many will do.
            if tries == COUNTS || self.total(topic) == before {
                return Ok((count, before));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        // Nothing panics half-way through a change.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn new(room: usize) -> Rows {
        // Nobody's place is behind the last one that there can be.
        let (from, last) = (i64::MAX, 0);
        Rows { from, last, topics: HashMap::new(), order: VecDeque::new(), size: 0, room }
    }

    fn lane(&mut self, topic: &str) -> &mut Lane {
        if !self.topics.contains_key(topic) {
            self.topics.insert(topic.to_owned(), Lane::default());
        }
        self.topics.get_mut(topic).expect("it was put there")
    }

    /// Holds what comes behind this place.
    fn begin(&mut self, place: i64) {
        (self.from, self.last, self.size) = (place, place, 0);
        self.order.clear();
        for lane in self.topics.values_mut() {
            lane.rows.clear();
            // What came while nobody read is in the store.
            lane.grown.send_replace(());
        }
    }

    fn push(&mut self, rows: Vec<Logged>) {
        let mut grown: Vec<String> = Vec::new();
        for logged in rows {
            self.last = logged.sequence;
            let (topic, row) = (logged.event.topic.clone(), Arc::new(Row::new(logged)));
            self.size += row.size();
            self.order.push_back((topic.clone(), row.size()));
            self.lane(&topic).push(row);
            if !grown.contains(&topic) {
                grown.push(topic);
            }
        }
        self.shrink();
        grown.iter().for_each(|topic| self.lane(topic).grown.send_replace(()));
    }

    /// The oldest go; the last one stays, however large it is: all hubs of its topic are about to ask for it.
    fn shrink(&mut self) {
        while self.size > self.room && self.order.len() > 1 {
            let Some((topic, size)) = self.order.pop_front() else { return };
            self.size -= size;
            if let Some(row) = self.lane(&topic).rows.pop_front() {
                self.from = row.logged.sequence;
            }
        }
    }

    /// How many rows of a topic are behind this place, where that is known, and how many there have been.
    fn count(&self, topic: &str, after: i64) -> (Option<u64>, u64) {
        let lane = self.topics.get(topic);
        let there = || lane.map_or(0, |lane| lane.rows.len() - lane.position(after)) as u64;
        ((after >= self.from).then(there), lane.map_or(0, |lane| lane.total))
    }

    fn page(&self, topic: &str, after: i64, limit: usize) -> Option<Page> {
        if after < self.from {
            return None;
        }
        let Some(lane) = self.topics.get(topic) else {
            return Some(Page { rows: Vec::new(), upto: self.last.max(after), total: Some(0) });
        };
        let rows: Vec<Arc<Row>> = lane.rows.iter().skip(lane.position(after)).take(limit).cloned().collect();
        let end = rows.last().map_or(after, |row| row.logged.sequence);
        let upto = if rows.len() < limit { end.max(self.last) } else { end };
        Some(Page { rows, upto, total: Some(lane.total) })
    }
}

impl Lane {
    fn push(&mut self, row: Arc<Row>) {
        self.rows.push_back(row);
        self.total += 1;
        if let Some(at) = self.rows.len().checked_sub(FOR_FILTERS + 1) {
            self.rows[at].forget_envelope();
        }
    }

    /// Where in it the rows behind this place begin.
    fn position(&self, after: i64) -> usize {
        self.rows.partition_point(|row| row.logged.sequence <= after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Form, TopicEvent};
    use std::time::SystemTime;
    use uuid::Uuid;

    fn row(sequence: i64, topic: &str) -> Logged {
        let event = TopicEvent {
            uuid: Uuid::from_u128(sequence as u128),
            topic: topic.to_owned(),
            source: "k1".into(),
            name: "call".into(),
            at: SystemTime::UNIX_EPOCH,
            payload: "{}".into(),
            form: Form::Fields,
        };
        Logged { sequence, event }
    }

    /// What is there of a topic behind a place, and up to where; `None`: the store is to be asked.
    fn page(rows: &Rows, topic: &str, after: i64, limit: usize) -> Option<(Vec<i64>, i64)> {
        let page = rows.page(topic, after, limit)?;
        Some((page.rows.iter().map(|row| row.logged.sequence).collect(), page.upto))
    }

    #[test]
    fn a_hub_gets_the_rows_of_its_topic_and_skips_those_of_others() {
        let mut rows = Rows::new(ROOM);
        assert_eq!(page(&rows, "a", 10, 9), None, "nothing is known yet");
        rows.begin(10);
        assert_eq!(page(&rows, "a", 10, 9), Some((vec![], 10)));
        assert_eq!(page(&rows, "a", 9, 9), None);
        rows.push(vec![row(11, "a"), row(12, "b"), row(14, "a"), row(15, "b")]);
        assert_eq!(page(&rows, "a", 10, 9), Some((vec![11, 14], 15)));
        assert_eq!(page(&rows, "a", 10, 1), Some((vec![11], 11)));
        assert_eq!(page(&rows, "a", 11, 1), Some((vec![14], 14)));
        assert_eq!(page(&rows, "a", 15, 9), Some((vec![], 15)));
        assert_eq!(page(&rows, "c", 12, 9), Some((vec![], 15)));
    }

    #[test]
    fn the_oldest_rows_go_and_the_last_one_stays() {
        let mut rows = Rows::new(3 * row_size());
        rows.begin(0);
        rows.push((1..=5).map(|at| row(at, if at % 2 == 0 { "b" } else { "a" })).collect());
        assert_eq!(page(&rows, "a", 1, 9), None);
        assert_eq!(page(&rows, "a", 2, 9), Some((vec![3, 5], 5)));
        assert_eq!(page(&rows, "b", 2, 9), Some((vec![4], 5)));
        let mut rows = Rows::new(1);
        rows.begin(0);
        rows.push(vec![row(1, "a"), row(2, "a")]);
        assert_eq!(page(&rows, "a", 1, 9), Some((vec![2], 2)));
        assert_eq!((rows.size, rows.order.len()), (row_size(), 1));
    }

    #[test]
    fn only_the_latest_rows_keep_what_filters_look_at_and_all_say_the_same() {
        let mut rows = Rows::new(ROOM);
        rows.begin(0);
        rows.push(vec![row(1, "a")]);
        let all = |rows: &Rows| rows.page("a", 0, usize::MAX).expect("it is there").rows;
        let first = all(&rows)[0].envelope("em1");
        assert!(Arc::ptr_eq(&first, &all(&rows)[0].envelope("em1")), "it is made once");
        rows.push((2..=1 + FOR_FILTERS as i64).map(|at| row(at, "a")).collect());
        let again = all(&rows)[0].envelope("em1");
        assert_eq!(Arc::strong_count(&first), 1, "the row has none any more");
        assert_eq!(Arc::strong_count(&again), 1, "nor has it kept another");
        assert_eq!(first, again);
        for row in all(&rows) {
            let envelope = row.envelope("em1");
            assert_eq!(row.body("em1"), serde_json::to_vec(&*envelope).expect("JSON"));
        }
    }

    fn row_size() -> usize {
        Row::new(row(1, "a")).size()
    }

    #[test]
    fn who_follows_a_topic_is_woken_by_that_alone() {
        let mut rows = Rows::new(ROOM);
        let mut grown = rows.lane("a").grown.subscribe();
        grown.mark_unchanged();
        rows.push(vec![row(1, "b")]);
        assert!(!grown.has_changed().expect("there"));
        rows.push(vec![row(2, "a")]);
        assert!(grown.has_changed().expect("there"));
        grown.mark_unchanged();
        rows.begin(2);
        assert!(grown.has_changed().expect("there"), "it may have missed some");
    }
}
