//! Walking the ids of `em_event` along an index, so many at a time: what every list is made of.
//!
//! ```text
//! with walked(id) as (select id from em_event where status = 'failed' and id … order by id desc limit 1024)
//! select id from walked join em_event … where command = 'UserAddRequest' …
//! ```
//!
//! The walk goes along the index of one condition ([`Path`]), in the order of ids, and ends after so many rows; the other
//! conditions are looked at row by row. So a window costs what it costs, whatever the filter and however large the table.
//! Which index gets furthest with the same work is tried, not guessed ([`Reader::choose`]): no statistics are needed, which
//! are old when they are needed most.

use super::errors::ReadError;
use super::reader::{Dialect, Reader, Value};
use super::records::EventFilter;
use super::writes::micros;
use crate::event::Status;

/// Rows that an index is tried with.
const TRIED: u32 = 512;
/// Versions of a command that are told apart, at most: an application server has one.
const VERSIONS: usize = 16;

/// Ids that may match, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub low: i64,
    pub high: i64,
}

/// The conditions of a filter that the database looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Conditions {
    pub statuses: Vec<Status>,
    /// The spellings of a command that there are, with and without a version.
    pub commands: Option<Vec<String>>,
    pub user: Option<String>,
    pub since: Option<i64>,
    pub until: Option<i64>,
}

/// What a walk goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// Every row.
    Id,
    Status,
    Command,
    User,
}

/// What a window holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// The rows that match, in the order of the walk, each with the bytes of its document where they are asked for.
    pub matching: Vec<(i64, i64)>,
    /// Rows that were walked over.
    pub walked: u32,
    /// The last of them.
    pub last: Option<i64>,
}

/// What to walk over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'a> {
    pub path: Path,
    pub conditions: &'a Conditions,
    pub range: Range,
    pub newest_first: bool,
    /// Rows that are walked over, at most.
    pub rows: u32,
    /// Rows that match, at most.
    pub limit: usize,
    /// Whether the size of a document is told.
    pub sizes: bool,
}

impl Path {
    /// The index with its columns: the value, then the id.
    fn index(self, dialect: Dialect) -> Option<(&'static str, &'static str)> {
        match (self, dialect) {
            (Path::Id, _) => None,
            (Path::Status, _) => Some(("em_event_status_id", "status")),
            (Path::User, _) => Some(("em_event_user", "user_id")),
            (Path::Command, Dialect::Sqlite) => Some(("em_event_command", "command")),
            // The order of bytes, so that the versions of a command stand together.
            (Path::Command, Dialect::Postgres) => Some(("em_event_command", "command collate \"C\"")),
        }
    }

    fn values(self, conditions: &Conditions) -> Vec<String> {
        match self {
            Path::Id => Vec::new(),
            Path::Status => conditions.statuses.iter().map(|status| status.as_str().to_owned()).collect(),
            Path::Command => conditions.commands.clone().unwrap_or_default(),
            Path::User => conditions.user.iter().cloned().collect(),
        }
    }

    fn is_given(self, conditions: &Conditions) -> bool {
        match self {
            Path::Id => true,
            Path::Status => !conditions.statuses.is_empty(),
            Path::Command => conditions.commands.is_some(),
            Path::User => conditions.user.is_some(),
        }
    }
}

/// SQL under construction.
#[derive(Default)]
struct Sql {
    params: Vec<Value>,
}

impl Sql {
    fn int(&mut self, number: i64) -> String {
        self.params.push(Value::Int(number));
        format!("cast(${} as bigint)", self.params.len())
    }

    fn text(&mut self, text: &str) -> String {
        self.params.push(Value::Text(text.to_owned()));
        format!("cast(${} as text)", self.params.len())
    }

