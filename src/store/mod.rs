//! The store: every event, how far it has come, and what we believe the core holds about subscribers.
//!
//! A [`Store`] is a cheap handle that anybody may call from any runtime. Writes are queued and committed in groups by
//! one writer per database ([`WriterTask`], run by a supervised actor); reads go past it. An unreachable database is
//! a state ([`StoreHealth`]): writes wait for it, reads say so.
//!
//! Code map: `disk` is the room under it; `records` and `errors` are the values; `queue` and `writer` the group writer over
//! either backend, `put_off` what waits there for a locked row; `writes` what it writes, `rulings` of operators among it, `sweep` what it deletes; `feed` tells which
//! events have changed; `reader`, `events`, `subjects`, `later`, `subscribers`, `directory` and `acts` the reads; `lists` the reads
//! that find events by a filter, over `walks`, `times` and `texts`, and `faults` those that group the failed ones; `reading`
//! a store that is only ever read, `released` one that the Erlang release alone has used; `sqlite` and `postgres` the
//! backends with their tables.

pub mod actor;
mod acts;
mod directory;
pub mod disk;
mod errors;
mod events;
mod faults;
mod feed;
mod health;
mod later;
mod limits;
mod lists;
mod postgres;
mod put_off;
mod queue;
mod reader;
mod reading;
mod records;
mod released;
mod rulings;
mod sqlite;
mod subjects;
mod subscribers;
mod sweep;
mod texts;
mod times;
mod walks;
mod writer;
mod writes;

pub use acts::{Act, AuditLine, Pause, PauseChange};
pub use directory::{SubscriberRow, SubscriberSearch};
pub use disk::Disk;
pub use errors::{IN_USE, MISSING, OpenError, ReadError, RecordError, StoreError};
pub use faults::{Fault, FaultGroup, Faults};
pub use feed::{Changed, Changes, News};
pub use health::{DatabaseHealth, StoreHealth};
pub use limits::SubscriberLimits;
pub use postgres::statements as postgres_tables;
pub use reading::{Reading, RecordedEvent, Rows};
pub use records::*;
pub use rulings::{Decided, Ruling, Verb};
pub(crate) use sqlite::real_path;
pub use sqlite::statements as sqlite_tables;
pub use sweep::SweepError;

use crate::config::{Database, StoreConfig};
use crate::event::{Event, NewEvent, Status};
use crate::plan::{Subscriber, SubscriberEffect};
use health::{HealthBoard, Tables};
use queue::Answer;
use reader::{Reader, Source};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use tokio::sync::watch;
use uuid::Uuid;
use writer::Shared;
use writes::{Outcome, RowStatus, Write};

/// A handle to the store. The last one that goes closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    events: Half,
    subscribers: Half,
    health: HealthBoard,
    limits: Arc<RwLock<SubscriberLimits>>,
}

/// What belongs to one of the two databases; both halves are the same where they are one.
#[derive(Clone)]
struct Half {
    shared: Arc<Shared>,
    reader: Reader,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.events.shared.queue.close();
        self.subscribers.shared.queue.close();
    }
}

/// The group writer of one database, to be run by a supervised actor on a thread of its own.
#[derive(Clone)]
pub struct WriterTask {
    /// `events` or `subscribers`; with one database there is only `events`.
    pub name: String,
    shared: Arc<Shared>,
    target: Target,
}

#[derive(Clone)]
enum Target {
    Sqlite(std::path::PathBuf),
    Postgres(Arc<postgres::Address>, Arc<postgres::Background>),
}

/// Makes the handle and the writers of its databases. Nothing is connected yet: the writers do that.
pub fn open(config: &StoreConfig) -> Result<(Store, Vec<WriterTask>), OpenError> {
    let health = HealthBoard::new();
    let limits = Arc::new(RwLock::new(SubscriberLimits::default()));
    let one = config.events == config.subscribers;
    let make = |setting, database, tables| make_half(setting, database, tables, &health, &limits);
    let (events, task) = make("store.events", &config.events, Tables { events: true, subscribers: one })?;
    let mut tasks = vec![task];
    let subscribers = if one {
        events.clone()
    } else {
        let tables = Tables { events: false, subscribers: true };
        let (subscribers, task) = make("store.subscribers", &config.subscribers, tables)?;
        tasks.push(task);
        subscribers
    };
    Ok((Store { inner: Arc::new(Inner { events, subscribers, health, limits }) }, tasks))
}

