//! Sockets that are files: made so that others can write to them, and removed when they are closed.

use anyhow::{Context as _, bail};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// The file of a socket; dropping this removes it.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl SocketFile {
    /// Makes a socket at `path` with these permissions. What a process has left there that was killed is replaced; a socket at which
    /// somebody listens is not, and no other file is.
    pub fn bind<T>(
        path: &Path,
        mode: u32,
        bind: impl FnOnce(&Path) -> io::Result<T>,
    ) -> anyhow::Result<(T, SocketFile)> {
        let place = || format!("unix:{}", path.display());
        remove_stale(path).with_context(place)?;
        let socket = bind(path).with_context(place)?;
        let file = SocketFile(path.to_path_buf());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).with_context(place)?;
        Ok((socket, file))
    }
}

fn remove_stale(path: &Path) -> anyhow::Result<()> {
    let kind = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?.file_type(),
    };
    if !kind.is_socket() {
        bail!("there is a file already that is no socket");
    }
    match UnixDatagram::unbound()?.connect(path) {
        // Nobody has it open any more.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(std::fs::remove_file(path)?),
        _ => bail!("another process listens there"),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have cleaned up already.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(path: &Path) -> Result<(UnixDatagram, SocketFile), String> {
        SocketFile::bind(path, 0o666, |path| UnixDatagram::bind(path)).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_a_killed_process_left_is_replaced_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        drop(UnixDatagram::bind(&path).expect("a socket that nobody has any more"));
        let (socket, file) = bind(&path).expect("it is replaced");
        let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o666);
        assert!(bind(&path).expect_err("in use").contains("another process listens"));
        drop((socket, file));
        assert!(!path.exists());
        std::fs::write(&path, "mine").expect("a file");
        assert!(bind(&path).expect_err("a file").contains("no socket"));
        assert!(bind(&directory.path().join("none/s")).expect_err("no directory").contains("none/s"));
    }
}
