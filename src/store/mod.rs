//! The store: every event, how far it has come, and what we believe the core holds about subscribers.
//!
//! A [`Store`] is a cheap handle that anybody may call from any runtime. Writes are queued and committed in groups by
//! one writer per database ([`WriterTask`], run by a supervised actor); reads go past it. An unreachable database is
//! a state ([`StoreHealth`]): writes wait for it, reads say so.
//!
//! Code map: `disk` is the room under it; `records` and `errors` are the values; `queue` and `writer` the group writer over
//! either backend, `put_off` what waits there for a locked row; `writes` what it writes, `rulings` of operators among it, `sweep` what it deletes, `tenure` for how long
//! what was read may be written; `feed` tells which events have changed. `reads` is what can be asked of a store, of which
//! `reader` has the connections and `events`, `subjects`, `later`, `subscribers`, `directory` and `acts` the queries;
//! `lists` those that find events by a filter, over `walks`, `times` and `texts`, and `faults` those that group the failed
//! ones. `topic_log` is what is handed on, `topic_reads` one topic of it; `followers` and `hubs` are who follows that, and `cursors` how far they
//! have come; `alarms` is what is wrong now, `registrations` where we have asked others for events. `reading` is a store that is only ever read, `released` one that the Erlang release
//! alone has used; `sqlite` and `postgres` are the backends with their tables.

pub mod actor;
mod acts;
mod alarms;
mod cursors;
mod directory;
pub mod disk;
mod errors;
mod events;
mod faults;
mod feed;
mod followers;
mod health;
mod hubs;
mod later;
mod limits;
mod lists;
mod postgres;
mod put_off;
mod queue;
mod reader;
mod reading;
mod reads;
mod records;
mod registrations;
mod released;
mod rulings;
mod shorten;
mod sqlite;
mod subjects;
mod subscribers;
mod sweep;
mod tenure;
mod texts;
mod times;
mod topic_log;
mod topic_reads;
mod walks;
mod writer;
mod writes;

pub use acts::{Act, AuditLine, Pause, PauseChange};
pub use alarms::{Alarm, AlarmChange};
pub use cursors::Cursor;
pub use directory::{SubscriberRow, SubscriberSearch};
pub use disk::Disk;
pub use errors::{IN_USE, MISSING, OpenError, ReadError, RecordError, StoreError};
pub use faults::{Fault, FaultGroup, Faults};
pub use feed::{Changed, Changes, News};
pub use followers::{EviChange, EviSubscription};
pub use health::{DatabaseHealth, StoreHealth};
pub use hubs::{DeadLetter, HUB_READERS, Hub, HubAttempt, HubChange, HubState, Replay, hub_reader};
pub use limits::SubscriberLimits;
pub use postgres::statements as postgres_tables;
pub use postgres::{Claim, ClusterNode, ClusterRow, ClusterTable, Namesake, Sign, Taking, Wish};
pub use queue::Late;
pub use reading::{Reading, RecordedEvent, Rows};
pub use records::*;
pub use registrations::{Registration, RegistrationChange};
pub use rulings::{Decided, Ruling, Verb};
pub(crate) use shorten::NATS_READER;
pub use shorten::Spared;
pub(crate) use sqlite::real_path;
pub use sqlite::statements as sqlite_tables;
pub use sweep::SweepError;
pub use tenure::Tenure;
pub use topic_reads::TopicRows;

use crate::config::{Database, StoreConfig};
use crate::event::{NewEvent, Status, TopicEvent};
use crate::lease::Lease;
use crate::plan::SubscriberEffect;
use health::{HealthBoard, Tables};
use queue::Answer;
use reader::{Reader, Source};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tenure::Ownership;
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
    ownership: Ownership,
    limits: Arc<RwLock<SubscriberLimits>>,
    lease: Lease,
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
    Postgres(Arc<postgres::Address>, Arc<postgres::Background>, Lease),
}

/// Makes the handle and the writers of its databases. Nothing is connected yet: the writers do that.
pub fn open(config: &StoreConfig) -> Result<(Store, Vec<WriterTask>), OpenError> {
    open_with(config, &Lease::unlimited())
}

/// The same where several daemons share the databases: nothing is written before the lease is held, nor once another has
/// held it.
pub fn open_with(config: &StoreConfig, lease: &Lease) -> Result<(Store, Vec<WriterTask>), OpenError> {
    let (health, ownership) = (HealthBoard::new(), Ownership::default());
    let limits = Arc::new(RwLock::new(SubscriberLimits::default()));
    let one = config.events == config.subscribers;
    let make = |setting, database, tables| {
        make_half(setting, database, tables, (&health, &ownership, lease), &limits)
    };
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
    let inner = Inner { events, subscribers, health, ownership, limits, lease: lease.clone() };
    Ok((Store { inner: Arc::new(inner) }, tasks))
}

fn make_half(
    setting: &'static str,
    database: &Database,
    tables: Tables,
    (health, ownership, lease): (&HealthBoard, &Ownership, &Lease),
    limits: &Arc<RwLock<SubscriberLimits>>,
) -> Result<(Half, WriterTask), OpenError> {
    let (place, source, target) = find(setting, database, lease)?;
    let shared = Arc::new(Shared {
        tables,
        place: place.clone(),
        queue: Arc::default(),
        health: health.clone(),
        ownership: ownership.clone(),
        limits: limits.clone(),
        feed: Arc::default(),
        slot: tokio::sync::Mutex::default(),
        committing: std::sync::Mutex::default(),
    });
    let half = Half { shared: shared.clone(), reader: Reader { database: tables.name(), place, source } };
    Ok((half, WriterTask { name: tables.name().to_owned(), shared, target }))
}

