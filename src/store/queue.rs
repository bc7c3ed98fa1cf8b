//! The queue between callers and a group writer.
//!
//! A job takes its place in the queue at the call, so that the order of calls is the order of rows. The queue is
//! bounded in rows and bytes: a job beyond the bound holds its place only while its caller waits for it, and leaves the queue
//! when the caller gives up; a job within the bound stays, whatever becomes of its caller, unless it was queued to be
//! withdrawn with it ([`Queue::push_within`]). So what is held beyond the bound is what living callers hold.

use super::errors::StoreError;
use super::writes::{Outcome, Write};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// Rows and bytes that stay queued when their callers are gone.
const BOUND_ROWS: usize = 20_000;
const BOUND_BYTES: usize = 64 << 20;

/// One transaction takes at most this many rows and bytes, or a single larger job.
const BATCH_ROWS: usize = 1_000;
const BATCH_BYTES: usize = 4 << 20;

/// How long a batch waits for callers that are expected; the timer's own grain is a millisecond.
const LINGER: Duration = Duration::from_millis(1);

pub(crate) type Answer = Result<Vec<Outcome>, StoreError>;

/// What has become of writes that were not durable in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// They are never committed.
    Withdrawn,
    /// The writer has them: they are committed sooner or later, if the process lives.
    InHand,
}

struct Job {
    writes: Vec<Write>,
    bytes: usize,
    answer: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<u64, Job>,
    next: u64,
    rows: usize,
    bytes: usize,
    /// The writer is woken when so many rows are queued.
    wanted: usize,
    closed: bool,
}

#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    drained: Notify,
}

/// Jobs that are committed together. It stays in the writer's slot until it is answered.
#[derive(Default)]
pub(crate) struct Batch {
    pub writes: Vec<Write>,
    answers: Vec<(usize, oneshot::Sender<Answer>)>,
}

