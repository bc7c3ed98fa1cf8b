//! The branches of the tree: each makes its actors, says on which threads they run, and gives what reaches them.

use crate::alarms::Alarms;
use crate::api::{Api, Bound, Hub, Sources};
use crate::config::{self, Live, Setting};
use crate::connections::asterisk::StatesManager;
use crate::connections::endpoints::{READ_LIMIT, Surroundings};
use crate::connections::{Endpoints, Intake};
use crate::managers::board::{self, Board, Publisher};
use crate::managers::device_state::DeviceStates;
use crate::managers::device_state::messages::AsteriskPeer;
use crate::managers::ema::Ema;
use crate::managers::hosts;
use crate::managers::{Enumeration, Hosts, Hss, Mail, Pauses, Systems};
use crate::operators::bulk::Bulks;
use crate::operators::{OperatorActs, Operators};
use crate::processors;
use crate::processors::actor::{Processor, Processors};
use crate::reload::{Concurrency, Reloader, Reloading, Settings, Shelf};
use crate::router::Router;
use crate::router::executor::{Executor, Slots};
use crate::router::lanes::Lanes;
use crate::store::actor::{DiskWatch, StoreWriter, Sweeper};
use crate::store::{self, Store};
use crate::supervision::{Backoff, Intensity, Spec, Strategy, Supervisor};
use crate::systemd::{self, Herald, Readiness};
use crate::threads::Threads;
use actix::{Addr, ArbiterHandle};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// More restarts than these within the time are a defect that restarting does not mend.
const INTENSITY: Intensity = Intensity { max: 10, within: Duration::from_secs(60) };
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(5) };
/// Mailboxes carry wake-ups and permits, so this is plenty.
pub(super) const MAILBOX: usize = 1024;
/// Running events get this long to end at a shutdown; the journal resumes the others.
const DRAIN_LIMIT: Duration = Duration::from_secs(4);
/// What is queued for the store gets this long to be committed at a shutdown; a database that is away takes longer.
const FLUSH_LIMIT: Duration = Duration::from_secs(4);

/// A supervisor that starts anew only what has failed.
pub fn supervisor(name: &str, children: Vec<Spec>) -> Supervisor {
    Supervisor::new(name, Strategy::OneForOne, INTENSITY, BACKOFF, children)
}

/// A supervisor as a child of another.
pub(super) fn branch(supervisor: Supervisor) -> Spec {
    Spec::supervisor(supervisor).0
}

/// The group writers, each on a thread of its own, the watch over their disks, and the sweeper; and what the watch finds.
pub fn store(
    settings: &Settings,
    store: &Store,
    writers: Vec<store::WriterTask>,
    threads: &mut Threads,
) -> (Spec, watch::Receiver<Vec<store::Disk>>) {
    let mut children = Vec::new();
    for task in writers {
        let thread = threads.start(&format!("store-{}", task.name));
        let (name, store) = (task.name.clone(), store.clone());
        let writer = move || StoreWriter::new(task.clone(), store.clone());
        children.push(Spec::new(name, MAILBOX, Some(thread), writer).0.shutdown(FLUSH_LIMIT));
    }
    let config = settings.config.live();
    let (board, disks) = watch::channel(Vec::new());
    let (board, directories) = (Arc::new(board), store::disk::directories(&config.get().store));
    if !directories.is_empty() {
        let config = config.clone();
        let make = move || DiskWatch::new(directories.clone(), config.clone(), Arc::clone(&board));
        children.push(Spec::new("disk", MAILBOX, None, make).0);
    }
    let store = store.clone();
    let sweeper = move || Sweeper::new(store.clone(), config.clone());
    children.push(Spec::new("sweeper", MAILBOX, None, sweeper).0);
    (branch(supervisor("store", children)), disks)
}

/// Managers, processors and routing, on one thread: a step crosses none.
pub struct Provisioning {
    /// `None` where no EMA is configured: then nothing is provisioned.
    pub running: Option<Running>,
    pub board: Board,
    pub hosts: Hosts,
}

/// What provisions.
pub struct Running {
    pub executor: Arc<Executor>,
    pub pauses: Addr<Pauses>,
    pub concurrency: Concurrency,
    pub specs: [Spec; 3],
}

impl Provisioning {
    /// On a thread of its own.
    pub fn new(settings: &Settings, store: &Store, threads: &mut Threads) -> Provisioning {
        let (publisher, board) = board::board(&settings.lease);
        let (hosts_publisher, hosts) = hosts::hosts();
        let running = Running::new(settings, store, (publisher, board.clone(), hosts_publisher), threads);
        Provisioning { running, board, hosts }
    }
}