/// A database's name for logs, where to read it, and where to write it.
fn find(
    setting: &'static str,
    database: &Database,
    lease: &Lease,
) -> Result<(String, Source, Target), OpenError> {
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
            Ok((
                place,
                Source::Postgres(pool),
                Target::Postgres(Arc::new(address), background, lease.clone()),
            ))
        }
    }
}

/// Connects to the row by which the daemons that share this database agree who acts. Nothing that is asked there takes longer
/// than `limit`.
pub async fn cluster_table(database: &Database, limit: Duration) -> Result<ClusterTable, String> {
    match database {
        Database::Sqlite(_) => Err("a file of SQLite is on one host alone".to_owned()),
        Database::Postgres(dsn) => {
            ClusterTable::connect(&postgres::Address::parse(dsn.expose())?, limit).await
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
            Target::Postgres(address, background, lease) => {
                let (address, background) = (address.clone(), background.clone());
                let backend = postgres::Postgres::new(address, background, self.shared.tables, lease.clone());
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
        self.append_and_hand_on(events, Vec::new())
    }

    /// The same, with rows of the topic log in the same transaction.
    pub fn append_and_hand_on(
        &self,
        events: Vec<NewEvent>,
        handed_on: Vec<TopicEvent>,
    ) -> impl Future<Output = Result<Vec<Appended>, StoreError>> + Send + use<> {
        let uuids: Vec<Uuid> = events.iter().map(|event| event.uuid).collect();
        let queue = &self.inner.events.shared.queue;
        let writes = events.into_iter().map(Write::Append);
        let answer = queue.push(writes.chain(handed_on.into_iter().map(Write::Log)).collect());
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
    ///
    /// With two databases an effect is committed only once that of the events has said that it is still ours: no
    /// transaction is across both.
    pub async fn record(&self, mut progress: Progress) -> Result<(), RecordError> {
        let expected = progress.verdict.as_ref().map_or(Status::Pending, |verdict| verdict.status);
        let Inner { events, subscribers, .. } = &*self.inner;
        if !events.shared.tables.subscribers
            && let Some(effect) = progress.effect.take()
        {
            let tenure = progress.tenure;
            if let Some(tenure) = tenure {
                one(events.shared.queue.push(vec![Write::Confirm(tenure)]).await)?;
            }
            one(subscribers.shared.queue.push(vec![Write::Effect { effect, tenure }]).await)?;
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
        let outcomes = queue
            .push(effects.into_iter().map(|effect| Write::Effect { effect, tenure: None }).collect())
            .await?;
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
        recorded(self.inner.events.shared.queue.push(vec![Write::Act { act, change }]).await)
    }

    /// Records an act that is to follow within `limit`, or not at all: the line that is not durable by then is withdrawn where
    /// that can be.
    pub async fn record_act_within(&self, act: Act, limit: Duration) -> Result<Result<(), StoreError>, Late> {
        let queue = &self.inner.events.shared.queue;
        Ok(recorded(queue.push_within(vec![Write::Act { act, change: None }], limit).await?))
    }

    /// Has an act recorded as soon as the store can; the line may be lost where that takes long.
    pub fn record_act_sometime(&self, act: Act) {
        drop(self.inner.events.shared.queue.push(vec![Write::Act { act, change: None }]));
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

    /// Which events are stored or changed from now on; to be dropped as soon as nobody wants to know.
    pub fn changes(&self) -> Changes {
        self.inner.events.shared.feed.listen()
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
    pub fn gets_on(&self, limit: Duration) -> bool {
        ![&self.inner.events.shared, &self.inner.subscribers.shared].iter().any(|shared| shared.hangs(limit))
    }

    /// Whether what the store holds may be acted on: of several daemons that share it one does.
    pub fn lease(&self) -> Lease {
        self.inner.lease.clone()
    }

    /// Since when nobody else has had the database of the events; to be asked for before anything is read on which a
    /// [`Progress`] will depend.
    pub fn tenure(&self) -> Tenure {
        self.inner.ownership.tenure()
    }

    /// Resolves when this tenure is over: another daemon has had the database, and now it is ours again.
    pub fn superseded(&self, tenure: Tenure) -> impl Future<Output = ()> + Send + use<> {
        self.inner.ownership.changed_from(tenure)
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

/// The outcome of an act's only write.
fn recorded(answer: Answer) -> Result<(), StoreError> {
    match answer?.pop() {
        Some(Outcome::Applied) => Ok(()),
        Some(Outcome::Rejected(reason)) => Err(StoreError::Rejected(reason)),
        other => unreachable!("an act is not answered by {other:?}"),
    }
}

/// The outcome of a progress' only write.
fn one(answer: Answer) -> Result<Outcome, RecordError> {
    match answer {
        Ok(mut outcomes) => match outcomes.pop() {
            Some(Outcome::Rejected(reason)) => Err(RecordError::Rejected(reason)),
            Some(Outcome::Superseded) => Err(RecordError::Superseded),
            Some(outcome) => Ok(outcome),
            None => unreachable!("one write has one outcome"),
        },
        Err(StoreError::Rejected(reason)) => Err(RecordError::Rejected(reason)),
        Err(StoreError::Closed) => Err(RecordError::Closed),
    }
}
