//! Accepts connections, listens or does not as the handle says, and ends what is open.

use super::ami::session;
use super::core::Shared;
use super::options::FullyBooted;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

/// How connections end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A clean stop: with `Event: Shutdown` to whoever is told of such events.
    Shutdown,
    /// Nothing is said.
    Quiet,
    /// Reset, whatever was on its way.
    Reset,
}

/// What the handle asks for; answered when it is so.
pub(super) enum Command {
    /// End what is open, and neither listen.
    Stop(Ending, mpsc::Sender<io::Result<()>>),
    /// End what is open, and go on listening.
    Drop(Ending, mpsc::Sender<io::Result<()>>),
    /// Listen again, having forgotten what Asterisk forgets.
    Start(mpsc::Sender<io::Result<()>>),
}

pub(super) struct Server {
    shared: Arc<Shared>,
    addr: SocketAddr,
    listener: Option<TcpListener>,
    tasks: JoinSet<()>,
    /// Has every connection that is open reset.
    reset: watch::Sender<()>,
    boots: Option<Instant>,
}

/// Serves until the handle is gone.
pub(super) async fn run(
    listener: StdListener,
    addr: SocketAddr,
    shared: Arc<Shared>,
    mut commands: UnboundedReceiver<Command>,
) {
    let listener = TcpListener::from_std(listener).ok();
    let reset = watch::channel(()).0;
    let mut server = Server { shared, addr, listener, tasks: JoinSet::new(), reset, boots: None };
    server.boot_later();
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(command) => server.obey(command).await,
                None => return,
            },
            Some(_) = server.tasks.join_next() => {}
            () = crate::sockets::until(server.boots) => {
                server.boots = None;
                server.shared.core().ami.boot();
            }
            accepted = accept(server.listener.as_ref()) => if let Ok(stream) = accepted {
                server.connected(stream);
            },
        }
    }
}

impl Server {
    async fn obey(&mut self, command: Command) {
        // Of an answer that fails nobody is waiting any more.
        match command {
            Command::Stop(ending, done) => {
                self.listener = None;
                self.end(ending).await;
                let _ = done.send(Ok(()));
            }
            Command::Drop(ending, done) => {
                self.end(ending).await;
                let _ = done.send(Ok(()));
            }
            Command::Start(done) => {
                let _ = done.send(self.start().await);
            }
        }
    }

    async fn start(&mut self) -> io::Result<()> {
        if self.listener.is_some() {
            return Ok(());
        }
        self.listener = Some(TcpListener::bind(self.addr).await?);
        let mut core = self.shared.core();
        core.pbx.forget();
        core.ami.start(self.shared.options.fully_booted == FullyBooted::AtLogin);
        drop(core);
        self.boot_later();
        Ok(())
    }

    fn boot_later(&mut self) {
        self.boots = match self.shared.options.fully_booted {
            FullyBooted::After(delay) => Some(Instant::now() + delay),
            FullyBooted::AtLogin | FullyBooted::Never => None,
        };
    }

    /// Ends what is open. Those who do not let themselves be ended in order are ended in another way.
    async fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Reset => self.reset.send_replace(()),
            Ending::Shutdown | Ending::Quiet => {
                self.shared.core().ami.close(ending == Ending::Shutdown);
            }
        }
        let patience = self.shared.options.write_timeout + Duration::from_millis(500);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(patience, all).await.is_err() {
            self.tasks.shutdown().await;
        }
    }

    fn connected(&mut self, stream: TcpStream) {
        let mut core = self.shared.core();
        core.pbx.counts.connections += 1;
        if core.resets > 0 {
            core.resets -= 1;
            reset(&stream);
            return;
        }
        drop(core);
        let (shared, reset_all) = (self.shared.clone(), self.reset.subscribe());
        self.tasks.spawn(connection(stream, shared, reset_all));
    }
}

/// Serves a client until it goes away, is sent away, or all are reset.
async fn connection(mut stream: TcpStream, shared: Arc<Shared>, mut reset_all: watch::Receiver<()>) {
    // Without it answers would only be later.
    let _ = stream.set_nodelay(true);
    let is_reset = match &shared.options.tls {
        None => tokio::select! {
            _ = reset_all.changed() => true,
            _ = session::serve(&mut stream, &shared) => false,
        },
        Some(config) => {
            let acceptor = TlsAcceptor::from(config.clone());
            let talk = async {
                let mut secured = acceptor.accept(&mut stream).await?;
                session::serve(&mut secured, &shared).await
            };
            tokio::select! {
                _ = reset_all.changed() => true,
                _ = talk => false,
            }
        }
    };
    if is_reset {
        reset(&stream);
    }
}

/// Has the end of a connection be a reset.
fn reset(stream: &TcpStream) {
    // One that is closed by its client cannot be reset, and is dropped all the same.
    let _ = stream.set_zero_linger();
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}
