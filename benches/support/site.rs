//! A daemon within this process, between simulated peers.

use super::peers::Peers;
use crate::Store;
use crate::testing::{ports::any, postgres};
use bytes::Bytes;
use eventmanager::app::App;
use eventmanager::config::{Broadworks, Cluster, Config, Database, Http, Log, Node, Processing, StoreConfig};
use eventmanager::event::Status;
use eventmanager::plan::{Request, Subscriber, SubscriberEffect, UserType};
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use eventmanager::simulators::traffic::{numbering, service_profiles};
use eventmanager::store::{EventFilter, EventSummary};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How often it is looked whether the events have ended.
const TICK: Duration = Duration::from_millis(5);
/// Who is there before the first command.
const SUBSCRIBERS: u32 = 10_000;

/// A configuration with its peers and a new database.
pub struct Site {
    pub broadworks: BroadworksHandle,
    pub peers: Peers,
    pub config: Config,
    _directory: tempfile::TempDir,
}

impl Site {
    /// `more` are further application servers than the simulated one.
    pub fn new(store: &Store, more: &[SocketAddr]) -> Site {
        let directory = tempfile::tempdir().expect("a directory");
        let broadworks = BroadworksSimulator::start(any()).expect("an application server");
        let peers = Peers::start();
        let database = store.create(directory.path());
        let servers = std::iter::once(broadworks.addr()).chain(more.iter().copied());
        let config = Config {
            node: Node { name: "bench".into(), data_dir: directory.path().to_owned(), core_dumps: false },
            log: Log::default(),
            store: StoreConfig::new(database),
            cluster: Cluster::default(),
            http: Http { listen: any(), ..Http::default() },
            processing: Processing::default(),
            numbering: numbering(),
            service_profiles: service_profiles(),
            ema: Some(peers.ema()),
            surgemail: Some(peers.surgemail()),
            shadow: None,
            broadworks: servers
                .enumerate()
                .map(|(number, address)| Broadworks::new(format!("as{number}"), address.to_string()))
                .collect(),
            kamailio: Vec::new(),
            asterisk: Vec::new(),
            opensips: Vec::new(),
            device_state: None,
            zmq_server: None,
            routes: Vec::new(),
            evapi_server: None,
            evi: None,
            event_management: None,
            nats: None,
        };
        Site { broadworks, peers, config, _directory: directory }
    }

    /// Starts the daemon, within an actix system, and waits until it is connected.
    pub async fn start(&self, metrics: &PrometheusHandle) -> Running<'_> {
        let app = App::start(&self.config, metrics.clone()).expect("the daemon starts");
        self.broadworks.wait_client().await;
        app.store.wait_until_up().await;
        Running { site: self, app, sent: 0 }
    }
}

/// The daemon at work.
pub struct Running<'a> {
    site: &'a Site,
    app: App,
    /// Events so far, which is the id of the newest.
    pub sent: u64,
}

impl Running<'_> {
    /// Requests that it has under way at a time, at most.
    pub fn concurrency(&self) -> usize {
        self.site.config.processing.concurrency
    }

    /// Puts subscribers into the table, and lets PostgreSQL take note, as it does by itself every minute: it would go on as
    /// it does with an empty one.
    pub async fn seed(&self) {
        let insert = |number| SubscriberEffect::Insert(Box::new(subscriber(number)));
        let refused =
            self.app.store.apply((0..SUBSCRIBERS).map(insert).collect()).await.expect("subscribers");
        assert!(refused.iter().all(Option::is_none), "a subscriber is refused");
        if let Database::Postgres(url) = &self.site.config.store.subscribers {
            postgres::execute(url.expose(), "analyze").expect("the database takes note");
        }
    }

    /// Sends documents with so many events; returns how long it took, from the first byte, until all had ended well.
    pub async fn drive(&mut self, documents: Bytes, events: u64) -> Duration {
        self.sent += events;
        let began = Instant::now();
        self.site.broadworks.send_many(documents);
        let newest = EventFilter { newest_first: true, limit: 1, ..EventFilter::default() };
        while self.first(newest.clone()).await.is_none_or(|row| row.id < self.sent as i64) {
            tokio::time::sleep(TICK).await;
        }
        let pending = EventFilter { statuses: vec![Status::Pending], limit: 1, ..EventFilter::default() };
        while self.first(pending.clone()).await.is_some() {
            tokio::time::sleep(TICK).await;
        }
        let took = began.elapsed();
        let failed = EventFilter { statuses: vec![Status::Failed], limit: 1, ..EventFilter::default() };
        assert_eq!(self.first(failed).await, None, "an event has failed");
        took
    }

    async fn first(&self, filter: EventFilter) -> Option<EventSummary> {
        self.app.store.list(filter).await.expect("the store answers").into_iter().next()
    }

    /// What was sent for the events after the one with this id: lists of requests of which each waited for the one before.
    pub async fn sequences(&self, after: u64) -> Vec<Vec<Request>> {
        let limit = (self.sent - after) as usize;
        let filter = EventFilter { after: Some(after as i64), limit, ..EventFilter::default() };
        let mut sequences = Vec::new();
        for row in self.app.store.list(filter).await.expect("the store answers") {
            let uuid = row.uuid.expect("every event of ours has one");
            let journal = self.app.store.journal(uuid).await.expect("the store answers");
            let plan = journal.and_then(|journal| journal.plan).expect("the event has run");
            let requests =
                |steps: Range<usize>| plan.steps[steps].iter().map(|step| step.request.clone()).collect();
            sequences.extend(plan.branches().into_iter().map(|(_, steps)| requests(steps)));
        }
        sequences
    }

    pub async fn stop(self) {
        self.app.stop().await;
    }
}

/// Somebody whom no command is about.
fn subscriber(number: u32) -> Subscriber {
    let user_id = format!("somebody{number}@tele.gl");
    Subscriber {
        group_id: Some(format!("KNI-{:04}", number / 20)),
        public_identity: user_id.clone(),
        user_type: UserType::User,
        phone_context: Some("tg.gl".to_owned()),
        association_id: format!("{number:032x}"),
        phone: Some((700_000 + number).to_string()),
        mail_account: None,
        mail_password: None,
        blf_list: None,
        user_id,
    }
}
