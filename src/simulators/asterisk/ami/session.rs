//! One connection: reads what was sent, does it, and writes what has come together meanwhile in one piece.
//!
//! As in Asterisk one task does both: a client that does not read is not listened to either, and is cut when a write has waited for long
//! enough. What the kernel holds for it is about 3 MB by then.

use super::actions::{self, Next};
use crate::simulators::asterisk::core::Shared;
use crate::simulators::asterisk::misbehaviour::Misbehaviour;
use crate::wire::ami::request::Requests;
use crate::wire::ami::write::{BANNER_LINE, end, header};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

/// Bytes read at once, about.
const READ: usize = 64 << 10;

/// Talks with a client until either side ends.
pub(in super::super) async fn serve<S>(stream: S, shared: &Shared) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (number, wake) = shared.core().ami.enter();
    let misbehaviour = shared.misbehaviour.subscribe();
    let entered = Entered { shared, number };
    let session =
        Session { shared, number, wake, misbehaviour, stream, written: 0, requests: Requests::new() };
    let result = session.talk().await;
    drop(entered);
    result
}

/// Leaves its place however the task ends.
struct Entered<'s> {
    shared: &'s Shared,
    number: usize,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.shared.core().ami.leave(self.number);
    }
}

struct Session<'s, S> {
    shared: &'s Shared,
    number: usize,
    wake: Arc<Notify>,
    misbehaviour: watch::Receiver<Misbehaviour>,
    stream: S,
    written: usize,
    requests: Requests,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    async fn talk(mut self) -> io::Result<()> {
        if !self.greet().await? {
            return Ok(());
        }
        let mut out = Vec::new();
        let mut has_read = false;
        loop {
            // What is read is done in the way that stands then.
            let mode = self.misbehaviour.borrow_and_update().clone();
            if mode == Misbehaviour::Frozen {
                // The sender lives as long as what is shared.
                let _ = self.misbehaviour.changed().await;
                continue;
            }
            if std::mem::take(&mut has_read) {
                match self.answer(&mode).await {
                    Next::Go => {}
                    Next::Refuse(message) => return self.refuse(message).await,
                    Next::Close => self.shared.core().ami.close_one(self.number),
                }
            }
            out.clear();
            let is_closing = self.shared.core().ami.take(self.number, &mut out);
            if !out.is_empty() && mode != Misbehaviour::Silent && self.write(&out, &mode).await? {
                return Ok(());
            }
            if is_closing {
                return self.stream.shutdown().await;
            }
            if !out.is_empty() {
                continue;
            }
            self.requests.buffer_mut().reserve(READ);
            let read = tokio::select! {
                _ = self.misbehaviour.changed() => continue,
                () = self.wake.notified() => continue,
                read = self.stream.read_buf(self.requests.buffer_mut()) => read?,
            };
            if read == 0 {
                return Ok(());
            }
            has_read = true;
        }
    }

    /// Says who it is; `false` where that is all that it says.
    async fn greet(&mut self) -> io::Result<bool> {
        loop {
            let mode = self.misbehaviour.borrow_and_update().clone();
            match &mode {
                Misbehaviour::Frozen => {
                    let _ = self.misbehaviour.changed().await;
                }
                Misbehaviour::Silent => {
                    let mut ignored = [0; 1024];
                    tokio::select! {
                        _ = self.misbehaviour.changed() => {}
                        read = self.stream.read(&mut ignored) => if read? == 0 { return Ok(false) },
                    }
                }
                Misbehaviour::Banner(banner) => {
                    self.stream.write_all(banner).await?;
                    self.stream.shutdown().await?;
                    return Ok(false);
                }
                _ => return self.write(BANNER_LINE, &mode).await.map(|is_cut| !is_cut),
            }
        }
    }

    async fn answer(&mut self, mode: &Misbehaviour) -> Next {
        if let Misbehaviour::Slow(delay) = mode {
            sleep(*delay).await;
        }
        let mut core = self.shared.core();
        while let Some(request) = self.requests.next_request() {
            if *mode == Misbehaviour::Silent {
                continue;
            }
            let next = actions::answer(&mut core, &self.shared.options, self.number, &request, mode.lie());
            if next != Next::Go {
                return next;
            }
        }
        Next::Go
    }

    /// What was asked before is answered at once, and the login after a while: without its ActionID.
    async fn refuse(&mut self, message: &str) -> io::Result<()> {
        let mut out = Vec::new();
        self.shared.core().ami.take(self.number, &mut out);
        self.write(&out, &Misbehaviour::None).await?;
        sleep(self.shared.options.login_delay).await;
        out.clear();
        header(&mut out, "Response", "Error");
        header(&mut out, "Message", message);
        end(&mut out);
        self.write(&out, &Misbehaviour::None).await?;
        self.stream.shutdown().await
    }

    /// Writes it; `true` where the connection is to be closed in the middle of it.
    async fn write(&mut self, out: &[u8], mode: &Misbehaviour) -> io::Result<bool> {
        if let Misbehaviour::Truncating { after } = mode
            && self.written + out.len() > *after
        {
            let room = after.checked_sub(self.written).unwrap_or(out.len() / 2);
            self.write_all(&out[..room]).await?;
            return Ok(true);
        }
        self.write_all(out).await.map(|()| false)
    }

    async fn write_all(&mut self, mut out: &[u8]) -> io::Result<()> {
        while !out.is_empty() {
            let limit: Duration = self.shared.options.write_timeout;
            let Ok(count) = timeout(limit, self.stream.write(out)).await else {
                self.shared.core().pbx.counts.cut += 1;
                return Err(io::ErrorKind::TimedOut.into());
            };
            let count = count?;
            self.written += count;
            out = &out[count..];
        }
        self.stream.flush().await
    }
}
