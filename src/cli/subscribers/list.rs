//! `subscribers list`: who is known, by the beginning of an id, by phone, public identity or group.

use crate::cli::client::ClientOptions;
use crate::cli::paging::gather;
use crate::cli::source::{Source, SubscriberQuery};
use crate::cli::table::{Cell, Table};
use crate::cli::text::plain;
use anyhow::ensure;
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

/// Subscribers of a page that is asked for, at most.
const PAGE: usize = 500;
/// Options of `list`.
#[derive(Debug, Args)]
pub struct Options {
    /// How the user id begins, or a whole phone number or public identity [default: everybody]
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Members of this BroadWorks group alone
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As the daemon's /api/v1/subscribers says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Prints who is found.
pub fn list(options: &Options) -> anyhow::Result<ExitCode> {
    let source = Source::new(&options.daemon)?;
    let ask = |room: usize, cursor: &Value| {
        let page = source.subscribers(&SubscriberQuery {
            text: options.text.as_deref(),
            group: options.group.as_deref(),
            limit: room.min(PAGE),
            cursor: cursor.as_str(),
        })?;
        ensure!(page["subscribers"].is_array(), "what answers is no eventmanager: it names no subscribers");
        Ok(page)
    };
    Ok(gather("subscribers", options.limit, ask)?.show(options.json, table))
}

/// Titles of the columns, and the members that they show.
const TITLES: &[&str] = &["USER", "TYPE", "PHONE", "GROUP", "PUBLIC IDENTITY"];
const KEYS: [&str; 5] = ["user", "type", "phone", "group", "public_identity"];

fn table(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "no such subscriber\n".to_owned();
    }
    let cells = |row: &Value| KEYS.iter().map(|key| Cell::from(plain(&row[*key]))).collect();
    Table::whole(TITLES).part(&rows.iter().map(cells).collect::<Vec<_>>())
}
