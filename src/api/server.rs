//! The HTTP server as a supervised actor.

use super::access::{self, Access};
use super::connections::Connections;
use super::settings::Settings;
use super::tls::{Pair, Tls};
use super::{Sources, event_management, headers, routes, standby, standby_routes};
use crate::config;
use crate::supervision::Shutdown;
use actix::prelude::*;
use actix_web::dev::{Server, ServerHandle};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpServer, middleware};
use anyhow::Context as _;
use rustix::process::{Resource, getrlimit};
use socket2::SockRef;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// How often the samples of histograms are put together.
const UPKEEP: Duration = Duration::from_secs(5);
/// A peer that takes nothing of what is sent to it for so long is disconnected: a stream to it would stay for ever.
const TAKES_NOTHING: Duration = Duration::from_secs(15);
/// What the kernel holds for a peer that does not read, in bytes; it doubles this for its own books.
const SEND_BUFFER: usize = 128 << 10;
/// How often it is looked whether the certificate has been replaced.
const LOOK: Duration = Duration::from_secs(2);
/// Connections at a time, at most; further ones wait in the kernel. One that says nothing goes after a few seconds.
const CONNECTIONS: u64 = 2048;
/// A connection takes two descriptors; the other half is for the store, for peers and files.
const SHARE_OF_DESCRIPTORS: u64 = 4;
/// The head of a first request is there by then, or it is answered 408.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// A connection on which no further request comes is closed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// What a connection holds of an answer beside what its socket has taken, in bytes: a hundred pages are open for days.
const WRITE_BUFFER: usize = 8 << 10;
/// Requests that are under way at a stop get this long, in seconds.
const STOP_LIMIT: u64 = 2;

/// A listener that a restarted server takes up again, and what it serves with.
pub struct Bound {
    listener: TcpListener,
    settings: Settings,
}

/// Takes the address and reads the certificates, so that what is wrong with them ends the start with a clear error.
pub fn bind(http: &config::Http) -> anyhow::Result<Bound> {
    let access = Access::new(http);
    if let Some(objection) = access.object(&http.tokens) {
        anyhow::bail!(objection);
    }
    let listener = listen(http.listen).with_context(|| format!("http.listen {}", http.listen))?;
    let tls = match (&http.tls_cert, &http.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::new(Pair::read(certificate, key)?)),
        _ => None,
    };
    Ok(Bound { listener, settings: Settings { access, tls } })
}

/// What is set here every accepted connection has as well.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    let socket = SockRef::from(&listener);
    socket.set_tcp_user_timeout(Some(TAKES_NOTHING))?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    Ok(listener)
}

impl Bound {
    /// Where it listens: with the port that was free where 0 is configured.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What can change while it serves.
    pub fn settings(&self) -> Settings {
        self.settings.clone()
    }
}

/// Serves [`routes`] until it is shut down.
pub struct Api {
    bound: Arc<Bound>,
    sources: Sources,
    connections: Connections,
    server: Option<ServerHandle>,
}

impl Api {
    /// A server on `bound`; the listener stays open across its restarts.
    pub fn new(bound: Arc<Bound>, sources: Sources) -> Self {
        Api { bound, sources, connections: Connections::default(), server: None }
    }

    fn serve(&mut self) -> anyhow::Result<Server> {
        let sources = Data::new(self.sources.clone());
        let paths = move |app: &mut ServiceConfig| _ = app.app_data(sources.clone()).configure(routes);
        let kind = Kind { keep_alive: KEEP_ALIVE.into(), stop_limit: STOP_LIMIT };
        serve(&self.bound, &self.connections, kind, paths)
    }
}

/// Serves what a node that stands by shows, until who has it stops it by its handle.
pub(super) fn serve_standby(
    bound: &Bound,
    sources: standby::Sources,
) -> anyhow::Result<(Server, impl Future<Output = ()> + use<>)> {
    let (connections, sources) = (Connections::default(), Data::new(sources));
    let paths = move |app: &mut ServiceConfig| _ = app.app_data(sources.clone()).configure(standby_routes);
    // Whoever asks next may be asking the whole daemon.
    let kind = Kind { keep_alive: actix_web::http::KeepAlive::Disabled, stop_limit: 0 };
    let server = serve(bound, &connections, kind, paths)?;
    Ok((server, look_after(bound.settings.tls.clone(), connections)))
}

