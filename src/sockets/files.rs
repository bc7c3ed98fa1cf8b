//! Files through which others write to us, sockets above all: made so that they can, and removed when they are closed.

use anyhow::{Context as _, bail};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// The file of a socket; dropping this removes it.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Which file it is: its device, and its number there.
    identity: (u64, u64),
}

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
        let identity = permit(path, FileType::Socket, mode).with_context(place)?;
        Ok((socket, SocketFile { path: path.to_path_buf(), identity }))
    }

    /// Whether it still leads to the socket: somebody may have removed it, or put another in its place.
    pub fn is_there(&self) -> bool {
        let found = std::fs::symlink_metadata(&self.path);
        found.is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }

    /// It leads nowhere from now on.
    pub fn remove(&self) {
        if self.is_there() {
            // Somebody may clean up at the same time.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Gives a file that we have just made these permissions, and says which one it is. In a folder of others somebody may have put
/// something else in its place: that is not touched.
pub fn permit(path: &Path, kind: FileType, mode: u32) -> io::Result<(u64, u64)> {
    let file = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let found = fstat(&file)?;
    let is_ours = found.st_uid == rustix::process::geteuid().as_raw();
    if FileType::from_raw_mode(found.st_mode) != kind || !is_ours {
        return Err(io::Error::other("somebody has put something else in its place"));
    }
    // What is opened so has no other way to be changed.
    let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
    std::fs::set_permissions(opened, std::fs::Permissions::from_mode(mode))?;
    Ok((found.st_dev, found.st_ino))
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
        self.remove();
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
        assert!(file.is_there());
        drop((socket, file));
        assert!(!path.exists());
        std::fs::write(&path, "mine").expect("a file");
        assert!(bind(&path).expect_err("a file").contains("no socket"));
        assert!(bind(&directory.path().join("none/s")).expect_err("no directory").contains("none/s"));
    }

    #[test]
    fn a_file_that_somebody_has_replaced_is_theirs() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        let (_socket, file) = bind(&path).expect("a socket");
        std::fs::remove_file(&path).expect("removed");
        assert!(!file.is_there());
        std::fs::write(&path, "theirs").expect("a file");
        assert!(!file.is_there());
        drop(file);
        assert!(path.exists(), "it is not ours to remove");
    }

    #[test]
    fn permissions_follow_no_link() {
        let directory = tempfile::tempdir().expect("a directory");
        let (secret, link) = (directory.path().join("secret"), directory.path().join("link"));
        std::fs::write(&secret, "secret").expect("a file");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("set");
        std::os::unix::fs::symlink(&secret, &link).expect("a link");
        for path in [&secret, &link] {
            let refused = permit(path, FileType::Fifo, 0o622).expect_err("it is no FIFO");
            assert!(refused.to_string().contains("something else"), "{refused}");
        }
        let mode = std::fs::metadata(&secret).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
