//! The thread that only reads datagrams: each second in which nobody reads, a flood fills the kernel's buffer.

use super::losses::KernelDrops;
use crate::config::Opensips;
use crate::connections::opensips::queue::{Arrived, Queue};
use crate::telemetry::{Seldom, count_bad_frame};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, recvmsg};
use socket2::Socket;
use std::io::{self, IoSliceMut};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Events over UDP have at most 65,507 bytes; over unix sockets a sender may try more.
const LARGEST: usize = 128 << 10;
/// Datagrams that are handed over at once.
const BATCH: usize = 128;
/// The thread looks so often whether it is to end.
const LOOK: Duration = Duration::from_millis(200);

/// What is left in the kernel at the end, at most.
const REST: usize = 100_000;

/// A running thread. It ends when this is dropped; who wants what was left to be read waits for [`Drain::close`].
pub struct Drain {
    stop: Arc<AtomicBool>,
    /// To wake the thread.
    socket: Socket,
    ended: watch::Receiver<()>,
}

impl Drain {
    /// Reads `socket` into `queue`.
    pub fn start(
        socket: Socket,
        server: &Arc<Opensips>,
        queue: &Arc<Queue>,
        drops: KernelDrops,
    ) -> io::Result<Drain> {
        socket.set_read_timeout(Some(LOOK))?;
        let waker = socket.try_clone()?;
        let stop = Arc::new(AtomicBool::new(false));
        // Its other end goes with the thread, however that ends.
        let (alive, ended) = watch::channel(());
        let reader = Reader {
            socket,
            server: Arc::clone(server),
            queue: Arc::clone(queue),
            drops,
            stop: Arc::clone(&stop),
            bad: Seldom::default(),
        };
        std::thread::Builder::new().name("opensips-drain".to_owned()).spawn(move || {
            reader.read();
            drop(alive);
        })?;
        Ok(Drain { stop, socket: waker, ended })
    }

    /// Takes no more; resolves when what had come is queued and the thread has ended.
    pub async fn close(self) {
        self.stop();
        self.ended().await;
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes whoever reads. That nobody is connected is no error worth a word.
        let _ = self.socket.shutdown(std::net::Shutdown::Read);
    }

    /// Resolves when the thread has ended, though nobody has told it to.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        // The thread is not waited for: whoever drops this has others to look after.
        self.stop();
    }
}

struct Reader {
    socket: Socket,
    server: Arc<Opensips>,
    queue: Arc<Queue>,
    drops: KernelDrops,
    stop: Arc<AtomicBool>,
    bad: Seldom,
}

impl Reader {
    fn read(mut self) {
        let mut buffer = vec![0; LARGEST];
        let mut batch = Vec::with_capacity(BATCH);
        while !self.stop.load(Ordering::Relaxed) {
            let error = self.fill(&mut buffer, &mut batch, MsgFlags::empty());
            self.hand_over(&mut batch);
            match error {
                None | Some(Errno::EAGAIN | Errno::EINTR) => {}
                Some(error) => {
                    if let Some(so_far) = self.bad.count() {
                        let connection = &self.server.name;
                        tracing::warn!(connection, %error, so_far, "the socket of events cannot be read");
                    }
                    std::thread::sleep(LOOK);
                }
            }
        }
        for _ in 0..REST / BATCH {
            let is_empty = self.fill(&mut buffer, &mut batch, MsgFlags::MSG_DONTWAIT).is_some();
            self.hand_over(&mut batch);
            if is_empty {
                break;
            }
        }
    }

    fn hand_over(&self, batch: &mut Vec<Arrived>) {
        if !batch.is_empty() {
            self.queue.push(batch.drain(..));
        }
    }

