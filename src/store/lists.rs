//! Finding events by a filter: windows of a walk ([`super::walks`]) until there are enough, or it has taken long enough.

use super::errors::ReadError;
use super::events::LATEST_ATTEMPT;
use super::feed::Changed;
use super::reader::{Reader, Row, Value};
use super::records::*;
use super::subjects;
use super::texts::Sought;
use super::walks::{Conditions, Path, Range, Walk};
use super::writes::warnings_from;
use crate::event::Status;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A page that has taken so long ends with what it has.
const PATIENCE: Duration = Duration::from_millis(25);
/// Rows of the first window and of the largest one, where not every row matches.
const WINDOW: u32 = 512;
const LARGEST_WINDOW: u32 = 4096;
/// Documents are looked at in parts of so many, and of so many bytes together.
const PART: usize = 128;
const PART_BYTES: i64 = 4 << 20;

/// A search under way.
struct Search<'a> {
    conditions: Conditions,
    sought: Sought,
    path: Path,
    range: Range,
    newest_first: bool,
    limit: usize,
    began: Instant,
    reader: &'a Reader,
    ids: Vec<i64>,
}

/// How far a search has come.
enum Reached {
    /// There are enough, or it has taken long enough: this is the last row that was looked at.
    Row(i64),
    End,
}

impl Reader {
    pub async fn list(&self, mut filter: EventFilter) -> Result<Vec<EventSummary>, ReadError> {
        let mut found = Vec::new();
        let most = filter.limit;
        loop {
            filter.limit = most - found.len();
            let page = self.page(filter.clone()).await?;
            found.extend(page.events);
            match page.next {
                Some(next) if found.len() < most => filter.after = Some(next),
                _ => return Ok(found),
            }
        }
    }

    pub async fn page(&self, filter: EventFilter) -> Result<EventPage, ReadError> {
        let IdPage { ids, next } = self.page_of_ids(&filter).await?;
        let mut events = self.summaries(&ids).await?;
        if filter.newest_first {
            events.reverse();
        }
        let searched_to = match next {
            Some(id) => Some(self.position(id, &events).await?),
            None => None,
        };
        Ok(EventPage { events, next, searched_to })
    }

    /// When the last row of a page was received; it is one of those that are shown, as a rule.
    async fn position(&self, id: i64, shown: &[EventSummary]) -> Result<Position, ReadError> {
        if let Some(row) = shown.last().filter(|row| row.id == id) {
            return Ok(Position { id, at: row.received });
        }
        let sql = format!(
            "select {} from em_event where id = cast($1 as bigint)",
            self.dialect().micros("inserted"),
        );
        let row = self.rows_by_key(sql, vec![Value::Int(id)]).await?.pop();
        Ok(Position { id, at: row.map_or(std::time::SystemTime::UNIX_EPOCH, |row| row.time(0)) })
    }

    pub async fn page_of_ids(&self, filter: &EventFilter) -> Result<IdPage, ReadError> {
        let began = Instant::now();
        let Some(filter) = possible(filter) else { return Ok(IdPage::default()) };
        let conditions = self.conditions(&filter).await?;
        let Some(range) = self.narrowed(&conditions, range(&filter)).await? else {
            return Ok(IdPage::default());
        };
        let newest_first = filter.newest_first;
        let path = self.choose(&conditions, range, newest_first).await?;
        let sought = Sought::new(filter.text.as_deref(), filter.fault.as_deref());
        let (limit, reader) = (filter.limit, self);
        let search =
            Search { conditions, sought, path, range, newest_first, limit, began, reader, ids: Vec::new() };
        search.run().await
    }

    pub async fn summaries(&self, ids: &[i64]) -> Result<Vec<EventSummary>, ReadError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.summaries_where(&self.dialect().among("e.id", "$1"), self.dialect().list(ids)).await
    }

    pub async fn summaries_by_uuid(&self, uuids: &[Uuid]) -> Result<Vec<EventSummary>, ReadError> {
        if uuids.is_empty() {
            return Ok(Vec::new());
        }
        self.summaries_where(&self.dialect().uuid_among("e.uuid", "$1"), self.dialect().list(uuids)).await
    }

    pub async fn lines(&self, events: &[Changed]) -> Result<Vec<EventSummary>, ReadError> {
        let (mut ids, mut uuids) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                Changed::Row(id) => ids.push(*id),
                Changed::Event(uuid) => uuids.push(*uuid),
            }
        }
        let mut lines = self.summaries_by_uuid(&uuids).await?;
        lines.extend(self.summaries(&ids).await?);
        lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.id));
        lines.dedup_by_key(|line| line.id);
        Ok(lines)
    }

    async fn summaries_where(&self, condition: &str, param: Value) -> Result<Vec<EventSummary>, ReadError> {
        let sql = format!(
            "select cast(e.id as bigint), cast(e.uuid as text), cast(e.source as text),
                cast(e.user_id as text), cast(e.command as text), cast(e.status as text),
                coalesce(cast(j.reason as text), cast(e.note as text)), {received},
                cast(j.attempt as bigint), cast(j.warnings as text), {about}
             from em_event e {LATEST_ATTEMPT} where {condition} order by e.id",
            received = self.dialect().micros("e.inserted"),
            about = subjects::ABOUT,
        );
        let rows = self.rows_planned(sql, vec![param]).await?;
        Ok(rows.into_iter().map(summary).collect())
    }
}

