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
//! │  ├─ lanes    four workers for each of `concurrency` requests
//! │  └─ router
//! ├─ topics      what hands on: evapi_server, evi and zmq_server where they are configured
//! │  ├─ hub_window, hubs, hub_manager  deliveries to those who have registered over Event Management
//! │  └─ consumer registers at peers of Event Management
//! ├─ states      tells every Asterisk what all others say, where [device_state] is configured
//! ├─ connections intake, and one for each configured endpoint
//! ├─ operators
//! │  ├─ acts     on single events, on the level of the log, on Kamailios and Asterisks
//! │  └─ bulks    acts on many
//! ├─ alarms      raises and clears alarms of connections and hosts, where [event_management] is configured
//! ├─ reload      reads the configuration again and applies what is different
//! ├─ systemd     where there is one: says that the daemon is ready, and how it is
//! ├─ api         HTTP
//! └─ stream      what the readers of the API's stream are told; before HTTP stops, they are sent away
//! ```

mod branches;
mod topics;

use crate::alarms::Alarms;
use crate::api::{self, Bound, Channel, Sources};
use crate::cluster::Member;
use crate::config::{Config, Live, Setting};
use crate::connections::Links;
use crate::lease::Lease;
use crate::operators::Operators;
use crate::reload::{Reloader, Reloading, Settings};
use crate::store::{self, Store};
use crate::supervision::{Add, Exit, Shutdown, Supervisor, Watching, root};
use crate::systemd::Readiness;
use crate::telemetry::LogLevel;
use crate::threads::Threads;
use crate::topics::hubs::Hubs;
use actix::Addr;
use branches::{Provisioning, Running, States};
use metrics_exporter_prometheus::PrometheusHandle;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;
use tokio::sync::oneshot;
use topics::{Listeners, Topics};

/// A running daemon.
pub struct App {
    pub root: Addr<Supervisor>,
    pub store: Store,
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Has the configuration read again.
    pub reloader: Addr<Reloader>,
    /// Who has registered for events; `None` where nobody can.
    pub hubs: Option<Addr<Hubs>>,
    /// How it is with the endpoints.
    pub links: Live<Links>,
    exit: oneshot::Receiver<Exit>,
    threads: Threads,
    _watching: Watching,
}

/// What only the program knows.
pub struct Program {
    /// The file that is read again; `None`: there is none.
    pub file: Option<PathBuf>,
    pub log: LogLevel,
    /// Where several daemons share the database: this one among them, and where it listens already.
    pub cluster: Option<(Member, Bound)>,
}

impl Program {
    /// Of a daemon that is the only one.
    pub fn alone(file: Option<PathBuf>, log: LogLevel) -> Program {
        Program { file, log, cluster: None }
    }
}

impl App {
    /// Starts everything that `config` names, within an actix system. Nothing can be reloaded.
    pub fn start(config: &Config, metrics: PrometheusHandle) -> anyhow::Result<App> {
        let program = Program::alone(None, LogLevel::of_no_log(&config.log.level));
        App::start_program(program, config, metrics)
    }

    /// Whether the addresses of the configuration can be listened on, beside that of HTTP. They are free again then: who asks
    /// there while this node stands by is to be refused, and to ask elsewhere. One that this host does not have yet may be
    /// one that goes with the active node.
    pub fn try_listeners(config: &Config) -> anyhow::Result<()> {
        let is_away = |error: &anyhow::Error| {
            let error = error.root_cause().downcast_ref::<io::Error>();
            error.is_some_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
        };
        match Listeners::bind(config) {
            Err(error) if is_away(&error) => {
                tracing::warn!(reason = %format!("{error:#}"), "an address to listen on is not on this host yet");
                Ok(())
            }
            tried => tried.map(drop),
        }
    }

    /// Starts everything that `config` names, within an actix system.
    ///
    /// Fails where an address to listen on is taken or a certificate cannot be read. Databases and peers that are away
    /// are no failure.
    pub fn start_program(
        program: Program,
        config: &Config,
        metrics: PrometheusHandle,
    ) -> anyhow::Result<App> {
        let Program { file, log, cluster } = program;
        let (member, bound) = match cluster {
            Some((member, bound)) => (Some(member), bound),
            None => (None, api::bind(&config.http)?),
        };
        let lease = member.as_ref().map_or_else(Lease::unlimited, |member| member.lease.clone());
        let listeners = Listeners::bind(config)?;
        let (http, settings, note) = (bound.address()?, Settings::new(config, &lease), Setting::new(None));
        let (store, writers) = store::open_with(&config.store, &lease)?;
        let (mut threads, readiness) = (Threads::default(), Readiness::default());

        let (store_spec, disks) = branches::store(&settings, &store, writers, &mut threads);
        let mut children = vec![store_spec];
        let Provisioning { running, board, hosts } = Provisioning::new(&settings, &store, &mut threads);
        let (executor, router, pauses, concurrency) = match running {
            Some(Running { executor, pauses, concurrency, specs }) => {
                children.extend(specs);
                (Some(executor), Some(concurrency.router.clone()), Some(pauses), Some(concurrency))
            }
            None => (None, None, None, None),
        };
        let Topics { spec, evi, hubs, hub_tally, links: beside } =
            Topics::new(&settings, &store, listeners, &mut threads);
        children.extend(spec);
        let mut states = States::new(&settings, &mut threads);
        let states_manager = states.manager.clone();
        children.extend(states.spec.take());
        let (connections_spec, connections, endpoints) =
            branches::connections(&settings, &store, router.clone(), states, &mut threads);
        let provisioning = executor.zip(router.clone());
        let peers = (endpoints.kamailios(), endpoints.asterisks());
        let operators = Operators::new(store.clone(), provisioning, log.clone(), peers);
        let (operators_spec, acts, bulks) = branches::operators(&store, &operators);
        let alarms = settings.event_management.is_some().then(|| {
            let (store, links, hosts) = (store.clone(), endpoints.links(), hosts.clone());
            branches::alarms(move || Alarms::new(store.clone(), links.clone(), hosts.clone()))
        });
        let (config, links, reload_note) = (settings.config.live(), endpoints.links(), note.live());
        let shown_links = endpoints.links();
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
        let (reload_spec, reloader) = branches::reload(reloading, readiness.clone());
        children.extend([connections_spec, operators_spec]);
        children.extend(alarms);
        children.push(reload_spec);

        let root = root(branches::supervisor("root", children));
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
            beside,
            disks,
            states: states_manager,
            evi,
            hubs: hubs.clone(),
            hub_tally,
            metrics,
            stream: Channel::default(),
            rooms: Default::default(),
            log,
            cluster: member,
        };
        for spec in branches::serving(bound, sources, reload_note, readiness)? {
            root.addr.do_send(Add(spec));
        }
        let _watching = threads.watch(&store)?;
        Ok(App {
            root: root.addr,
            store,
            http,
            reloader,
            hubs,
            links: shown_links,
            exit: root.exit,
            threads,
            _watching,
        })
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
