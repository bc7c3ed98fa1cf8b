//! Everything that a daemon has around it, at once: application servers, gateway and mail server, a Kamailio, three Asterisks, agents of
//! further ones, an OpenSIPS, receivers of events, a peer to register at, programs that follow, a page, operators, NATS; load on all
//! paths; and what must be true at rest.
//!
//! ```text
//! let world = World::new(seed, |directory| Base::sqlite(directory, false));
//! let daemon = world.start("")?;       // load begins with the first that serves
//! …                                    // kill it, start it again, as often as you like; world.gone() in between
//! world.rest(&daemon);                 // load ends, and everything is compared
//! ```
//!
//! A binary has it with `#[path = "../support/world/mod.rs"] mod world;` beside `mod support`.
#![allow(dead_code)]

mod agents;
#[path = "../../hubs/arrivals.rs"]
mod arrivals;
pub mod base;
mod bus;
#[path = "../../states/fleet.rs"]
mod fleet;
mod followers;
mod hubs;
mod life;
mod load;
#[path = "../../nats/server.rs"]
mod nats;
mod operators;
mod oracle;
pub mod portal;
mod programs;
mod provisioned;
#[path = "../../hubs/receiver.rs"]
mod receiver;
mod registry;
mod sbc;
mod scripts;
mod sources;
mod watcher;

pub use base::Base;

use crate::support::daemon::{Daemon, Ended, Site, eventually};
use crate::support::peers::Peers;
use crate::support::ports::any;
use crate::support::steps::{Looks, STEPS};
use agents::{Agents, Far};
use bus::Bus;
use eventmanager::simulators::asterisk::{AsteriskOptions, ZmqOptions};
use eventmanager::simulators::broadworks::{BroadworksOptions, BroadworksSimulator};
use eventmanager::simulators::ema::{EmaOptions, EmaSimulator};
use eventmanager::simulators::surgemail::{SurgemailOptions, SurgemailSimulator};
use fleet::Fleet;
use hubs::Hubs;
use life::Life;
use load::Load;
use operators::Operators;
use portal::Portal;
use programs::{Consumer, Subscriber};
use registry::Registry;
use sbc::Sbc;
use scripts::Kamailio;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use watcher::Watcher;

/// The Asterisks, of which the last is reached through its ZeroMQ module.
const SERVERS: usize = 3;
/// Between a request to the gateway and its answer, so that kills meet requests under way.
const LATENCY: Duration = Duration::from_millis(2);

/// See the module.
pub struct World {
    pub site: Site,
    around: Arc<Around>,
    load: Option<Load>,
    _far: Far,
}

/// How the module of an Asterisk is, where it is reached through that.
fn module(number: usize) -> Option<ZmqOptions> {
    (number + 1 == SERVERS).then(ZmqOptions::default)
}

/// Whoever is around the daemon.
pub struct Around {
    pub base: Base,
    pub life: Life,
    pub peers: Peers,
    pub portal: Portal,
    pub kamailio: Kamailio,
    pub fleet: Fleet,
    pub agents: Agents,
    pub sbc: Sbc,
    pub hubs: Hubs,
    pub registry: Registry,
    pub subscriber: Subscriber,
    pub consumer: Consumer,
    pub bus: Bus,
    pub watcher: Watcher,
    pub operators: Operators,
    pub seed: u64,
    /// How many times as long as usual is between two things that happen.
    slower: u32,
    /// What the journal held each time that a daemon had ended.
    pub looks: Mutex<Looks>,
    /// When somebody has cut the gateway off, so that answers under way may have been lost.
    pub cuts: Mutex<Vec<SystemTime>>,
}

impl World {
    /// A world whose load follows from the seed; `base` makes its databases, in the directory of its site.
    pub fn new(seed: u64, base: impl FnOnce(&Path) -> Base) -> World {
        World::slower(seed, 1, base)
    }

    /// The same with so many times as long between two things that happen.
    pub fn slower(seed: u64, times: u32, base: impl FnOnce(&Path) -> Base) -> World {
        let site = Site::quiet("");
        let directory = site.directory.path();
        let broadworks = BroadworksOptions { addr: any(), queue: false, ..BroadworksOptions::default() };
        let ema = EmaOptions { latency: LATENCY, journal: 10_000_000, ..EmaOptions::default() };
        let peers = Peers {
            broadworks: BroadworksSimulator::start_with(broadworks).expect("an application server"),
            ema: EmaSimulator::start(ema).expect("an ema"),
            surgemail: SurgemailSimulator::start(SurgemailOptions::default()).expect("a mail server"),
        };
        let life = Life::default();
        let around = Around {
            base: base(directory),
            watcher: Watcher::start(&life),
            life,
            peers,
            portal: Portal::new(seed),
            kamailio: Kamailio::start(),
            fleet: Fleet::with(SERVERS, &AsteriskOptions::default(), module),
            agents: Agents::start(),
            sbc: Sbc::start(),
            hubs: Hubs::start(),
            registry: Registry::start(),
            subscriber: Subscriber::start(directory),
            consumer: Consumer::start(),
            bus: Bus::start(),
            operators: Operators::start(),
            seed,
            slower: times,
            looks: Mutex::default(),
            cuts: Mutex::default(),
        };
        let text = std::fs::read_to_string(site.config()).expect("a configuration");
        std::fs::write(site.config(), text + &around.config(directory)).expect("written");
        let far = around.agents.start_far();
        World { site, around: Arc::new(around), load: None, _far: far }
    }