fn make_half(
    setting: &'static str,
    database: &Database,
    tables: Tables,
    health: &HealthBoard,
    limits: &Arc<RwLock<SubscriberLimits>>,
) -> Result<(Half, WriterTask), OpenError> {
    let (place, source, target) = find(setting, database)?;
    let shared = Arc::new(Shared {
        tables,
        place: place.clone(),
        queue: Arc::default(),
        health: health.clone(),
        limits: limits.clone(),
        feed: Arc::default(),
        slot: tokio::sync::Mutex::default(),
        committing: std::sync::Mutex::default(),
    });
    let half = Half { shared: shared.clone(), reader: Reader { database: tables.name(), place, source } };
    Ok((half, WriterTask { name: tables.name().to_owned(), shared, target }))
}

/// A database's name for logs, where to read it, and where to write it.
fn find(setting: &'static str, database: &Database) -> Result<(String, Source, Target), OpenError> {
    match database {
        Database::Sqlite(path) => {
            let source = Source::Sqlite(sqlite::Pool::new(path.clone()));
            Ok((path.display().to_string(), source, Target::Sqlite(path.clone())))
        }
        Database::Postgres(dsn) => {
            let refused = |reason| OpenError::Address { setting, reason };
            let address = postgres::Address::parse(dsn.expose()).map_err(refused)?;
            let background = postgres::Background::start()?;
            let pool = postgres::Pool::new(&address, background.clone()).map_err(refused)?;
            let place = address.place.clone();
            Ok((place, Source::Postgres(pool), Target::Postgres(Arc::new(address), background)))
        }
    }
}

/// The directories that databases of `config` need and that do not exist: until somebody makes them nothing is stored.
pub fn missing_directories(config: &StoreConfig) -> Vec<std::path::PathBuf> {
    let mut missing = Vec::new();
    for database in [&config.events, &config.subscribers] {
        if let Database::Sqlite(path) = database
            && let Some(directory) = sqlite::missing_directory(path)
            && !missing.contains(&directory.to_owned())
        {
            missing.push(directory.to_owned());
        }
    }
    missing
}

impl WriterTask {
    /// Connects, brings the tables up to date, and commits what is queued, through every outage.
    ///
    /// Returns when the store is closed (or its last handle gone) and everything queued is committed. The future may
    /// be dropped anywhere, or panic, and be run again: nothing that was queued is lost.
    pub async fn run(&self) {
        match &self.target {
            Target::Sqlite(path) => {
                let backend = sqlite::Sqlite::new(path.clone(), self.shared.tables);
                writer::run(backend, &self.shared).await;
            }
            Target::Postgres(address, background) => {
                let backend =
                    postgres::Postgres::new(address.clone(), background.clone(), self.shared.tables);
                writer::run(backend, &self.shared).await;
            }
        }
    }
}

impl Store {
    /// Queues the events at the call, so that their rows are in the order of the calls; resolves when they are
    /// durable, with one answer for each, in order. Storing an event again gives the row that is there.
    ///
    /// The future may be dropped: unless the queue is full, the events are stored all the same.
    pub fn append(
        &self,
        events: Vec<NewEvent>,
    ) -> impl Future<Output = Result<Vec<Appended>, StoreError>> + Send + use<> {
        let uuids: Vec<Uuid> = events.iter().map(|event| event.uuid).collect();
        let queue = &self.inner.events.shared.queue;
        let answer = queue.push(events.into_iter().map(Write::Append).collect());
        async move {
            let appended = uuids.into_iter().zip(answer.await?).map(|(uuid, outcome)| match outcome {
                Outcome::Appended { id } => Appended { uuid, id, rejected: None },
                Outcome::Rejected(reason) => Appended { uuid, id: 0, rejected: Some(reason) },
                other => unreachable!("an append is not answered by {other:?}"),
            });
            Ok(appended.collect())
        }
    }

