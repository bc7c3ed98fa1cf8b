//! One connection, whatever sockets it is between: handshake, reading, writing, and whether the peer lives.

use super::outbox::Outbox;
use super::{Settings, ZmqError};
use crate::sockets::{self, give_way};
use crate::wire::zmtp::{
    Command, Decoder, Item, Message, Metadata, SocketType, Subscription, Version, encode,
};
use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;

/// What is read at once.
const READ: usize = 64 << 10;

/// See the module.
pub(super) struct Connection {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    decoder: Decoder,
    outbox: Outbox,
    version: Version,
    settings: Settings,
    /// When something came last, or went where the peer had to take it.
    heard: Instant,
    /// When it was asked for a sign of life, which has not come.
    pinged: Option<Instant>,
    /// When something began to come that is not whole yet.
    began: Option<Instant>,
    counts_writing: bool,
}

/// What happens on a connection.
pub(super) enum Turn {
    Message(Message),
    Subscription(Subscription),
    /// Something of the outbox is written.
    Wrote,
}

impl Connection {
    /// Shakes hands on a stream that has just been connected or accepted. Whatever waits in the outbox is written afterwards.
    pub async fn open(
        stream: TcpStream,
        ours: SocketType,
        outbox: Outbox,
        settings: &Settings,
    ) -> Result<Connection, ZmqError> {
        sockets::keep(&stream)?;
        let (read, write) = stream.into_split();
        let decoder = Decoder::new(settings.largest);
        let (now, settings) = (Instant::now(), settings.clone());
        let limit = settings.handshake;
        let mut connection = Connection {
            read,
            write,
            decoder,
            outbox,
            version: Version::OURS,
            settings,
            heard: now,
            pinged: None,
            began: None,
            counts_writing: ours == SocketType::Push,
        };
        let peer = tokio::time::timeout(limit, connection.shake_hands(ours)).await;
        let theirs = match peer.map_err(|_| ZmqError::Handshake(limit))? {
            Ok(metadata) => metadata.socket_type,
            Err(error) if error.is_closed() => return Err(ZmqError::Unwelcome),
            Err(error) => return Err(error),
        };
        if !ours.talks_to(theirs) {
            return Err(ZmqError::Incompatible { ours, theirs });
        }
        connection.outbox.begin();
        Ok(connection)
    }

    /// Both sides say everything at once: nobody waits for the other.
    async fn shake_hands(&mut self, ours: SocketType) -> Result<Metadata, ZmqError> {
        let mut hello = BytesMut::new();
        encode::greeting(&mut hello);
        encode::ready(ours, b"", &mut hello);
        self.write.write_all(&hello).await?;
        loop {
            match self.decoder.next_item()? {
                Some(Item::Greeting(version)) => self.version = version,
                Some(Item::Ready(metadata)) => return Ok(metadata),
                Some(Item::Command(Command::Error(reason))) => return Err(ZmqError::Refused(reason)),
                Some(_) => return Err(ZmqError::Unexpected("a message before the handshake")),
                None => self.read().await?,
            }
        }
    }

    /// The version that is spoken.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What happens next. May be cancelled, and has to be called again soon: nothing is read, written or answered meanwhile.
    pub async fn turn(&mut self) -> Result<Turn, ZmqError> {
        loop {
            if let Some(turn) = self.take()? {
                return Ok(turn);
            }
            let due = self.due();
            self.decoder.buffer_mut().reserve(READ);
            let mut room = self.decoder.buffer_mut().limit(READ);
            tokio::select! {
                read = self.read.read_buf(&mut room) => {
                    self.has_read(read?)?;
                    give_way().await;
                }
                wrote = self.outbox.write(&mut self.write) => {
                    let messages = wrote?;
                    if messages > 0 && self.counts_writing {
                        self.hear();
                    }
                    return Ok(Turn::Wrote);
                }
                () = sockets::until(due) => self.mind_time()?,
            }
        }
    }

    /// Writes and does not read, until the connection fails: for as long as what was read finds no taker.
    pub async fn only_write(&mut self) -> ZmqError {
        loop {
            if let Err(error) = self.outbox.write(&mut self.write).await {
                return error.into();
            }
        }
    }

    /// Whether something comes that could have been read before: this process, not the peer, may have been slow.
    pub fn has_come(&mut self) -> Result<bool, ZmqError> {
        let mut room = self.decoder.buffer_mut().limit(READ);
        match self.read.try_read_buf(&mut room) {
            Ok(length) => self.has_read(length).map(|()| true),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn read(&mut self) -> Result<(), ZmqError> {
        self.decoder.buffer_mut().reserve(READ);
        let length = self.read.read_buf(&mut self.decoder.buffer_mut().limit(READ)).await?;
        self.has_read(length)
    }

    fn has_read(&mut self, length: usize) -> Result<(), ZmqError> {
        if length == 0 {
            return Err(if self.decoder.is_inside() { ZmqError::Truncated } else { ZmqError::Closed });
        }
        self.hear();
        Ok(())
    }

    fn hear(&mut self) {
        self.heard = Instant::now();
        self.pinged = None;
    }

    /// What has come and was not taken yet.
    fn take(&mut self) -> Result<Option<Turn>, ZmqError> {
        while let Some(item) = self.decoder.next_item()? {
            self.began = None;
            match item {
                Item::Message(message) => return Ok(Some(Turn::Message(message))),
                Item::Command(Command::Subscription(it)) => return Ok(Some(Turn::Subscription(it))),
                Item::Command(Command::Ping { context, .. }) => {
                    let pong = self.outbox.command(|stream| encode::pong(&context, stream));
                    pong.map_err(|_| ZmqError::Flood("pings, whose pongs it does not read"))?;
                }
                Item::Command(Command::Error(reason)) => return Err(ZmqError::Refused(reason)),
                Item::Command(Command::Other(name)) => {
                    tracing::debug!(name, "a command of zmtp that nobody knows")
                }
                Item::Command(Command::Pong(_) | Command::Ready(_)) | Item::Greeting(_) | Item::Ready(_) => {}
            }
        }
        self.began = self.decoder.is_inside().then(|| self.began.unwrap_or_else(Instant::now));
        Ok(None)
    }

    /// How often it is asked, where it understands that.
    fn ping(&self) -> Option<std::time::Duration> {
        self.settings.ping.filter(|_| self.version.has_pings())
    }

    /// When time is to be minded.
    fn due(&self) -> Option<Instant> {
        let whole = self.began.map(|began| began + self.settings.whole);
        let alive = self.ping().map(|every| match self.pinged {
            None => self.heard + every,
            Some(pinged) => pinged + self.settings.silence.saturating_sub(every),
        });
        [whole, alive].into_iter().flatten().min()
    }

    fn mind_time(&mut self) -> Result<(), ZmqError> {
        let now = Instant::now();
        if self.due().is_none_or(|due| now < due) || self.has_come()? {
            return Ok(());
        }
        if self.began.is_some_and(|began| now >= began + self.settings.whole) {
            return Err(ZmqError::Unfinished(self.settings.whole));
        }
        if self.pinged.is_some() {
            return Err(ZmqError::Silent(self.settings.silence));
        }
        self.pinged = Some(now);
        // Without a time to live: as long as the peer talks we ask for nothing, and it would take us for gone.
        let ping = self.outbox.command(|stream| encode::ping(0, b"", stream));
        ping.map_err(|_| ZmqError::Flood("what it does not read"))
    }
}
