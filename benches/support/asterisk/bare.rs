//! The least of a relay: what one server tells is set on all others, and nothing is known of what they hold.

use eventmanager::simulators::asterisk::{AsteriskHandle, AsteriskOptions};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

/// A running relay. Dropping it ends it.
pub struct Relay {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Relays from one server to others; both know of it when this returns.
pub fn relay(from: &AsteriskHandle, to: &[AsteriskHandle]) -> Relay {
    let (end, ended) = oneshot::channel();
    let (tell, connected) = std::sync::mpsc::channel();
    let (from, to): (SocketAddr, Vec<SocketAddr>) =
        (from.addr(), to.iter().map(AsteriskHandle::addr).collect());
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (source, _writing) = log_in(from).await;
            let mut writers = Vec::new();
            for address in to {
                let (reading, writing) = log_in(address).await;
                tokio::spawn(drain(reading));
                writers.push(writing);
            }
            tell.send(()).expect("the bench waits");
            tokio::select! {
                () = relay_all(source, &mut writers) => {}
                _ = ended => {}
            }
        });
    });
    connected.recv().expect("it connects");
    Relay { end: Some(end), thread: Some(thread) }
}

async fn log_in(address: SocketAddr) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    let AsteriskOptions { username, secret, .. } = AsteriskOptions::default();
    let login = format!(
        "Action: Login\r\nUsername: {username}\r\nSecret: {}\r\nEvents: on\r\nActionID: 1\r\n\r\n\
         Action: Filter\r\nOperation: Add\r\nFilter: !Device: Custom:\r\nActionID: 2\r\n\r\n",
        secret.expose()
    );
    let (mut reading, mut writing) = stream.into_split();
    writing.write_all(login.as_bytes()).await.expect("it is written");
    let mut answer = Vec::new();
    while !answer.windows(11).any(|part| part == b"ActionID: 2") {
        reading.read_buf(&mut answer).await.expect("it is read");
    }
    (reading, writing)
}

async fn drain(reading: OwnedReadHalf) {
    let mut reading = BufReader::with_capacity(64 << 10, reading);
    let _ = tokio::io::copy_buf(&mut reading, &mut tokio::io::sink()).await;
}

/// A read is written to all before the next.
async fn relay_all(mut source: OwnedReadHalf, writers: &mut [OwnedWriteHalf]) {
    let (mut buffer, mut actions) = (Vec::with_capacity(64 << 10), Vec::new());
    while source.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
        let whole = buffer.windows(4).rposition(|end| end == b"\r\n\r\n").map_or(0, |end| end + 4);
        actions.clear();
        let mut device: &[u8] = &[];
        for line in buffer[..whole].split(|byte| *byte == b'\n') {
            if let Some(name) = line.strip_prefix(b"Device: ") {
                device = name.trim_ascii_end();
            } else if let Some(state) = line.strip_prefix(b"State: ") {
                for part in [
                    &b"Action: Setvar\r\nVariable: DEVICE_STATE(Custom:"[..],
                    device,
                    b")\r\nValue: ",
                    state.trim_ascii_end(),
                    b"\r\n\r\n",
                ] {
                    actions.extend_from_slice(part);
                }
            }
        }
        for writer in writers.iter_mut() {
            writer.write_all(&actions).await.expect("it is written");
        }
        buffer.drain(..whole);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
