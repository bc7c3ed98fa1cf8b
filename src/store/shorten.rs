//! Shortening the topic log: rows that are old go, but for those that somebody has not got who is waited for.
//!
//! Hubs and NATS are to get every event, and so rows that they have not got stay longer. What goes all the same is counted for
//! whoever loses it.

use super::reader::{Reader, Value};
use super::records::Swept;
use super::sweep::{Sweep, SweepError};
use super::writes::{Write, micros};
use super::{ReadError, Store};
use std::time::SystemTime;

/// Rows of a page that is looked through for what may go.
const PAGE: usize = 1_000;
/// Under which NATS keeps its place.
pub(crate) const NATS_READER: &str = "nats";

/// Since when rows are spared that somebody has not got; of `None` nothing is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spared {
    pub hubs: Option<SystemTime>,
    pub nats: Option<SystemTime>,
}

/// A row that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Old {
    at: i64,
    sequence: i64,
    topic: String,
}

/// Somebody who is to get all rows of a topic, or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Follower {
    name: String,
    topic: Option<String>,
    /// The last row that it has got.
    place: i64,
    lost: u64,
}

impl Follower {
    /// Counts the rows that it will not get any more.
    fn lose(&mut self, rows: &[Old]) {
        let is_lost = |row: &&Old| {
            row.sequence > self.place && self.topic.as_ref().is_none_or(|topic| *topic == row.topic)
        };
        self.lost += rows.iter().filter(is_lost).count() as u64;
    }

    /// All hubs are counted together, since they come and go; the log says which it is.
    fn tell(&self) {
        let reader = if self.name == NATS_READER { NATS_READER } else { "hub" };
        metrics::counter!("eventmanager_topic_log_lost_total", "reader" => reader).increment(self.lost);
        if self.lost > 0 {
            tracing::error!(
                reader = self.name,
                events = self.lost,
                "events were deleted that this reader of the topic log had not got"
            );
        }
    }
}

impl Store {
    /// Deletes the rows of the topic log that are older. Those that a hub of their topic has not got, or is being sent again, or that
    /// NATS has not got, stay where they are not older than `spared` says.
    pub async fn shorten_topic_log(
        &self,
        older_than: SystemTime,
        spared: Spared,
    ) -> Result<Swept, SweepError> {
        let reader = &self.inner.events.reader;
        let mut sweep = Sweep::new(&self.inner);
        let mut followers = reader.followers(spared).await?;
        // Nothing was received before 1970.
        let mut behind = (0, 0);
        loop {
            let rows = reader.topic_log_before(older_than, spared, behind).await?;
            let mut rest = rows.as_slice();
            while !rest.is_empty() {
                let (batch, later) = rest.split_at(sweep.batch.min(rest.len()));
                let sequences = batch.iter().map(|row| row.sequence).collect();
                sweep.write(Write::Shorten { sequences }).await?;
                followers.iter_mut().for_each(|follower| follower.lose(batch));
                rest = later;
            }
            // What is spared is stepped over once, not by each page.
            match rows.last() {
                Some(last) if rows.len() == PAGE => behind = (last.at, last.sequence),
                _ => break,
            }
        }
        followers.iter().for_each(Follower::tell);
        Ok(sweep.total)
    }
}

impl Reader {
    /// Who is to get every row, and how far each has come.
    async fn followers(&self, spared: Spared) -> Result<Vec<Follower>, ReadError> {
        let mut followers = Vec::new();
        if spared.hubs.is_some() {
            let sql = format!(
                "select cast(hub.topic as text), {PLACE}, {hub} from em_hub as hub
                 left join em_cursor as cursor on cursor.reader = {hub}",
                hub = self.dialect().hub_reader("hub.id"),
            );
            let rows = self.rows(sql, Vec::new()).await?;
            followers.extend(rows.into_iter().filter_map(|mut row| {
                let (place, name) = (row.int(1)?, row.text(2)?);
                Some(Follower { name, topic: row.text(0), place, lost: 0 })
            }));
        }
        if spared.nats.is_some() {
            let sql = "select cast(sequence as bigint) from em_cursor where reader = cast($1 as text)";
            let rows = self.rows(sql.to_owned(), vec![Value::Text(NATS_READER.to_owned())]).await?;
            let place = rows.first().and_then(|row| row.int(0));
            let follower = |place| Follower { name: NATS_READER.to_owned(), topic: None, place, lost: 0 };
            followers.extend(place.map(follower));
        }
        Ok(followers)
    }

    /// What may go behind a time and a place, each with its own: how far the slowest hub of each topic has come is looked at once for all
    /// rows of a page.
    async fn topic_log_before(
        &self,
        older_than: SystemTime,
        spared: Spared,
        (at, sequence): (i64, i64),
    ) -> Result<Vec<Old>, ReadError> {
        let (dialect, hub) = (self.dialect(), self.dialect().hub_reader("hub.id"));
        let sql = format!(
            "with slowest as (
                select hub.topic as topic, min({PLACE}) as place
                from em_hub as hub left join em_cursor as cursor on cursor.reader = {hub} group by hub.topic
             )
             select cast(row.sequence as bigint), {at}, cast(row.topic as text)
             from em_topic_log as row left join slowest on slowest.topic = row.topic
             where row.at < {until} and row.at >= {from} and (row.at > {from} or row.sequence > cast($4 as bigint))
                and (row.at < {hubs} or slowest.place is null or row.sequence <= slowest.place)
                and (row.at < {nats} or not exists (
                    select 1 from em_cursor where reader = cast($6 as text) and sequence < row.sequence))
             order by row.at, row.sequence limit {PAGE}",
            at = dialect.micros("row.at"),
            until = dialect.instant("$1"),
            hubs = dialect.instant("$2"),
            from = dialect.instant("$3"),
            nats = dialect.instant("$5"),
        );
        let since = |spared: Option<SystemTime>| micros(spared.unwrap_or(older_than));
        let numbers = [micros(older_than), since(spared.hubs), at, sequence, since(spared.nats)];
        let mut params = numbers.map(Value::Int).to_vec();
        params.push(Value::Text(NATS_READER.to_owned()));
        let rows = self.rows(sql, params).await?;
        let old = rows.into_iter().filter_map(|mut row| {
            Some(Old {
                at: micros(row.time(1)),
                sequence: row.int(0)?,
                topic: row.text(2).unwrap_or_default(),
            })
        });
        Ok(old.collect())
    }
}

/// How far a hub has come: of one to which events are sent again, these.
const PLACE: &str = "cast(case when hub.replay_at < cursor.sequence then hub.replay_at
    else coalesce(cursor.sequence, 0) end as bigint)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_loses_what_goes_is_known() {
        let row = |sequence, topic: &str| Old { at: 0, sequence, topic: topic.to_owned() };
        let rows = [row(1, "order"), row(2, "alarm"), row(3, "order"), row(5, "order")];
        let check = |topic: Option<&str>, place, lost| {
            let topic = topic.map(str::to_owned);
            let mut follower = Follower { name: "hub".to_owned(), topic, place, lost: 0 };
            follower.lose(&rows);
            assert_eq!(follower.lost, lost, "{follower:?}");
        };
        check(Some("order"), 0, 3);
        check(Some("order"), 3, 1);
        check(Some("order"), 5, 0);
        check(Some("other"), 0, 0);
        check(None, 1, 3);
    }
}
