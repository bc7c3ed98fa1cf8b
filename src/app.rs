//! The whole supervision tree on one screen.
//!
//! Children start from top to bottom and stop from bottom to top: HTTP and intake close first, running events end,
//! sessions are handed back, and what is queued for the store is committed last.
//!
//! ```text
//! root          one_for_one, 10 restarts in 60 s, then the process ends with exit code 1
//! ├─ store       a group writer for each database, the watch over their disks, the sweeper
//! ├─ managers    pauses, ema (sessions and hosts), hss, enum, mail where it is configured
//! ├─ processors  one for each kind of command
//! ├─ routing     one_for_all: a router that starts anew must not meet the runs of the one before
//! │  ├─ lanes    two workers for each of `concurrency` requests
//! │  └─ router
//! ├─ connections intake, and one for each configured endpoint
//! ├─ bulks       acts of operators on many events
//! ├─ api         HTTP
//! └─ stream      what the readers of the API's stream are told; before HTTP stops, they are sent away
//! ```

use crate::api::{self, Api, Bound, Channel, Hub, Settings, Sources};
use crate::config::{self, Config};
use crate::connections::{BroadworksConnection, Intake, Link, LinkState};
use crate::managers::board::{self, Board, Publisher};
use crate::managers::ema::Ema;
use crate::managers::hosts;
use crate::managers::{Enumeration, Hss, Mail, Pauses, Systems};
use crate::operators::Operators;
use crate::operators::bulk::Bulks;
use crate::processors::actor::{Processor, Processors};
use crate::processors::{self, attributes::Rules};
use crate::router::Router;
use crate::router::executor::{Executor, Slots};
use crate::router::lane::Lane;
use crate::store::actor::{DiskWatch, StoreWriter, Sweeper};
use crate::store::{self, Store};
use crate::supervision::{
    Add, Backoff, Exit, Intensity, Shutdown, Spec, Strategy, Supervisor, Watching, root,
};
use crate::threads::Threads;
use actix::{Addr, ArbiterHandle};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{oneshot, watch};

/// More restarts than these within the time are a defect that restarting does not mend.
const INTENSITY: Intensity = Intensity { max: 10, within: Duration::from_secs(60) };
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(5) };
/// Mailboxes carry wake-ups and permits, so this is plenty.
const MAILBOX: usize = 1024;
/// While the event of one lane is in a request, that of another is being planned or committed.
const LANES_PER_REQUEST: usize = 2;
/// Running events get this long to end at a shutdown; the journal resumes the others.
const DRAIN_LIMIT: Duration = Duration::from_secs(4);
/// What is queued for the store gets this long to be committed at a shutdown; a database that is away takes longer.
const FLUSH_LIMIT: Duration = Duration::from_secs(4);
/// What was read gets this long to be stored at a shutdown.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// A running daemon.
pub struct App {
    pub root: Addr<Supervisor>,
    pub store: Store,
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Tokens and certificates, which can change while it runs.
    pub settings: Settings,
    pub links: Vec<watch::Receiver<LinkState>>,
    exit: oneshot::Receiver<Exit>,
    threads: Threads,
    _watching: Watching,
}

impl App {
    /// Starts everything that `config` names, within an actix system.
    ///
    /// Fails where the address of HTTP is taken or a certificate cannot be read. Databases and peers that are away
    /// are no failure.
    pub fn start(config: &Config, metrics: PrometheusHandle) -> anyhow::Result<App> {
        let bound = api::bind(&config.http)?;
        let (http, settings) = (bound.address()?, bound.settings());
        let mut threads = Threads::default();
        let (store, writers) = store::open(&config.store)?;
        let (disk_board, disks) = watch::channel(Vec::new());
        let mut children = vec![store_spec(config, &store, writers, disk_board, &mut threads)];
        let (publisher, board) = board::board();
        let (hosts_publisher, hosts) = hosts::hosts();
        let boards = (publisher, board.clone(), hosts_publisher);
        let provisioning = Provisioning::new(config, &store, boards, &mut threads);
        let (executor, router, pauses) = match provisioning {
            Some(provisioning) => {
                children.extend(provisioning.specs);
                (Some(provisioning.executor), Some(provisioning.router), Some(provisioning.pauses))
            }
            None => (None, None, None),
        };
        let rules = executor.as_ref().map(|executor| Arc::clone(&executor.rules));
        let intake = threads.start("connections");
        let (connections, links) = connections(&config.broadworks, rules, &store, router.clone(), intake);
        children.push(connections);

        let operators = Operators::new(store.clone(), executor.zip(router.clone()));
        let (bulks_spec, bulks) = bulks(&store, &operators);
        children.push(bulks_spec);

        let root = root(supervisor("root", children));
        let tree = root.addr.clone();
        let sources = Sources {
            config: Arc::new(config.clone()),
            store: store.clone(),
            counts: api::counts::Counting::default(),
            started: SystemTime::now(),
            router,
            pauses,
            operators,
            bulks,
            board,
            hosts,
            tree,
            links: links.clone(),
            disks,
            metrics,
            stream: Channel::default(),
        };
        root.addr.do_send(Add(api_spec(bound, sources.clone())));
        root.addr.do_send(Add(stream_spec(sources)));
        let _watching = threads.watch()?;
        Ok(App { root: root.addr, store, http, settings, links, exit: root.exit, threads, _watching })
    }

