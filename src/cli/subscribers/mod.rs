//! `eventmanager subscribers`: whom the daemon knows, what has become of their events, and sending a row once more.

mod list;
mod reprovision;
mod show;

use clap::Subcommand;
use std::process::ExitCode;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Subscribers {
    /// List subscribers by the beginning of their id, by phone, public identity or group; without the daemon they are
    /// read from the store
    List(list::Options),
    /// Show a subscriber: its row, its latest events and their steps; without the daemon they are read from the store
    Show(show::Options),
    /// Send what the row of a subscriber says to HSS, ENUM and mail once more, after they have lost something: shows the
    /// plan and asks first
    Reprovision(reprovision::Options),
}

/// Does what the arguments say; exit code 1 where the daemon refuses, or the operator.
pub fn run(command: &Subscribers) -> anyhow::Result<ExitCode> {
    match command {
        Subscribers::List(options) => list::list(options),
        Subscribers::Show(options) => show::show(options),
        Subscribers::Reprovision(options) => reprovision::reprovision(options),
    }
}
