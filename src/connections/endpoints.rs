//! Which endpoints there are: one connection for each, made at the start, and changed by a reload.

use super::broadworks::{BroadworksConnection, Finish};
use super::intake::Intake;
use super::link::{self, Link, LinkState, Links};
use crate::config::{Broadworks, Live, Setting};
use crate::processors::attributes::Rules;
use crate::store::Store;
use crate::supervision::{Add, Remove, Spec, Supervisor, TreeError};
use actix::prelude::{Addr, ArbiterHandle, MailboxError};
use std::time::Duration;
use tokio::sync::watch;

/// Mailboxes carry wake-ups and permits, so this is plenty.
const MAILBOX: usize = 1024;
/// What was read gets this long to be stored at a shutdown.
pub const READ_LIMIT: Duration = Duration::from_secs(2);

/// What every connection needs.
#[derive(Clone)]
pub struct Surroundings {
    /// `None`: nothing is provisioned.
    pub rules: Option<Live<Rules>>,
    pub intake: Addr<Intake>,
    pub store: Store,
    pub thread: ArbiterHandle,
}

/// See the module.
pub struct Endpoints {
    surroundings: Surroundings,
    endpoints: Vec<Endpoint>,
    links: Setting<Links>,
}

/// One that has a connection.
struct Endpoint {
    server: Broadworks,
    connection: Addr<BroadworksConnection>,
    link: watch::Receiver<LinkState>,
}

/// Why an endpoint is not as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("{0}")]
    Tree(#[from] TreeError),
    #[error("the supervisor of the connections does not answer: {0}")]
    Mailbox(#[from] MailboxError),
}

impl Endpoints {
    /// The endpoints of a configuration, and their connections to be started.
    pub fn new(servers: &[Broadworks], surroundings: Surroundings) -> (Endpoints, Vec<Spec>) {
        let mut endpoints =
            Endpoints { surroundings, endpoints: Vec::new(), links: Setting::new(Links::new()) };
        let specs = servers.iter().map(|server| endpoints.connection(server)).collect();
        endpoints.show();
        (endpoints, specs)
    }

    /// The states of the connections that there are.
    pub fn links(&self) -> Live<Links> {
        self.links.live()
    }

    /// Ends the connections that `servers` does not have, or has otherwise; the others notice nothing. Resolves when
    /// what these have read is stored.
    pub async fn end_others(
        &mut self,
        servers: &[Broadworks],
        supervisor: &Addr<Supervisor>,
    ) -> Result<(), ChangeError> {
        while let Some(at) = self.endpoints.iter().position(|it| !servers.contains(&it.server)) {
            let Endpoint { server, connection, .. } = &self.endpoints[at];
            let name = server.name.clone();
            tracing::info!(connection = name, "connection ends");
            // Where it fails in between what it had read is lost with it: it can be removed all the same.
            let _ = connection.send(Finish).await;
            supervisor.send(Remove(name.clone())).await??;
            link::forget(&name);
            self.endpoints.remove(at);
            self.show();
        }
        Ok(())
    }

    /// Begins the connections that `servers` has and that are not there yet.
    pub async fn begin_new(
        &mut self,
        servers: &[Broadworks],
        supervisor: &Addr<Supervisor>,
    ) -> Result<(), ChangeError> {
        for server in servers {
            if self.endpoints.iter().any(|endpoint| endpoint.server == *server) {
                continue;
            }
            let spec = self.connection(server);
            let added = supervisor.send(Add(spec)).await;
            if !matches!(added, Ok(Ok(()))) {
                self.endpoints.pop();
            }
            added??;
            self.show();
        }
        Ok(())
    }

    /// Whether [`Endpoints::end_others`] would end any.
    pub fn has_others(&self, servers: &[Broadworks]) -> bool {
        self.endpoints.iter().any(|endpoint| !servers.contains(&endpoint.server))
    }

    fn connection(&mut self, server: &Broadworks) -> Spec {
        let (link, state) = Link::new(&server.name, &server.address);
        let Surroundings { rules, intake, store, thread } = self.surroundings.clone();
        let own = server.clone();
        let make = move || {
            let (rules, intake, store) = (rules.clone(), intake.clone(), store.clone());
            BroadworksConnection::new(own.clone(), rules, intake, store, link.clone())
        };
        let (spec, connection) = Spec::new(server.name.clone(), MAILBOX, Some(thread), make);
        self.endpoints.push(Endpoint { server: server.clone(), connection, link: state });
        spec.shutdown(READ_LIMIT)
    }

    fn show(&self) {
        self.links.replace(self.endpoints.iter().map(|endpoint| endpoint.link.clone()).collect());
    }
}
