//! `eventmanager schema`: the tables, for whoever makes them before the daemon may.

use super::say;
use crate::store;
use clap::ValueEnum;
use std::process::ExitCode;

/// The kind of database.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    Sqlite,
    Postgresql,
}

/// Prints what the daemon makes at its first start.
pub fn schema(kind: Kind) -> anyhow::Result<ExitCode> {
    let head = match kind {
        Kind::Sqlite => {
            "-- Tables of eventmanager in SQLite, as the daemon makes them in a new file at its first start.\n\n"
        }
        Kind::Postgresql => {
            "-- Tables of eventmanager in PostgreSQL, as the daemon makes them, or adds them to those of the Erlang release,
-- at its first start. Where its user may not do that, run this as one who may: it can be repeated. With two databases
-- em_schema goes into both, \"events\" into the first, \"subscribers\" into the second.
-- The user of the daemon then needs select, insert, update and delete on the tables, usage on their sequences.\n\n"
        }
    };
    let tables = match kind {
        Kind::Sqlite => store::sqlite_tables(),
        Kind::Postgresql => store::postgres_tables(),
    };
    say(&format!("{head}{tables}"));
    Ok(ExitCode::SUCCESS)
}