impl Running {
    fn new(
        settings: &Settings,
        store: &Store,
        (publisher, board, hosts): (Publisher, Board, hosts::Publisher),
        threads: &mut Threads,
    ) -> Option<Running> {
        let ema = settings.ema.as_ref()?.live();
        let surgemail = settings.surgemail.as_ref().map(Setting::live);
        let thread = threads.start("provisioning");
        let processing = settings.processing.live();
        let (pauses_spec, pauses) = pauses(store, publisher, &thread);
        let (managers, systems) = managers(ema, surgemail, pauses_spec, (&hosts, &board), &thread);
        let (processors, addresses) = processor_specs(&thread);
        let executor = Arc::new(Executor {
            store: store.clone(),
            rules: settings.rules.live(),
            processors: addresses,
            systems,
            mode: processing.get().mode,
            slots: Slots::new(processing.get().concurrency),
            processing,
            routes: settings.routes.live(),
            raises_alarms: settings.event_management.is_some(),
            pauses: board,
        });
        let (routing, concurrency) = routing(Arc::clone(&executor), &thread);
        Some(Running { executor, pauses, concurrency, specs: [managers, processors, routing] })
    }
}

fn pauses(store: &Store, publisher: Publisher, thread: &ArbiterHandle) -> (Spec, Addr<Pauses>) {
    let store = store.clone();
    let make = move || Pauses::new(store.clone(), Arc::clone(&publisher));
    Spec::new("pauses", MAILBOX, Some(thread.clone()), make)
}

fn managers(
    ema: Live<config::Ema>,
    surgemail: Option<Live<config::SurgeMail>>,
    pauses: Spec,
    (hosts, pauses_board): (&hosts::Publisher, &Board),
    thread: &ArbiterHandle,
) -> (Spec, Systems) {
    let on = || Some(thread.clone());
    let (hosts_board, paused) = (hosts.clone(), pauses_board.clone());
    let make = move || Ema::new(ema.clone(), hosts_board.clone(), paused.clone());
    let (ema_spec, ema) = Spec::new("ema", MAILBOX, on(), make);
    let gateway = ema.clone();
    let (hss_spec, hss) = Spec::new("hss", MAILBOX, on(), move || Hss::new(gateway.clone()));
    let (enum_spec, enumeration) = Spec::new("enum", MAILBOX, on(), move || Enumeration::new(ema.clone()));
    let mut children = vec![pauses, ema_spec, hss_spec, enum_spec];
    let mail = surgemail.map(|config| {
        let (hosts_board, paused) = (hosts.clone(), pauses_board.clone());
        let make = move || Mail::new(config.clone(), hosts_board.clone(), paused.clone());
        let (spec, mail) = Spec::new("mail", MAILBOX, on(), make);
        children.push(spec);
        mail.recipient()
    });
    let systems = Systems { hss: hss.recipient(), enumeration: enumeration.recipient(), mail };
    (branch(supervisor("managers", children)), systems)
}

fn processor_specs(thread: &ArbiterHandle) -> (Spec, Processors) {
    let mut addresses = Processors::new();
    let mut children = Vec::new();
    for name in processors::names() {
        let (spec, address) = Spec::new(name, MAILBOX, Some(thread.clone()), || Processor);
        addresses.insert(name, address);
        children.push(spec);
    }
    (branch(supervisor("processors", children)), addresses)
}

fn routing(executor: Arc<Executor>, thread: &ArbiterHandle) -> (Spec, Concurrency) {
    let mut lanes = Lanes::new(Arc::clone(&executor), thread.clone());
    let (specs, workers) = lanes.for_requests(executor.processing.get().concurrency);
    let (lanes_spec, lanes_supervisor) = Spec::supervisor(supervisor("lanes", specs));
    let make = move || Router::new(Arc::clone(&executor), workers.clone());
    let (router_spec, router) = Spec::new("router", MAILBOX, Some(thread.clone()), make);
    let children = vec![lanes_spec, router_spec.shutdown(DRAIN_LIMIT)];
    let concurrency = Concurrency { lanes, supervisor: lanes_supervisor, router };
    (branch(Supervisor::new("routing", Strategy::OneForAll, INTENSITY, BACKOFF, children)), concurrency)
}

/// What mirrors the states of Asterisks, on one thread with the connections to them: a change crosses none.
pub struct States {
    /// `None`: no states are mirrored.
    pub manager: Option<Addr<DeviceStates>>,
    pub spec: Option<Spec>,
    thread: ArbiterHandle,
    /// The Asterisks, as the endpoints show them to the manager.
    peers: Setting<Vec<AsteriskPeer>>,
}

