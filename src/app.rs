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
//! ├─ operators
//! │  ├─ acts     on single events, and on the level of the log
//! │  └─ bulks    acts on many
//! ├─ reload      reads the configuration again and applies what is different
//! ├─ systemd     where there is one: says that the daemon is ready, and how it is
//! ├─ api         HTTP
//! └─ stream      what the readers of the API's stream are told; before HTTP stops, they are sent away
//! ```

use crate::api::{self, Api, Bound, Channel, Hub, Sources};
use crate::config::{self, Config, Live, Setting};
use crate::connections::endpoints::{READ_LIMIT, Surroundings};
use crate::connections::{Endpoints, Intake};
use crate::managers::board::{self, Board, Publisher};
use crate::managers::ema::Ema;
use crate::managers::hosts;
use crate::managers::{Enumeration, Hss, Mail, Pauses, Systems};
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
use crate::supervision::{
    Add, Backoff, Exit, Intensity, Shutdown, Spec, Strategy, Supervisor, Watching, root,
};
use crate::systemd::{self, Herald, Readiness};
use crate::telemetry::LogLevel;
use crate::threads::Threads;
use actix::{Addr, ArbiterHandle};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{oneshot, watch};

/// More restarts than these within the time are a defect that restarting does not mend.
const INTENSITY: Intensity = Intensity { max: 10, within: Duration::from_secs(60) };
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(5) };
/// Mailboxes carry wake-ups and permits, so this is plenty.
const MAILBOX: usize = 1024;
/// Running events get this long to end at a shutdown; the journal resumes the others.
const DRAIN_LIMIT: Duration = Duration::from_secs(4);
/// What is queued for the store gets this long to be committed at a shutdown; a database that is away takes longer.
const FLUSH_LIMIT: Duration = Duration::from_secs(4);

/// A running daemon.
pub struct App {
    pub root: Addr<Supervisor>,
    pub store: Store,
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Has the configuration read again.
    pub reloader: Addr<Reloader>,
    exit: oneshot::Receiver<Exit>,
    threads: Threads,
    _watching: Watching,
}

/// What a reload needs that only the program knows.
pub struct Program {
    /// The file that is read again; `None`: there is none.
    pub file: Option<PathBuf>,
    pub log: LogLevel,
}

impl App {
    /// Starts everything that `config` names, within an actix system. Nothing can be reloaded.
    pub fn start(config: &Config, metrics: PrometheusHandle) -> anyhow::Result<App> {
        let program = Program { file: None, log: LogLevel::of_no_log(&config.log.level) };
        App::start_program(program, config, metrics)
    }

