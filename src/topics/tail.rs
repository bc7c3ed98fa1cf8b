//! Following the topic log.

use crate::event::Logged;
use crate::store::{ReadError, Store, Tenure};
use crate::supervision::Backoff;
use std::time::Duration;
use tokio::sync::watch;

/// Rows that are read at once.
const PAGE: usize = 500;
/// A database that is there is read within that.
const SOON: Duration = Duration::from_secs(1);
/// Distance of the attempts to read while the database is away.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };

/// A place in the topic log.
pub struct Tail {
    store: Store,
    grown: watch::Receiver<()>,
    /// The last row that was given; `None` until it is known where the log ends.
    place: Option<i64>,
    /// In which that was seen to be a place of the log.
    tenure: Option<Tenure>,
    failures: u32,
}

impl Tail {
    /// Follows the log from its end at the first [`Tail::next`] that finds the database.
    pub fn new(store: Store) -> Tail {
        let grown = store.follow_topic_log();
        Tail { store, grown, place: None, tenure: None, failures: 0 }
    }

    /// Follows the log from behind the row with this sequence.
    pub fn after(store: Store, sequence: i64) -> Tail {
        Tail { place: Some(sequence), ..Tail::new(store) }
    }

    /// Looks where the log ends, for a second at most: while the database is away that is left to [`Tail::next`].
    pub async fn begin(&mut self) {
        // Who calls `next` is told of errors.
        let _ = tokio::time::timeout(SOON, self.find_place()).await;
    }

    async fn find_place(&mut self) -> Result<i64, ReadError> {
        self.store.wait_until_events_up().await;
        let tenure = self.store.tenure();
        match self.place {
            Some(place) if self.tenure == Some(tenure) => return Ok(place),
            // The database may have been replaced, by one whose log has not come so far: nobody would get anything for a long time.
            Some(place) => self.place = Some(place.min(self.store.topic_log_end().await?)),
            None => self.place = Some(self.store.topic_log_end().await?),
        }
        self.tenure = Some(tenure);
        Ok(self.place.unwrap_or_default())
    }

    /// The next rows, as soon as there are any; never none. While the database is away it waits. Dropping the future loses
    /// nothing.
    pub async fn next(&mut self) -> Vec<Logged> {
        loop {
            // What comes while it reads wakes it again.
            self.grown.mark_unchanged();
            match self.read().await {
                Ok(rows) if rows.is_empty() => {
                    self.failures = 0;
                    tokio::select! {
                        // The writer lives as long as the store, of which this has a handle.
                        _ = self.grown.changed() => {}
                        () = self.store.superseded(self.tenure.unwrap_or_default()) => {}
                    }
                }
                Ok(_) if !self.store.lease().is_valid() => {
                    // Another node hands them on, or this one does when it holds the lease again.
                    tokio::time::sleep(RETRY.first).await;
                }
                Ok(rows) => {
                    self.failures = 0;
                    self.place = rows.last().map(|row| row.sequence);
                    return rows;
                }
                Err(error) => {
                    tracing::warn!(%error, "the topic log cannot be read: trying again");
                    tokio::time::sleep(RETRY.delay(self.failures)).await;
                    self.failures += 1;
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Vec<Logged>, ReadError> {
        let place = self.find_place().await?;
        let mut rows = self.store.topic_log_after(place, PAGE).await?;
        if rows.len() == PAGE {
            rows.truncate(whole_events(&rows));
        }
        Ok(rows)
    }
}

/// How many of the rows are those of whole events: the rows of one stand together, and the page may end among them.
fn whole_events(rows: &[Logged]) -> usize {
    let last = rows.last().map(|row| row.event.uuid);
    match rows.iter().rposition(|row| Some(row.event.uuid) != last) {
        Some(other) => other + 1,
        None => rows.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TopicEvent;
    use std::time::SystemTime;
    use uuid::Uuid;

    #[test]
    fn a_page_ends_between_two_events() {
        let check = |uuids: &[u128], expected: usize| {
            let row = |(at, uuid): (usize, &u128)| Logged {
                sequence: at as i64,
                event: TopicEvent {
                    uuid: Uuid::from_u128(*uuid),
                    topic: String::new(),
                    source: "k1".into(),
                    name: "".into(),
                    at: SystemTime::UNIX_EPOCH,
                    payload: "{}".into(),
                    form: crate::event::Form::Fields,
                },
            };
            let rows: Vec<Logged> = uuids.iter().enumerate().map(row).collect();
            assert_eq!(whole_events(&rows), expected, "{uuids:?}");
        };
        check(&[1, 2, 3], 2);
        check(&[1, 2, 2, 2], 1);
        check(&[1, 1, 2, 2], 2);
        // One with more topics than a page has rows.
        check(&[1, 1, 1], 3);
        check(&[], 0);
    }
}
