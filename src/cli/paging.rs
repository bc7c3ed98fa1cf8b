//! Lists that come in pages: as many rows as are wanted, and where the next one would begin.

use super::text;
use super::{complain, say};
use serde_json::{Value, json};
use std::process::ExitCode;

/// The rows of a list, and the cursor of those behind them; null where there are none.
pub struct Rows {
    /// What they are, as the daemon names them.
    name: &'static str,
    rows: Vec<Value>,
    cursor: Value,
}

/// Asks for pages until there are `limit` rows or no more. `ask` gets how many are wanted still, and the cursor of the page.
pub fn gather(
    name: &'static str,
    limit: u32,
    mut ask: impl FnMut(usize, &Value) -> anyhow::Result<Value>,
) -> anyhow::Result<Rows> {
    let (mut rows, mut cursor, limit) = (Vec::new(), Value::Null, limit as usize);
    loop {
        let page = ask(limit - rows.len(), &cursor)?;
        rows.extend_from_slice(text::list(&page[name]));
        cursor = page["next"].clone();
        if cursor.is_null() || rows.len() >= limit {
            return Ok(Rows { name, rows, cursor });
        }
    }
}

impl Rows {
    /// Prints them as JSON or as `table` shows them, and says where they are not all.
    pub fn show(&self, as_json: bool, table: impl FnOnce(&[Value]) -> String) -> ExitCode {
        let Rows { name, rows, cursor } = self;
        if as_json {
            say(&format!("{:#}\n", json!({ *name: rows, "next": cursor })));
            return ExitCode::SUCCESS;
        }
        say(&table(rows));
        if !cursor.is_null() {
            complain(&format!("these are the first {}; --limit shows more\n", rows.len()));
        }
        ExitCode::SUCCESS
    }
}