    /// Starts a daemon with orders for its failpoints. Load begins with the first that serves.
    pub fn start(&mut self, orders: &str) -> Result<Daemon, Ended> {
        if orders.contains("peer.register") {
            self.around.registry.forget();
        }
        // There is a database once one has served.
        if self.around.life.number() > 0 {
            self.around.look();
        }
        let daemon = self.site.start_with_orders(orders)?;
        self.around.life.begin(daemon.http);
        if self.load.is_none() {
            self.begin();
        }
        Ok(daemon)
    }

    /// There is no daemon any more.
    pub fn gone(&self) {
        self.around.portal.end_life(&self.around.life);
    }

    /// Whoever is around the daemon.
    pub fn around(&self) -> &Around {
        &self.around
    }

    /// Who follows is there before anything happens that is to be followed.
    fn begin(&mut self) {
        let Around { life, hubs, subscriber, base, .. } = &*self.around;
        eventually("the receivers are registered", || hubs.register(life).then_some(()));
        eventually("the program has subscribed", || subscriber.subscribe(life).then_some(()));
        // Its first place is the end of the log: what was handed on before is not for it.
        let place = "select reader from em_cursor where reader = 'nats'";
        eventually("NATS has a place", || (!base.column(place).is_empty()).then_some(()));
        self.load = Some(Load::begin(&self.around));
    }

    /// Ends the load, waits until nothing is under way any more, and compares everything. The daemon must live through it.
    #[track_caller]
    pub fn rest(&mut self, daemon: &Daemon) {
        let began = Instant::now();
        if let Some(load) = self.load.take() {
            load.end(&self.around);
        }
        let ended = began.elapsed();
        oracle::check(&self.around, daemon);
        let Around { portal, hubs, life, .. } = &*self.around;
        let (lives, documents, posted) = (life.number(), portal.sent(), hubs.posted());
        println!(
            "{lives} lives, {documents} documents, {posted} posted: at rest after {ended:?}, compared after {:?}",
            began.elapsed()
        );
    }

    /// Load goes on after a rest.
    pub fn resume(&mut self) {
        self.load.get_or_insert_with(|| Load::begin(&self.around));
    }
}

impl Around {
    /// Looks at what the journal holds while there is no daemon.
    fn look(&self) {
        let rows = self.base.events(STEPS).into_iter().map(|row| {
            let mut columns = row.into_iter().flatten();
            let mut next = || columns.next().expect("a column");
            (next(), next().parse().expect("a position"), next())
        });
        self.looks.lock().expect("a lock").look(&self.peers.ema, rows);
        self.sbc.end_life();
        self.subscriber.end_life(self.evi_place());
    }

    /// The place in the log of topics that the daemon has kept for those who follow by EVI.
    fn evi_place(&self) -> i64 {
        let place = self.base.column("select sequence from em_cursor where reader = 'evi'");
        place.first().expect("a place").parse().expect("a number")
    }

    /// How many daemons have ended.
    pub fn ends(&self) -> u64 {
        self.looks.lock().expect("a lock").count()
    }

    /// Nobody listens where the gateway is: connections are cut, at some time between the two that are noted.
    pub fn cut_gateway_off(&self) {
        let note = || self.cuts.lock().expect("a lock").push(SystemTime::now());
        note();
        self.peers.ema.refuse(true).expect("it stops");
        note();
    }

    fn config(&self, directory: &Path) -> String {
        [
            self.base.config(),
            self.peers.config(""),
            "[[route]]\nsource = \"as1\"\nto = [\"broadworks\"]\n".to_owned(),
            self.kamailio.config(),
            self.fleet.config(""),
            self.agents.config(),
            self.sbc.config(),
            self.hubs.config(),
            self.registry.config(),
            programs::config(directory, &self.consumer),
            self.bus.config(),
            self.operators.config(),
        ]
        .join("\n")
    }
}
