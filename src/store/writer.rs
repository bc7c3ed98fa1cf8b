//! The group writer: takes whatever is queued, commits it in one transaction, answers all.
//!
//! A batch that the database rejects is split in halves until the row that it refuses stands alone. An outage keeps
//! the batch, and the writer connects anew, for ever, with growing pauses. The batch in hand lives in a slot that
//! survives the writer: when the future is dropped or panics and is run again, it is committed once more, which is
//! harmless because every write is idempotent. For the same reason an unknown outcome of a commit is no trouble.
//!
//! A row that somebody has locked holds up nobody but its own event or subscriber ([`super::put_off`]).

use super::feed::Feed;
use super::health::{DatabaseHealth, HealthBoard, Tables};
use super::limits::SubscriberLimits;
use super::put_off::{About, PutOff, about, concerns};
use super::queue::{Batch, Queue};
use super::tenure::{Ownership, Tenure};
use super::writes::{Outcome, Write};
use crate::failpoints::{self, Fault};
use std::collections::HashSet;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A connection to one database that writes.
pub(crate) trait Backend {
    /// Resolves when this daemon may write at all: of several that share a database one does.
    fn may_begin(&self) -> impl Future<Output = ()> + use<Self> {
        std::future::ready(())
    }

    /// Connects anew and brings the tables up to date; the error is the reason of the outage. `last` is the tenure that
    /// goes on if nobody else has had the database.
    fn connect(&mut self, last: Tenure) -> impl Future<Output = Result<Connected, String>>;

    /// Commits all or nothing; outcomes are in the order of the writes.
    fn commit(&mut self, writes: &[Write]) -> impl Future<Output = Result<Vec<Outcome>, CommitError>>;

    /// Resolves with the reason when an idle connection turns out to be lost.
    fn lost(&mut self) -> impl Future<Output = String>;
}

/// What a backend finds when it connects.
#[derive(Default)]
pub(crate) struct Connected {
    pub limits: Option<SubscriberLimits>,
    /// Of a database that holds events.
    pub tenure: Option<Tenure>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommitError {
    /// Some write is refused for good.
    Rejected(String),
    /// Somebody has locked a row that one of them needs, or a whole table.
    Locked(String),
    /// The outcome may be unknown; the same batch is to be committed again on a new connection.
    Unavailable(String),
}

/// What a database's writer shares with the store's handles, and with its own next life.
pub(crate) struct Shared {
    pub tables: Tables,
    /// The database for logs and errors, without a password.
    pub place: String,
    pub queue: Arc<Queue>,
    pub health: HealthBoard,
    pub ownership: Ownership,
    pub limits: Arc<RwLock<SubscriberLimits>>,
    /// Who is told of changed events.
    pub feed: Arc<Feed>,
    /// What the writer has in hand.
    pub slot: Mutex<InHand>,
    /// Since when a transaction is under way.
    pub committing: std::sync::Mutex<Option<Instant>>,
}

/// What has left the queue and is not answered.
#[derive(Default)]
pub(crate) struct InHand {
    batch: Batch,
    put_off: PutOff,
}

impl InHand {
    fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.put_off.is_empty()
    }
}

impl Shared {
    /// Whether everything that was ever queued is committed and nothing more can come.
    pub fn is_finished(&self) -> bool {
        self.queue.is_finished() && self.slot.try_lock().is_ok_and(|in_hand| in_hand.is_empty())
    }

    /// Whether a transaction has been under way for longer than this. An outage is none: then the writer connects anew.
    pub fn hangs(&self, limit: Duration) -> bool {
        self.committing_since().is_some_and(|since| since.elapsed() > limit)
    }

    fn committing_since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // Nothing panics while it is held.
        self.committing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn publish(&self, state: DatabaseHealth) {
        self.health.publish(self.tables, &self.place, state);
    }

    /// There is no connection any more.
    fn let_go(&self) {
        if self.tables.events {
            self.ownership.let_go();
        }
    }

    fn adopt(&self, found: Connected) {
        if let Some(tenure) = found.tenure {
            self.ownership.take(tenure);
        }
        if let Some(limits) = found.limits {
            // A reader never panics while it holds the lock.
            *self.limits.write().unwrap_or_else(std::sync::PoisonError::into_inner) = limits;
        }
    }
}