impl Queue {
    /// Queues the writes now; the future resolves when they are durable.
    pub fn push(self: &Arc<Self>, writes: Vec<Write>) -> impl Future<Output = Answer> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let number = self.enqueue(Job { bytes: writes.iter().map(Write::size).sum(), writes, answer });
        // Made here and not in the future's body, so that it is there even if the future is never polled.
        let place = number.map(|number| Place { queue: self.clone(), number, stays: true });
        async move {
            let _place = place.ok_or(StoreError::Closed)?;
            answered.await.unwrap_or(Err(StoreError::Closed))
        }
    }

    /// The same for a caller that waits no longer than `limit`: with it the writes are withdrawn, unless the writer has
    /// them in hand. Then they are committed as those of others are, or have been just now.
    pub async fn push_within(self: &Arc<Self>, writes: Vec<Write>, limit: Duration) -> Result<Answer, Late> {
        let (answer, answered) = oneshot::channel();
        let number = self.enqueue(Job { bytes: writes.iter().map(Write::size).sum(), writes, answer });
        let Some(number) = number else { return Ok(Err(StoreError::Closed)) };
        let place = Place { queue: self.clone(), number, stays: false };
        match tokio::time::timeout(limit, answered).await {
            Ok(answer) => Ok(answer.unwrap_or(Err(StoreError::Closed))),
            Err(_) if place.queue.withdraw(number) => Err(Late::Withdrawn),
            Err(_) => Err(Late::InHand),
        }
    }

    fn enqueue(&self, job: Job) -> Option<u64> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.rows += job.writes.len();
        state.bytes += job.bytes;
        state.jobs.insert(number, job);
        let enough = state.rows >= state.wanted || state.wanted <= 1;
        drop(state);
        if enough {
            self.wake.notify_one();
        }
        Some(number)
    }

    /// The next batch; `None` once the queue is closed and empty.
    ///
    /// Callers that were answered just now are about to send again. A batch that took only the first of them would
    /// cost a commit as the whole does, so the writer waits a moment for `expected` rows.
    pub async fn take(&self, expected: usize) -> Option<Batch> {
        self.wait_for(1).await;
        if expected > 1 {
            // Time is up: then fewer have come, and they go.
            let _ = tokio::time::timeout(LINGER, self.wait_for(expected)).await;
        }
        let batch = self.lock().next_batch();
        (!batch.is_empty()).then_some(batch)
    }

    /// Waits until so many rows (or any job without rows) are queued, or the queue is closed.
    async fn wait_for(&self, rows: usize) {
        loop {
            let woken = self.wake.notified();
            {
                let mut state = self.lock();
                let enough = state.rows >= rows || (rows == 1 && !state.jobs.is_empty());
                if enough || state.closed {
                    state.wanted = 0;
                    return;
                }
                state.wanted = rows;
            }
            woken.await;
        }
    }

    /// Resolves once the queue is closed and nothing is queued.
    pub async fn finished(&self) {
        loop {
            let woken = self.wake.notified();
            if self.is_finished() {
                return;
            }
            woken.await;
        }
    }

    pub fn is_finished(&self) -> bool {
        let state = self.lock();
        state.closed && state.jobs.is_empty()
    }

    /// Takes no more jobs; what is queued is still committed.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// The writer has committed everything after the close.
    pub fn announce_drained(&self) {
        self.drained.notify_one();
    }

    /// Waits for [`Queue::announce_drained`].
    pub async fn drained(&self) {
        self.drained.notified().await;
        self.drained.notify_one();
    }

    /// Takes the job out of the queue; false: it is there no more.
    fn withdraw(&self, number: u64) -> bool {
        self.lock().withdraw(number)
    }

    /// The caller of a job that may stay is gone.
    fn leave(&self, number: u64) {
        let mut state = self.lock();
        if state.rows > BOUND_ROWS || state.bytes > BOUND_BYTES {
            state.withdraw(number);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics half-way through a change of the state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while let Some(entry) = self.jobs.first_entry() {
            let job = entry.get();
            let full = batch.writes.len() + job.writes.len() > BATCH_ROWS || bytes + job.bytes > BATCH_BYTES;
            if full && !batch.is_empty() {
                break;
            }
            let job = entry.remove();
            bytes += job.bytes;
            self.forget(&job);
            batch.answers.push((job.writes.len(), job.answer));
            batch.writes.extend(job.writes);
        }
        batch
    }

    fn withdraw(&mut self, number: u64) -> bool {
        let job = self.jobs.remove(&number);
        job.iter().for_each(|job| self.forget(job));
        job.is_some()
    }

    /// The job has left the queue.
    fn forget(&mut self, job: &Job) {
        self.rows -= job.writes.len();
        self.bytes -= job.bytes;
    }
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Tells every caller what has become of its writes; `outcomes` are in the order of `writes`. Gives back the jobs of
    /// which something has been put off.
    #[must_use]
    pub fn answer(self, outcomes: Vec<Outcome>) -> Batch {
        if outcomes.contains(&Outcome::PutOff) {
            return self.answer_some(outcomes);
        }
        let mut outcomes = outcomes.into_iter();
        for (count, answer) in self.answers {
            // A caller that is gone needs no answer.
            let _ = answer.send(Ok(outcomes.by_ref().take(count).collect()));
        }
        Batch::default()
    }

    fn answer_some(self, outcomes: Vec<Outcome>) -> Batch {
        let (mut writes, mut outcomes) = (self.writes.into_iter(), outcomes.into_iter());
        let mut put_off = Batch::default();
        for (count, answer) in self.answers {
            let job: Vec<Write> = writes.by_ref().take(count).collect();
            let of_it: Vec<Outcome> = outcomes.by_ref().take(count).collect();
            if of_it.contains(&Outcome::PutOff) {
                put_off.push(job, answer);
            } else {
                // A caller that is gone needs no answer.
                let _ = answer.send(Ok(of_it));
            }
        }
        put_off
    }

    /// Takes out those jobs that `goes` names, in their order.
    pub fn take_jobs(&mut self, mut goes: impl FnMut(&[Write]) -> bool) -> Batch {
        let Batch { writes, answers } = std::mem::take(self);
        let (mut writes, mut taken) = (writes.into_iter(), Batch::default());
        for (count, answer) in answers {
            let job: Vec<Write> = writes.by_ref().take(count).collect();
            let side = if goes(&job) { &mut taken } else { &mut *self };
            side.push(job, answer);
        }
        taken
    }

    /// Adds the jobs of another batch behind its own.
    pub fn append(&mut self, mut other: Batch) {
        self.writes.append(&mut other.writes);
        self.answers.append(&mut other.answers);
    }

    /// The writes of the job to which the write at this place belongs.
    pub fn job_of(&self, place: usize) -> &[Write] {
        let mut begin = 0;
        for (count, _) in &self.answers {
            if place < begin + count {
                return &self.writes[begin..begin + count];
            }
            begin += count;
        }
        &[]
    }

    fn push(&mut self, job: Vec<Write>, answer: oneshot::Sender<Answer>) {
        self.answers.push((job.len(), answer));
        self.writes.extend(job);
    }
}

