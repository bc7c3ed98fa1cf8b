//! Events over TCP (`event_stream`): OpenSIPS connects to us, and writes JSON objects without anything between them. In reliable mode
//! each has an id, and is answered when it is queued.

use crate::config::Opensips;
use crate::connections::opensips::queue::{Arrived, Queue};
use crate::sockets::{self, Bound, give_way, may_stay, until};
use crate::telemetry::{Seldom, count_bad_frame};
use crate::wire::evapi::BareDecoder;
use crate::wire::evi::{Message, acknowledge};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// Each worker of an OpenSIPS may have a connection.
const CONNECTIONS: usize = 256;
/// Bytes of an event.
const LARGEST: usize = 1 << 20;
const READ: usize = 64 << 10;
/// Whoever does not read our answers by then is gone.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// An event that has begun is whole by then.
const WHOLE_LIMIT: Duration = Duration::from_secs(30);
/// After a failure to accept, of descriptors say.
const PAUSE: Duration = Duration::from_millis(200);

/// A listener, and what it needs to read.
pub struct Stream {
    bound: Bound,
    server: Arc<Opensips>,
    queue: Arc<Queue>,
}

impl Stream {
    /// What comes over `bound` goes into `queue`.
    pub fn new(bound: Bound, server: &Arc<Opensips>, queue: &Arc<Queue>) -> Stream {
        Stream { bound, server: Arc::clone(server), queue: Arc::clone(queue) }
    }

    /// Accepts and reads until it is dropped, and the connections with it; why it cannot.
    pub async fn run(&self) -> String {
        let listener = match self.bound.listener() {
            Ok(listener) => listener,
            Err(error) => return error.to_string(),
        };
        let mut connections = JoinSet::new();
        let (refused, failed) = (Seldom::default(), Seldom::default());
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => match self.refusal(&stream, from, connections.len()) {
                        None => drop(connections.spawn_local(self.connection(stream, from))),
                        Some((label, reason)) => {
                            count_bad_frame(&self.server.name, label);
                            if let Some(so_far) = refused.count() {
                                let connection = &self.server.name;
                                tracing::warn!(connection, %from, reason, so_far, "a connection for events was refused");
                            }
                        }
                    },
                    Err(error) => {
                        if let Some(so_far) = failed.count() {
                            let connection = &self.server.name;
                            tracing::warn!(connection, %error, so_far, "no connection for events can be accepted");
                        }
                        sleep(PAUSE).await;
                    }
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }

    /// One word for metrics, and why.
    fn refusal(
        &self,
        stream: &TcpStream,
        from: SocketAddr,
        connections: usize,
    ) -> Option<(&'static str, &'static str)> {
        if !self.server.allows(from.ip()) {
            return Some(("not_allowed", "it is not in allow_from"));
        }
        if !may_stay(stream) {
            return Some(("descriptors", "nearly all descriptors are taken"));
        }
        (connections >= CONNECTIONS).then_some(("too_many", "there are too many"))
    }

    fn connection(&self, stream: TcpStream, from: SocketAddr) -> impl Future<Output = ()> + use<> {
        let connection = Connection { server: Arc::clone(&self.server), queue: Arc::clone(&self.queue) };
        async move {
            let name = connection.server.name.clone();
            tracing::debug!(connection = name, %from, "opensips has connected for events");
            let reason = connection.read(stream).await;
            tracing::info!(connection = name, %from, reason, "a connection for events has ended");
        }
    }
}

struct Connection {
    server: Arc<Opensips>,
    queue: Arc<Queue>,
}

impl Connection {
    /// Reads to the end; which that was.
    async fn read(&self, mut stream: TcpStream) -> String {
        if let Err(error) = sockets::keep(&stream) {
            return error.to_string();
        }
        let mut decoder = BareDecoder::new(LARGEST);
        // When the event that has begun must be whole.
        let mut due = None;
        loop {
            decoder.buffer_mut().reserve(READ);
            let read = tokio::select! {
                read = stream.read_buf(decoder.buffer_mut()) => read,
                () = until(due) => return self.bad("unfinished", "an event was not whole in time"),
            };
            match read {
                Ok(0) if decoder.is_inside() => return self.bad("truncated", "it ended within an event"),
                Ok(0) => return "opensips has closed it".to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
            let arrived = match self.take(&mut decoder, &mut stream).await {
                Ok(arrived) => arrived,
                Err(reason) => return reason,
            };
            due = match (decoder.is_inside(), due) {
                (false, _) => None,
                (true, Some(due)) if !arrived => Some(due),
                (true, _) => Some(Instant::now() + WHOLE_LIMIT),
            };
        }
    }

    /// Queues what is whole, and answers what wants an answer; whether anything was.
    async fn take(&self, decoder: &mut BareDecoder, stream: &mut TcpStream) -> Result<bool, String> {
        let (mut arrived, mut answers) = (Vec::new(), Vec::new());
        let end = loop {
            match decoder.next_object() {
                Ok(Some(object)) => {
                    answers.extend_from_slice(&answer(&object));
                    arrived.push(Arrived { payload: object[..].into(), received: SystemTime::now() });
                }
                Ok(None) => break Ok(!arrived.is_empty()),
                Err(error) => break Err(self.bad("stream", &error.to_string())),
            }
        };
        if !arrived.is_empty() {
            self.queue.push(arrived);
        }
        if !answers.is_empty() {
            let written = timeout(WRITE_LIMIT, stream.write_all(&answers)).await;
            written.map_err(|_| "opensips does not read our answers")?.map_err(|error| error.to_string())?;
        }
        // One that always has something to read must not keep the thread from what it has brought.
        give_way().await;
        end
    }

    fn bad(&self, label: &'static str, reason: &str) -> String {
        count_bad_frame(&self.server.name, label);
        reason.to_owned()
    }
}

/// The answer to an object; empty where none is wanted. One that is no event is told as such when it is handled; the next one may be.
fn answer(object: &[u8]) -> Vec<u8> {
    let id = Message::parse(object).ok().and_then(|message| message.id);
    id.as_ref().map(acknowledge).unwrap_or_default()
}