    /// Takes datagrams, the first as `flags` say; why there are no more.
    fn fill(&mut self, buffer: &mut [u8], batch: &mut Vec<Arrived>, mut flags: MsgFlags) -> Option<Errno> {
        // So many are read, whatever becomes of them: a flood of what is refused must not hold up the others.
        for _ in 0..BATCH {
            let mut ancillary = cmsg_space!(u32);
            let mut parts = [IoSliceMut::new(buffer)];
            let received =
                recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut parts, Some(&mut ancillary), flags);
            let (bytes, from) = match received {
                Ok(message) => {
                    self.note_drops(&message);
                    let is_cut = message.flags.contains(MsgFlags::MSG_TRUNC);
                    (if is_cut { usize::MAX } else { message.bytes }, message.address)
                }
                Err(error) => return Some(error),
            };
            // So a socket that is shut down answers whoever waits at it. Without waiting it is a datagram that is empty.
            let has_waited =
                !std::mem::replace(&mut flags, MsgFlags::MSG_DONTWAIT).contains(MsgFlags::MSG_DONTWAIT);
            if bytes == 0 && has_waited && self.stop.load(Ordering::Relaxed) {
                return Some(Errno::EAGAIN);
            }
            if let Some(payload) = self.check(buffer, bytes, from) {
                batch.push(Arrived { payload: payload.into(), received: SystemTime::now() });
            }
        }
        None
    }

    /// The counter of the kernel comes with a datagram wherever it is not 0.
    fn note_drops(&mut self, message: &RecvMsg<'_, '_, SockaddrStorage>) {
        for ancillary in message.cmsgs().into_iter().flatten() {
            if let ControlMessageOwned::RxqOvfl(dropped) = ancillary {
                self.drops.are(dropped);
            }
        }
    }

    /// The payload, where it is whole and from somebody who may send.
    fn check<'b>(&self, buffer: &'b [u8], bytes: usize, from: Option<SockaddrStorage>) -> Option<&'b [u8]> {
        let sender = from.as_ref().and_then(SockaddrStorage::as_sockaddr_in).map(|it| IpAddr::from(it.ip()));
        if let Some(sender) = sender
            && !self.server.allows(sender)
        {
            self.refuse("not_allowed", &format!("{sender} is not in allow_from"));
            return None;
        }
        let payload = buffer.get(..bytes);
        if payload.is_none() {
            self.refuse("oversize", &format!("more than {LARGEST} bytes"));
        }
        payload
    }

    fn refuse(&self, label: &'static str, reason: &str) {
        let connection = &self.server.name;
        count_bad_frame(connection, label);
        if let Some(so_far) = self.bad.count() {
            tracing::warn!(connection, reason, so_far, "a datagram was not taken");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Surroundings, parse_toml};
    use crate::connections::opensips::receiver::losses::Losses;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;
    use std::path::Path;

    fn server() -> Arc<Opensips> {
        let text = "[[opensips]]\nname = 'o1'\nmi = 'udp:127.0.0.1:8888'\nlisten = 'udp:127.0.0.1:9001'\nevents = ['E_A']";
        let loaded = parse_toml(text, "a.toml", &Surroundings::of_process(Path::new(".")));
        Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems}")).config.opensips.remove(0))
    }

    /// What is read of this socket at the end, where nothing has been read before.
    async fn rest(socket: Socket) -> Vec<Vec<u8>> {
        let queue = Arc::new(Queue::new(1_000, metrics::Counter::noop()));
        let drops = Losses::new("o1", &socket, 0).counter();
        socket.shutdown(std::net::Shutdown::Read).or_else(not_connected).expect("shut down");
        let stop = Arc::new(AtomicBool::new(true));
        let reader = Reader {
            socket,
            server: server(),
            queue: Arc::clone(&queue),
            drops,
            stop,
            bad: Seldom::default(),
        };
        reader.read();
        queue.close();
        let mut payloads = Vec::new();
        while let Some(arrived) = queue.next().await {
            payloads.extend(arrived.into_iter().map(|it| it.payload.into_vec()));
        }
        payloads
    }

    fn not_connected(error: io::Error) -> io::Result<()> {
        if error.kind() == io::ErrorKind::NotConnected { Ok(()) } else { Err(error) }
    }

    #[actix::test]
    async fn behind_an_empty_datagram_comes_the_rest() {
        let datagrams: [&[u8]; 4] = [b"E_A\n\n", b"", b"", b"E_B\n\n"];
        let (us, them) = (UdpSocket::bind("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0"));
        let (us, them) = (us.expect("a socket"), them.expect("a socket"));
        let to = us.local_addr().expect("an address");
        for datagram in datagrams {
            them.send_to(datagram, to).expect("sent");
        }
        assert_eq!(rest(us.into()).await, datagrams, "over UDP");
        let (us, them) = UnixDatagram::pair().expect("sockets");
        for datagram in datagrams {
            them.send(datagram).expect("sent");
        }
        assert_eq!(rest(us.into()).await, datagrams, "over a socket of the file system");
    }
}
