//! `eventmanager events`: what has been received and what became of it, and acts on it.
//!
//! `filter` is which events; `list`, `show` and `plan` read, through [`super::source`]; `acts` retries and resolves events by their ids, `bulk` by a filter;
//! `rows` is what a list of them looks like.

mod acts;
mod bulk;
mod filter;
mod list;
mod plan;
mod rows;
mod show;

use super::client::Refused;
use super::{NOT_FOUND, REFUSED, complain};
use clap::Subcommand;
use reqwest::StatusCode;
use std::process::ExitCode;

pub use filter::Filter;

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub enum Events {
    /// List events, the latest first; without the daemon they are read from the store
    List(list::Options),
    /// Show an event: its steps and answers, warnings, earlier attempts; without the daemon it is read from the store
    Show(show::Options),
    /// Show what an event would send if it were run now, whether that is the rest of its plan or a new one: nothing is sent
    Plan(plan::Options),
    /// Have failed events run again, by their ids or by a filter
    #[command(override_usage = "eventmanager events retry [OPTIONS] <ID>...
       eventmanager events retry [OPTIONS] <FILTER>...")]
    Retry(acts::Retry),
    /// End failed events as ignored, by their ids or by a filter, because somebody has put right by hand what they were for
    #[command(override_usage = "eventmanager events resolve [OPTIONS] --reason <TEXT> <ID>...
       eventmanager events resolve [OPTIONS] --reason <TEXT> <FILTER>...")]
    Resolve(acts::Resolve),
}

impl Events {
    /// Does it; the daemon's no is explained here, and has an exit code of its own.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let done = match self {
            Events::List(options) => list::list_events(options),
            Events::Show(options) => show::show(options),
            Events::Plan(options) => plan::plan(options),
            Events::Retry(options) => options.run(),
            Events::Resolve(options) => options.run(),
        };
        done.or_else(|error| match error.downcast_ref::<Refused>().and_then(code_of) {
            Some(code) => {
                complain(&format!("eventmanager: {error:#}\n"));
                Ok(ExitCode::from(code))
            }
            None => Err(error),
        })
    }
}

/// The exit code that tells why the daemon has refused, where it is neither access nor arguments.
fn code_of(refused: &Refused) -> Option<u8> {
    match refused.status {
        StatusCode::NOT_FOUND => Some(NOT_FOUND),
        StatusCode::CONFLICT => Some(REFUSED),
        _ => None,
    }
}
