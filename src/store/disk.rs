//! The room that the embedded databases have: free bytes of their file systems, and when that is little.

use super::sqlite;
use crate::config::{Database, DiskLow, StoreConfig};
use std::io;
use std::path::{Path, PathBuf};

/// The file system under a directory with a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The directory.
    pub path: PathBuf,
    /// Bytes that a user without privileges can still write.
    pub free: u64,
    /// Bytes that the file system has in all.
    pub total: u64,
    pub is_low: bool,
}

/// The directories with embedded databases, each once; PostgreSQL has its own watch over its disk.
pub fn directories(config: &StoreConfig) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = Vec::new();
    for database in [&config.events, &config.subscribers] {
        if let Database::Sqlite(path) = database {
            let directory = sqlite::directory_of(path).to_owned();
            if !directories.contains(&directory) {
                directories.push(directory);
            }
        }
    }
    directories
}

impl Disk {
    /// How it is now. `was_low` keeps it low until there is a tenth more room than the threshold, so that one that hovers
    /// about it is not told again and again.
    pub fn measure(path: &Path, low: DiskLow, was_low: bool) -> io::Result<Disk> {
        let found = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        let (free, total) = (bytes(found.f_bavail), bytes(found.f_blocks));
        Ok(Disk { path: path.to_owned(), free, total, is_low: is_low(free, total, low, was_low) })
    }
}

fn is_low(free: u64, total: u64, low: DiskLow, was_low: bool) -> bool {
    let threshold = match low {
        DiskLow::Bytes(bytes) => bytes,
        DiskLow::Percent(percent) => total / 100 * u64::from(percent),
    };
    free < if was_low { threshold.saturating_add(threshold / 10) } else { threshold }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_stays_little_until_there_is_a_tenth_more() {
        let check = |free, low, was_low, expected| {
            assert_eq!(is_low(free, 10_000, low, was_low), expected, "{free} {low:?} {was_low}");
        };
        let (bytes, percent) = (DiskLow::Bytes(1000), DiskLow::Percent(10));
        for low in [bytes, percent] {
            check(1000, low, false, false);
            check(999, low, false, true);
            check(1000, low, true, true);
            check(1099, low, true, true);
            check(1100, low, true, false);
        }
        check(0, DiskLow::Bytes(0), false, false);
        check(10_000, DiskLow::Percent(100), false, false);
        check(9_999, DiskLow::Percent(100), false, true);
    }

    #[test]
    fn a_directory_has_room_and_a_missing_one_is_an_error() {
        let disk = Disk::measure(Path::new("/"), DiskLow::Bytes(0), false).expect("the root");
        assert!(disk.total > 0 && disk.free <= disk.total && !disk.is_low);
        assert!(Disk::measure(Path::new("/no/such/directory"), DiskLow::Bytes(0), false).is_err());
    }
}