    /// Records how far an event has come; resolves when it is durable. To be repeated as it is after an error of
    /// which the outcome is unknown.
    ///
    /// [`RecordError::Gone`] and [`RecordError::NotPending`] say that somebody has taken the event out of our hands:
    /// everything but the verdict is stored, and nothing more should be sent for it. A verdict that the row already
    /// shows counts as given.
    pub async fn record(&self, mut progress: Progress) -> Result<(), RecordError> {
        let expected = progress.verdict.as_ref().map_or(Status::Pending, |verdict| verdict.status);
        let Inner { events, subscribers, .. } = &*self.inner;
        if !events.shared.tables.subscribers
            && let Some(effect) = progress.effect.take()
        {
            one(subscribers.shared.queue.push(vec![Write::Effect(effect)]).await)?;
        }
        match one(events.shared.queue.push(vec![Write::Progress(progress)]).await)? {
            Outcome::Recorded(RowStatus::Is(status)) if status == expected => Ok(()),
            Outcome::Recorded(RowStatus::Is(status)) => Err(RecordError::NotPending(Some(status))),
            Outcome::Recorded(RowStatus::Unknown) => Err(RecordError::NotPending(None)),
            Outcome::Recorded(RowStatus::Gone) => Err(RecordError::Gone),
            other => unreachable!("a progress is not answered by {other:?}"),
        }
    }

    /// Applies effects that belong to no event, in order, and says of each why the database refuses it, where it does.
    pub async fn apply(&self, effects: Vec<SubscriberEffect>) -> Result<Vec<Option<String>>, StoreError> {
        let queue = &self.inner.subscribers.shared.queue;
        let outcomes = queue.push(effects.into_iter().map(Write::Effect).collect()).await?;
        let refused = outcomes.into_iter().map(|outcome| match outcome {
            Outcome::Rejected(reason) => Some(reason),
            _ => None,
        });
        Ok(refused.collect())
    }

    /// Records how often workers have panicked over this attempt.
    pub async fn record_panics(&self, event: Uuid, attempt: u32, panics: u32) -> Result<(), RecordError> {
        let queue = &self.inner.events.shared.queue;
        match one(queue.push(vec![Write::Panic { event, attempt, panics }]).await)? {
            Outcome::Applied => Ok(()),
            other => unreachable!("a panic is not answered by {other:?}"),
        }
    }

    /// Records an act of an operator together with what it changes; resolves when both are durable. Writes are
    /// committed in the order of the calls; recording an act again changes nothing.
    pub async fn record_act(&self, act: Act, change: Option<PauseChange>) -> Result<(), StoreError> {
        let queue = &self.inner.events.shared.queue;
        match queue.push(vec![Write::Act { act, change }]).await?.pop() {
            Some(Outcome::Applied) => Ok(()),
            Some(Outcome::Rejected(reason)) => Err(StoreError::Rejected(reason)),
            other => unreachable!("an act is not answered by {other:?}"),
        }
    }

    /// Decides about events, each for itself; resolves when what was done is durable. The error of one says that the
    /// database refuses to write it.
    pub async fn decide(&self, rulings: Vec<Ruling>) -> Result<Vec<Result<Decided, StoreError>>, StoreError> {
        let queue = &self.inner.events.shared.queue;
        let outcomes = queue.push(rulings.into_iter().map(Write::Decide).collect()).await?;
        let decided = outcomes.into_iter().map(|outcome| match outcome {
            Outcome::Decided(decided) => Ok(decided),
            Outcome::Rejected(reason) => Err(StoreError::Rejected(reason)),
            other => unreachable!("a ruling is not answered by {other:?}"),
        });
        Ok(decided.collect())
    }

