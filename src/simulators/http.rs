//! An HTTP server on a thread of its own that can refuse connections, listen again and hang up on a client.

use super::port::ReservedPort;
use actix_web::dev::{Extensions, ServerHandle};
use actix_web::web::{PayloadConfig, ServiceConfig};
use actix_web::{App, HttpRequest, HttpServer, rt};
use std::any::Any;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const LARGEST_BODY: usize = 4 << 20;
const KEEP_ALIVE: Duration = Duration::from_secs(300);

/// A running server. Dropping it stops it.
pub(super) struct HttpHost {
    port: ReservedPort,
    commands: UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
}

enum Command {
    /// Listen or refuse from now on; answered when it is so.
    Listen(bool, mpsc::Sender<io::Result<()>>),
}

impl HttpHost {
    /// Serves what `configure` sets up at `addr`; port 0 takes a free port. Returns when it listens.
    pub fn start<F>(name: &str, addr: SocketAddr, configure: F) -> io::Result<HttpHost>
    where
        F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    {
        let port = ReservedPort::new(addr)?;
        let addr = port.addr();
        let listener = TcpListener::bind(addr)?;
        let (commands, receiver) = unbounded_channel();
        let (started, ready) = mpsc::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            rt::System::new().block_on(serve(listener, addr, configure, receiver, started));
        })?;
        ready.recv().map_err(|_| io::Error::other("the simulator's thread ended at its start"))??;
        Ok(HttpHost { port, commands, thread: Some(thread) })
    }

    /// Where it listens, with the port that was chosen.
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// `true`: closes the port and every connection; `false`: listens again at the same address.
    pub fn refuse(&self, refuse: bool) -> io::Result<()> {
        let (done, finished) = mpsc::channel();
        let gone = || io::Error::other("the simulator has ended");
        self.commands.send(Command::Listen(!refuse, done)).map_err(|_| gone())?;
        finished.recv().map_err(|_| gone())?
    }

    /// Closes everything and ends the thread.
    pub fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // An error means that it has ended already.
            let _ = self.refuse(true);
            let (closed, _) = unbounded_channel();
            self.commands = closed;
            let _ = thread.join();
        }
    }
}

impl Drop for HttpHost {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The server's thread: listens, and obeys until the handle is gone.
async fn serve<F>(
    listener: TcpListener,
    addr: SocketAddr,
    configure: F,
    mut commands: UnboundedReceiver<Command>,
    started: mpsc::Sender<io::Result<()>>,
) where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let clients = Clients::default();
    let mut server = match listen(listener, configure.clone(), &clients) {
        Ok(server) => Some(server),
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let _ = started.send(Ok(()));
    while let Some(Command::Listen(wanted, done)) = commands.recv().await {
        let result = match (wanted, server.take()) {
            (true, Some(running)) => {
                server = Some(running);
                Ok(())
            }
            (true, None) => TcpListener::bind(addr)
                .and_then(|listener| listen(listener, configure.clone(), &clients))
                .map(|running| server = Some(running)),
            (false, Some(running)) => {
                running.stop(false).await;
                clients.hang_up();
                Ok(())
            }
            (false, None) => Ok(()),
        };
        let _ = done.send(result);
    }
}

fn listen<F>(listener: TcpListener, configure: F, clients: &Clients) -> io::Result<ServerHandle>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let clients = clients.clone();
    let server = HttpServer::new(move || {
        App::new().app_data(PayloadConfig::new(LARGEST_BODY)).configure(configure.clone())
    })
    .workers(1)
    .disable_signals()
    .keep_alive(KEEP_ALIVE)
    .on_connect(move |socket, data| clients.note(socket, data))
    .listen(listener)?
    .run();
    let handle = server.handle();
    rt::spawn(server);
    Ok(handle)
}

/// The client's end of a request, to hang up without an answer.
struct Client(Arc<TcpStream>);

/// Closes the connection on which `request` came; whatever is answered afterwards is lost.
pub(super) fn hang_up(request: &HttpRequest) {
    if let Some(client) = request.conn_data::<Client>() {
        // An error means that the client was faster.
        let _ = client.0.shutdown(Shutdown::Both);
    }
}

/// All open connections.
#[derive(Clone, Default)]
struct Clients(Arc<Mutex<Vec<Weak<TcpStream>>>>);

impl Clients {
    /// Keeps a second descriptor of a new connection; it lives as long as the connection does.
    fn note(&self, socket: &dyn Any, data: &mut Extensions) {
        use std::os::fd::AsFd;
        let Some(socket) = socket.downcast_ref::<rt::net::TcpStream>() else { return };
        let _ = socket.set_nodelay(true);
        let Ok(second) = socket.as_fd().try_clone_to_owned() else { return };
        let client = Arc::new(TcpStream::from(second));
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|client| client.strong_count() > 0);
        clients.push(Arc::downgrade(&client));
        data.insert(Client(client));
    }

    fn hang_up(&self) {
        for client in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Some(client) = client.upgrade() {
                let _ = client.shutdown(Shutdown::Both);
            }
        }
    }
}