/// Runs until the queue is closed and everything in it is committed.
pub(crate) async fn run(mut backend: impl Backend, shared: &Shared) {
    // Of a life of the writer that has ended within a transaction.
    *shared.committing_since() = None;
    shared.let_go();
    let mut in_hand = shared.slot.lock().await;
    tokio::select! {
        biased;
        () = backend.may_begin() => {}
        () = shared.queue.finished(), if in_hand.is_empty() => {}
    }
    let mut pause = FIRST_PAUSE;
    loop {
        if in_hand.is_empty() && shared.queue.is_finished() {
            break;
        }
        let reason = match connect(&mut backend, shared).await {
            Ok(found) => {
                shared.adopt(found);
                match serve(&mut backend, shared, &mut in_hand, &mut pause).await {
                    Served::Finished => break,
                    Served::Unavailable(reason) => reason,
                }
            }
            Err(reason) => reason,
        };
        shared.let_go();
        shared.publish(DatabaseHealth::Down { reason });
        wait(&mut pause, shared, in_hand.is_empty()).await;
    }
    shared.queue.announce_drained();
}

async fn connect(backend: &mut impl Backend, shared: &Shared) -> Result<Connected, String> {
    let found = backend.connect(shared.ownership.tenure()).await?;
    let [connected, ..] = shared.tables.failpoints();
    match failpoints::fault(connected).await {
        None => Ok(found),
        Some(_) => Err(connected.to_owned()),
    }
}

enum Served {
    Finished,
    Unavailable(String),
}

/// Commits batch after batch on one connection.
async fn serve(
    backend: &mut impl Backend,
    shared: &Shared,
    in_hand: &mut InHand,
    pause: &mut Duration,
) -> Served {
    let mut rows = 0;
    loop {
        let InHand { batch, put_off } = in_hand;
        if !batch.is_empty() {
            rows = batch.writes.len();
            batch.writes.iter_mut().for_each(|write| write.drop_superseded(&shared.ownership));
            match commit_split(backend, shared, batch).await {
                Ok(outcomes) => {
                    shared.feed.tell(&batch.writes, &outcomes);
                    put_off.add(std::mem::take(batch).answer(outcomes));
                }
                Err(reason) => return Served::Unavailable(reason),
            }
        }
        // After an outage only a commit shows that the database works again (a full disk still lets one connect).
        *pause = FIRST_PAUSE;
        shared.publish(DatabaseHealth::Up);
        tokio::select! {
            biased;
            () = due(put_off) => *batch = put_off.take(),
            next = shared.queue.take(rows / 2) => match next {
                Some(next) => *batch = put_off.let_by(next),
                None if put_off.is_empty() => return Served::Finished,
                None => {
                    due(put_off).await;
                    *batch = put_off.take();
                }
            },
            reason = backend.lost() => return Served::Unavailable(reason),
        }
    }
}

