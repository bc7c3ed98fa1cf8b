//! The file of a database as the file system has it: made for its owner alone, used by one daemon, and still there.

use crate::store::errors::{IN_USE, MISSING};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

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
fn real(path: &Path) -> PathBuf {
    let target = std::fs::read_link(path).map(|target| super::directory_of(path).join(target));
    let path = target.unwrap_or_else(|_| path.to_owned());
    let in_real_directory = || {
        let directory = super::directory_of(&path).canonicalize().ok()?;
        Some(directory.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(in_real_directory).unwrap_or_else(|| path.clone())
}

/// Takes the database for this process until the file is dropped; the kernel lets it go with the process.
///
/// Two daemons on one database would send every pending request twice.
pub(super) fn lock(path: &Path) -> Result<File, String> {
    // Beside the file itself: who comes to it by another name (a symbolic link) meets the same lock.
    let mut name = real(path).into_os_string();
    name.push(".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&name);
    let file = file.map_err(|error| match super::missing_directory(path) {
        Some(directory) => format!("directory {} {MISSING}", directory.display()),
        None => format!("{}: {error}", Path::new(&name).display()),
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IN_USE.to_owned()),
        Err(TryLockError::Error(error)) => Err(format!("{}: {error}", Path::new(&name).display())),
    }
}
