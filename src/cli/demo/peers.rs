//! The simulated peers of the demo, and the configuration that knows them.

use super::Options;
use crate::config::{
    Broadworks, Cluster, Config, Database, Ema, FaultClass, Http, Log, Node, Processing, StoreConfig,
    SurgeMail,
};
use crate::simulators::broadworks::{BroadworksHandle, BroadworksOptions, BroadworksSimulator};
use crate::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator, faults};
use crate::simulators::script::{Action, Rule};
use crate::simulators::surgemail::{SurgemailHandle, SurgemailOptions, SurgemailSimulator};
use crate::simulators::traffic::{Traffic, numbering, service_profiles};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Detail code of what `--failures` refuses, one that no class knows.
const REFUSED: u32 = 15009;
/// So many ENUM records are made between two that are refused.
const APART: u64 = 3;

/// One of each.
pub struct Peers {
    pub broadworks: BroadworksHandle,
    pub ema: EmaHandle,
    pub surgemail: SurgemailHandle,
}

impl Peers {
    /// Starts them on free ports of loopback.
    pub fn start(latency: Duration) -> io::Result<Peers> {
        let keepalive = Some(Duration::from_secs(30));
        Ok(Peers {
            broadworks: BroadworksSimulator::start_with(BroadworksOptions {
                keepalive,
                ..Default::default()
            })?,
            ema: EmaSimulator::start(EmaOptions { latency, journal: 0, ..Default::default() })?,
            surgemail: SurgemailSimulator::start(SurgemailOptions::default())?,
        })
    }

    /// Refuses so many ENUM records. Each of the rules lets some requests pass that the ones before it have left.
    pub fn fail(&self, failures: u32) {
        let refusal = Action::Fault {
            code: faults::EXTERNAL_ERROR,
            detail_code: Some(REFUSED),
            style: Default::default(),
        };
        let rule = |number| {
            let rule = Rule::new(refusal.clone()).op("Create").mo("DNSSubscription");
            rule.skip(u64::from(number) * APART).times(1)
        };
        self.ema.script((1..=failures).map(rule).collect());
    }

    /// The daemon's configuration: these peers, and SQLite in `directory`.
    pub fn config(&self, directory: &Path, http: SocketAddr) -> Config {
        let database = Database::Sqlite(directory.join("events.db"));
        let (ema, mail) = (EmaOptions::default(), SurgemailOptions::default());
        let mut ema = Ema::new(self.ema.url(), ema.username, ema.password);
        ema.faults.extend(faults::EXISTS.iter().map(|code| (*code, FaultClass::Exists)));
        ema.faults.extend(faults::ABSENT.iter().map(|code| (*code, FaultClass::Absent)));
        Config {
            node: Node { name: "demo".into(), data_dir: directory.to_owned(), core_dumps: false },
            log: Log::default(),
            store: StoreConfig::new(database),
            cluster: Cluster::default(),
            http: Http { listen: http, ..Http::default() },
            processing: Processing::default(),
            numbering: numbering(),
            service_profiles: service_profiles(),
            ema: Some(ema),
            surgemail: Some(SurgeMail {
                primary: self.surgemail.addr().to_string(),
                secondary: None,
                username: mail.username,
                password: mail.password,
                domain_password: mail.domain_password.unwrap_or_default(),
                timeout: Duration::from_secs(10),
                delete_replaced: false,
            }),
            shadow: None,
            broadworks: vec![Broadworks::new("simulated-as", self.broadworks.addr().to_string())],
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
        }
    }

    /// What runs where.
    pub fn describe(&self, options: &Options, directory: &Path, http: SocketAddr) -> String {
        format!(
            "eventmanager {} demo\n  \
             broadworks  simulated at {}, {} documents a second\n  \
             ema         simulated at {}, answers in {:?}\n  \
             surgemail   simulated at {}\n  \
             store       {}\n  \
             page        http://{http}/  (also /events, /readyz, /metrics)\n  \
             commands    eventmanager status --url http://{http}\n",
            env!("CARGO_PKG_VERSION"),
            self.broadworks.addr(),
            options.rate,
            self.ema.addr(),
            options.latency,
            self.surgemail.addr(),
            directory.display(),
        )
    }

    /// Whether HSS and ENUM hold exactly what the stream of documents asked for, with the passwords that it set.
    pub fn core_is_right(&self, traffic: &Traffic) -> bool {
        let core = self.ema.state();
        traffic.wrong_passwords(&core).is_empty() && core.without_passwords() == traffic.expected_state()
    }

    /// Whether the mail server does.
    pub fn mail_is_right(&self, traffic: &Traffic) -> bool {
        self.surgemail.state() == traffic.expected_mail()
    }
}