    /// The ids of a walk.
    fn walk(&mut self, walk: &Walk, dialect: Dialect) -> String {
        let direction = if walk.newest_first { "desc" } else { "asc" };
        let (low, high) = (self.int(walk.range.low), self.int(walk.range.high));
        let rows = walk.rows;
        let Some((index, column)) = walk.path.index(dialect) else {
            return format!(
                "select id from em_event where id between {low} and {high} order by id {direction} limit {rows}"
            );
        };
        let parts: Vec<String> = walk.path.values(walk.conditions).iter().map(|value| {
            let value = self.text(value);
            match dialect {
                Dialect::Sqlite => format!(
                    "select id from (select id from em_event indexed by {index}
                     where {column} = {value} and id between {low} and {high} order by id {direction} limit {rows})"
                ),
                // Written so that no other index has the order: one that is thought to find the rows soon, and does not,
                // reads the whole table.
                Dialect::Postgres => format!(
                    "(select id from em_event
                     where ({column}, id) >= ({value}, {low}) and ({column}, id) <= ({value}, {high})
                     order by {column} {direction}, id {direction} limit {rows})"
                ),
            }
        }).collect();
        match parts.len() {
            0 => "select id from em_event where 1 = 0".to_owned(),
            1 => parts.concat(),
            _ => format!(
                "select id from ({}) parts order by id {direction} limit {rows}",
                parts.join(" union all ")
            ),
        }
    }

    /// The conditions that the path does not see to.
    fn remaining(&mut self, path: Path, conditions: &Conditions, dialect: Dialect) -> Vec<String> {
        let mut all = Vec::new();
        for (other, column) in [(Path::Status, "status"), (Path::Command, "command"), (Path::User, "user_id")]
        {
            if other != path && other.is_given(conditions) {
                let values: Vec<_> = other.values(conditions).iter().map(|value| self.text(value)).collect();
                all.push(match values.is_empty() {
                    true => "1 = 0".to_owned(),
                    false => format!("e.{column} in ({})", values.join(", ")),
                });
            }
        }
        for (sign, time) in [(">=", conditions.since), ("<=", conditions.until)] {
            if let Some(time) = time {
                self.params.push(Value::Int(time));
                let param = format!("${}", self.params.len());
                all.push(format!("e.inserted {sign} {}", dialect.time(&param)));
            }
        }
        all
    }

    /// The rows of a window, and a last one with no size that says how far it went over how many.
    fn window(&mut self, walk: &Walk, dialect: Dialect) -> String {
        let walked = self.walk(walk, dialect);
        let remaining = self.remaining(walk.path, walk.conditions, dialect);
        let size = if walk.sizes { "coalesce(octet_length(e.event), 0)" } else { "0" };
        let (direction, last) = if walk.newest_first { ("desc", "min") } else { ("asc", "max") };
        let limit = self.int(i64::try_from(walk.limit).unwrap_or(i64::MAX));
        let rows = match remaining.is_empty() && !walk.sizes {
            true => "walked e".to_owned(),
            // Row by row of the window: either database would rather begin with all rows of a user who is thought to
            // have few, or with the whole table.
            false => {
                let (event, own) = match dialect {
                    // A cross join is taken in this order.
                    Dialect::Sqlite => ("em_event e", "e.id = w.id"),
                    Dialect::Postgres => {
                        ("lateral (select * from em_event where em_event.id = w.id offset 0) e", "true")
                    }
                };
                let conditions: Vec<String> = std::iter::once(own.to_owned()).chain(remaining).collect();
                format!("walked w cross join {event} where {}", conditions.join(" and "))
            }
        };
        format!(
            "with walked(id) as materialized ({walked}),
                matching(id, size) as (select e.id, {size} from {rows} order by e.id {direction} limit {limit})
             select cast(id as bigint), cast(size as bigint), cast(null as bigint) from matching
             union all select cast({last}(id) as bigint), cast(null as bigint), cast(count(*) as bigint) from walked"
        )
    }
}

