//! Sending to a socket of the file system. Its owner may be away, or take its time: then it is waited for, by nobody else.

use super::lane::Lane;
use super::sending::note;
use crate::failpoints;
use crate::supervision::Backoff;
use crate::telemetry::Seldom;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, open, openat2};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixDatagram;
use tokio::time::sleep;

/// Distance of the attempts to reach a socket that is not there.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(2) };

/// Sends what waits in the lane.
pub async fn send(lane: &Lane, away: &Seldom) {
    let super::target::Target::Unix(path) = &lane.target else { return };
    let mut peer = None;
    while let Some(parcel) = lane.next().await {
        let mut attempt = 0;
        loop {
            failpoints::pass("evi.send.before").await;
            let error = match deliver(&mut peer, path, &parcel.bytes).await {
                Ok(()) => {
                    failpoints::pass("evi.send.after").await;
                    note(&parcel, None);
                    break;
                }
                Err(error) => error,
            };
            // Another socket may be there by now.
            peer = None;
            if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) {
                // Larger than the buffer of a socket: no other attempt would do better.
                note(&parcel, Some(&error));
                break;
            }
            if let Some(so_far) = away.count() {
                tracing::warn!(path = %path.display(), %error, so_far, "subscriber is away: trying again");
            }
            sleep(RETRY.delay(attempt)).await;
            attempt += 1;
        }
        lane.put_down();
    }
}

/// Connected, so that it is woken when there is room.
async fn deliver(peer: &mut Option<UnixDatagram>, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let socket = match peer {
        Some(socket) => socket,
        None => {
            let socket = UnixDatagram::unbound()?;
            let place = opened(path)?;
            socket.connect(format!("/proc/self/fd/{}", place.as_raw_fd()))?;
            peer.insert(socket)
        }
    };
    socket.send(bytes).await.map(drop)
}

/// The socket itself: nobody may have put a link in its way since it was allowed.
fn opened(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // Of a kernel before 5.6.
        Err(Errno::NOSYS) => Ok(open(path, flags | OFlags::NOFOLLOW, Mode::empty())?),
        opened => Ok(opened?),
    }
}
