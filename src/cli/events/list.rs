//! `eventmanager events list`: a table, one JSON document, or a line of JSON for each event.

use super::filter::Filter;
use super::rows::EventTable;
use crate::cli::client::ClientOptions;
use crate::cli::progress::Progress;
use crate::cli::source::{Query, Source};
use crate::cli::text::{list, moment};
use crate::cli::{complain, say};
use anyhow::ensure;
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Events of a page that is asked for, at most: the API gives no more.
const PAGE: u32 = 500;
/// What is kept in memory for one document.
const MOST: i64 = 100_000;

/// Options of `events list`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    filter: Filter,
    /// So many events, at most
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "all",
        value_parser = clap::value_parser!(u32).range(1..=MOST))]
    limit: u32,
    /// Every event that the filter finds
    #[arg(long)]
    all: bool,
    /// The oldest first
    #[arg(long)]
    oldest_first: bool,
    /// One JSON document: {"events": [...], "more": BOOL}; with --all a line of JSON for each event
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Prints what the filter finds, page by page; exit code 0 also where that is nothing.
pub fn list_events(options: &Options) -> anyhow::Result<ExitCode> {
    let source = Source::new(&options.daemon)?;
    // Only while it takes more than a page.
    let mut searching: Option<Progress> = None;
    let mut printer = Printer { options, table: EventTable::new(), events: Vec::new(), found: 0 };
    let mut left = if options.all { u32::MAX } else { options.limit };
    let mut cursor: Option<String> = None;
    loop {
        let query = Query {
            filter: &options.filter,
            oldest_first: options.oldest_first,
            limit: left.min(PAGE) as usize,
            cursor: cursor.as_deref(),
        };
        let page = source.list(&query)?;
        ensure!(page["events"].is_array(), "what answers is no eventmanager: it lists no events");
        let events = list(&page["events"]);
        match &searching {
            Some(bar) => bar.aside(|| printer.page(events)),
            None => printer.page(events),
        }
        if !options.all {
            left = left.saturating_sub(u32::try_from(events.len()).unwrap_or(u32::MAX));
        }
        cursor = page["next"].as_str().map(str::to_owned);
        if left == 0 || cursor.is_none() {
            break;
        }
        let bar = searching.get_or_insert_with(|| Progress::endless("events found"));
        bar.at(printer.found as u64);
        bar.say(searched_to(&page["searched_to"]));
    }
    drop(searching);
    printer.end(cursor.is_some());
    Ok(ExitCode::SUCCESS)
}

/// How far a search has come that finds little.
fn searched_to(place: &Value) -> String {
    match place.is_object() {
        true => format!("up to event {}, {}", place["id"], moment(&place["at"])),
        false => String::new(),
    }
}

struct Printer<'a> {
    options: &'a Options,
    table: EventTable,
    /// For the one document.
    events: Vec<Value>,
    found: usize,
}

impl Printer<'_> {
    fn page(&mut self, events: &[Value]) {
        self.found += events.len();
        match (self.options.json, self.options.all) {
            (false, _) => say(&self.table.part(events)),
            (true, true) => say(&events.iter().map(|event| format!("{event}\n")).collect::<String>()),
            (true, false) => self.events.extend_from_slice(events),
        }
    }

    fn end(self, more: bool) {
        match (self.options.json, self.found) {
            (true, _) if self.options.all => {}
            (true, _) => say(&format!("{:#}\n", json!({"events": self.events, "more": more}))),
            (false, 0) => complain("no such events\n"),
            (false, _) if more => complain("there may be more: --limit N or --all shows them\n"),
            (false, _) => {}
        }
    }
}