impl States {
    /// On a thread of its own.
    pub fn new(settings: &Settings, threads: &mut Threads) -> States {
        let (thread, peers) = (threads.start("states"), Setting::new(Vec::new()));
        let manager = settings.device_state.as_ref().map(|rules| {
            let (rules, peers) = (rules.live(), peers.live());
            let lease = settings.lease.clone();
            let make = move || DeviceStates::new(peers.clone(), rules.clone()).governed_by(lease.clone());
            Spec::new("states", MAILBOX, Some(thread.clone()), make)
        });
        let (spec, manager) = manager.unzip();
        States { manager, spec, thread, peers }
    }
}

/// Intake and endpoints. Those whose events are stored before anything else have a thread of their own: a script that sends
/// without end must not hold them up.
pub fn connections(
    settings: &Settings,
    store: &Store,
    router: Option<Addr<Router>>,
    States { manager, thread: states, peers, .. }: States,
    threads: &mut Threads,
) -> (Spec, Addr<Supervisor>, Endpoints) {
    let thread = threads.start("connections");
    let (intake_store, servers) = (store.clone(), settings.servers.live());
    let intake_routes = settings.routes.live();
    let make =
        move || Intake::new(intake_store.clone(), router.clone(), servers.clone(), intake_routes.clone());
    let (intake_spec, intake) = Spec::new("intake", MAILBOX, Some(thread.clone()), make);
    let rules = settings.ema.is_some().then(|| settings.rules.live());
    let (routes, scripts) = (settings.routes.live(), threads.start("scripts"));
    let opensips = threads.start("opensips");
    let surroundings = Surroundings {
        rules,
        routes,
        intake,
        store: store.clone(),
        thread,
        scripts,
        states,
        opensips,
        states_manager: manager.map(StatesManager::from),
        device_state: settings.device_state.as_ref().map(Setting::live),
    };
    let (endpoints, specs) = Endpoints::new(&settings.endpoints(&settings.config.get()), surroundings, peers);
    let mut children = vec![intake_spec.shutdown(READ_LIMIT)];
    children.extend(specs);
    let (spec, supervisor) = Spec::supervisor(supervisor("connections", children));
    (spec, supervisor, endpoints)
}

/// What reads the configuration again.
pub fn reload(reloading: Reloading, readiness: Readiness) -> (Spec, Addr<Reloader>) {
    let shelf = Shelf::new(reloading);
    let make = move || Reloader::new(shelf.clone(), readiness.clone());
    Spec::new("reload", MAILBOX, None, make)
}

/// What raises and clears alarms of connections and hosts.
pub fn alarms(make: impl Fn() -> Alarms + Send + 'static) -> Spec {
    Spec::new("alarms", MAILBOX, None, make).0
}

/// What carries out the acts of operators.
pub fn operators(store: &Store, operators: &Operators) -> (Spec, Addr<OperatorActs>, Addr<Bulks>) {
    let one = operators.clone();
    let (acts_spec, acts) = Spec::new("acts", MAILBOX, None, move || OperatorActs::new(one.clone()));
    let (store, many) = (store.clone(), operators.clone());
    let make = move || Bulks::new(store.clone(), many.clone());
    let (bulks_spec, bulks) = Spec::new("bulks", MAILBOX, None, make);
    (branch(supervisor("operators", vec![acts_spec, bulks_spec])), acts, bulks)
}

/// What is served of all the others, as `sources` tell it: to systemd where there is one, over HTTP, and as a stream.
pub fn serving(
    bound: Bound,
    sources: Sources,
    reload: Live<Option<String>>,
    readiness: Readiness,
) -> anyhow::Result<Vec<Spec>> {
    let mut specs = Vec::new();
    if systemd::is_there() {
        specs.push(herald(&sources, bound.address()?, reload, readiness));
    }
    let (bound, api, stream) = (Arc::new(bound), sources.clone(), sources);
    specs.push(Spec::new("api", MAILBOX, None, move || Api::new(Arc::clone(&bound), api.clone())).0);
    specs.push(Spec::new("stream", MAILBOX, None, move || Hub::new(stream.clone())).0);
    Ok(specs)
}

fn herald(sources: &Sources, http: SocketAddr, reload: Live<Option<String>>, readiness: Readiness) -> Spec {
    let Sources { store, links, board, tree, .. } = sources.clone();
    let sources = systemd::Sources { http, store, links, board, reload };
    let make = move || Herald::new(tree.clone(), sources.clone(), readiness.clone());
    Spec::new("systemd", MAILBOX, None, make).0
}