    /// Stores an event that an operator wishes together with the line of the audit table that says so; resolves with the
    /// event's id when both are durable.
    pub fn append_wish(
        &self,
        event: NewEvent,
        act: Act,
    ) -> impl Future<Output = Result<i64, StoreError>> + Send + use<> {
        let answer = self.inner.events.shared.queue.push(vec![Write::Wish { event, act }]);
        async move {
            match answer.await?.pop() {
                Some(Outcome::Appended { id }) => Ok(id),
                Some(Outcome::Rejected(reason)) => Err(StoreError::Rejected(reason)),
                other => unreachable!("an append is not answered by {other:?}"),
            }
        }
    }

    /// The systems that operators have paused.
    pub async fn pauses(&self) -> Result<Vec<Pause>, ReadError> {
        self.inner.events.reader.pauses().await
    }

    /// A page of the acts of operators, the latest first; `before` is the id of the last line of the page before,
    /// `i64::MAX` for the first.
    pub async fn audit(&self, before: i64, limit: usize) -> Result<Vec<AuditLine>, ReadError> {
        self.inner.events.reader.audit(before, limit).await
    }

    /// The event with this id at this moment: ids may start anew.
    pub async fn event(&self, id: i64) -> Result<Option<Event>, ReadError> {
        self.inner.events.reader.event(id).await
    }

    /// The event that its sender has given this uuid; unlike ids these never start anew.
    pub async fn event_by_uuid(&self, uuid: Uuid) -> Result<Option<Event>, ReadError> {
        self.inner.events.reader.event_by_uuid(uuid).await
    }

    /// The journal of an event; `None` where nothing has been recorded about it.
    pub async fn journal(&self, uuid: Uuid) -> Result<Option<Journal>, ReadError> {
        self.inner.events.reader.journal(uuid).await
    }

    /// Our pending events, oldest first; not the rows that the Erlang release left pending.
    pub async fn pending(&self, after: i64, limit: usize) -> Result<Vec<PendingEvent>, ReadError> {
        self.inner.events.reader.pending(after, limit).await
    }

    /// Those of our pending events of which something has been sent in their latest attempt, oldest first.
    pub async fn begun(&self, after: i64, limit: usize) -> Result<Vec<PendingEvent>, ReadError> {
        self.inner.events.reader.begun(after, limit).await
    }

    /// Those of these events that are there, oldest first, with their uuids: a row of the Erlang release has none.
    pub async fn uuids(&self, ids: &[i64]) -> Result<Vec<(i64, Option<Uuid>)>, ReadError> {
        self.inner.events.reader.uuids(ids).await
    }

    /// The status of those of these events that are there; `None`: a foreign word.
    pub async fn statuses(&self, uuids: &[Uuid]) -> Result<HashMap<Uuid, Option<Status>>, ReadError> {
        self.inner.events.reader.statuses(uuids).await
    }

    /// Our pending events and those whose failure holds their subject, unless somebody has resolved them; oldest first.
    pub async fn unresolved(&self, after: i64, limit: usize) -> Result<Vec<PendingEvent>, ReadError> {
        self.inner.events.reader.unresolved(after, limit).await
    }

    /// The events that match, oldest first unless the filter says otherwise, without their documents: as many as
    /// `limit`, however long it takes to find them.
    pub async fn list(&self, filter: EventFilter) -> Result<Vec<EventSummary>, ReadError> {
        self.inner.events.reader.list(filter).await
    }

    /// The same for at most some 25 ms of looking: a page may be short, with more behind it.
    pub async fn page(&self, filter: EventFilter) -> Result<EventPage, ReadError> {
        self.inner.events.reader.page(filter).await
    }

    /// The ids of the events that match, as [`Store::page`] finds them. All of them are had by asking again with `after`
    /// set to `next` until there is none.
    pub async fn page_of_ids(&self, filter: EventFilter) -> Result<IdPage, ReadError> {
        self.inner.events.reader.page_of_ids(&filter).await
    }