impl Reader {
    /// One window of a walk.
    pub async fn window(&self, walk: Walk<'_>) -> Result<Window, ReadError> {
        let mut sql = Sql::default();
        let text = sql.window(&walk, self.dialect());
        let mut window = Window::default();
        for row in self.rows_planned(text, sql.params).await? {
            match (row.int(0), row.int(1)) {
                (Some(id), Some(size)) => window.matching.push((id, size)),
                (last, _) => (window.last, window.walked) = (last, row.count(2)),
            }
        }
        // The parts of a union come in whatever order.
        window.matching.sort_unstable_by_key(|(id, _)| if walk.newest_first { -id } else { *id });
        Ok(window)
    }

    /// The conditions of a filter, with the spellings of its command that the table holds.
    pub async fn conditions(&self, filter: &EventFilter) -> Result<Conditions, ReadError> {
        let commands = match &filter.command {
            Some(command) => Some(self.spellings(command).await?),
            None => None,
        };
        Ok(Conditions {
            statuses: filter.statuses.clone(),
            commands,
            user: filter.user_id.clone(),
            since: filter.since.map(micros),
            until: filter.until.map(micros),
        })
    }

    /// The command without its version, and with each version that there is: found by jumping from one to the next, not
    /// by reading the rows between them.
    async fn spellings(&self, command: &str) -> Result<Vec<String>, ReadError> {
        let stem = command.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default();
        let mut spellings = vec![stem.to_owned()];
        let dialect = self.dialect();
        if !self.has_index(Path::Command).await? {
            return Ok(spellings);
        }
        let column = Path::Command.index(dialect).map_or("command", |(_, column)| column);
        // ':' is what follows '9'.
        let sql = format!(
            "select cast(command as text) from em_event where {column} > cast($1 as text) and {column} < cast($2 as text)
             order by {column} limit 1"
        );
        let mut after = format!("{stem}0");
        let mut params = vec![Value::Text(format!("{stem}/")), Value::Text(format!("{stem}:"))];
        while spellings.len() <= VERSIONS {
            let Some(mut row) = self.rows_planned(sql.clone(), params.clone()).await?.pop() else { break };
            after = row.text(0).unwrap_or(after);
            params[0] = Value::Text(after.clone());
            spellings.push(after.clone());
        }
        Ok(spellings)
    }

    /// The path that gets furthest with the same work.
    pub async fn choose(
        &self,
        conditions: &Conditions,
        range: Range,
        newest_first: bool,
    ) -> Result<Path, ReadError> {
        let mut paths = Vec::new();
        for path in [Path::User, Path::Command, Path::Status] {
            if path.is_given(conditions) && self.has_index(path).await? {
                paths.push(path);
            }
        }
        if paths.len() < 2 {
            return Ok(paths.pop().unwrap_or(Path::Id));
        }
        let mut best = (Path::Id, i64::MAX);
        for path in paths {
            let walk = Walk { path, conditions, range, newest_first, rows: TRIED, limit: 0, sizes: false };
            let window = self.window(walk).await?;
            let (Some(last), true) = (window.last, window.walked == TRIED) else { return Ok(path) };
            // Where the ids that are left are fewest.
            let left =
                if newest_first { last.saturating_sub(range.low) } else { range.high.saturating_sub(last) };
            if left < best.1 {
                best = (path, left);
            }
        }
        Ok(best.0)
    }

    /// Whether an index is there: on a table that was large before there was such an index it is built beside the work.
    async fn has_index(&self, path: Path) -> Result<bool, ReadError> {
        match path.index(self.dialect()) {
            Some((name, _)) => self.is_index(name).await,
            None => Ok(true),
        }
    }

    pub async fn is_index(&self, name: &str) -> Result<bool, ReadError> {
        let sql = match self.dialect() {
            Dialect::Sqlite => {
                "select name from sqlite_schema where type = 'index' and name = cast($1 as text)"
            }
            Dialect::Postgres => {
                "select cast(indexrelid as bigint) from pg_index
                 where indexrelid = to_regclass(cast($1 as text)) and indisvalid"
            }
        };
        Ok(!self.rows_by_key(sql.to_owned(), vec![Value::Text(name.to_owned())]).await?.is_empty())
    }
}
