//! The file of a database as the file system has it: made for its owner alone, used by one daemon, and still there.

use crate::store::errors::IN_USE;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a database is, and what SQLite has committed and not put into it yet.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub database: PathBuf,
    pub log: PathBuf,
}

impl Paths {
    /// Those of a database, which need not be there.
    pub fn of(database: PathBuf) -> Paths {
        let mut log = real_path(&database).into_os_string();
        log.push("-wal");
        Paths { database, log: log.into() }
    }
}

/// Which file it is, whatever its name: device and inode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    /// The file that has this path now.
    pub fn of(path: &Path) -> Option<FileId> {
        std::fs::metadata(path).ok().map(|file| FileId(file.dev(), file.ino()))
    }
}

/// Creates the file, readable by its owner alone; SQLite gives its companions (`-wal`, `-shm`) the same mode.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => file.sync_all()?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    // A file survives a power loss once its directory is on the disk.
    File::open(super::directory_of(path))?.sync_all()
}

/// The path without symbolic links, also of a file that is yet to be made.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    let target = std::fs::read_link(path).map(|target| super::directory_of(path).join(target));
    let path = target.unwrap_or_else(|_| path.to_owned());
    let in_real_directory = || {
        let directory = super::directory_of(&path).canonicalize().ok()?;
        Some(directory.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(in_real_directory).unwrap_or_else(|| path.clone())
}

/// A database that is taken for this process, until this is dropped; the kernel lets it go with the process.
///
/// Two daemons on one database would send every pending request twice.
pub(super) struct Lock {
    /// Somebody may remove this one, and the next daemon would lock another.
    _beside: File,
    _itself: File,
    id: FileId,
}

impl Lock {
    /// Takes the database at this path, which is there already. What is `held` of it stays held.
    ///
    /// To close any descriptor of a file gives up what SQLite has locked in it through others (POSIX), so the lock of a
    /// database is kept as long as that is used.
    pub fn take(path: &Path, held: Option<Lock>) -> Result<Lock, String> {
        let id = FileId::of(path).ok_or("the file was removed as soon as it was made")?;
        if let Some(held) = held.filter(|held| held.id == id) {
            return Ok(held);
        }
        let itself = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let itself = lock(itself, path)?;
        Ok(Lock { _beside: lock_beside(path)?, _itself: itself, id })
    }
}

/// By this lock those know each other that lock nothing else; who comes by another name (a symbolic link) meets it too.
fn lock_beside(path: &Path) -> Result<File, String> {
    let mut name = real_path(path).into_os_string();
    name.push(".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&name);
    let file = file.map_err(|error| format!("{}: {error}", Path::new(&name).display()))?;
    lock(file, Path::new(&name))
}

fn lock(file: File, path: &Path) -> Result<File, String> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IN_USE.to_owned()),
        Err(TryLockError::Error(error)) => Err(format!("{}: {error}", path.display())),
    }
}
