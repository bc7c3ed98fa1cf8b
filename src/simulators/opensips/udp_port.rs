//! A UDP port that stays ours while nobody receives at it.

use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};

/// Bound, and connected to itself, so that it is given nothing that others send: they are told that nobody is there, unless somebody
/// receives beside it.
pub(super) struct ReservedUdpPort {
    addr: SocketAddr,
    _socket: Socket,
}

impl ReservedUdpPort {
    /// Reserves `addr`; port 0 takes a free port.
    pub fn new(addr: SocketAddr) -> io::Result<ReservedUdpPort> {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, None)?;
        socket.bind(&addr.into())?;
        // Not before: else two of us could be given the same free port.
        socket.set_reuse_address(true)?;
        let addr = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        socket.connect(&addr.into())?;
        Ok(ReservedUdpPort { addr, _socket: socket })
    }

    /// With the port that was chosen.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A socket that receives what is sent there, until it is dropped.
    pub fn open(&self) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(self.addr), Type::DGRAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&self.addr.into())?;
        Ok(socket.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn receives(client: &UdpSocket, server: &UdpSocket) -> bool {
        client.send(b"?").expect("sent");
        let mut byte = [0];
        server.recv(&mut byte).is_ok()
    }

    #[test]
    fn a_port_is_ours_whether_or_not_somebody_receives_at_it() {
        let port = ReservedUdpPort::new(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client.connect(port.addr()).unwrap();
        for _ in 0..2 {
            client.send(b"?").unwrap();
            let refused = client.recv(&mut [0]).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            assert!(UdpSocket::bind(port.addr()).is_err());
            let server = port.open().unwrap();
            server.set_nonblocking(false).unwrap();
            server.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            assert!(receives(&client, &server));
        }
    }
}
