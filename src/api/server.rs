//! The HTTP server as a supervised actor.

use super::access::{self, Access};
use super::{Sources, headers, routes, tls};
use crate::config;
use crate::supervision::Shutdown;
use actix::prelude::*;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer, middleware};
use anyhow::Context as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// How often the samples of histograms are put together.
const UPKEEP: Duration = Duration::from_secs(5);
/// Connections at a time, at most; further ones wait in the kernel.
const CONNECTIONS: usize = 512;
/// Requests that are under way at a stop get this long, in seconds.
const STOP_LIMIT: u64 = 2;

/// A listener that a restarted server takes up again, and what it serves with.
pub struct Bound {
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
    access: Access,
}

/// Takes the address and reads the certificates, so that what is wrong with them ends the start with a clear error.
pub fn bind(http: &config::Http) -> anyhow::Result<Bound> {
    let listener = TcpListener::bind(http.listen).with_context(|| format!("http.listen {}", http.listen))?;
    let tls = match (&http.tls_cert, &http.tls_key) {
        (Some(cert), Some(key)) => Some(tls::server_config(cert, key)?),
        _ => None,
    };
    Ok(Bound { listener, tls, access: Access::new(http) })
}

impl Bound {
    /// Where it listens: with the port that was free where 0 is configured.
    pub fn address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves [`routes`] until it is shut down.
pub struct Api {
    bound: Arc<Bound>,
    sources: Sources,
    server: Option<ServerHandle>,
}

impl Api {
    /// A server on `bound`; the listener stays open across its restarts.
    pub fn new(bound: Arc<Bound>, sources: Sources) -> Self {
        Api { bound, sources, server: None }
    }

    fn serve(&mut self) -> std::io::Result<actix_web::dev::Server> {
        let listener = self.bound.listener.try_clone()?;
        let access = self.bound.access.clone();
        let sources = Data::new(self.sources.clone());
        let app = move || {
            let access = access.clone();
            App::new()
                .app_data(sources.clone())
                .app_data(Data::new(access.clone()))
                .wrap(middleware::from_fn(move |request, next| access::check(access.clone(), request, next)))
                .wrap(middleware::from_fn(headers::complete))
                .configure(routes)
        };
        let server = HttpServer::new(app)
            .workers(1)
            .max_connections(CONNECTIONS)
            .disable_signals()
            .shutdown_timeout(STOP_LIMIT);
        Ok(match self.bound.tls.clone() {
            Some(tls) => server.listen_rustls_0_23(listener, tls)?.run(),
            None => server.listen(listener)?.run(),
        })
    }
}

impl Actor for Api {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // The recorder keeps every sample until somebody looks: nobody may ever scrape.
        ctx.run_interval(UPKEEP, |this, _| this.sources.metrics.run_upkeep());
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
