//! The socket where the events of one OpenSIPS come in. It stays open while the Management Interface is away: events come all the same.
//!
//! Datagrams are read by a thread that does nothing else ([`drain`]), since a socket that is not read holds a few hundred of them.
//! What the kernel drops all the same is counted ([`losses`]). Over TCP OpenSIPS connects to us ([`stream`]).

mod drain;
mod losses;
mod stream;

use super::queue::Queue;
use crate::config::{EventSocket, Opensips};
use crate::sockets;
use crate::sockets::files::SocketFile;
use drain::Drain;
use losses::Losses;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;
use stream::Stream;

/// With less than this the figures of what is received without loss do not hold.
const ENOUGH: usize = 4 << 20;
/// How often it is looked whether the file of a socket is there.
const LOOK: Duration = Duration::from_secs(1);

/// See the module. Dropping it closes the socket.
pub struct Receiver {
    /// As OpenSIPS is told.
    pub socket: String,
    kind: Kind,
}

enum Kind {
    Datagrams {
        drain: Drain,
        losses: Losses,
        /// Of a unix socket.
        file: Option<SocketFile>,
    },
    /// The future that accepts and reads is [`Receiver::run`].
    Stream(Stream),
}

impl Receiver {
    /// Opens the socket; what comes goes into `queue`.
    pub fn open(server: &Arc<Opensips>, queue: &Arc<Queue>) -> anyhow::Result<Receiver> {
        let advertised = |bound: EventSocket| server.advertise.clone().unwrap_or_else(|| bound.to_string());
        match &server.listen {
            EventSocket::Udp(address) => {
                let (socket, address) = udp(*address)?;
                tracing::info!(connection = server.name, socket = %EventSocket::Udp(address), "ready to receive events");
                let kind = datagrams(server, socket, queue, None)?;
                Ok(Receiver { socket: advertised(EventSocket::Udp(address)), kind })
            }
            EventSocket::Unix(path) => {
                let (socket, file) = SocketFile::bind(path, 0o666, |path| UnixDatagram::bind(path))?;
                let kind = datagrams(server, socket.into(), queue, Some(file))?;
                Ok(Receiver { socket: EventSocket::Unix(path.clone()).to_string(), kind })
            }
            EventSocket::Tcp(address) => {
                let bound = sockets::bind("listen", *address, None)?;
                let socket = advertised(EventSocket::Tcp(bound.address()?));
                Ok(Receiver { socket, kind: Kind::Stream(Stream::new(bound, server, queue)) })
            }
        }
    }

    /// Works for as long as it is polled: accepts and reads streams, looks after what the kernel has dropped. Ends where the
    /// socket is of no use any more, and says why.
    pub async fn run(&self) -> String {
        match &self.kind {
            Kind::Datagrams { losses, drain, file } => {
                tokio::select! {
                    never = losses.watch() => match never {},
                    () = is_gone(file.as_ref()) => "the file of the socket is gone".to_owned(),
                    () = drain.ended() => "the thread that reads events has ended".to_owned(),
                }
            }
            Kind::Stream(stream) => stream.run().await,
        }
    }

    /// Takes no more; resolves when what had come is queued, and what was lost is counted.
    pub async fn close(self) {
        if let Kind::Datagrams { drain, losses, .. } = self.kind {
            losses.look().await;
            drain.close().await;
        }
    }
}

/// Resolves when the file does not lead to its socket any more: nobody would find it.
async fn is_gone(file: Option<&SocketFile>) {
    let Some(file) = file else { return std::future::pending().await };
    while file.is_there() {
        tokio::time::sleep(LOOK).await;
    }
}

fn udp(address: SocketAddr) -> anyhow::Result<(Socket, SocketAddr)> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        socket.bind(&address.into())?;
        let bound = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok::<_, io::Error>((socket, bound))
    };
    bind().map_err(|error| anyhow::anyhow!("listen udp:{address}: {error}"))
}

fn datagrams(
    server: &Arc<Opensips>,
    socket: Socket,
    queue: &Arc<Queue>,
    file: Option<SocketFile>,
) -> anyhow::Result<Kind> {
    let granted = ask_for_room(&socket, server)?;
    setsockopt(&socket, sockopt::RxqOvfl, &1)?;
    let losses = Losses::new(&server.name, &socket, granted);
    let drain = Drain::start(socket, server, queue, losses.counter())?;
    Ok(Kind::Datagrams { drain, losses, file })
}

/// Asks the kernel to hold as much as configured; with the right to do so beyond what the system allows. What it grants, in bytes.
fn ask_for_room(socket: &Socket, server: &Opensips) -> anyhow::Result<usize> {
    // The kernel doubles what it is asked for, for its own books.
    let wanted = server.receive_buffer;
    if setsockopt(socket, sockopt::RcvBufForce, &(wanted / 2)).is_err() {
        socket.set_recv_buffer_size(wanted / 2)?;
    }
    let granted = socket.recv_buffer_size()?;
    let connection = &server.name;
    if granted < wanted.min(ENOUGH) {
        tracing::warn!(
            connection,
            wanted,
            granted,
            "the kernel holds fewer bytes of unread events than it was asked to: sysctl net.core.rmem_max limits it"
        );
    } else {
        tracing::info!(connection, wanted, granted, "receive buffer of events");
    }
    Ok(granted)
}