/// The filter with what it implies: only failed events have a fault. `None`: nothing can match.
fn possible(filter: &EventFilter) -> Option<EventFilter> {
    let mut filter = filter.clone();
    if filter.fault.is_some() {
        if !filter.statuses.is_empty() && !filter.statuses.contains(&Status::Failed) {
            return None;
        }
        filter.statuses = vec![Status::Failed];
    }
    filter.statuses.sort_unstable();
    filter.statuses.dedup();
    Some(filter)
}

fn range(filter: &EventFilter) -> Range {
    match (filter.after, filter.newest_first) {
        (None, _) => Range { low: i64::MIN, high: i64::MAX },
        (Some(after), true) => Range { low: i64::MIN, high: after.saturating_sub(1) },
        (Some(after), false) => Range { low: after.saturating_add(1), high: i64::MAX },
    }
}

impl Search<'_> {
    async fn run(mut self) -> Result<IdPage, ReadError> {
        let mut rows = self.first_window();
        let next = loop {
            let since = Instant::now();
            match self.window(rows).await? {
                None => {}
                Some(Reached::Row(id)) => break Some(id),
                Some(Reached::End) => break None,
            }
            rows = next_window(rows, since.elapsed(), PATIENCE.saturating_sub(self.began.elapsed()));
        };
        Ok(IdPage { ids: self.ids, next })
    }

    /// Where the path is all there is, no more rows are walked over than are wanted, and one that says that there are more.
    fn first_window(&self) -> u32 {
        let Conditions { statuses, commands, user, since, until } = &self.conditions;
        let given =
            [!statuses.is_empty(), commands.is_some(), user.is_some(), since.is_some(), until.is_some()];
        let remaining = given.iter().filter(|given| **given).count() - usize::from(self.path != Path::Id);
        if remaining == 0 && self.sought.is_anything() {
            u32::try_from(self.limit)
                .map_or(LARGEST_WINDOW, |limit| limit.saturating_add(1).min(LARGEST_WINDOW))
        } else {
            WINDOW
        }
    }

    /// Looks at one window; `None`: on with the next.
    async fn window(&mut self, rows: u32) -> Result<Option<Reached>, ReadError> {
        let walk = Walk {
            path: self.path,
            conditions: &self.conditions,
            range: self.range,
            newest_first: self.newest_first,
            rows,
            limit: if self.sought.is_anything() { self.limit - self.ids.len() } else { rows as usize },
            sizes: self.sought.in_documents(),
        };
        let window = self.reader.window(walk).await?;
        let reached = if self.sought.is_anything() {
            self.ids.extend(window.matching.iter().map(|(id, _)| *id));
            None
        } else {
            self.sift(&window.matching).await?
        };
        if reached.is_some() {
            return Ok(reached);
        }
        let Some(last) = window.last else { return Ok(Some(Reached::End)) };
        let is_end = window.walked < rows;
        if self.ids.len() >= self.limit {
            let last_found = self.ids.last().copied().unwrap_or(last);
            return Ok(Some(if is_end && last_found == last {
                Reached::End
            } else {
                Reached::Row(last_found)
            }));
        }
        if is_end {
            return Ok(Some(Reached::End));
        }
        if self.began.elapsed() >= PATIENCE {
            return Ok(Some(Reached::Row(last)));
        }
        if self.newest_first {
            self.range.high = last.saturating_sub(1);
        } else {
            self.range.low = last.saturating_add(1);
        }
        Ok(None)
    }

    /// Keeps what is sought of a window, part by part.
    async fn sift(&mut self, candidates: &[(i64, i64)]) -> Result<Option<Reached>, ReadError> {
        let mut rest = candidates;
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(part_of(rest));
            rest = behind;
            let ids: Vec<i64> = part.iter().map(|(id, _)| *id).collect();
            let met = self.reader.sift(&ids, &self.sought).await?;
            for id in ids.iter().filter(|id| met.contains(id)) {
                self.ids.push(*id);
                if self.ids.len() == self.limit {
                    return Ok(Some(Reached::Row(*id)));
                }
            }
            if let (Some(last), true) = (ids.last(), self.began.elapsed() >= PATIENCE) {
                return Ok(Some(Reached::Row(*last)));
            }
        }
        Ok(None)
    }
}

/// How many of the candidates are looked at together: one at least, however large.
fn part_of(candidates: &[(i64, i64)]) -> usize {
    let mut bytes = 0;
    let fits = |(_, size): &&(i64, i64)| {
        bytes += size;
        bytes <= PART_BYTES
    };
    candidates.iter().take(PART).take_while(fits).count().max(1)
}

/// Rows of the next window: up to twice as many, unless the last one says that they would take too long.
fn next_window(rows: u32, took: Duration, left: Duration) -> u32 {
    let affordable = f64::from(rows) * left.as_secs_f64() / took.as_secs_f64().max(1e-6);
    let most = rows.saturating_mul(2).clamp(WINDOW, LARGEST_WINDOW);
    (affordable as u32).clamp(WINDOW / 4, most)
}

fn summary(mut row: Row) -> EventSummary {
    EventSummary {
        id: row.int(0).unwrap_or_default(),
        uuid: row.uuid(1),
        source: row.text(2),
        user_id: row.text(3).unwrap_or_default(),
        command: row.text(4).unwrap_or_default(),
        status: row.text(5).and_then(|word| Status::parse(&word)),
        note: row.text(6),
        received: row.time(7),
        attempt: row.count(8),
        warnings: warnings_from(row.text(9)),
        about: row.text(10),
        about_more: row.count(11).saturating_sub(1),
    }
}