    /// Those of these events that are there, oldest first.
    pub async fn summaries(&self, ids: &[i64]) -> Result<Vec<EventSummary>, ReadError> {
        self.inner.events.reader.summaries(ids).await
    }

    /// The same by the uuids that their senders have given them.
    pub async fn summaries_by_uuid(&self, uuids: &[Uuid]) -> Result<Vec<EventSummary>, ReadError> {
        self.inner.events.reader.summaries_by_uuid(uuids).await
    }

    /// What the latest failed events failed of, the most frequent first; `since` as in [`EventFilter`].
    pub async fn faults(&self, since: Option<SystemTime>) -> Result<Faults, ReadError> {
        self.inner.events.reader.faults(since).await
    }

    /// The lines of those of the events that are there, the newest first.
    pub async fn lines(&self, events: &[Changed]) -> Result<Vec<EventSummary>, ReadError> {
        self.inner.events.reader.lines(events).await
    }

    /// Which events are stored or changed from now on; to be dropped as soon as nobody wants to know.
    pub fn changes(&self) -> Changes {
        self.inner.events.shared.feed.listen()
    }

    /// How many events have which status, and since when the oldest of ours waits. On a large table it takes seconds.
    pub async fn counts(&self) -> Result<Counts, ReadError> {
        self.inner.events.reader.counts().await
    }

    /// Our pending events, by their index.
    pub async fn waiting(&self) -> Result<Waiting, ReadError> {
        self.inner.events.reader.waiting().await
    }

    /// How many events have failed, by their index.
    pub async fn failed(&self) -> Result<u64, ReadError> {
        self.inner.events.reader.failed().await
    }

    /// The uuids of the latest events, the newest first, back to `since`: those that are made of the time come in its order.
    pub async fn recent_uuids(&self, since: Uuid, limit: usize) -> Result<Vec<Uuid>, ReadError> {
        self.inner.events.reader.recent_uuids(since, limit).await
    }

    /// The id of the last notification of this source that was received before then, as far as it is among the latest
    /// rows; duplicates count.
    pub async fn last_notification_id(
        &self,
        source: &str,
        before: SystemTime,
    ) -> Result<Option<String>, ReadError> {
        self.inner.events.reader.last_notification_id(source, before).await
    }

    /// The row of a user; `None` for one that is no subscriber.
    pub async fn subscriber(&self, user_id: &str) -> Result<Option<Subscriber>, ReadError> {
        let ids = [user_id.to_owned()];
        self.inner.subscribers.reader.subscribers(&ids).await?.pop().transpose()
    }

    /// Those of the users that are subscribers, by id. A row that cannot be read is left out: whoever needs it alone
    /// is told why.
    pub async fn subscribers(&self, ids: Vec<String>) -> Result<HashMap<String, Subscriber>, ReadError> {
        let found = self.inner.subscribers.reader.subscribers(&ids).await?;
        Ok(found.into_iter().flatten().map(|subscriber| (subscriber.user_id.clone(), subscriber)).collect())
    }

    /// Whose rows hold one of these phones: user and phone.
    pub async fn holders(&self, phones: &[String]) -> Result<Vec<(String, String)>, ReadError> {
        self.inner.subscribers.reader.holders(phones).await
    }

    /// The members of a group, by id; a row that cannot be read stands among them as its error.
    pub async fn group_members(
        &self,
        group_id: &str,
    ) -> Result<Vec<Result<Subscriber, ReadError>>, ReadError> {
        self.inner.subscribers.reader.group_members(group_id).await
    }

    /// A page of all subscribers, ordered by id; `after` is the last id of the page before, empty for the first.
    pub async fn subscriber_page(&self, after: &str, limit: usize) -> Result<Vec<Subscriber>, ReadError> {
        self.inner.subscribers.reader.subscriber_page(after, limit).await
    }

    /// A page of all rows, readable or not, each with its id, in the order of the ids' bytes.
    pub async fn subscribers_in_order(
        &self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Result<Subscriber, ReadError>)>, ReadError> {
        self.inner.subscribers.reader.subscribers_in_order(after, limit).await
    }

