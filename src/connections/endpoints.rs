//! Which endpoints there are: one connection for each, made at the start, and changed by a reload.

use super::asterisk::{AsteriskConnection, Asterisks, Household, StatesManager, actions};
use super::broadworks::BroadworksConnection;
use super::intake::Intake;
use super::kamailio::{Command, Kamailio, KamailioConnection, Kamailios};
use super::link::{self, Link, LinkState, Links};
use super::opensips::OpensipsConnection;
use crate::config::{AsteriskTransport, DeviceStates, EndpointConfig, Live, Route, Setting};
use crate::managers::device_state::messages::AsteriskPeer;
use crate::processors::attributes::Rules;
use crate::store::Store;
use crate::supervision::{Add, Remove, Spec, Supervisor, TreeError};
use actix::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Mailboxes carry wake-ups and permits, so this is plenty.
const MAILBOX: usize = 1024;
/// What was read gets this long to be stored at a shutdown.
pub const READ_LIMIT: Duration = Duration::from_secs(2);

/// Callers who have asked get this long to be answered when a connection ends; longer deadlines are cut short.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(4);

/// Reads no further. Answered when what was read is stored, however long the database is away; the actor does nothing
/// more then, and can be removed with nothing to lose.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Finish;

/// What every connection needs.
#[derive(Clone)]
pub struct Surroundings {
    /// `None`: nothing is provisioned.
    pub rules: Option<Live<Rules>>,
    pub routes: Live<Vec<Route>>,
    pub intake: Addr<Intake>,
    pub store: Store,
    /// Of the connections that are durable, and of those that are not to hold these up.
    pub thread: ArbiterHandle,
    pub scripts: ArbiterHandle,
    /// Of the connections to Asterisks, and of the manager that mirrors their states.
    pub states: ArbiterHandle,
    /// Of the connections to OpenSIPS: a flood of one holds up no Kamailio that waits for an answer.
    pub opensips: ArbiterHandle,
    /// `None`: no states are mirrored.
    pub states_manager: Option<StatesManager>,
    /// How they are, then.
    pub device_state: Option<Live<DeviceStates>>,
}

/// See the module.
pub struct Endpoints {
    surroundings: Surroundings,
    endpoints: Vec<Endpoint>,
    links: Setting<Links>,
    kamailios: Setting<Vec<Kamailio>>,
    asterisks: Setting<Vec<actions::Asterisk>>,
    /// The same, for the manager that mirrors their states.
    peers: Setting<Vec<AsteriskPeer>>,
    /// The names of the agents among them.
    systems: Setting<Vec<String>>,
}

/// One that has a connection.
struct Endpoint {
    config: EndpointConfig,
    /// Its actor, of whatever kind.
    connection: Recipient<Finish>,
    kind: Kind,
    link: watch::Receiver<LinkState>,
}

/// What else it takes.
enum Kind {
    /// Nothing.
    Plain,
    /// Commands of operators.
    Kamailio(Recipient<Command>),
    Asterisk(actions::Asterisk, AsteriskPeer),
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
    /// The endpoints of a configuration, and their connections to be started. `peers` shows the Asterisks to the manager that mirrors their
    /// states.
    pub fn new(
        configs: &[EndpointConfig],
        surroundings: Surroundings,
        peers: Setting<Vec<AsteriskPeer>>,
    ) -> (Endpoints, Vec<Spec>) {
        let mut endpoints = Endpoints {
            surroundings,
            endpoints: Vec::new(),
            links: Setting::new(Links::new()),
            kamailios: Setting::new(Vec::new()),
            asterisks: Setting::new(Vec::new()),
            peers,
            systems: Setting::new(Vec::new()),
        };
        let specs = configs.iter().map(|config| endpoints.connection(config)).collect();
        endpoints.show();
        (endpoints, specs)
    }

    /// The states of the connections that there are.
    pub fn links(&self) -> Live<Links> {
        self.links.live()
    }

    /// The Kamailios that there are, for commands to them.
    pub fn kamailios(&self) -> Kamailios {
        Kamailios::new(self.kamailios.live())
    }

    /// The Asterisks that there are, for actions on them.
    pub fn asterisks(&self) -> Asterisks {
        Asterisks::new(self.asterisks.live())
    }

