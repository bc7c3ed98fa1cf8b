//! The thread of one OpenSIPS: what it listens at, and whether it does.

use super::core::Shared;
use super::delivery::stream;
use super::mi::{datagram, fifo, http};
use super::udp_port::ReservedUdpPort;
use crate::simulators::port::ReservedPort;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use tokio::net::{TcpListener, UdpSocket, UnixDatagram};
use tokio::sync::mpsc::{UnboundedReceiver, channel};
use tokio::task::JoinSet;

/// Where it listens, whether or not it does now.
pub(super) struct Places {
    pub udp: Option<ReservedUdpPort>,
    pub unix: Option<PathBuf>,
    pub fifo: Option<PathBuf>,
    pub http: Option<ReservedPort>,
}

/// What the handle asks for; answered when it is so.
pub(super) enum Command {
    /// Listen nowhere, end every connection, and forget who has subscribed.
    Stop(mpsc::Sender<io::Result<()>>),
    /// Listen again.
    Start(mpsc::Sender<io::Result<()>>),
}

struct Server {
    shared: Arc<Shared>,
    places: Arc<Places>,
    /// Empty where it is away.
    tasks: JoinSet<()>,
    /// Those that it has made, and removes.
    files: Vec<PathBuf>,
}

/// Serves until the handle is gone. `started`: told when it listens.
pub(super) async fn run(
    shared: Arc<Shared>,
    places: Arc<Places>,
    started: mpsc::Sender<io::Result<()>>,
    mut commands: UnboundedReceiver<Command>,
) {
    let mut server = Server { shared, places, tasks: JoinSet::new(), files: Vec::new() };
    // Of an answer that fails nobody is waiting any more.
    let _ = started.send(server.start().await);
    while let Some(command) = commands.recv().await {
        match command {
            Command::Stop(done) => {
                server.stop().await;
                let _ = done.send(Ok(()));
            }
            Command::Start(done) => {
                let _ = done.send(server.start().await);
            }
        }
    }
    server.stop().await;
}

impl Server {
    /// Listens everywhere, or nowhere.
    async fn start(&mut self) -> io::Result<()> {
        if !self.tasks.is_empty() {
            return Ok(());
        }
        let started = self.listen();
        if started.is_err() {
            self.stop().await;
        }
        started
    }

    fn listen(&mut self) -> io::Result<()> {
        let places = Arc::clone(&self.places);
        let (messages, queue) = channel(stream::QUEUE);
        self.tasks.spawn(stream::run(queue, self.shared.clone()));
        if let Some(port) = &places.udp {
            let socket = UdpSocket::from_std(port.open()?)?;
            self.tasks.spawn(datagram::serve_udp(socket, self.shared.clone()));
        }
        if let Some(path) = &places.unix {
            let socket = open_unix(path)?;
            self.files.push(path.clone());
            self.tasks.spawn(datagram::serve_unix(socket, self.shared.clone()));
        }
        if let Some(path) = &places.fifo {
            let fifo = fifo::open(path)?;
            self.files.push(path.clone());
            self.tasks.spawn(fifo::serve(fifo, self.shared.clone()));
        }
        if let Some(port) = &places.http {
            let listener = open_http(port.addr())?;
            self.tasks.spawn(http::serve(listener, self.shared.clone()));
        }
        self.shared.core().delivery.streams = Some(messages);
        Ok(())
    }

    async fn stop(&mut self) {
        self.shared.core().forget();
        self.tasks.shutdown().await;
        for path in self.files.drain(..) {
            // Somebody else may have removed it.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn open_http(addr: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn open_unix(path: &Path) -> io::Result<UnixDatagram> {
    if path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    UnixDatagram::bind(path)
}
