//! A BroadWorks application server: sends OCI-R documents to every client that connects.
//!
//! A document goes out as `<?xml version="1.0" encoding="ISO-8859-1"?>`, the document and a line end, all in
//! ISO-8859-1. What is sent while nobody is connected waits, as with the real server, unless the options say otherwise;
//! a connection that ends takes with it the document that was on its way, and leaves the next ones waiting. Several
//! clients get the same documents.
//!
//! ```no_run
//! use eventmanager::simulators::broadworks::BroadworksSimulator;
//!
//! let server = BroadworksSimulator::start("127.0.0.1:0".parse().expect("an address"))?;
//! server.send("<BroadsoftOCIReportingDocument>…</BroadsoftOCIReportingDocument>");
//! # std::io::Result::Ok(())
//! ```

mod client;
mod documents;
mod server;

pub use documents::{END, encode, server_status};

use self::client::Outgoing;
use self::server::Command;
use super::port::ReservedPort;
use bytes::Bytes;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;

/// How a simulated application server is.
#[derive(Debug, Clone)]
pub struct BroadworksOptions {
    /// Port 0 takes a free one.
    pub addr: SocketAddr,
    /// A server status document is sent so often; `None` sends none.
    pub keepalive: Option<Duration>,
    /// Whether documents wait while nobody is connected, as they do at the real server; else they are lost.
    pub queue: bool,
}

impl Default for BroadworksOptions {
    fn default() -> BroadworksOptions {
        BroadworksOptions { addr: SocketAddr::from(([127, 0, 0, 1], 0)), keepalive: None, queue: true }
    }
}

/// What the server has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Clients connected now.
    pub connected: usize,
    /// Connections accepted since the start.
    pub connections: u64,
    /// Documents written to a client's connection, keep-alives not counted; once for each client.
    pub sent: u64,
    /// Documents waiting for a client to connect.
    pub waiting: u64,
}

/// Starts simulated application servers.
pub struct BroadworksSimulator;

impl BroadworksSimulator {
    /// Starts one that sends no keep-alives.
    pub fn start(addr: SocketAddr) -> io::Result<BroadworksHandle> {
        BroadworksSimulator::start_with(BroadworksOptions { addr, ..BroadworksOptions::default() })
    }

    /// Starts one; it listens when this returns.
    pub fn start_with(options: BroadworksOptions) -> io::Result<BroadworksHandle> {
        let port = ReservedPort::new(options.addr)?;
        let listener = TcpListener::bind(port.addr())?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (commands, receiver) = unbounded_channel();
        let (progress, watched) = watch::channel(Progress::default());
        let thread = std::thread::Builder::new()
            .name("simulated-broadworks".to_owned())
            .spawn(move || runtime.block_on(server::run(listener, options, receiver, progress)))?;
        Ok(BroadworksHandle { port, commands, progress: watched, thread: Some(thread) })
    }
}

/// A running application server. Dropping it stops it.
pub struct BroadworksHandle {
    port: ReservedPort,
    commands: UnboundedSender<Command>,
    progress: watch::Receiver<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl BroadworksHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// Sends a document with its declaration line.
    pub fn send(&self, document: &str) {
        self.send_bytes(encode(document));
    }

    /// Sends bytes as they are: several documents, a part of one, or rubbish.
    pub fn send_bytes(&self, bytes: impl Into<Bytes>) {
        self.command(Command::Send(Outgoing::whole(bytes.into())));
    }

    /// The same as [`BroadworksHandle::send_bytes`], named for what benches do: many documents in one piece of memory,
    /// which is not copied.
    pub fn send_many(&self, documents: Bytes) {
        self.send_bytes(documents);
    }

    /// Sends a document with its declaration line in `segments` writes, `pause` apart.
    pub fn send_segments(&self, document: &str, segments: usize, pause: Duration) {
        self.command(Command::Send(Outgoing::in_segments(encode(document), segments, pause)));
    }

    /// Resets every connection at once: what had not arrived is lost.
    pub fn drop_client(&self) {
        self.command(Command::Reset);
    }

    /// Sends the first `bytes` bytes of a document with its declaration line, then resets every connection.
    pub fn drop_client_within(&self, document: &str, bytes: usize) {
        let part = encode(document);
        let part = part.slice(..bytes.min(part.len()));
        self.command(Command::Send(Outgoing::then_reset(part)));
    }

    /// Closes every connection in order, after everything that was sent before.
    pub fn close_client(&self) {
        self.command(Command::Close);
    }

    /// `true`: closes the port and every connection; `false`: listens again. `Progress` follows.
    pub fn refuse(&self, refuse: bool) -> io::Result<()> {
        let (done, finished) = std::sync::mpsc::channel();
        self.command(Command::Listen(!refuse, done));
        finished.recv().map_err(|_| io::Error::other("the simulator has ended"))?
    }

    /// Returns when a client is connected.
    pub async fn wait_client(&self) {
        self.wait_for(|progress| progress.connected > 0).await;
    }

    /// Returns when `condition` holds.
    pub async fn wait_for(&self, condition: impl FnMut(&Progress) -> bool) {
        // An error means that the server has ended.
        let _ = self.progress.clone().wait_for(condition).await;
    }

    /// What it has done so far.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Connections accepted since the start.
    pub fn connections(&self) -> u64 {
        self.progress().connections
    }

    /// Documents written to a client's connection, keep-alives not counted.
    pub fn sent(&self) -> u64 {
        self.progress().sent
    }

    /// Closes everything and ends the thread.
    pub fn stop(&mut self) {
        let (closed, _) = unbounded_channel();
        self.commands = closed;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    fn command(&self, command: Command) {
        // An error means that it was stopped: nobody is there to send to.
        let _ = self.commands.send(command);
    }
}

impl Drop for BroadworksHandle {
    fn drop(&mut self) {
        self.stop();
    }
}
