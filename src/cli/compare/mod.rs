//! `eventmanager compare`: what the release that we run beside made of the same documents, and what we made of them.
//!
//! Everything is only read, page by page, so that a million rows take no more memory than a thousand: first the events
//! of both (`walk`, over `pairing` and `judge`, which are pure), then the subscribers (`subscribers`).

mod judge;
mod pairing;
mod report;
mod subscribers;
mod walk;

use super::complain;
use super::units::moment;
use crate::config;
use crate::store::{Reading, Rows};
use clap::Args;
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;
use walk::Half;

/// The exit code where nothing could be compared.
const NOT_COMPARED: u8 = 2;

/// Options of `compare`.
#[derive(Debug, Args)]
pub struct Options {
    /// Configuration file; its [shadow] names the databases of the other release
    #[arg(long, value_name = "FILE", default_value = super::CONFIG)]
    config: PathBuf,
    /// Compare what was received at this time or later: "2026-03-01", "2026-03-01 12:00" (UTC), "2h" (ago)
    /// [default: since both were running]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<SystemTime>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Exit code 0: no difference but known ones; 1: differences; 2: it could not be compared.
pub fn compare(options: &Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(match runtime.block_on(compare_all(options)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("eventmanager: {error:#}\n"));
            ExitCode::from(NOT_COMPARED)
        }
    })
}

/// Prints the differences; says how many there are that are not known.
async fn compare_all(options: &Options) -> anyhow::Result<u64> {
    let config = config::load(&options.config)?.config;
    let ours = Reading::open(
        &config.store.events,
        &config.store.subscribers,
        ["our own events", "our own subscribers"],
    )?;
    let beside = match &config.shadow {
        Some(shadow) => {
            let names = ["shadow.events", "shadow.subscribers"];
            Some(Reading::open(&shadow.events, &shadow.subscribers, names)?)
        }
        None => None,
    };
    let there = match &beside {
        Some(release) => Half::new(release.clone(), Rows::All),
        None => Half::new(ours.clone(), Rows::WithoutUuid),
    };
    let mut report = Report::new(options.json);
    walk::compare(there, Half::new(ours.clone(), Rows::Ours), options.since, &mut report).await?;
    report.subscribers_follow();
    match &beside {
        Some(release) => subscribers::compare(release, &ours, &mut report).await?,
        None => report.note("without [shadow] there is one table of subscribers: nothing to compare"),
    }
    Ok(report.end())
}
