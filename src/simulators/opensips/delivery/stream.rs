//! event_stream: a connection to each subscriber's address, made when the first event is to go there.
//!
//! ```text
//! reliable mode   → {"id":1,"jsonrpc":"2.0","method":"E_TEST"}{"id":2,"jsonrpc":"2.0","method":"E_TEST"}
//!                 ← {"jsonrpc":"2.0","result":"OK","id":1}
//! else            → {"jsonrpc":"2.0","method":"E_TEST"}{"jsonrpc":"2.0","method":"E_TEST"}
//! ```
//!
//! In reliable mode a connection ends at bytes that are no JSON and at an answer without a number as its id; answers that never come are
//! missed by nobody. Without it what the subscriber says is read and thrown away. An event whose connection cannot be made is lost.

use super::super::core::Shared;
use super::super::misbehaviour::Misbehaviour;
use crate::wire::evapi::BareDecoder;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

/// Events that wait for a connection, at most.
pub(in super::super) const QUEUE: usize = 10_000;

/// An answer is no longer than this.
const LARGEST_ANSWER: usize = 64 << 10;

/// One event, as it goes over TCP.
pub(in super::super) struct Message {
    pub bytes: Vec<u8>,
    /// To be answered.
    pub id: Option<u64>,
}

/// Brings messages to their connections, until OpenSIPS is away.
pub(in super::super) async fn run(mut messages: Receiver<(SocketAddr, Message)>, shared: Arc<Shared>) {
    let mut connections: HashMap<SocketAddr, Sender<Message>> = HashMap::new();
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = tasks.join_next() => {}
            message = messages.recv() => {
                let Some((addr, message)) = message else { return };
                connections.retain(|_, connection| !connection.is_closed());
                let connection = connections.entry(addr).or_insert_with(|| {
                    let (sender, queue) = channel(QUEUE);
                    tasks.spawn(connect(addr, queue, shared.clone()));
                    sender
                });
                if connection.try_send(message).is_err() {
                    shared.count(|counts| counts.lost += 1);
                }
            }
        }
    }
}

/// One connection, to its end. What still waits for it then is lost.
async fn connect(addr: SocketAddr, mut queue: Receiver<Message>, shared: Arc<Shared>) {
    if let Ok(mut stream) = TcpStream::connect(addr).await {
        // Without it events would only be later.
        let _ = stream.set_nodelay(true);
        shared.count(|counts| counts.streams += 1);
        let (from, to) = stream.split();
        let mut connection = Connection { shared: &shared, written: 0, open: HashSet::new() };
        // It ends for whatever reason: the next event makes a new one.
        let _ = connection.serve(from, to, &mut queue).await;
    }
    queue.close();
    while queue.recv().await.is_some() {
        shared.count(|counts| counts.lost += 1);
    }
}

struct Connection<'a> {
    shared: &'a Shared,
    written: usize,
    /// Ids that are not answered yet.
    open: HashSet<u64>,
}

impl Connection<'_> {
    async fn serve(
        &mut self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        queue: &mut Receiver<Message>,
    ) -> io::Result<()> {
        let mut answers = BareDecoder::new(LARGEST_ANSWER);
        loop {
            tokio::select! {
                message = queue.recv() => match message {
                    Some(message) => self.write(&mut to, message).await?,
                    None => return Ok(()),
                },
                read = from.read_buf(answers.buffer_mut()) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    if self.shared.options.reliable {
                        self.read_answers(&mut answers)?;
                    } else {
                        answers.buffer_mut().clear();
                    }
                }
            }
        }
    }

    async fn write(&mut self, to: &mut WriteHalf<'_>, message: Message) -> io::Result<()> {
        let misbehaviour = self.shared.core().misbehaviour.clone();
        if let Misbehaviour::Truncating { after } = misbehaviour {
            let left = after.saturating_sub(self.written);
            if message.bytes.len() > left {
                self.shared.count(|counts| counts.lost += 1);
                to.write_all(&message.bytes[..left]).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        self.open.extend(message.id);
        let written = to.write_all(&message.bytes).await;
        self.shared.count(|counts| *(if written.is_ok() { &mut counts.sent } else { &mut counts.lost }) += 1);
        self.written += message.bytes.len();
        written
    }

    fn read_answers(&mut self, answers: &mut BareDecoder) -> io::Result<()> {
        let nonsense = || io::Error::from(io::ErrorKind::InvalidData);
        while let Some(answer) = answers.next_object().map_err(|_| nonsense())? {
            let answer: Value = serde_json::from_slice(&answer).map_err(|_| nonsense())?;
            let id = answer.get("id").filter(|id| id.is_number()).ok_or_else(nonsense)?;
            // Of an event that nobody has sent, or that is answered already, it is no matter.
            if id.as_u64().is_some_and(|id| self.open.remove(&id)) {
                self.shared.count(|counts| counts.acknowledged += 1);
            }
        }
        Ok(())
    }
}