/// In what the servers differ, beside their paths.
struct Kind {
    keep_alive: actix_web::http::KeepAlive,
    /// What is under way at a stop gets this long, in seconds.
    stop_limit: u64,
}

/// A server of these paths on `bound`, whose listener stays open behind it. Who may ask, and how much at a time, is the same for all.
fn serve(
    bound: &Bound,
    connections: &Connections,
    kind: Kind,
    paths: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> anyhow::Result<Server> {
    let (listener, access) = (bound.listener.try_clone()?, bound.settings.access.clone());
    let app = move || {
        let access = access.clone();
        App::new()
            .app_data(Data::new(access.clone()))
            .wrap(middleware::from_fn(move |request, next| access::check(access.clone(), request, next)))
            .wrap(middleware::from_fn(headers::complete))
            .wrap(middleware::from_fn(event_management::in_its_words))
            .configure(&paths)
    };
    let most = most_connections();
    let connections = connections.clone();
    let server = HttpServer::new(app)
        .on_connect(move |stream, data| connections.opened(stream, data))
        .workers(1)
        .max_connections(most)
        // Of TLS: those that are in the midst of a handshake. What says nothing takes nobody's turn.
        .max_connection_rate(most)
        .tls_handshake_timeout(HANDSHAKE_LIMIT)
        .client_request_timeout(HEAD_LIMIT)
        .keep_alive(kind.keep_alive)
        .h1_write_buffer_size(WRITE_BUFFER)
        .disable_signals()
        .shutdown_timeout(kind.stop_limit);
    Ok(match &bound.settings.tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls.server_config()?)?.run(),
        None => server.listen(listener)?.run(),
    })
}

/// What goes on beside a server for as long as it serves: renewed certificates are taken, and connections closed that do not go on.
async fn look_after(tls: Option<Tls>, connections: Connections) {
    let certificates = every(LOOK, || {
        if let Some(tls) = &tls {
            tls.look();
        }
    });
    let stalled = every(HEAD_LIMIT, || connections.close_stalled(KEEP_ALIVE + HEAD_LIMIT));
    tokio::join!(certificates, stalled);
}

async fn every(span: Duration, act: impl Fn()) {
    loop {
        tokio::time::sleep(span).await;
        act();
    }
}

fn most_connections() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let connections = CONNECTIONS.min(descriptors / SHARE_OF_DESCRIPTORS).max(1);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

impl Actor for Api {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // The recorder keeps every sample until somebody looks: nobody may ever scrape.
        ctx.run_interval(UPKEEP, |this, _| this.sources.metrics.run_upkeep());
        let (tls, connections) = (self.bound.settings.tls.clone(), self.connections.clone());
        ctx.spawn(look_after(tls, connections).into_actor(self));
        let counting = self.sources.counts.clone().run(self.sources.store.clone());
        ctx.spawn(counting.into_actor(self));
        // A server of an earlier incarnation goes first: dropping its future would leave its threads behind.
        if let Some(old) = self.server.take() {
            ctx.wait(async move { old.stop(false).await }.into_actor(self));
        }
        let server = match self.serve() {
            Ok(server) => server,
            Err(error) => {
                tracing::error!(%error, "http server cannot be started");
                ctx.stop();
                return;
            }
        };
        self.server = Some(server.handle());
        // On the arbiter, not in this context, so that a failure here does not tear it down half way; it ends by its
        // handle.
        let ended = actix_rt::spawn(server);
        ctx.spawn(ended.into_actor(self).map(|ended, _, ctx: &mut Context<Self>| {
            if let Ok(Err(error)) = ended {
                tracing::error!(%error, "http server failed");
            }
            ctx.stop();
        }));
    }
}

impl Supervised for Api {}

impl Handler<Shutdown> for Api {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        let Some(server) = self.server.take() else { return ctx.stop() };
        ctx.spawn(async move { server.stop(true).await }.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}
