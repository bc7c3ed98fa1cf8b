//! The events of both sides, read page by page and interleaved by time.

use super::judge::{Found, judge};
use super::pairing::{Seen, Waiting};
use super::report::Report;
use crate::store::{ReadError, Reading, Rows};
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

const PAGE: usize = 200;
/// The old release stores an event when it gets to it, which may be hours after us.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// So many wait at most on each side.
const MOST_WAITING: usize = 200_000;
/// An event at the very beginning may have its partner a little before it.
const BEFORE: Duration = Duration::from_secs(600);

/// The events of one side.
pub struct Half {
    reading: Reading,
    rows: Rows,
    next_id: i64,
    page: VecDeque<Seen>,
    ended: bool,
    waiting: Waiting,
}

impl Half {
    pub fn new(reading: Reading, rows: Rows) -> Half {
        Half { reading, rows, next_id: 0, page: VecDeque::new(), ended: false, waiting: Waiting::default() }
    }

    /// The time of the first event of all.
    async fn beginning(&self) -> Result<Option<SystemTime>, ReadError> {
        let first = self.reading.first(self.rows, SystemTime::UNIX_EPOCH).await?;
        Ok(first.map(|(_, received)| received))
    }

    /// Goes to the first event that was received at this time or later.
    async fn go_to(&mut self, time: SystemTime) -> Result<(), ReadError> {
        match self.reading.first(self.rows, time).await? {
            Some((id, _)) => self.next_id = id,
            None => self.ended = true,
        }
        Ok(())
    }

    /// When the next event was received; `None` at the end.
    async fn next_time(&mut self) -> Result<Option<SystemTime>, ReadError> {
        if self.page.is_empty() && !self.ended {
            let page = self.reading.events(self.rows, self.next_id, PAGE).await?;
            match page.last() {
                Some(last) => self.next_id = last.id.saturating_add(1),
                None => self.ended = true,
            }
            self.page = page.into_iter().map(Seen::from).collect();
        }
        Ok(self.page.front().map(|event| event.received))
    }
}

/// Pairs the events of both sides and reports what differs.
pub async fn compare(
    mut there: Half,
    mut here: Half,
    since: Option<SystemTime>,
    report: &mut Report,
) -> Result<(), ReadError> {
    let since = match since {
        Some(since) => since,
        // Each was alone before the other began.
        None => there.beginning().await?.max(here.beginning().await?).unwrap_or(SystemTime::UNIX_EPOCH),
    };
    let from = since.checked_sub(BEFORE).unwrap_or(SystemTime::UNIX_EPOCH);
    there.go_to(from).await?;
    here.go_to(from).await?;
    let mut findings = Findings { since, now: SystemTime::now(), report };
    findings.report.begin(since);
    loop {
        let is_there = match (there.next_time().await?, here.next_time().await?) {
            (None, None) => break,
            (Some(there), Some(here)) => there <= here,
            (next, _) => next.is_some(),
        };
        let (from, other) = if is_there { (&mut there, &mut here) } else { (&mut here, &mut there) };
        let Some(event) = from.page.pop_front() else { break };
        let long_ago = event.received.checked_sub(PATIENCE).unwrap_or(SystemTime::UNIX_EPOCH);
        match other.waiting.take_partner(&event) {
            Some(partner) if is_there => findings.pair(&event, &partner),
            Some(partner) => findings.pair(&partner, &event),
            None => from.waiting.add(event),
        }
        while let Some(event) = other.waiting.take_before(long_ago) {
            findings.alone(&event, !is_there);
        }
        let nobody_comes = other.ended && other.page.is_empty();
        while from.waiting.len() > MOST_WAITING || nobody_comes && from.waiting.len() > 0 {
            let Some(event) = from.waiting.take_first() else { break };
            findings.alone(&event, is_there);
        }
    }
    while let Some(event) = there.waiting.take_first() {
        findings.alone(&event, true);
    }
    while let Some(event) = here.waiting.take_first() {
        findings.alone(&event, false);
    }
    Ok(())
}

/// What is found, of what was received since.
struct Findings<'a> {
    since: SystemTime,
    now: SystemTime,
    report: &'a mut Report,
}

impl Findings<'_> {
    fn pair(&mut self, there: &Seen, here: &Seen) {
        if there.received >= self.since || here.received >= self.since {
            self.found(Found::Both { there, here });
        }
    }

    fn alone(&mut self, event: &Seen, is_there: bool) {
        if event.received >= self.since {
            self.found(if is_there { Found::There(event) } else { Found::Here(event) });
        }
    }

    fn found(&mut self, found: Found) {
        self.report.event(found, judge(found, self.now));
    }
}