    /// Starts everything that `config` names, within an actix system.
    ///
    /// Fails where the address of HTTP is taken or a certificate cannot be read. Databases and peers that are away
    /// are no failure.
    pub fn start_program(
        program: Program,
        config: &Config,
        metrics: PrometheusHandle,
    ) -> anyhow::Result<App> {
        let Program { file, log } = program;
        let bound = api::bind(&config.http)?;
        let http = bound.address()?;
        let (settings, note) = (Settings::new(config), Setting::new(None));
        let mut threads = Threads::default();
        let (store, writers) = store::open(&config.store)?;
        let (disk_board, disks) = watch::channel(Vec::new());
        let mut children = vec![store_spec(&settings, &store, writers, disk_board, &mut threads)];
        let (publisher, board) = board::board();
        let (hosts_publisher, hosts) = hosts::hosts();
        let boards = (publisher, board.clone(), hosts_publisher);
        let provisioning = Provisioning::new(&settings, &store, boards, &mut threads);
        let (executor, router, pauses, concurrency) = match provisioning {
            Some(Provisioning { executor, concurrency, pauses, specs }) => {
                children.extend(specs);
                (Some(executor), Some(concurrency.router.clone()), Some(pauses), Some(concurrency))
            }
            None => (None, None, None, None),
        };
        let thread = threads.start("connections");
        let (spec, connections, endpoints) = connections(&settings, &store, router.clone(), thread);
        children.push(spec);
        let operators = Operators::new(store.clone(), executor.zip(router.clone()), log.clone());
        let (spec, acts, bulks) = acting(&store, &operators);
        children.push(spec);
        let (config, links, reload) = (settings.config.live(), endpoints.links(), note.live());
        let readiness = Readiness::default();
        let reloading = Reloading {
            file,
            log: log.clone(),
            settings,
            http: bound.settings(),
            concurrency,
            endpoints,
            connections,
            note,
        };
        let (reload_spec, reloader) = reload_spec(reloading, readiness.clone());
        children.push(reload_spec);

        let root = root(supervisor("root", children));
        let sources = Sources {
            config,
            store: store.clone(),
            counts: api::counts::Counting::default(),
            started: SystemTime::now(),
            router,
            pauses,
            operators,
            acts,
            bulks,
            board,
            hosts,
            tree: root.addr.clone(),
            links,
            disks,
            metrics,
            stream: Channel::default(),
            log,
        };
        if systemd::is_there() {
            root.addr.do_send(Add(herald_spec(&sources, http, reload, readiness)));
        }
        root.addr.do_send(Add(api_spec(bound, sources.clone())));
        root.addr.do_send(Add(stream_spec(sources)));
        let _watching = threads.watch(&store)?;
        Ok(App { root: root.addr, store, http, reloader, exit: root.exit, threads, _watching })
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
    settings: &Settings,
    store: &Store,
    writers: Vec<store::WriterTask>,
    disks: watch::Sender<Vec<store::Disk>>,
    threads: &mut Threads,
) -> Spec {
    let retention = settings.retention_days.live();
    let mut children = Vec::new();
    for task in writers {
        let thread = threads.start(&format!("store-{}", task.name));
        let (name, store) = (task.name.clone(), store.clone());
        let writer = move || StoreWriter::new(task.clone(), store.clone());
        children.push(Spec::new(name, MAILBOX, Some(thread), writer).0.shutdown(FLUSH_LIMIT));
    }
    let config = settings.config.live();
    let (disks, directories) = (Arc::new(disks), store::disk::directories(&config.get().store));
    if !directories.is_empty() {
        let make = move || DiskWatch::new(directories.clone(), config.clone(), Arc::clone(&disks));
        children.push(Spec::new("disk", MAILBOX, None, make).0);
    }
    let store = store.clone();
    let sweeper = move || Sweeper::new(store.clone(), retention.clone());
    children.push(Spec::new("sweeper", MAILBOX, None, sweeper).0);
    branch(supervisor("store", children))
}

/// Managers, processors and routing, on one thread: a step crosses none.
struct Provisioning {
    executor: Arc<Executor>,
    concurrency: Concurrency,
    pauses: Addr<Pauses>,
    specs: [Spec; 3],
}

impl Provisioning {
    /// `None` where no EMA is configured: then nothing is provisioned.
    fn new(
        settings: &Settings,
        store: &Store,
        (publisher, board, hosts): (Publisher, Board, hosts::Publisher),
        threads: &mut Threads,
    ) -> Option<Provisioning> {
        let ema = settings.ema.as_ref()?.live();
        let surgemail = settings.surgemail.as_ref().map(Setting::live);
        let thread = threads.start("provisioning");
        let processing = settings.processing.live();
        let (pauses_spec, pauses) = pauses(store, publisher, &thread);
        let (managers, systems) = managers(ema, surgemail, pauses_spec, &hosts, &thread);
        let (processors, addresses) = processor_specs(&thread);
        let executor = Arc::new(Executor {
            store: store.clone(),
            rules: settings.rules.live(),
            processors: addresses,
            systems,
            mode: processing.get().mode,
            slots: Slots::new(processing.get().concurrency),
            processing,
            pauses: board,
        });
        let (routing, concurrency) = routing(Arc::clone(&executor), &thread);
        Some(Provisioning { executor, concurrency, pauses, specs: [managers, processors, routing] })
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

fn connections(
    settings: &Settings,
    store: &Store,
    router: Option<Addr<Router>>,
    thread: ArbiterHandle,
) -> (Spec, Addr<Supervisor>, Endpoints) {
    let (intake_store, servers) = (store.clone(), settings.servers.live());
    let make = move || Intake::new(intake_store.clone(), router.clone(), servers.clone());
    let (intake_spec, intake) = Spec::new("intake", MAILBOX, Some(thread.clone()), make);
    let rules = settings.ema.is_some().then(|| settings.rules.live());
    let surroundings = Surroundings { rules, intake, store: store.clone(), thread };
    let (endpoints, specs) = Endpoints::new(&settings.servers.get(), surroundings);
    let mut children = vec![intake_spec.shutdown(READ_LIMIT)];
    children.extend(specs);
    let (spec, supervisor) = Spec::supervisor(supervisor("connections", children));
    (spec, supervisor, endpoints)
}

fn reload_spec(reloading: Reloading, readiness: Readiness) -> (Spec, Addr<Reloader>) {
    let shelf = Shelf::new(reloading);
    let make = move || Reloader::new(shelf.clone(), readiness.clone());
    Spec::new("reload", MAILBOX, None, make)
}

fn herald_spec(
    sources: &Sources,
    http: SocketAddr,
    reload: Live<Option<String>>,
    readiness: Readiness,
) -> Spec {
    let Sources { store, links, board, tree, .. } = sources.clone();
    let sources = systemd::Sources { http, store, links, board, reload };
    let make = move || Herald::new(tree.clone(), sources.clone(), readiness.clone());
    Spec::new("systemd", MAILBOX, None, make).0
}

fn acting(store: &Store, operators: &Operators) -> (Spec, Addr<OperatorActs>, Addr<Bulks>) {
    let one = operators.clone();
    let (acts_spec, acts) = Spec::new("acts", MAILBOX, None, move || OperatorActs::new(one.clone()));
    let (store, many) = (store.clone(), operators.clone());
    let make = move || Bulks::new(store.clone(), many.clone());
    let (bulks_spec, bulks) = Spec::new("bulks", MAILBOX, None, make);
    (branch(supervisor("operators", vec![acts_spec, bulks_spec])), acts, bulks)
}

fn api_spec(bound: Bound, sources: Sources) -> Spec {
    let bound = Arc::new(bound);
    Spec::new("api", MAILBOX, None, move || Api::new(Arc::clone(&bound), sources.clone())).0
}

fn stream_spec(sources: Sources) -> Spec {
    Spec::new("stream", MAILBOX, None, move || Hub::new(sources.clone())).0
}