    /// A page of the subscribers that match, as they stand, without their passwords.
    pub async fn search_subscribers(
        &self,
        search: &SubscriberSearch,
    ) -> Result<Vec<SubscriberRow>, ReadError> {
        self.inner.subscribers.reader.search_subscribers(search).await
    }

    /// The row of a user as it stands, without its password.
    pub async fn subscriber_row(&self, user_id: &str) -> Result<Option<SubscriberRow>, ReadError> {
        self.inner.subscribers.reader.subscriber_row(user_id).await
    }

    /// The latest events about a subscriber, whoever gave them, the latest first.
    pub async fn events_about(&self, user_id: &str, limit: usize) -> Result<Vec<EventSummary>, ReadError> {
        self.inner.events.reader.events_about(user_id, limit).await
    }

    /// The first event with this command, spelled so, that is about the subscriber and pending.
    pub async fn pending_about(&self, user_id: &str, command: &str) -> Result<Option<i64>, ReadError> {
        self.inner.events.reader.pending_about(user_id, command).await
    }

    /// The ids of the next events of the Erlang release behind this id; `None` while their index is being built.
    pub async fn released_after(&self, after: i64, limit: usize) -> Result<Option<Vec<i64>>, ReadError> {
        self.inner.events.reader.released_after(after, limit).await
    }

    /// The ids of the next events behind this id whose commands a user has given; none while their index is being built.
    pub async fn given_after(&self, user_id: &str, after: i64, limit: usize) -> Result<Vec<i64>, ReadError> {
        self.inner.events.reader.given_after(user_id, after, limit).await
    }

    /// The commands of the first of these events, oldest first, and how many of the ids that covers: as many as fit into a
    /// few megabytes, one at least.
    pub async fn commands(&self, ids: &[i64]) -> Result<(Vec<StoredCommand>, usize), ReadError> {
        self.inner.events.reader.commands(ids).await
    }

    /// The widths of the columns of `srd_user`, as found when its database was last connected.
    pub fn limits(&self) -> SubscriberLimits {
        self.inner.limits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether each database commits, and why not.
    pub fn health(&self) -> watch::Receiver<StoreHealth> {
        self.inner.health.subscribe()
    }

    /// Whether no transaction takes longer than this. A database that is away is a state, and makes none wait here.
    pub fn gets_on(&self, limit: std::time::Duration) -> bool {
        ![&self.inner.events.shared, &self.inner.subscribers.shared].iter().any(|shared| shared.hangs(limit))
    }

    /// Resolves when the database of the events has been reached and can be read.
    pub async fn wait_until_events_up(&self) {
        // An error says that the store is being torn down: the read that follows says so.
        let _ = self.health().wait_for(|health| health.events == DatabaseHealth::Up).await;
    }

    /// Resolves when both databases have been reached and can be read.
    pub async fn wait_until_up(&self) {
        // An error says that the store is being torn down: the read that follows says so.
        let _ = self.health().wait_for(StoreHealth::is_up).await;
    }

    /// Takes no more writes, and resolves when those that are queued are durable: during an outage, when it ends.
    pub async fn close(&self) {
        let halves = [&self.inner.events.shared, &self.inner.subscribers.shared];
        halves.iter().for_each(|shared| shared.queue.close());
        for shared in halves {
            if !shared.is_finished() {
                shared.queue.drained().await;
            }
        }
    }
}

/// The outcome of a progress' only write.
fn one(answer: Answer) -> Result<Outcome, RecordError> {
    match answer {
        Ok(mut outcomes) => match outcomes.pop() {
            Some(Outcome::Rejected(reason)) => Err(RecordError::Rejected(reason)),
            Some(outcome) => Ok(outcome),
            None => unreachable!("one write has one outcome"),
        },
        Err(StoreError::Rejected(reason)) => Err(RecordError::Rejected(reason)),
        Err(StoreError::Closed) => Err(RecordError::Closed),
    }
}
