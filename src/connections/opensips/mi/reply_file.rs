//! What replies of a FIFO or a unix socket come through: a file of its own for each request, in the directory where OpenSIPS writes.

use crate::sockets::files::permit;
use rustix::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

/// A file that is removed when it is dropped.
pub struct ReplyFile {
    /// Without any of the letters for which OpenSIPS gives no reply.
    pub name: String,
    pub path: PathBuf,
}

impl ReplyFile {
    /// Has `make` create a file whose name nobody can foresee.
    pub fn make<T>(
        directory: &Path,
        make: impl FnOnce(&Path) -> io::Result<T>,
    ) -> io::Result<(ReplyFile, T)> {
        let name = format!("eventmanager-{:016x}", fastrand::u64(..));
        let path = directory.join(&name);
        let made = make(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok((ReplyFile { name, path }, made))
    }

    /// OpenSIPS is another user as a rule. It writes, and nobody but us reads.
    pub fn let_others_write(&self, kind: FileType) -> io::Result<()> {
        permit(&self.path, kind, 0o622).map(drop)
    }
}

impl Drop for ReplyFile {
    fn drop(&mut self) {
        // Somebody may have cleaned up already.
        let _ = std::fs::remove_file(&self.path);
    }
}
