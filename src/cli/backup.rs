//! `eventmanager backup`: a consistent copy of the embedded databases, while the daemon runs or not.
//!
//! A copy is one snapshot: the read transaction of the copying connection keeps the state of its first moment, while the
//! daemon goes on writing to its log: what is written meanwhile neither begins the copy anew nor makes it longer. It is
//! written beside its name as `.part`, checked, and only then given the name.

use super::progress::Progress;
use super::{complain, say, text};
use crate::config::{self, Database};
use crate::store::real_path;
use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Pages that are copied at a time: a megabyte.
const STEP: i32 = 256;
/// How long a lock of the daemon is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// How long somebody is waited for who has a lock on the unfinished copy, where nobody should have one.
const COPY_BUSY: Duration = Duration::from_secs(2);

/// Options of `backup`.
#[derive(Debug, Args)]
pub struct Options {
    /// Where the copy goes; subscribers in a database of their own go to FILE with -subscribers in its name
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Configuration file of the daemon, for its databases
    #[arg(long, value_name = "FILE", default_value = super::CONFIG)]
    config: PathBuf,
    /// Write over a copy that is there already
    #[arg(long)]
    force: bool,
}

/// Copies every database that is a file. Exit code 1 where one is not, or could not be copied.
pub fn backup(options: &Options) -> anyhow::Result<ExitCode> {
    let store = config::load_for_reading(&options.config)?.store;
    let one = store.events == store.subscribers;
    let mut wanted = vec![("store.events", &store.events, options.file.clone())];
    if !one {
        wanted.push(("store.subscribers", &store.subscribers, beside(&options.file)));
    }
    let mut sources = Vec::new();
    for (setting, database, target) in wanted {
        match database {
            Database::Sqlite(path) => sources.push((path, target)),
            Database::Postgres(_) => complain(&format!(
                "{setting} is a PostgreSQL database, which pg_dump copies: pg_dump --format=custom --file=FILE DATABASE\n"
            )),
        }
    }
    ensure!(!sources.is_empty(), "there is no embedded database to copy");
    let is_whole = sources.len() == if one { 1 } else { 2 };
    for (_, target) in &sources {
        // While it is written the copy has another name.
        let names = [target.clone(), part_of(target)];
        let is_source = |(path, _): &(&PathBuf, PathBuf)| names.iter().any(|name| belongs_to(name, path));
        ensure!(
            !sources.iter().any(is_source),
            "{} is the database itself, or a part of it",
            target.display()
        );
        ensure!(
            options.force || !target.exists(),
            "{} is there already; --force writes over it",
            target.display()
        );
    }
    // All snapshots first: what a copy takes long for has then no part in how far apart they are. Events before subscribers:
    // a row that is ahead of its journal is right, one that lags behind it would never be.
    let snapshots = sources.into_iter().map(|(path, target)| Ok((snapshot(path)?, path, target)));
    for (snapshot, path, target) in snapshots.collect::<anyhow::Result<Vec<_>>>()? {
        let bytes = copy(&snapshot, &target).with_context(|| format!("{} is not copied", path.display()))?;
        say(&format!("{} copied to {}: {}\n", path.display(), target.display(), text::bytes(bytes)));
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether a name leads to a database or to one of the files that SQLite and the daemon keep beside it, also where that is
/// not there at the moment.
fn belongs_to(name: &Path, database: &Path) -> bool {
    let (name, database) = (real_path(name), real_path(database).into_os_string());
    ["", "-wal", "-shm", "-journal", ".lock"].into_iter().any(|companion| {
        let mut path = database.clone();
        path.push(companion);
        name == Path::new(&path)
    })
}

/// The name of a copy while it is written.
fn part_of(target: &Path) -> PathBuf {
    let mut part = target.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

/// `copy-subscribers.db` of `copy.db`.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push("-subscribers");
    if let Some(extension) = file.extension() {
        name.push(".");
        name.push(extension);
    }
    file.with_file_name(name)
}

/// A connection that sees the database as it is now, whatever is written meanwhile.
fn snapshot(path: &Path) -> anyhow::Result<Connection> {
    let shown = path.display();
    ensure!(path.exists(), "there is no database {shown}");
    let open = || {
        // Writable, because reading a write-ahead log may have to create its index; queries cannot write.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.execute_batch("begin")?;
        // A transaction begins with its first read. SQLite takes a very short file for an empty database.
        let ours = "select count(*) from sqlite_master where name in ('em_event', 'srd_user')";
        let tables: i64 = connection.query_row(ours, [], |row| row.get(0))?;
        Ok((connection, tables))
    };
    let (connection, tables) =
        open().map_err(|error: rusqlite::Error| anyhow!("{shown} cannot be read: {error}"))?;
    ensure!(tables > 0, "{shown} holds neither events nor subscribers");
    Ok(connection)
}

/// Copies a snapshot and gives the copy its name once it is whole and on the disk; returns its size in bytes.
fn copy(snapshot: &Connection, target: &Path) -> anyhow::Result<u64> {
    let part = part_of(target);
    let lock = create(&part)?;
    let copied = fill(snapshot, &part).and_then(|()| {
        lock.sync_all()?;
        std::fs::rename(&part, target)?;
        File::open(directory_of(target))?.sync_all()?;
        Ok(lock.metadata()?.len())
    });
    if copied.is_err() {
        // Whoever reads the error need not clean up.
        let _ = std::fs::remove_file(&part);
        let mut journal = part.into_os_string();
        journal.push("-journal");
        let _ = std::fs::remove_file(journal);
    }
    copied
}

/// An empty file for its owner alone, held against a second backup to the same name.
fn create(part: &Path) -> anyhow::Result<File> {
    let shown = part.display();
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(part);
    let file = file.with_context(|| shown.to_string())?;
    if file.try_lock().is_err() {
        bail!("{shown} is being written by another backup");
    }
    // What a backup has left that was killed.
    file.set_len(0).with_context(|| shown.to_string())?;
    Ok(file)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn fill(snapshot: &Connection, part: &Path) -> anyhow::Result<()> {
    let mut copy = Connection::open_with_flags(part, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    copy.busy_timeout(COPY_BUSY)?;
    let page: u32 = snapshot.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages: u32 = snapshot.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let (page, pages) = (u64::from(page), u64::from(pages));
    let progress = Progress::of_bytes(pages * page);
    {
        let backup = Backup::new(snapshot, &mut copy)?;
        loop {
            let step = backup.step(STEP)?;
            let left = u64::try_from(backup.progress().remaining).unwrap_or_default();
            progress.at(pages.saturating_sub(left) * page);
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                // The snapshot is ours already, so it is the copy; SQLite has waited.
                _ => bail!("{} is locked by another program", part.display()),
            }
        }
    }
    progress.say("checking".to_owned());
    // One file, without the companions of a write-ahead log; the daemon makes its own.
    let mode: String = copy.query_row("pragma journal_mode = delete", [], |row| row.get(0))?;
    ensure!(mode == "delete", "the copy cannot be made one file: its journal mode is {mode}");
    let verdict: String = copy.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
    ensure!(verdict == "ok", "the copy is damaged, and so most likely is the database: {verdict}");
    copy.close().map_err(|(_, error)| error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_of_the_subscribers_is_named_after_that_of_the_events() {
        let check =
            |file: &str, expected: &str| assert_eq!(beside(Path::new(file)), Path::new(expected), "{file}");
        check("/backup/em.db", "/backup/em-subscribers.db");
        check("em", "em-subscribers");
        check("a.b/em.2026.db", "a.b/em.2026-subscribers.db");
    }
}