    /// Stops everything in order.
    pub async fn stop(self) -> Exit {
        self.root.do_send(Shutdown);
        self.ended().await
    }

    /// Waits until the tree ends by itself, which is a failure, or because it was told to.
    pub async fn ended(self) -> Exit {
        let exit = self.exit.await.unwrap_or(Exit::Killed);
        self.threads.stop();
        exit
    }
}

fn supervisor(name: &str, children: Vec<Spec>) -> Supervisor {
    Supervisor::new(name, Strategy::OneForOne, INTENSITY, BACKOFF, children)
}

/// A supervisor as a child of another.
fn branch(supervisor: Supervisor) -> Spec {
    Spec::supervisor(supervisor).0
}

fn store_spec(
    config: &Config,
    store: &Store,
    writers: Vec<store::WriterTask>,
    disks: watch::Sender<Vec<store::Disk>>,
    threads: &mut Threads,
) -> Spec {
    let retention = config.store.retention_days;
    let mut children = Vec::new();
    for task in writers {
        let thread = threads.start(&format!("store-{}", task.name));
        let (name, store) = (task.name.clone(), store.clone());
        let writer = move || StoreWriter::new(task.clone(), store.clone());
        children.push(Spec::new(name, MAILBOX, Some(thread), writer).0.shutdown(FLUSH_LIMIT));
    }
    let (disks, directories, low) =
        (Arc::new(disks), store::disk::directories(&config.store), config.store.disk_low);
    if !directories.is_empty() {
        let make = move || DiskWatch::new(directories.clone(), low, Arc::clone(&disks));
        children.push(Spec::new("disk", MAILBOX, None, make).0);
    }
    let store = store.clone();
    children.push(Spec::new("sweeper", MAILBOX, None, move || Sweeper::new(store.clone(), retention)).0);
    branch(supervisor("store", children))
}

/// Managers, processors and routing, on one thread: a step crosses none.
struct Provisioning {
    executor: Arc<Executor>,
    router: Addr<Router>,
    pauses: Addr<Pauses>,
    specs: [Spec; 3],
}

impl Provisioning {
    /// `None` where no EMA is configured: then nothing is provisioned.
    fn new(
        config: &Config,
        store: &Store,
        (publisher, board, hosts): (Publisher, Board, hosts::Publisher),
        threads: &mut Threads,
    ) -> Option<Provisioning> {
        let ema = config.ema.clone()?;
        let thread = threads.start("provisioning");
        let rules = Arc::new(Rules::of(config));
        let (pauses_spec, pauses) = pauses(store, publisher, &thread);
        let (managers, systems) = managers(ema, config.surgemail.clone(), pauses_spec, &hosts, &thread);
        let (processors, addresses) = processor_specs(&rules, &thread);
        let executor = Arc::new(Executor {
            store: store.clone(),
            rules,
            processors: addresses,
            systems,
            mode: config.processing.mode,
            concurrency: config.processing.concurrency,
            pauses: board,
            slots: Slots::new(config.processing.concurrency),
        });
        let (routing, router) = routing(&config.processing, Arc::clone(&executor), &thread);
        Some(Provisioning { executor, router, pauses, specs: [managers, processors, routing] })
    }
}

fn pauses(store: &Store, publisher: Publisher, thread: &ArbiterHandle) -> (Spec, Addr<Pauses>) {
    let store = store.clone();
    let make = move || Pauses::new(store.clone(), Arc::clone(&publisher));
    Spec::new("pauses", MAILBOX, Some(thread.clone()), make)
}

