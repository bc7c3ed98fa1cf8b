//! The rows of its topic as a hub comes to them.

use super::log_window::{LogWindow, Page, RETRY, Row};
use crate::store::ReadError;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// Rows that are read at once, at first and at most.
const FIRST: usize = 16;
const MOST: usize = 256;
/// So many bytes of payload on a page are much; with a quarter of them it could have more rows.
const MUCH: usize = 256 << 10;

/// See the module.
pub struct Reading {
    topic: String,
    /// Read up to here.
    place: i64,
    rows: VecDeque<Arc<Row>>,
    grown: watch::Receiver<()>,
    /// Rows of the next page.
    size: usize,
    failures: u32,
}

/// What comes next.
pub enum Found {
    Row(Arc<Row>),
    /// There is nothing more; and how many rows the topic had had by then, where that is known.
    Nothing {
        total: Option<u64>,
    },
}

impl Reading {
    /// Behind this place.
    pub fn new(window: &LogWindow, topic: &str, place: i64) -> Reading {
        let (topic, grown) = (topic.to_owned(), window.follow(topic));
        Reading { topic, place, rows: VecDeque::new(), grown, size: FIRST, failures: 0 }
    }

    /// Goes on behind this place, with nothing in memory.
    pub fn seek(&mut self, place: i64) {
        self.place = place;
        self.rows = VecDeque::new();
        self.size = FIRST;
    }

    /// The next row, if there is one by now. While the database is away it waits. Dropping the future loses nothing.
    pub async fn next(&mut self, window: &LogWindow) -> Found {
        if let Some(row) = self.rows.pop_front() {
            return Found::Row(row);
        }
        // What comes while it is read wakes it again.
        self.grown.mark_unchanged();
        let page = loop {
            match window.next(&self.topic, self.place, self.size).await {
                Ok(page) => break page,
                Err(error) => self.wait_for_database(&error).await,
            }
        };
        self.failures = 0;
        self.take(page)
    }

    fn take(&mut self, page: Page) -> Found {
        let Page { rows, upto, total } = page;
        self.place = upto;
        let bytes: usize = rows.iter().map(|row| row.logged.event.payload.len()).sum();
        if bytes > MUCH {
            self.size = (self.size / 2).max(1);
        } else if bytes < MUCH / 4 && rows.len() == self.size {
            self.size = (self.size * 2).min(MOST);
        }
        self.rows = rows.into();
        self.rows.pop_front().map_or(Found::Nothing { total }, Found::Row)
    }

    async fn wait_for_database(&mut self, error: &ReadError) {
        if self.failures == 0 {
            tracing::warn!(topic = self.topic, %error, "the topic log cannot be read for a hub: trying again");
        }
        tokio::time::sleep(RETRY.delay(self.failures)).await;
        self.failures += 1;
    }

    /// Resolves when there may be more.
    pub async fn grown(&mut self) {
        if self.grown.changed().await.is_err() {
            // The window is gone, and with it whoever could stop this.
            std::future::pending().await
        }
    }
}
