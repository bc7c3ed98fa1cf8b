//! SUB: what a publisher sends.

use super::connection::{Connection, Turn};
use super::{Outbox, Settings, ZmqError};
use crate::wire::zmtp::{Message, SocketType, Subscription, encode};
use bytes::Bytes;
use tokio::net::TcpStream;

/// See the module.
pub struct Subscriber(Connection);

impl Subscriber {
    /// Subscribes to messages that begin with one of these prefixes, on a stream that has just been connected. There is no
    /// acknowledgement: what is published before the peer has read this is lost.
    pub async fn open(
        stream: TcpStream,
        prefixes: &[impl AsRef<[u8]>],
        settings: &Settings,
    ) -> Result<Subscriber, ZmqError> {
        // It holds nothing but commands, and subscriptions in the form of a message.
        let outbox = Outbox::new(0, 0);
        let connection = Connection::open(stream, SocketType::Sub, outbox.clone(), settings).await?;
        let version = connection.version();
        for prefix in prefixes {
            let subscription = Subscription::Add(Bytes::copy_from_slice(prefix.as_ref()));
            let put = outbox.command(|stream| encode::subscription(&subscription, version, stream));
            put.map_err(|_| ZmqError::Unexpected("more subscriptions than can be sent at once"))?;
        }
        Ok(Subscriber(connection))
    }

    /// The next message; the error ends the connection. May be cancelled, and has to be called again soon.
    pub async fn next(&mut self) -> Result<Message, ZmqError> {
        loop {
            match self.0.turn().await? {
                Turn::Message(message) => return Ok(message),
                Turn::Wrote => {}
                Turn::Subscription(_) => {
                    return Err(ZmqError::Unexpected("a publisher that subscribes"));
                }
            }
        }
    }
}
