//! The commands: arguments, what they start, and their exit codes.

mod asterisk;
mod backup;
mod check;
mod client;
mod cluster;
mod compare;
mod cores;
pub mod demo;
mod descriptors;
mod events;
mod evi;
mod foreseen;
mod hubs;
mod kamailio;
mod manual;
mod paging;
mod pause;
mod plan;
mod progress;
mod replay;
mod run;
mod schema;
mod seed;
mod simulate;
mod source;
mod states;
mod status;
mod subscribers;
mod table;
mod terminal;
pub mod text;
mod tree;
pub mod units;

use clap::{FromArgMatches, Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where the configuration is when nobody says.
const CONFIG: &str = "/etc/eventmanager/eventmanager.toml";

/// The exit code for arguments that cannot be meant so; clap's too.
const WRONG_ARGUMENTS: u8 = 2;
/// The exit code of `events` where the daemon does not do it as the event stands.
const REFUSED: u8 = 3;
/// The exit code of `events` where there is no such event.
const NOT_FOUND: u8 = 4;

/// Takes the events of a telephone platform, never loses one, acts on them and hands them on.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon
    Run {
        /// Configuration file: TOML, or an em.ini of the Erlang release
        #[arg(long, value_name = "FILE", default_value = CONFIG)]
        config: PathBuf,
    },
    /// Check a configuration file and print every error with its line; exit code 1 if there is one
    Check {
        /// Configuration file: TOML, or an em.ini of the Erlang release
        #[arg(long, value_name = "FILE", default_value = CONFIG)]
        config: PathBuf,
    },
    /// Show what OCI-R documents, or a stored event, would send: nothing is sent; exit code 1 if something would fail
    Plan(plan::Options),
    /// List, show, retry and resolve events
    #[command(subcommand)]
    Events(events::Events),
    /// Show how the running daemon is: connections, systems, hosts, backlog, actors
    Status(status::Options),
    /// Have the running daemon send nothing to a system: events are received, stored and wait
    Pause(pause::Options),
    /// Have the running daemon go on with a paused system
    Resume(pause::Options),
    /// List subscribers, show one with its events, and send what its row says once more
    #[command(subcommand)]
    Subscribers(subscribers::Subscribers),
    /// Send commands to the scripts of Kamailios
    #[command(subcommand)]
    Kamailio(kamailio::Kamailio),
    /// Run actions on Asterisks
    #[command(subcommand)]
    Asterisk(asterisk::Asterisk),
    /// List who has subscribed to events over EVI; subscribe, unsubscribe and raise events
    #[command(subcommand)]
    Evi(evi::Evi),
    /// List who has registered for topics over Event Management; halt, resume, skip, replay and remove
    #[command(subcommand)]
    Hubs(hubs::Hubs),
    /// Show which of the nodes that share the database acts, and hand over to another
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    /// List the states that are mirrored between Asterisks, show who says and was told what, and how it is with each Asterisk
    #[command(subcommand)]
    States(states::States),
    /// Copy the embedded databases, while the daemon runs or not; exit code 1 where not all could be copied
    Backup(backup::Options),
    /// Show the main job on this machine: simulated BroadWorks, EMA and SurgeMail, nothing to install
    Demo(demo::Options),
    /// Play recorded OCI-R documents as an application server would
    Replay(replay::Options),
    /// Copy the subscribers of the release beside us into the store of a daemon in shadow mode
    Seed(seed::Options),
    /// Show where the release beside us made something else of the same documents; exit code 1 where it did, 2 where that
    /// cannot be told
    Compare(compare::Options),
    /// Print the tables that the daemon makes at its first start, as SQL
    Schema {
        /// Kind of database
        kind: schema::Kind,
    },
    /// Start one of the simulated peers alone
    Simulate {
        #[command(subcommand)]
        peer: simulate::Simulate,
    },
    /// Print the completions of a shell
    Completions(manual::Completions),
    /// Write the manual pages, one for each command
    Man(manual::Man),
}

/// Writes to standard output. A reader that has gone away is no reason to fail.
fn say(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text::visible(text).as_bytes()).and_then(|()| out.flush());
}

/// Writes to standard error, likewise.
pub fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text::visible(text).as_bytes());
}

impl Cli {
    /// The command of this process. Where its arguments are wrong, or ask for help, that is said and the process ends.
    pub fn read() -> Cli {
        let matches = manual::command().get_matches();
        Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Does what the arguments say. Exit code 0 is success; 1 and more are failures that have been explained.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        rustls::crypto::ring::default_provider()
            .install_default()
            .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
        match self.command {
            Command::Run { config } => run::run(&config),
            Command::Check { config } => check::check(&config),
            Command::Plan(options) => plan::plan(&options),
            Command::Events(events) => events.run(),
            Command::Status(options) => status::status(&options),
            Command::Pause(options) => pause::set("pause", &options),
            Command::Resume(options) => pause::set("resume", &options),
            Command::Subscribers(command) => subscribers::run(&command),
            Command::Kamailio(command) => command.run(),
            Command::Asterisk(command) => command.run(),
            Command::Evi(command) => command.run(),
            Command::Hubs(command) => command.run(),
            Command::Cluster(command) => command.run(),
            Command::States(command) => command.run(),
            Command::Backup(options) => backup::backup(&options),
            Command::Demo(options) => demo::demo(options),
            Command::Replay(options) => replay::replay(&options),
            Command::Seed(options) => seed::seed(&options),
            Command::Compare(options) => compare::compare(&options),
            Command::Schema { kind } => schema::schema(kind),
            Command::Simulate { peer } => peer.run().map(|()| ExitCode::SUCCESS),
            Command::Completions(options) => options.print(),
            Command::Man(options) => options.write(),
        }
    }
}