fn managers(
    ema: config::Ema,
    surgemail: Option<config::SurgeMail>,
    pauses: Spec,
    hosts: &hosts::Publisher,
    thread: &ArbiterHandle,
) -> (Spec, Systems) {
    let on = || Some(thread.clone());
    let board = hosts.clone();
    let (ema_spec, ema) = Spec::new("ema", MAILBOX, on(), move || Ema::new(ema.clone(), board.clone()));
    let gateway = ema.clone();
    let (hss_spec, hss) = Spec::new("hss", MAILBOX, on(), move || Hss::new(gateway.clone()));
    let (enum_spec, enumeration) = Spec::new("enum", MAILBOX, on(), move || Enumeration::new(ema.clone()));
    let mut children = vec![pauses, ema_spec, hss_spec, enum_spec];
    let mail = surgemail.map(|config| {
        let board = hosts.clone();
        let make = move || Mail::new(config.clone(), board.clone());
        let (spec, mail) = Spec::new("mail", MAILBOX, on(), make);
        children.push(spec);
        mail.recipient()
    });
    let systems = Systems { hss: hss.recipient(), enumeration: enumeration.recipient(), mail };
    (branch(supervisor("managers", children)), systems)
}

fn processor_specs(rules: &Arc<Rules>, thread: &ArbiterHandle) -> (Spec, Processors) {
    let mut addresses = Processors::new();
    let mut children = Vec::new();
    for name in processors::names() {
        let rules = Arc::clone(rules);
        let make = move || Processor::new(Arc::clone(&rules));
        let (spec, address) = Spec::new(name, MAILBOX, Some(thread.clone()), make);
        addresses.insert(name, address);
        children.push(spec);
    }
    (branch(supervisor("processors", children)), addresses)
}

fn routing(
    config: &config::Processing,
    executor: Arc<Executor>,
    thread: &ArbiterHandle,
) -> (Spec, Addr<Router>) {
    let (mut specs, mut workers) = (Vec::new(), Vec::new());
    for number in 1..=config.concurrency * LANES_PER_REQUEST {
        let executor = Arc::clone(&executor);
        let make = move || Lane::new(Arc::clone(&executor));
        let (spec, address) = Spec::new(format!("lane-{number}"), MAILBOX, Some(thread.clone()), make);
        specs.push(spec);
        workers.push(address);
    }
    let lanes = branch(supervisor("lanes", specs));
    let config = config.clone();
    let make = move || Router::new(Arc::clone(&executor), workers.clone(), &config);
    let (router_spec, router) = Spec::new("router", MAILBOX, Some(thread.clone()), make);
    let children = vec![lanes, router_spec.shutdown(DRAIN_LIMIT)];
    (branch(Supervisor::new("routing", Strategy::OneForAll, INTENSITY, BACKOFF, children)), router)
}

fn connections(
    servers: &[config::Broadworks],
    rules: Option<Arc<Rules>>,
    store: &Store,
    router: Option<Addr<Router>>,
    thread: ArbiterHandle,
) -> (Spec, Vec<watch::Receiver<LinkState>>) {
    let (store, all) = (store.clone(), servers.to_vec());
    let intake_store = store.clone();
    let make = move || Intake::new(intake_store.clone(), router.clone(), &all);
    let (intake_spec, intake) = Spec::new("intake", MAILBOX, Some(thread.clone()), make);
    let mut children = vec![intake_spec.shutdown(READ_LIMIT)];
    let mut links = Vec::new();
    for server in servers.iter().cloned() {
        let (link, state) = Link::new(&server.name, &server.address);
        let (rules, intake, store, name) =
            (rules.clone(), intake.clone(), store.clone(), server.name.clone());
        let make = move || {
            let (rules, intake, store) = (rules.clone(), intake.clone(), store.clone());
            BroadworksConnection::new(server.clone(), rules, intake, store, link.clone())
        };
        children.push(Spec::new(name, MAILBOX, Some(thread.clone()), make).0.shutdown(READ_LIMIT));
        links.push(state);
    }
    (branch(supervisor("connections", children)), links)
}

fn bulks(store: &Store, operators: &Operators) -> (Spec, Addr<Bulks>) {
    let (store, operators) = (store.clone(), operators.clone());
    Spec::new("bulks", MAILBOX, None, move || Bulks::new(store.clone(), operators.clone()))
}

fn api_spec(bound: Bound, sources: Sources) -> Spec {
    let bound = Arc::new(bound);
    Spec::new("api", MAILBOX, None, move || Api::new(Arc::clone(&bound), sources.clone())).0
}

fn stream_spec(sources: Sources) -> Spec {
    Spec::new("stream", MAILBOX, None, move || Hub::new(sources.clone())).0
}
