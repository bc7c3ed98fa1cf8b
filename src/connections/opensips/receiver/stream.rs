//! Events over TCP (`event_stream`): OpenSIPS connects to us, and writes JSON objects without anything between them. In reliable mode
//! each has an id, and is answered when it is queued.

use crate::config::Opensips;
use crate::connections::opensips::queue::{Arrived, Queue};
use crate::sockets::{self, Bound, give_way};
use crate::telemetry::{Seldom, count_bad_frame};
use crate::wire::evapi::BareDecoder;
use crate::wire::evi::{Message, acknowledge};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Each worker of an OpenSIPS may have a connection.
const CONNECTIONS: usize = 256;
/// Bytes of an event.
const LARGEST: usize = 1 << 20;
const READ: usize = 64 << 10;
/// Whoever does not read our answers by then is gone.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
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
        let (mut connections, refused) = (JoinSet::new(), Seldom::default());
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => match self.refusal(from, connections.len()) {
                        None => drop(connections.spawn_local(self.connection(stream, from))),
                        Some(reason) => {
                            count_bad_frame(&self.server.name, "not_allowed");
                            if let Some(so_far) = refused.count() {
                                let connection = &self.server.name;
                                tracing::warn!(connection, %from, reason, so_far, "a connection for events was refused");
                            }
                        }
                    },
                    Err(error) => {
                        tracing::warn!(connection = self.server.name, %error, "no connection for events can be accepted");
                        sleep(PAUSE).await;
                    }
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }

    fn refusal(&self, from: SocketAddr, connections: usize) -> Option<&'static str> {
        if !self.server.allows(from.ip()) {
            return Some("it is not in allow_from");
        }
        (connections >= CONNECTIONS).then_some("there are too many")
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
        loop {
            decoder.buffer_mut().reserve(READ);
            match stream.read_buf(decoder.buffer_mut()).await {
                Ok(0) if decoder.is_inside() => return self.bad("truncated", "it ended within an event"),
                Ok(0) => return "opensips has closed it".to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
            if let Err(reason) = self.take(&mut decoder, &mut stream).await {
                return reason;
            }
        }
    }

    /// Queues what is whole, and answers what wants an answer.
    async fn take(&self, decoder: &mut BareDecoder, stream: &mut TcpStream) -> Result<(), String> {
        let (mut arrived, mut answers) = (Vec::new(), Vec::new());
        let end = loop {
            match decoder.next_object() {
                Ok(Some(object)) => match self.message(&object) {
                    Ok(answer) => {
                        answers.extend_from_slice(&answer);
                        arrived.push(Arrived { payload: object[..].into(), received: SystemTime::now() });
                    }
                    Err(reason) => break Err(reason),
                },
                Ok(None) => break Ok(()),
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

    /// The answer to it; empty where none is wanted. What is no event may be anything: OpenSIPS would close the connection, too.
    fn message(&self, object: &Bytes) -> Result<Vec<u8>, String> {
        match Message::parse(object) {
            Ok(message) => Ok(message.id.as_ref().map(acknowledge).unwrap_or_default()),
            Err(error) => Err(self.bad(error.label(), &error.to_string())),
        }
    }

    fn bad(&self, label: &'static str, reason: &str) -> String {
        count_bad_frame(&self.server.name, label);
        reason.to_owned()
    }
}
