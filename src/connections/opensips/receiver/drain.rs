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
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Events over UDP have at most 65,507 bytes; over unix sockets a sender may try more.
const LARGEST: usize = 128 << 10;
/// Datagrams that are handed over at once.
const BATCH: usize = 128;
/// The thread looks so often whether it is to end.
const LOOK: Duration = Duration::from_millis(200);

/// A running thread; dropping it ends it, within [`LOOK`].
pub struct Drain {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
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
        let thread = std::thread::Builder::new().name("opensips-drain".to_owned()).spawn(move || {
            reader.read();
            drop(alive);
        })?;
        Ok(Drain { stop, thread: Some(thread), ended })
    }

    /// Resolves when the thread has ended, though nobody has told it to.
    pub async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
        "the thread that reads events has ended".to_owned()
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of it has been told.
            let _ = thread.join();
        }
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
            let error = self.fill(&mut buffer, &mut batch);
            if !batch.is_empty() {
                self.queue.push(batch.drain(..));
            }
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
    }

    /// Waits for a datagram, and takes those behind it that are there; why there are no more.
    fn fill(&mut self, buffer: &mut [u8], batch: &mut Vec<Arrived>) -> Option<Errno> {
        let mut flags = MsgFlags::empty();
        while batch.len() < BATCH {
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
            flags = MsgFlags::MSG_DONTWAIT;
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
