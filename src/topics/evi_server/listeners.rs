//! Where commands come in as datagrams. The sockets outlive the actor: a restarted one takes them up again.

use super::doors::Door;
use crate::config::Evi;
use crate::sockets::files::SocketFile;
use anyhow::Context as _;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Who may write to the socket's file: its owner and its group.
const MODE: u32 = 0o660;
/// What the kernel holds while we are busy.
const RECEIVE_BUFFER: usize = 1 << 20;

/// The sockets of the configuration.
pub struct Bound {
    udp: Option<UdpSocket>,
    unix: Option<(UnixDatagram, SocketFile)>,
}

/// What the actor reads from, until it stops.
pub use super::doors::Doors;

/// Takes the addresses of the configuration; an error names the key of one that cannot be had.
pub fn bind(config: &Evi) -> anyhow::Result<Bound> {
    let udp = config.udp.map(|address| udp(address).with_context(|| format!("evi.udp {address}")));
    let udp = udp.transpose()?;
    let unix = config.unix.as_ref().map(|path| unix(path).context("evi.unix"));
    Ok(Bound { udp, unix: unix.transpose()? })
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn unix(path: &Path) -> anyhow::Result<(UnixDatagram, SocketFile)> {
    SocketFile::bind(path, MODE, |path| {
        let socket = UnixDatagram::bind(path)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    })
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
        if let Some((_, file)) = &self.unix {
            file.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn at(path: &Path) -> anyhow::Result<Bound> {
        bind(&Evi { unix: Some(path.to_owned()), ..Evi::default() })
    }

    #[test]
    fn the_socket_is_its_group_s_and_goes_with_the_daemon() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("evi.sock");
        let bound = at(&path).expect("nothing is there");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let refused = format!("{:#}", at(&path).err().expect("it is in use"));
        assert!(refused.starts_with("evi.unix: ") && refused.contains("evi.sock"), "{refused}");
        bound.remove_file();
        assert!(!path.exists());
    }

    #[test]
    fn the_file_of_somebody_else_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("evi.sock");
        let bound = at(&path).expect("nothing is there");
        fs::remove_file(&path).expect("removed");
        let _theirs = UnixDatagram::bind(&path).expect("another socket");
        bound.remove_file();
        assert!(path.exists());
    }
}
