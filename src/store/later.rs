//! What was stored after an event, for those who are about to run that event once more: ids along an index, and then the
//! commands of a bounded number of them.

use super::errors::ReadError;
use super::events::limit_value;
use super::reader::{Dialect, Reader, Value};
use super::records::StoredCommand;
use super::walks::{Conditions, Path, Range, Walk};
use crate::event::Status;
use std::collections::HashMap;

/// Documents that are read in one go come to so many bytes at most, unless a single one is larger.
const PART_BYTES: i64 = 4 << 20;

impl Reader {
    /// The ids of the next rows of the Erlang release behind `after`; `None` while their index is being built.
    pub async fn released_after(&self, after: i64, limit: usize) -> Result<Option<Vec<i64>>, ReadError> {
        let index = match self.dialect() {
            // It has the rows without a uuid in the order of their ids.
            Dialect::Sqlite => "em_event_uuid",
            Dialect::Postgres => "em_event_released",
        };
        if !self.is_index(index).await? {
            return Ok(None);
        }
        let table = match self.dialect() {
            Dialect::Sqlite => "em_event indexed by em_event_uuid",
            Dialect::Postgres => "em_event",
        };
        let sql = format!(
            "select cast(id as bigint) from {table} where uuid is null and em_event.id > cast($1 as bigint)
             order by em_event.id limit cast($2 as bigint)"
        );
        let rows = self.rows_planned(sql, vec![Value::Int(after), limit_value(limit)]).await?;
        Ok(Some(rows.iter().filter_map(|row| row.int(0)).collect()))
    }

    /// The ids of the next rows behind `after` whose commands `user_id` has given; none while their index is being built.
    pub async fn given_after(&self, user_id: &str, after: i64, limit: usize) -> Result<Vec<i64>, ReadError> {
        if !self.is_index("em_event_user").await? {
            return Ok(Vec::new());
        }
        let conditions = Conditions { user: Some(user_id.to_owned()), ..Conditions::default() };
        let walk = Walk {
            path: Path::User,
            conditions: &conditions,
            range: Range { low: after.saturating_add(1), high: i64::MAX },
            newest_first: false,
            rows: u32::try_from(limit).unwrap_or(u32::MAX),
            limit,
            sizes: false,
        };
        Ok(self.window(walk).await?.matching.into_iter().map(|(id, _)| id).collect())
    }

    /// The commands of the first of these events, and how many of the ids that covers: as many as fit, one at least.
    pub async fn commands(&self, ids: &[i64]) -> Result<(Vec<StoredCommand>, usize), ReadError> {
        if ids.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let dialect = self.dialect();
        let sql = format!(
            "select cast(e.id as bigint), cast(octet_length(e.event) as bigint) from em_event e where {}",
            dialect.among("e.id", "$1"),
        );
        let rows = self.rows_planned(sql, vec![dialect.list(ids)]).await?;
        let sizes: HashMap<i64, i64> =
            rows.iter().filter_map(|row| Some((row.int(0)?, row.int(1).unwrap_or_default()))).collect();
        let mut bytes = 0;
        let fits = |id: &&i64| {
            bytes += sizes.get(id).copied().unwrap_or_default();
            bytes <= PART_BYTES
        };
        let covered = ids.iter().take_while(fits).count().max(1);
        let sql = format!(
            "select cast(e.id as bigint), cast(e.uuid as text), cast(e.command as text),
                cast(e.command_index as bigint), cast(e.status as text), cast(e.event as text)
             from em_event e where {} order by e.id",
            dialect.among("e.id", "$1"),
        );
        let rows = self.rows_planned(sql, vec![dialect.list(&ids[..covered])]).await?;
        let commands = rows.into_iter().map(|mut row| StoredCommand {
            id: row.int(0).unwrap_or_default(),
            uuid: row.uuid(1),
            command: row.text(2).unwrap_or_default(),
            command_index: row.count(3),
            status: row.text(4).and_then(|word| Status::parse(&word)),
            document: row.text(5).unwrap_or_default(),
        });
        Ok((commands.collect(), covered))
    }
}
