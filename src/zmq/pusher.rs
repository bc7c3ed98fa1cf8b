//! PUSH: messages for a PULL.
//!
//! There is no acknowledgement: what is written when the connection ends may have been taken or not. What waits stays in the [`Outbox`], for the
//! next connection. A PULL that has no room does not read, and then answers no pings either, so what counts as a sign of life here is
//! also that it takes something; one that takes nothing for [`Settings::silence`] is gone.

use super::connection::{Connection, Turn};
use super::{Outbox, Settings, ZmqError};
use crate::wire::zmtp::SocketType;
use tokio::net::TcpStream;

/// See the module.
pub struct Pusher {
    connection: Connection,
    outbox: Outbox,
}

impl Pusher {
    /// Sends what is put into the outbox, on a stream that has just been connected.
    pub async fn open(stream: TcpStream, outbox: Outbox, settings: &Settings) -> Result<Pusher, ZmqError> {
        let connection = Connection::open(stream, SocketType::Push, outbox.clone(), settings).await?;
        Ok(Pusher { connection, outbox })
    }

    /// Sends until the connection ends; why it did. May be cancelled, and has to be called again soon.
    pub async fn run(&mut self) -> ZmqError {
        loop {
            if let Err(error) = self.turn().await {
                return error;
            }
        }
    }

    /// Sends until nothing waits any more, as before a stop. May be cancelled.
    pub async fn flush(&mut self) -> Result<(), ZmqError> {
        while !self.outbox.is_empty() {
            self.turn().await?;
        }
        Ok(())
    }

    async fn turn(&mut self) -> Result<(), ZmqError> {
        match self.connection.turn().await? {
            Turn::Wrote => Ok(()),
            Turn::Message(_) | Turn::Subscription(_) => {
                Err(ZmqError::Unexpected("a message for one who only sends"))
            }
        }
    }
}
