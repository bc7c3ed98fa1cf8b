//! The daemon's surroundings: peers and databases that can be away one by one.

use crate::support::daemon::{Daemon, Site};
use crate::support::peers::Peers;
use crate::support::postgres::{Cluster, execute, query};
use eventmanager::simulators::surgemail::{SurgemailOptions, SurgemailSimulator};
use eventmanager::wire::Secret;
use rusqlite::types::Value;
use std::cell::{Ref, RefCell};
use std::ops::Deref;

/// Who can be away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    Ema,
    Mail,
    /// The database of the events.
    Events,
    /// The database of the subscribers.
    Subscribers,
}

/// How a server of PostgreSQL is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// `pg_ctl stop -m fast`: clients are told.
    Fast,
    /// `pg_ctl stop -m immediate`: as a crash.
    Immediate,
}

/// Two servers, one for each database; several worlds may use them one after the other.
pub struct Clusters {
    events: RefCell<Cluster>,
    subscribers: RefCell<Cluster>,
}

impl Clusters {
    pub fn start() -> Clusters {
        // Beside each other: most of it is waiting for disks.
        let events = std::thread::spawn(Cluster::start);
        let subscribers = Cluster::start();
        Clusters {
            events: RefCell::new(events.join().expect("a server")),
            subscribers: RefCell::new(subscribers),
        }
    }

    fn of(&self, party: Party) -> &RefCell<Cluster> {
        match party {
            Party::Events => &self.events,
            Party::Subscribers => &self.subscribers,
            Party::Ema | Party::Mail => panic!("{party:?} is no database"),
        }
    }
}

/// One daemon's surroundings. Without clusters both databases are one file, which is never away.
pub struct World<'a> {
    pub peers: Peers,
    pub site: Site,
    clusters: Option<(&'a Clusters, String)>,
}

/// What an installation may have: one word for whoever may set up domains and whoever fills them.
const MAIL_PASSWORD: &str = "mailpass";

impl<'a> World<'a> {
    /// On SQLite; `requests` are further keys of `[ema]` and of `[surgemail]`.
    pub fn on_a_file(requests: &str) -> World<'static> {
        let peers = peers();
        let site = Site::new(&config(&peers, requests));
        World { peers, site, clusters: None }
    }

    /// On PostgreSQL, with empty databases called `name`.
    pub fn on(clusters: &'a Clusters, name: &str) -> World<'a> {
        let peers = peers();
        let url = |cluster: &RefCell<Cluster>| {
            let cluster: Ref<Cluster> = cluster.borrow();
            execute(&cluster.url("postgres"), &format!("create database {name}")).expect("a database");
            cluster.url(name)
        };
        let (events, subscribers) = (url(&clusters.events), url(&clusters.subscribers));
        let store = format!("[store]\nevents = {events:?}\nsubscribers = {subscribers:?}\n");
        let site = Site::new(&(config(&peers, "") + &store));
        World { peers, site, clusters: Some((clusters, name.to_owned())) }
    }

    pub fn start(&self) -> Daemon {
        self.site.start()
    }

    pub fn take_away(&self, party: Party, stop: Stop) {
        match party {
            Party::Ema => self.peers.ema.refuse(true).expect("refused"),
            Party::Mail => self.peers.surgemail.refuse(true).expect("refused"),
            database => {
                let mut cluster = self.clusters().of(database).borrow_mut();
                match stop {
                    Stop::Fast => cluster.shut_down(),
                    Stop::Immediate => cluster.crash(),
                }
            }
        }
    }

    pub fn give_back(&self, party: Party) {
        match party {
            Party::Ema => self.peers.ema.refuse(false).expect("listening again"),
            Party::Mail => self.peers.surgemail.refuse(false).expect("listening again"),
            database => self.clusters().of(database).borrow_mut().resume(),
        }
    }

    /// Lets a database hang.
    pub fn hang(&self, database: Party) {
        self.clusters().of(database).borrow().hang();
    }

    /// It answers again.
    pub fn go_on(&self, database: Party) {
        self.clusters().of(database).borrow().go_on();
    }

    fn clusters(&self) -> &Clusters {
        let (clusters, _) = self.clusters.as_ref().expect("a file is never away");
        clusters
    }

    /// What SQL finds in a database, null as the empty text; `None` while it is away or has no such table yet.
    pub fn rows(&self, database: Party, sql: &str) -> Option<Vec<Vec<String>>> {
        let Some((clusters, name)) = &self.clusters else { return self.rows_of_the_file(sql) };
        let url = clusters.of(database).borrow().deref().url(name);
        let rows = query(&url, sql).ok()?;
        Some(rows.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect())
    }

    fn rows_of_the_file(&self, sql: &str) -> Option<Vec<Vec<String>>> {
        let database = self.site.database();
        let mut statement = database.prepare(sql).ok()?;
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row| (0..columns).map(|column| row.get(column).map(text)).collect();
        statement.query_map([], row).ok()?.collect::<Result<_, _>>().ok()
    }

    /// How many events are stored, and how many of them are not pending; `None` while that cannot be asked.
    pub fn counts(&self) -> Option<(usize, usize)> {
        let sql =
            "select count(*), coalesce(sum(case when status = 'pending' then 0 else 1 end), 0) from em_event";
        let row = self.rows(Party::Events, sql)?.pop()?;
        Some((row[0].parse().expect("a count"), row[1].parse().expect("a count")))
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(_) => panic!("there are no blobs"),
    }
}

fn peers() -> Peers {
    let password = Secret::new(MAIL_PASSWORD);
    let options =
        SurgemailOptions { domain_password: Some(password.clone()), password, ..Default::default() };
    let surgemail = SurgemailSimulator::start(options).expect("a mail server");
    Peers { surgemail, ..Peers::start() }
}

fn config(peers: &Peers, requests: &str) -> String {
    let domain_password = SurgemailOptions::default().domain_password.unwrap_or_default();
    peers
        .config(requests)
        .replace("[surgemail]\n", &format!("[surgemail]\n{requests}\n"))
        .replace(&format!("{:?}", domain_password.expose()), &format!("{MAIL_PASSWORD:?}"))
}
