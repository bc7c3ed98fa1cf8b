//! The branch of what hands events on.

use super::branches::{MAILBOX, branch, supervisor};
use crate::agents::{self, AgentServer};
use crate::config::{Config, Nats};
use crate::reload::Settings;
use crate::sockets;
use crate::store::Store;
use crate::supervision::Spec;
use crate::telemetry::link::LinkBoard;
use crate::threads::Threads;
use crate::topics::Tail;
use crate::topics::consumer::Consumer;
use crate::topics::evapi_server::{self, EvapiServer};
use crate::topics::evi_server::{self, EviServer};
use crate::topics::hubs::{self, Hubs};
use crate::topics::nats::{NatsConsumer, NatsPublisher};
use actix::{Addr, ArbiterHandle};
use std::sync::Arc;

/// On a thread of its own: a crowd of readers holds up nobody else.
#[derive(Default)]
pub struct Topics {
    /// `None` where nobody is served.
    pub spec: Option<Spec>,
    pub evi: Option<Addr<EviServer>>,
    pub hubs: Option<Addr<Hubs>>,
    /// What of hubs can be seen in metrics.
    pub hub_tally: hubs::Tally,
    /// Its connections.
    pub links: LinkBoard,
}

impl Topics {
    /// Those that are configured.
    pub fn new(settings: &Settings, store: &Store, listeners: Listeners, threads: &mut Threads) -> Topics {
        let hubs = Delivering::new(settings, store, threads);
        let nats = settings.config.get().nats.clone();
        if listeners.is_empty() && hubs.is_none() && nats.is_none() {
            return Topics::default();
        }
        let thread = threads.start("topics");
        let links = LinkBoard::default();
        let Listeners { evapi, evi, agents } = listeners;
        let mut children = Vec::new();
        if let Some((bound, config)) = evapi.zip(settings.evapi_server.as_ref()) {
            let (bound, config, store) = (Arc::new(bound), config.live(), store.clone());
            let make = move || {
                let store = store.clone();
                EvapiServer::new(Arc::clone(&bound), config.clone(), move || Tail::new(store.clone()))
            };
            children.push(Spec::new("evapi_server", MAILBOX, Some(thread.clone()), make).0);
        }
        let evi = evi.and_then(|bound| evi_server(settings, store, bound, &thread)).map(|(spec, evi)| {
            children.push(spec);
            evi
        });
        if let Some((bound, config)) = agents.zip(settings.config.get().zmq_server.clone()) {
            let bound = Arc::new(bound);
            let make = move || AgentServer::new(Arc::clone(&bound), config.clone());
            children.push(Spec::new("zmq_server", MAILBOX, Some(thread.clone()), make).0);
        }
        if let Some(config) = &settings.event_management {
            let (config, store, links) = (config.live(), store.clone(), links.clone());
            let make = move || Consumer::new(config.clone(), store.clone(), links.clone());
            children.push(Spec::new("consumer", MAILBOX, Some(thread.clone()), make).0);
        }
        children.extend(
            nats.into_iter().flat_map(|config| nats_specs(config, settings, (store, &links), &thread)),
        );
        let (hubs, hub_tally) = match hubs {
            Some(Delivering { specs, hubs, tally }) => {
                children.extend(specs);
                (Some(hubs), tally)
            }
            None => Default::default(),
        };
        Topics { spec: Some(branch(supervisor("topics", children))), evi, hubs, hub_tally, links }
    }
}

/// What delivers to hubs.
struct Delivering {
    specs: [Spec; 3],
    hubs: Addr<Hubs>,
    tally: hubs::Tally,
}

impl Delivering {
    /// On a thread of its own: a thousand hubs that get an event hold up nobody else. `None` where nobody can register.
    fn new(settings: &Settings, store: &Store, threads: &mut Threads) -> Option<Delivering> {
        let config = settings.event_management.as_ref()?.live();
        let thread = threads.start("hubs");
        let node = settings.config.get().node.name.clone();
        let shared = Arc::new(hubs::Shared::new(store.clone(), config, node));
        let (filled, tally) = (Arc::clone(&shared), shared.tally());
        let make = move || hubs::Filler::new(Arc::clone(&filled));
        let (window, _) = Spec::new("hub_window", MAILBOX, Some(thread.clone()), make);
        let (deliveries, supervisor) = Spec::supervisor(supervisor("hubs", Vec::new()));
        let (desk, runs_on) = (Arc::<hubs::Desk>::default(), thread.clone());
        let make =
            move || Hubs::new(Arc::clone(&shared), Arc::clone(&desk), supervisor.clone(), runs_on.clone());
        let (manager, hubs) = Spec::new("hub_manager", MAILBOX, Some(thread), make);
        Some(Delivering { specs: [window, deliveries, manager], hubs, tally })
    }
}

/// What goes out over NATS, and what comes in.
fn nats_specs(
    config: Nats,
    settings: &Settings,
    (store, links): (&Store, &LinkBoard),
    thread: &ArbiterHandle,
) -> Vec<Spec> {
    let (consume, config) = (config.consume.clone().map(Arc::new), Arc::new(config));
    let (to, theirs, shown) = (store.clone(), Arc::clone(&config), links.clone());
    let publisher = move || NatsPublisher::new(Arc::clone(&theirs), to.clone(), shown.clone());
    let mut specs = vec![Spec::new("nats", MAILBOX, Some(thread.clone()), publisher).0];
    if let Some(consume) = consume {
        let (store, routes, links) = (store.clone(), settings.routes.live(), links.clone());
        let consumer = move || {
            let (config, consume) = (Arc::clone(&config), Arc::clone(&consume));
            NatsConsumer::new(config, consume, routes.clone(), store.clone(), links.clone())
        };
        specs.push(Spec::new("nats_consume", MAILBOX, Some(thread.clone()), consumer).0);
    }
    specs
}

fn evi_server(
    settings: &Settings,
    store: &Store,
    bound: evi_server::Bound,
    thread: &ArbiterHandle,
) -> Option<(Spec, Addr<EviServer>)> {
    let (config, whole) = (settings.evi.as_ref()?.live(), settings.config.live());
    let (bound, store) = (Arc::new(bound), store.clone());
    let make = move || EviServer::new(Arc::clone(&bound), config.clone(), whole.clone(), store.clone());
    Some(Spec::new("evi", MAILBOX, Some(thread.clone()), make))
}

/// What is listened at for others than those of HTTP.
pub struct Listeners {
    evapi: Option<sockets::Bound>,
    evi: Option<evi_server::Bound>,
    agents: Option<agents::Bound>,
}

impl Listeners {
    /// Takes the addresses of the configuration.
    pub fn bind(config: &Config) -> anyhow::Result<Listeners> {
        let evapi =
            config.evapi_server.as_ref().map(|server| evapi_server::bind(server.listen)).transpose()?;
        let agents = config.zmq_server.as_ref().map(agents::bind).transpose()?;
        let evi = config.evi.as_ref().map(evi_server::bind).transpose()?;
        Ok(Listeners { evapi, evi, agents })
    }

    fn is_empty(&self) -> bool {
        self.evapi.is_none() && self.evi.is_none() && self.agents.is_none()
    }
}
