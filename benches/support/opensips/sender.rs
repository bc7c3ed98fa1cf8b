//! A local sender: datagrams in batches, as fast as the kernel takes them or at a pace.

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};
use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Datagrams of one system call.
const BATCH: usize = 64;

/// Sends the same datagram again and again for so long, at most `rate` a second where there is one; how many.
pub fn send(to: SocketAddr, datagram: &[u8], long: Duration, rate: Option<f64>) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(to).expect("an address");
    let batch = rate.map_or(BATCH, |rate| ((rate / 1_000.0) as usize).clamp(1, BATCH));
    let parts = vec![[IoSlice::new(datagram)]; batch];
    let (mut sent, began) = (0, Instant::now());
    while began.elapsed() < long {
        if let Some(rate) = rate {
            let due = began + Duration::from_secs_f64(sent as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(batch, None);
        let addresses = vec![None; batch];
        let done = sendmmsg(socket.as_raw_fd(), &mut headers, &parts, &addresses, [], MsgFlags::empty());
        sent += done.expect("sent").count() as u64;
    }
    sent
}
