//! Where commands come in as datagrams. The sockets outlive the actor: a restarted one takes them up again.

use super::doors::Door;
use crate::config::Evi;
use anyhow::{Context as _, bail};
use socket2::{Domain, Socket, Type};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Who may write to the socket's file: its owner and its group.
const MODE: u32 = 0o660;
/// What the kernel holds while we are busy.
const RECEIVE_BUFFER: usize = 1 << 20;

/// The sockets of the configuration.
pub struct Bound {
    udp: Option<UdpSocket>,
    unix: Option<(UnixDatagram, PathBuf)>,
}

/// What the actor reads from, until it stops.
pub use super::doors::Doors;

/// Takes the addresses of the configuration; an error names the key of one that cannot be had.
pub fn bind(config: &Evi) -> anyhow::Result<Bound> {
    let udp = config.udp.map(|address| udp(address).with_context(|| format!("evi.udp {address}")));
    let udp = udp.transpose()?;
    let unix = config.unix.as_ref().map(|path| {
        let socket = unix(path).with_context(|| format!("evi.unix {}", path.display()))?;
        Ok::<_, anyhow::Error>((socket, path.clone()))
    });
    Ok(Bound { udp, unix: unix.transpose()? })
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn unix(path: &Path) -> anyhow::Result<UnixDatagram> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
        Ok(there) if !there.file_type().is_socket() => bail!("what is there is no socket"),
        Ok(_) => remove_old(path)?,
    }
    let socket = UnixDatagram::bind(path)?;
    socket.set_nonblocking(true)?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok(socket)
}

/// Of a daemon that was killed; one at which somebody listens is in use.
fn remove_old(path: &Path) -> anyhow::Result<()> {
    match UnixDatagram::unbound()?.connect(path) {
        Ok(()) => bail!("it is in use: somebody listens there"),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(fs::remove_file(path)?),
        Err(error) => Err(error).context("whether somebody listens there cannot be found out"),
    }
}

impl Bound {
    /// Where commands come in over UDP.
    pub fn address(&self) -> Option<SocketAddr> {
        self.udp.as_ref().and_then(|socket| socket.local_addr().ok())
    }

    /// They, for who reads now.
    pub fn doors(&self) -> io::Result<Doors> {
        let udp = self.udp.as_ref().map(|socket| {
            let socket = tokio::net::UdpSocket::from_std(socket.try_clone()?)?;
            Ok::<_, io::Error>(Door::Udp(socket))
        });
        let unix = self.unix.as_ref().map(|(socket, _)| {
            let socket = tokio::net::UnixDatagram::from_std(socket.try_clone()?)?;
            Ok::<_, io::Error>(Door::Unix(socket))
        });
        Ok(Doors::new([udp.transpose()?, unix.transpose()?].into_iter().flatten().collect()))
    }

    /// Nobody reads any more: the socket's file goes.
    pub fn remove_file(&self) {
        if let Some((_, path)) = &self.unix
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "the socket's file cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &Path) -> anyhow::Result<Bound> {
        bind(&Evi { unix: Some(path.to_owned()), ..Evi::default() })
    }

    #[track_caller]
    fn refused(path: &Path, part: &str) {
        let error = format!("{:#}", at(path).err().expect("it is refused"));
        assert!(error.contains("evi.unix ") && error.contains(part), "{error}");
    }

    #[test]
    fn a_file_that_nobody_listens_at_is_replaced_and_no_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("evi.sock");
        let bound = at(&path).expect("nothing is there");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        refused(&path, "in use");
        // As after a kill.
        drop(bound);
        assert!(path.exists());
        at(&path).expect("nobody listens").remove_file();
        assert!(!path.exists());
        fs::write(&path, "precious").expect("written");
        refused(&path, "no socket");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious");
        refused(&directory.path().join("nowhere/evi.sock"), "No such file");
    }
}
