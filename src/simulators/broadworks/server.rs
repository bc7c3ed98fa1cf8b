//! The server's thread: accepts clients, gives every one what is sent, and keeps what nobody could take.

use super::client::{self, Ended, Order, Outgoing};
use super::documents::{encode, server_status};
use super::{BroadworksOptions, Progress};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, interval_at};

/// What the handle asks for.
pub(super) enum Command {
    Send(Outgoing),
    /// Reset every connection now.
    Reset,
    /// Close every connection when everything before is written.
    Close,
    /// Listen or refuse from now on; answered when it is so.
    Listen(bool, mpsc::Sender<io::Result<()>>),
}

struct Server {
    addr: SocketAddr,
    queue: bool,
    listener: Option<TcpListener>,
    clients: HashMap<u64, Client>,
    tasks: JoinSet<(u64, Ended)>,
    /// What waits for a client.
    waiting: VecDeque<Outgoing>,
    progress: Arc<watch::Sender<Progress>>,
}

struct Client {
    orders: UnboundedSender<Order>,
    /// Dropped to reset the connection at once.
    _alive: oneshot::Sender<()>,
}

/// Serves until the handle is gone.
pub(super) async fn run(
    listener: StdListener,
    options: BroadworksOptions,
    commands: UnboundedReceiver<Command>,
    progress: watch::Sender<Progress>,
) {
    let addr = options.addr;
    let addr = listener.local_addr().unwrap_or(addr);
    let server = Server {
        addr,
        queue: options.queue,
        listener: TcpListener::from_std(listener).ok(),
        clients: HashMap::new(),
        tasks: JoinSet::new(),
        waiting: VecDeque::new(),
        progress: Arc::new(progress),
    };
    server.serve(options.keepalive, commands).await;
}

impl Server {
    async fn serve(mut self, keepalive: Option<Duration>, mut commands: UnboundedReceiver<Command>) {
        // A period is needed even where the branch is off.
        let period = keepalive.unwrap_or(Duration::from_secs(3600));
        let mut ticks = interval_at(Instant::now() + period, period);
        loop {
            tokio::select! {
                biased;
                Some(Ok((id, ended))) = self.tasks.join_next() => self.ended(id, ended),
                // Before a new client: it gets what was sent after it connected, and before that only what waits.
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return,
                },
                accepted = accept(self.listener.as_ref()) => self.connected(accepted).await,
                _ = ticks.tick(), if keepalive.is_some() => self.keep_alive(),
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Send(outgoing) => self.send(outgoing),
            Command::Reset => self.reset().await,
            Command::Close => self.clients.values().for_each(|client| order(client, Order::Close)),
            Command::Listen(wanted, done) => {
                let result = self.listen(wanted).await;
                let _ = done.send(result);
            }
        }
    }

    fn send(&mut self, outgoing: Outgoing) {
        if !self.clients.is_empty() {
            for client in self.clients.values() {
                order(client, Order::Write(outgoing.clone()));
            }
        } else if self.queue {
            self.progress.send_modify(|progress| progress.waiting += outgoing.documents());
            self.waiting.push_back(outgoing);
        }
    }

    fn keep_alive(&self) {
        let status = Outgoing::keepalive(encode(&server_status()));
        for client in self.clients.values() {
            order(client, Order::Write(status.clone()));
        }
    }

    async fn connected(&mut self, accepted: io::Result<TcpStream>) {
        let Ok(socket) = accepted else { return };
        self.notice_ended().await;
        let (orders, receiver) = unbounded_channel();
        let (alive, reset) = oneshot::channel::<()>();
        for outgoing in self.waiting.drain(..) {
            // The receiver is right here.
            let _ = orders.send(Order::Write(outgoing));
        }
        let mut id = 0;
        self.progress.send_modify(|progress| {
            progress.connections += 1;
            progress.connected += 1;
            progress.waiting = 0;
            id = progress.connections;
        });
        let progress = self.progress.clone();
        let sent = move |documents| progress.send_modify(|progress| progress.sent += documents);
        self.tasks.spawn(async move { (id, client::serve(socket, receiver, reset, sent).await) });
        self.clients.insert(id, Client { orders, _alive: alive });
    }

    /// A client that comes back at once shall find what its last connection left: that one's task is woken already,
    /// and has only to run.
    async fn notice_ended(&mut self) {
        for _ in 0..4 {
            yield_now().await;
        }
        while let Some(Ok((id, ended))) = self.tasks.try_join_next() {
            self.ended(id, ended);
        }
    }

    /// A connection has ended; what it left goes to the queue unless another client has got it anyway.
    fn ended(&mut self, id: u64, ended: Ended) {
        self.clients.remove(&id);
        let keep = self.queue && self.clients.is_empty();
        if keep {
            for outgoing in ended.unsent.into_iter().rev() {
                self.waiting.push_front(outgoing);
            }
        }
        let waiting = self.waiting.iter().map(Outgoing::documents).sum();
        let connected = self.clients.len();
        self.progress.send_modify(|progress| {
            progress.connected = connected;
            progress.waiting = waiting;
        });
    }

    async fn reset(&mut self) {
        self.clients.clear();
        while let Some(Ok((id, ended))) = self.tasks.join_next().await {
            self.ended(id, ended);
        }
    }

    async fn listen(&mut self, wanted: bool) -> io::Result<()> {
        if !wanted {
            self.listener = None;
            self.reset().await;
        } else if self.listener.is_none() {
            self.listener = Some(TcpListener::bind(self.addr).await?);
        }
        Ok(())
    }
}

fn order(client: &Client, order: Order) {
    // An error means that it has just ended; its task says so next.
    let _ = client.orders.send(order);
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(socket, _)| socket),
        None => std::future::pending().await,
    }
}
