//! From times to ids: which ids can have been received within a time.
//!
//! Ids are given in the order in which events are stored, which is nearly that in which they were received: events of
//! several connections overtake each other by as long as one of them waited for the store. So the ids of a time are
//! looked up over the hour beside its ends. The exact times are compared all the same.

use super::errors::ReadError;
use super::reader::{Dialect, Reader, Value};
use super::walks::{Conditions, Range};

/// Ids follow time to within this, in microseconds …
const OVERTAKING: i64 = 3600 * 1_000_000;
/// … or so many rows, where that is less.
const OVERTAKING_ROWS: u32 = 100_000;

/// One end of a time.
#[derive(Clone, Copy)]
enum End {
    Since,
    Until,
}

impl Reader {
    /// The ids of `range` that can fulfil the conditions on time; `None` where there are none.
    pub async fn narrowed(
        &self,
        conditions: &Conditions,
        mut range: Range,
    ) -> Result<Option<Range>, ReadError> {
        let ends = [(End::Since, conditions.since), (End::Until, conditions.until)];
        if ends.iter().all(|(_, time)| time.is_none()) || !self.is_index(self.time_index()).await? {
            return Ok(Some(range));
        }
        for (end, time) in ends {
            let Some(time) = time else { continue };
            match (end, self.extreme(end, time).await?) {
                (_, None) => return Ok(None),
                (End::Since, Some(id)) => range.low = range.low.max(id),
                (End::Until, Some(id)) => range.high = range.high.min(id),
            }
        }
        Ok(Some(range))
    }

    fn time_index(&self) -> &'static str {
        match self.dialect() {
            Dialect::Sqlite => "em_event_inserted",
            Dialect::Postgres => "em_event_received",
        }
    }

    /// The least id of the rows since then, or the greatest of those until then.
    async fn extreme(&self, end: End, time: i64) -> Result<Option<i64>, ReadError> {
        let dialect = self.dialect();
        let (sign, back, direction, extreme) = match end {
            End::Since => (">=", "<=", "asc", "min"),
            End::Until => ("<=", ">=", "desc", "max"),
        };
        let nearest = format!(
            "select {} from em_event where inserted {sign} {} order by inserted {direction} limit 1",
            dialect.micros("inserted"),
            dialect.time("$1"),
        );
        let found = self.rows_planned(nearest, vec![Value::Int(time)]).await?.pop();
        let Some(nearest) = found.and_then(|row| row.int(0)) else { return Ok(None) };
        let furthest = match end {
            End::Since => nearest.saturating_add(OVERTAKING),
            End::Until => nearest.saturating_sub(OVERTAKING),
        };
        let sql = format!(
            "select cast({extreme}(id) as bigint) from (select id from em_event
                where inserted {sign} {} and inserted {back} {}
                order by inserted {direction} limit {OVERTAKING_ROWS}) beside",
            dialect.time("$1"),
            dialect.time("$2"),
        );
        let found = self.rows_planned(sql, vec![Value::Int(time), Value::Int(furthest)]).await?.pop();
        Ok(found.and_then(|row| row.int(0)))
    }
}
