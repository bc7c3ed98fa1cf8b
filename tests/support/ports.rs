//! Addresses of loopback that are free.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// For somebody who takes what the kernel gives.
pub fn any() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// For somebody who comes later, or goes and comes back, over TCP or UDP: none of those that the kernel gives to whoever connects
/// meanwhile.
pub fn lasting() -> SocketAddr {
    let address = || SocketAddr::from((Ipv4Addr::LOCALHOST, fastrand::u16(10_000..32_000)));
    let is_free = |at: &SocketAddr| UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok();
    std::iter::repeat_with(address).take(1_000).find(is_free).expect("a free port")
}
