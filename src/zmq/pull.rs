//! PULL: what many peers push.

use super::server::{Happening, Server, ServerSettings};
use crate::wire::zmtp::{Message, SocketType};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// See the module.
pub struct PullServer(Server);

impl PullServer {
    /// Takes what comes to this listener.
    pub fn new(listener: TcpListener, settings: ServerSettings) -> PullServer {
        PullServer(Server::new(listener, SocketType::Pull, settings))
    }

    /// What happens next. Where it is not called peers wait: nothing is lost but with a connection. May be cancelled.
    pub async fn next(&mut self) -> Happening<(SocketAddr, Message)> {
        match self.0.next().await {
            Happening::Brought((seat, message)) => Happening::Brought((seat.peer, message)),
            Happening::Came(peer) => Happening::Came(peer),
            Happening::Gone { peer, reason, dropped } => Happening::Gone { peer, reason, dropped },
            Happening::Refused { peer, reason } => Happening::Refused { peer, reason },
            Happening::NotAccepted(error) => Happening::NotAccepted(error),
        }
    }
}
