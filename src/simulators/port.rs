//! A port that stays ours while nobody listens at it.

use std::io;
use std::net::SocketAddr;
use tokio::net::TcpSocket;

/// Bound and never listening: connections are refused unless somebody listens beside it, and neither another process
/// nor the outgoing end of a client's own connection can take the port.
pub(super) struct ReservedPort {
    addr: SocketAddr,
    _socket: TcpSocket,
}

impl ReservedPort {
    /// Reserves `addr`; port 0 takes a free port.
    pub fn new(addr: SocketAddr) -> io::Result<ReservedPort> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        Ok(ReservedPort { addr: socket.local_addr()?, _socket: socket })
    }

    /// With the port that was chosen.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}
