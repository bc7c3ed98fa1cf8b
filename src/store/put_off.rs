//! Writes that cannot be committed because somebody has locked a row: they wait behind the others, and are tried again.
//!
//! Only they wait, and what came later about the same event or subscriber: that must not overtake them. A job waits as a
//! whole; to write again what is written already changes nothing.

use super::hubs::hub_reader;
use super::queue::Batch;
use super::writes::Write;
use crate::plan::System;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// How long they wait before they are tried for the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a write is about: writes about the same are committed in the order of the calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum About {
    Event(Uuid),
    Row(i64),
    Subscriber(String),
    Pause(System),
    /// A subscription, by event and socket.
    Evi(String, String),
    /// The place of a reader.
    Place(String),
    Hub(Uuid),
    /// By kind and object.
    Alarm(String, String),
    /// Of ours at a peer, by base path and topic.
    Registration(String, String),
}

/// What the write is about, where it can wait for a row that is locked.
///
/// Empty where it cannot: what only adds rows meets no locked one but in a table that is locked as a whole, and that is an
/// outage.
pub(crate) fn about(write: &Write) -> Vec<About> {
    match write {
        Write::Progress(progress) => {
            let effect = progress.effect.iter().map(|effect| About::Subscriber(effect.user_id().to_owned()));
            effect.chain([About::Event(progress.event)]).collect()
        }
        Write::Effect { effect, .. } => vec![About::Subscriber(effect.user_id().to_owned())],
        Write::Panic { event, .. } => vec![About::Event(*event)],
        Write::Decide(ruling) => {
            let event = ruling.is.map(About::Event);
            event.into_iter().chain([About::Row(ruling.event)]).collect()
        }
        Write::Act { change: Some(change), .. } => vec![About::Pause(change.system())],
        Write::Evi(change) => {
            let (event, socket) = change.key();
            vec![About::Evi(event.to_owned(), socket.to_owned())]
        }
        Write::Place { reader, .. } => vec![About::Place(reader.clone())],
        Write::Hub(write) => vec![About::Hub(write.hub()), About::Place(hub_reader(write.hub()))],
        Write::Alarm(change) => {
            let (kind, object) = change.key();
            vec![About::Alarm(kind.to_owned(), object.to_owned())]
        }
        Write::Registration(change) => {
            let (url, topic) = change.key();
            vec![About::Registration(url.to_owned(), topic.to_owned())]
        }
        _ => Vec::new(),
    }
}

/// Whether one of the writes is about one of these.
pub(crate) fn concerns(writes: &[Write], these: &HashSet<About>) -> bool {
    !these.is_empty() && writes.iter().flat_map(about).any(|about| these.contains(&about))
}

/// See the module.
#[derive(Default)]
pub(crate) struct PutOff {
    batch: Batch,
    about: HashSet<About>,
    pause: Option<Duration>,
    due: Option<Instant>,
}

impl PutOff {
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// When they are to be tried again; `None` where there are none.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Adds what could not be committed; nothing of that, and the next ones are tried soon.
    pub fn add(&mut self, batch: Batch) {
        if batch.is_empty() {
            if self.is_empty() {
                self.pause = None;
            }
            return;
        }
        self.about.extend(batch.writes.iter().flat_map(about));
        self.batch.append(batch);
        let pause = *self.pause.get_or_insert(FIRST_PAUSE);
        self.due.get_or_insert_with(|| Instant::now() + pause);
    }

    /// What of a new batch may be committed; the rest waits behind what it is about.
    pub fn let_by(&mut self, mut batch: Batch) -> Batch {
        if self.is_empty() {
            return batch;
        }
        let Self { about, .. } = self;
        let behind = batch.take_jobs(|job| {
            let waits = concerns(job, about);
            if waits {
                about.extend(job.iter().flat_map(self::about));
            }
            waits
        });
        self.batch.append(behind);
        batch
    }

    /// All of them, to be tried; they wait longer the next time.
    pub fn take(&mut self) -> Batch {
        self.about.clear();
        self.due = None;
        self.pause = self.pause.map(|pause| (pause * 2).min(LONGEST_PAUSE));
        std::mem::take(&mut self.batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::SubscriberEffect;
    use crate::store::queue::Queue;
    use std::sync::Arc;

    fn delete(user_id: &str) -> Write {
        let effect = SubscriberEffect::Delete { user_id: user_id.to_owned() };
        Write::Effect { effect, tenure: None }
    }

    fn users(batch: &Batch) -> Vec<About> {
        batch.writes.iter().flat_map(about).collect()
    }

    fn named(users: &[&str]) -> Vec<About> {
        users.iter().map(|user| About::Subscriber((*user).to_owned())).collect()
    }

    #[actix_rt::test]
    async fn what_is_about_the_same_waits_behind_it_and_the_others_go_by() {
        let queue = Arc::new(Queue::default());
        let mut put_off = PutOff::default();
        let batch = async |jobs: &[&[&str]]| {
            for job in jobs {
                drop(queue.push(job.iter().map(|user| delete(user)).collect()));
            }
            queue.take(0).await.expect("a batch")
        };
        put_off.add(batch(&[&["anna"]]).await);
        // The second job waits for anna, so that the third has to wait for bo.
        let go = put_off.let_by(batch(&[&["carl"], &["anna", "bo"], &["bo"], &["dora"]]).await);
        assert_eq!(users(&go), named(&["carl", "dora"]));
        assert!(put_off.due().is_some());
        assert_eq!(users(&put_off.take()), named(&["anna", "anna", "bo", "bo"]));
        assert!(put_off.is_empty() && put_off.due().is_none());
        assert_eq!(users(&put_off.let_by(batch(&[&["anna"]]).await)), named(&["anna"]));
    }
}
