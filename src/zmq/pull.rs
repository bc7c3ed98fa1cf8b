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
        self.0.next().await.map(|(seat, message)| (seat.peer, message))
    }
}
