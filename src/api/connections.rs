//! Connections of clients, so that none stays that has begun a request and does not go on.
//!
//! The HTTP library gives the head of a first request its time, and closes a connection on which nothing follows. One that
//! sends a further request byte by byte it would keep for ever, and enough of them would be all there may be.

use crate::sockets::may_stay;
use crate::telemetry::Seldom;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;
use socket2::SockRef;
use std::any::Any;
use std::collections::HashMap;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// All open connections; its clones are one.
#[derive(Clone, Default)]
pub struct Connections(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Line>,
    turned_away: Seldom,
}

struct Line {
    /// A second handle on the connection's socket.
    socket: std::net::TcpStream,
    /// Requests that are under way.
    requests: usize,
    /// When the last of them ended, or the connection began.
    quiet_since: Instant,
}

/// A connection, among what is known of it to its requests; it is forgotten with this.
pub struct Connection {
    number: u64,
    table: Connections,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.table.lock().open.remove(&self.number);
    }
}

impl Connections {
    /// Remembers a connection from its beginning.
    pub fn opened(&self, stream: &dyn Any, data: &mut Extensions) {
        let tls = || Some(stream.downcast_ref::<TlsStream<TcpStream>>()?.get_ref().0);
        let Some(stream) = stream.downcast_ref::<TcpStream>().or_else(tls) else { return };
        if !may_stay(stream) {
            return self.turn_away(stream);
        }
        // Without a handle to spare it is served all the same.
        let Ok(socket) = stream.as_fd().try_clone_to_owned() else { return };
        let mut table = self.lock();
        let number = table.next;
        table.next += 1;
        let line = Line { socket: socket.into(), requests: 0, quiet_since: Instant::now() };
        table.open.insert(number, line);
        data.insert(Arc::new(Connection { number, table: self.clone() }));
    }

    /// Its server sees the end and forgets it.
    fn turn_away(&self, stream: &TcpStream) {
        metrics::counter!("eventmanager_http_refused_total", "reason" => "descriptors").increment(1);
        if let Some(so_far) = self.lock().turned_away.count() {
            tracing::warn!(so_far, "nearly all descriptors are taken: connections over http are refused");
        }
        // It may have gone already.
        let _ = SockRef::from(stream).shutdown(Shutdown::Both);
    }

    /// Closes those that have been without a whole request for longer than `limit`.
    pub fn close_stalled(&self, limit: Duration) {
        let table = self.lock();
        let is_stalled = |line: &&Line| line.requests == 0 && line.quiet_since.elapsed() > limit;
        for line in table.open.values().filter(is_stalled) {
            // Its server sees the end and forgets it; it may have gone already.
            let _ = line.socket.shutdown(Shutdown::Both);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is under way, until its answer has been handed on.
pub struct UnderWay(Arc<Connection>);

impl UnderWay {
    /// On the connection that has this `data`.
    pub fn begin(data: Option<&Arc<Connection>>) -> Option<UnderWay> {
        let connection = Arc::clone(data?);
        connection.table.lock().open.get_mut(&connection.number)?.requests += 1;
        Some(UnderWay(connection))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(line) = self.0.table.lock().open.get_mut(&self.0.number) {
            line.requests -= 1;
            line.quiet_since = Instant::now();
        }
    }
}

/// A body that keeps its request under way until it has been handed on.
struct Counted {
    body: BoxBody,
    _under_way: UnderWay,
}

impl UnderWay {
    /// Goes on until `body` has been handed on.
    pub fn through(self, body: BoxBody) -> BoxBody {
        BoxBody::new(Counted { body, _under_way: self })
    }
}

impl MessageBody for Counted {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}