/// Resolves when what was put off is to be tried again.
fn due(put_off: &PutOff) -> impl Future<Output = ()> + use<> {
    let due = put_off.due();
    async move {
        match due {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

/// Commits the writes, in halves where the database rejects them together or somebody has locked a row; an error is an
/// outage.
async fn commit_split(
    backend: &mut impl Backend,
    shared: &Shared,
    batch: &Batch,
) -> Result<Vec<Outcome>, String> {
    // About what nothing is committed before that which has been put off.
    let mut locked: HashSet<About> = HashSet::new();
    let mut outcomes = Vec::with_capacity(batch.writes.len());
    let mut parts = vec![&batch.writes[..]];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        let committed = match concerns(part, &locked) {
            true => Err(CommitError::Locked("it is about the same as one that waits".to_owned())),
            false => commit_part(backend, shared, part).await,
        };
        match committed {
            Ok(done) => outcomes.extend(done),
            Err(CommitError::Unavailable(reason)) => return Err(reason),
            // Nothing of this meets the row of somebody else: a whole table is locked.
            Err(CommitError::Locked(reason)) if part.iter().all(|write| about(write).is_empty()) => {
                return Err(reason);
            }
            Err(CommitError::Rejected(reason)) if part.len() == 1 => outcomes.push(Outcome::Rejected(reason)),
            Err(CommitError::Locked(reason)) if part.len() == 1 => {
                let whose = about(&part[0]);
                tracing::warn!(?whose, reason, "somebody has locked a row: what changes it waits");
                locked.extend(batch.job_of(outcomes.len()).iter().flat_map(about));
                outcomes.push(Outcome::PutOff);
            }
            Err(CommitError::Rejected(_) | CommitError::Locked(_)) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.push(second);
                parts.push(first);
            }
        }
    }
    Ok(outcomes)
}

/// Commits writes in one transaction, and measures it.
async fn commit_part(
    backend: &mut impl Backend,
    shared: &Shared,
    part: &[Write],
) -> Result<Vec<Outcome>, CommitError> {
    let database = shared.tables.name();
    let started = Instant::now();
    *shared.committing_since() = Some(started);
    let committed = commit(backend, shared.tables, part).await;
    *shared.committing_since() = None;
    if committed.is_ok() {
        metrics::histogram!("eventmanager_store_commit_seconds", "database" => database)
            .record(started.elapsed());
        metrics::histogram!("eventmanager_store_batch_rows", "database" => database)
            .record(part.len() as f64);
    }
    committed
}

/// Commits writes in one transaction, between two failpoints.
async fn commit(
    backend: &mut impl Backend,
    tables: Tables,
    part: &[Write],
) -> Result<Vec<Outcome>, CommitError> {
    let [_, before, after] = tables.failpoints();
    let unavailable = |name: &str| Err(CommitError::Unavailable(name.to_owned()));
    match failpoints::fault(before).await {
        Some(Fault::Unavailable) => return unavailable(before),
        Some(Fault::Locked) => return Err(CommitError::Locked(before.to_owned())),
        // Alone it would be refused for good.
        Some(Fault::Rejected) if part.len() > 1 => return Err(CommitError::Rejected(before.to_owned())),
        _ => {}
    }
    let committed = backend.commit(part).await;
    match failpoints::fault(after).await {
        Some(_) if committed.is_ok() => unavailable(after),
        _ => committed,
    }
}

/// Waits for half to one and a half times the pause, and doubles it; a closed and empty queue ends it early.
async fn wait(pause: &mut Duration, shared: &Shared, idle: bool) {
    let jittered = pause.mul_f64(0.5 + fastrand::f64());
    *pause = (*pause * 2).min(LONGEST_PAUSE);
    tokio::select! {
        () = tokio::time::sleep(jittered) => {}
        () = shared.queue.finished(), if idle => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::queue::Queue;
    use std::cell::RefCell;
    use std::rc::Rc;
    use tokio::sync::oneshot;

    /// A database that answers a commit when the test says so.
    struct Slow(Rc<RefCell<Vec<oneshot::Receiver<CommitError>>>>);

    impl Backend for Slow {
        async fn connect(&mut self, _: Tenure) -> Result<Connected, String> {
            Ok(Connected::default())
        }

        async fn commit(&mut self, writes: &[Write]) -> Result<Vec<Outcome>, CommitError> {
            let answer = self.0.borrow_mut().pop();
            match answer {
                Some(answer) => Err(answer.await.expect("the test answers")),
                None => Ok(writes.iter().map(|_| Outcome::Applied).collect()),
            }
        }

        async fn lost(&mut self) -> String {
            std::future::pending().await
        }
    }

    #[actix_rt::test]
    async fn a_transaction_that_does_not_end_hangs_and_an_outage_does_not() {
        let shared = Shared {
            tables: Tables { events: true, subscribers: true },
            place: "here".to_owned(),
            queue: Arc::new(Queue::default()),
            health: HealthBoard::new(),
            ownership: Ownership::default(),
            limits: Arc::default(),
            feed: Arc::default(),
            slot: Mutex::default(),
            committing: std::sync::Mutex::default(),
        };
        let (fail, fails) = oneshot::channel();
        let backend = Slow(Rc::new(RefCell::new(vec![fails])));
        let limit = Duration::from_millis(30);
        let test = async {
            let stored = shared.queue.push(vec![Write::Forget { events: Vec::new() }]);
            while !shared.hangs(limit) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            fail.send(CommitError::Unavailable("gone".to_owned())).expect("it waits");
            while shared.hangs(limit) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(stored.await.is_ok(), "committed once it is back");
            assert!(!shared.hangs(Duration::ZERO), "nothing is under way");
            shared.queue.close();
        };
        tokio::join!(run(backend, &shared), test);
    }
}