    /// Ends the connections that `configs` does not have, or has otherwise; the others notice nothing. Resolves when
    /// what these have read is stored.
    pub async fn end_others(
        &mut self,
        configs: &[EndpointConfig],
        supervisor: &Addr<Supervisor>,
    ) -> Result<(), ChangeError> {
        while let Some(at) = self.endpoints.iter().position(|it| !configs.contains(&it.config)) {
            let Endpoint { config, connection, .. } = &self.endpoints[at];
            let name = config.name().to_owned();
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

    /// Begins the connections that `configs` has and that are not there yet.
    pub async fn begin_new(
        &mut self,
        configs: &[EndpointConfig],
        supervisor: &Addr<Supervisor>,
    ) -> Result<(), ChangeError> {
        for config in configs {
            if self.endpoints.iter().any(|endpoint| endpoint.config == *config) {
                continue;
            }
            let spec = self.connection(config);
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
    pub fn has_others(&self, configs: &[EndpointConfig]) -> bool {
        self.endpoints.iter().any(|endpoint| !configs.contains(&endpoint.config))
    }

    fn connection(&mut self, config: &EndpointConfig) -> Spec {
        let (link, state) = Link::new(config.name(), &config.address());
        metrics::counter!("eventmanager_reconnects_total", "connection" => config.name().to_owned())
            .absolute(0);
        let (spec, connection, kind) = match config.clone() {
            EndpointConfig::Broadworks(server) => {
                let (spec, connection) = self.broadworks(server, link);
                (spec, connection.recipient(), Kind::Plain)
            }
            EndpointConfig::Kamailio(server) => {
                let (spec, connection) = self.kamailio(server, link);
                (spec, connection.clone().recipient(), Kind::Kamailio(connection.recipient()))
            }
            EndpointConfig::Asterisk(server) => self.asterisk(server, link, state.clone()),
            EndpointConfig::Opensips(server) => {
                let (spec, connection) = self.opensips(server, link);
                (spec, connection.recipient(), Kind::Plain)
            }
        };
        self.endpoints.push(Endpoint { config: config.clone(), connection, kind, link: state });
        spec
    }

    fn broadworks(
        &self,
        server: crate::config::Broadworks,
        link: Link,
    ) -> (Spec, Addr<BroadworksConnection>) {
        let Surroundings { rules, intake, store, thread, .. } = self.surroundings.clone();
        let name = server.name.clone();
        let make = move || {
            let (rules, intake, store) = (rules.clone(), intake.clone(), store.clone());
            BroadworksConnection::new(server.clone(), rules, intake, store, link.clone())
        };
        let (spec, connection) = Spec::new(name, MAILBOX, Some(thread), make);
        (spec.shutdown(READ_LIMIT), connection)
    }

    fn kamailio(&self, server: crate::config::Kamailio, link: Link) -> (Spec, Addr<KamailioConnection>) {
        let Surroundings { routes, intake, store, scripts, .. } = self.surroundings.clone();
        let name = server.name.clone();
        let make = move || {
            let (routes, intake, store) = (routes.clone(), intake.clone(), store.clone());
            KamailioConnection::new(server.clone(), routes, intake, store, link.clone())
        };
        let (spec, connection) = Spec::new(name, MAILBOX, Some(scripts), make);
        (spec.shutdown(ANSWER_LIMIT), connection)
    }

    fn opensips(&self, server: crate::config::Opensips, link: Link) -> (Spec, Addr<OpensipsConnection>) {
        let Surroundings { routes, intake, store, opensips, .. } = self.surroundings.clone();
        let (name, server) = (server.name.clone(), Arc::new(server));
        let make = move || {
            let (routes, intake, store) = (routes.clone(), intake.clone(), store.clone());
            OpensipsConnection::new(Arc::clone(&server), routes, intake, store, link.clone())
        };
        let (spec, connection) = Spec::new(name, MAILBOX, Some(opensips), make);
        (spec.shutdown(READ_LIMIT), connection)
    }

    fn asterisk(
        &self,
        server: crate::config::Asterisk,
        link: Link,
        state: watch::Receiver<LinkState>,
    ) -> (Spec, Recipient<Finish>, Kind) {
        let Surroundings { routes, intake, store, states, states_manager, device_state, .. } =
            self.surroundings.clone();
        let household = Household { systems: self.systems.live(), rules: device_state };
        let (name, config) = (server.name.clone(), Arc::new(server));
        let server = Arc::clone(&config);
        let make = move || {
            let (routes, written) = (routes.clone(), (intake.clone(), store.clone()));
            let (states, link) = ((states_manager.clone(), household.clone()), link.clone());
            AsteriskConnection::new(Arc::clone(&server), routes, written, states, link)
        };
        let (spec, connection) = Spec::new(name, MAILBOX, Some(states), make);
        let actions =
            actions::Asterisk { config: config.clone(), link: state, run: connection.clone().recipient() };
        let (tell, list) = (connection.clone().recipient(), connection.clone().recipient());
        let peer = AsteriskPeer { config, tell, list };
        (spec.shutdown(READ_LIMIT), connection.recipient(), Kind::Asterisk(actions, peer))
    }

    fn show(&self) {
        self.links.replace(self.endpoints.iter().map(|endpoint| endpoint.link.clone()).collect());
        let (mut kamailios, mut asterisks, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        self.systems.set(self.endpoints.iter().filter_map(|endpoint| system(&endpoint.config)).collect());
        for Endpoint { kind, link, .. } in &self.endpoints {
            match kind {
                Kind::Plain => {}
                Kind::Kamailio(commands) => {
                    kamailios.push(Kamailio { link: link.clone(), commands: commands.clone() });
                }
                Kind::Asterisk(actions, peer) => {
                    asterisks.push(actions.clone());
                    peers.push(peer.clone());
                }
            }
        }
        self.kamailios.replace(kamailios);
        self.asterisks.replace(asterisks);
        self.peers.replace(peers);
    }
}

/// The name of an agent.
fn system(config: &EndpointConfig) -> Option<String> {
    let EndpointConfig::Asterisk(server) = config else { return None };
    let AsteriskTransport::Agent(agent) = &server.transport else { return None };
    Some(agent.system_name.clone())
}