/// A caller's place in the queue, given up when the caller is.
struct Place {
    queue: Arc<Queue>,
    number: u64,
    /// The job stays without its caller where there is room.
    stays: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        match self.stays {
            true => self.queue.leave(self.number),
            false => drop(self.queue.withdraw(self.number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn sweeps(rows: usize) -> Vec<Write> {
        vec![Write::Forget { events: Vec::new() }; rows]
    }

    #[test]
    fn a_job_stays_within_the_bound_and_leaves_beyond_it_when_its_caller_gives_up() {
        let queue = Arc::new(Queue::default());
        drop(queue.push(sweeps(BOUND_ROWS)));
        assert_eq!(queue.lock().rows, BOUND_ROWS);
        let waiting = queue.push(sweeps(1));
        drop(queue.push(sweeps(2)));
        assert_eq!(queue.lock().rows, BOUND_ROWS + 1);
        drop(waiting);
        assert_eq!(queue.lock().rows, BOUND_ROWS);
        assert_eq!(queue.lock().jobs.len(), 1);
    }

    #[actix_rt::test]
    async fn what_is_late_is_withdrawn_unless_the_writer_has_it() {
        let (queue, limit) = (Arc::new(Queue::default()), Duration::from_millis(1));
        let late = queue.push_within(sweeps(1), limit).await;
        assert_eq!(late, Err(Late::Withdrawn));
        assert_eq!(queue.lock().rows, 0);

        let mut given_up = Box::pin(queue.push_within(sweeps(1), Duration::MAX));
        assert!((&mut given_up).now_or_never().is_none());
        assert_eq!(queue.lock().jobs.len(), 1);
        drop(given_up);
        assert_eq!(queue.lock().jobs.len(), 0, "whoever has asked is gone");

        let mut waits = Box::pin(queue.push_within(sweeps(1), limit));
        assert!((&mut waits).now_or_never().is_none());
        let batch = queue.take(1).await.expect("it is queued");
        assert_eq!(waits.await, Err(Late::InHand));
        let mut in_time = Box::pin(queue.push_within(sweeps(1), Duration::MAX));
        assert!((&mut in_time).now_or_never().is_none());
        let next = queue.take(1).await.expect("it is queued");
        drop((batch.answer(vec![Outcome::Applied]), next.answer(vec![Outcome::Applied])));
        assert_eq!(in_time.await, Ok(Ok(vec![Outcome::Applied])));
    }

    #[test]
    fn a_batch_takes_whole_jobs_up_to_its_bounds() {
        let queue = Arc::new(Queue::default());
        for rows in [BATCH_ROWS - 1, 1, 1, BATCH_ROWS + 1, 0] {
            drop(queue.push(sweeps(rows)));
        }
        let mut sizes = Vec::new();
        loop {
            let batch = queue.lock().next_batch();
            if batch.is_empty() {
                break;
            }
            sizes.push((batch.writes.len(), batch.answers.len()));
        }
        assert_eq!(sizes, [(BATCH_ROWS, 2), (1, 1), (BATCH_ROWS + 1, 1), (0, 1)]);
        assert_eq!(queue.lock().rows, 0);
        assert_eq!(queue.lock().bytes, 0);
    }
}
