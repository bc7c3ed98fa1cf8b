//! `subscribers list`: who is known, by the beginning of an id, by phone, public identity or group.

use crate::cli::client::ClientOptions;
use crate::cli::source::{Source, SubscriberQuery};
use crate::cli::text::{self, plain};
use crate::cli::{complain, say};
use anyhow::ensure;
use clap::Args;
use serde_json::{Value, json};
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
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// As the daemon's /api/v1/subscribers says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Prints who is found.
pub fn list(options: &Options) -> anyhow::Result<ExitCode> {
    let source = Source::new(&options.daemon)?;
    let (mut rows, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page = source.subscribers(&SubscriberQuery {
            text: options.text.as_deref(),
            group: options.group.as_deref(),
            limit: (options.limit - rows.len().min(options.limit)).clamp(1, PAGE),
            cursor: cursor.as_str(),
        })?;
        ensure!(page["subscribers"].is_array(), "what answers is no eventmanager: it names no subscribers");
        rows.extend_from_slice(text::list(&page["subscribers"]));
        cursor = page["next"].clone();
        if cursor.is_null() || rows.len() >= options.limit {
            break;
        }
    }
    if options.json {
        say(&format!("{:#}\n", json!({"subscribers": rows, "next": cursor})));
        return Ok(ExitCode::SUCCESS);
    }
    say(&table(&rows));
    if !cursor.is_null() {
        complain(&format!("these are the first {}; --limit shows more\n", rows.len()));
    }
    Ok(ExitCode::SUCCESS)
}

const COLUMNS: [(&str, &str); 5] = [
    ("USER", "user"),
    ("TYPE", "type"),
    ("PHONE", "phone"),
    ("GROUP", "group"),
    ("PUBLIC IDENTITY", "public_identity"),
];

fn table(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "no such subscriber\n".to_owned();
    }
    let mut lines = vec![COLUMNS.map(|(title, _)| title.to_owned())];
    lines.extend(rows.iter().map(|row| COLUMNS.map(|(_, key)| plain(&row[key]))));
    aligned(&lines)
}

/// Columns side by side, each as wide as its widest text.
fn aligned<const N: usize>(lines: &[[String; N]]) -> String {
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  "));
        text += cells.collect::<String>().trim_end();
        text.push('\n');
    }
    text
}
