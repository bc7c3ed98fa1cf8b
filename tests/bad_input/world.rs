//! A daemon with all its peers, on SQLite or PostgreSQL, that gets events and says what became of each.

use super::support::daemon::{Daemon, Site, eventually};
use super::support::documents::add;
use super::support::peers::Peers;
use super::support::postgres::{Server, query};
use bytes::Bytes;
use eventmanager::simulators::broadworks::encode;
use rusqlite::types::ValueRef;
use std::sync::OnceLock;

static SERVER: OnceLock<Server> = OnceLock::new();

pub type Row = Vec<Option<String>>;

pub struct World {
    pub peers: Peers,
    site: Site,
    daemon: Daemon,
    postgres: Option<String>,
    sent: usize,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub status: String,
    pub reason: String,
}

impl Ended {
    /// `reason`: a part of it; empty: it is completed.
    #[track_caller]
    pub fn check(&self, what: &str, reason: &str) {
        let expected = if reason.is_empty() { "completed" } else { "failed" };
        assert_eq!(self.status, expected, "{what}: {:.400}", self.reason);
        assert!(self.reason.contains(reason), "{what}: {:.400} does not hold {reason:?}", self.reason);
    }
}

/// One on each database.
pub fn both() -> [World; 2] {
    [World::new(), World::on_postgres()]
}

impl World {
    pub fn new() -> World {
        World::start(None)
    }

    fn on_postgres() -> World {
        World::start(Some(SERVER.get_or_init(Server::start).create_database()))
    }

    fn start(postgres: Option<String>) -> World {
        let peers = Peers::start();
        let store = postgres.as_ref().map(|url| format!("[store]\nevents = {url:?}\n"));
        let site = Site::new(&(peers.config("") + &store.unwrap_or_default()));
        let daemon = site.start();
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        World { peers, site, daemon, postgres, sent: 0 }
    }

    /// The rows of a query, as text.
    pub fn rows(&self, sql: &str) -> Vec<Row> {
        if let Some(url) = &self.postgres {
            return query(url, sql).expect("rows");
        }
        let database = self.site.database();
        let mut statement = database.prepare(sql).expect("a statement");
        let columns = statement.column_count();
        let text = |value: ValueRef| match value {
            ValueRef::Null => None,
            ValueRef::Integer(number) => Some(number.to_string()),
            value => Some(value.as_str().expect("text").to_owned()),
        };
        let row = |row: &rusqlite::Row| (0..columns).map(|at| Ok(text(row.get_ref(at)?))).collect();
        statement.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("rows")
    }

    /// Sends documents in their usual encoding; gives what became of each, once all have ended.
    #[track_caller]
    pub fn send<T: AsRef<str>>(&mut self, documents: &[T]) -> Vec<Ended> {
        let bytes: Vec<Bytes> = documents.iter().map(|document| encode(document.as_ref())).collect();
        self.send_bytes(&bytes)
    }

    /// The same with documents as they are on the wire.
    #[track_caller]
    pub fn send_bytes<T: Clone + Into<Bytes>>(&mut self, documents: &[T]) -> Vec<Ended> {
        documents.iter().for_each(|document| self.peers.broadworks.send_bytes(document.clone()));
        let before = self.sent;
        self.sent += documents.len();
        let pending = "select count(*), count(case when status = 'pending' then 1 end) from em_event";
        let all = [Some(self.sent.to_string()), Some("0".to_owned())];
        eventually("all have ended", || (self.rows(pending)[0] == all).then_some(()));
        let sql = "select status, coalesce((select max(reason) from em_journal where em_journal.uuid = em_event.uuid),
            note, '') from em_event order by id";
        let ended = self.rows(sql).into_iter().skip(before).map(|row| {
            let [status, reason] = row.try_into().expect("two columns");
            Ended { status: status.unwrap_or_default(), reason: reason.unwrap_or_default() }
        });
        ended.collect()
    }

    /// Requests so far, logins apart: to HSS and ENUM, and to the mail server.
    pub fn requests(&self) -> (u64, u64) {
        let counts = self.peers.ema.counts();
        (counts.requests - counts.logins - counts.logouts, self.peers.surgemail.requests())
    }

    /// A plain user is added, and no actor has ever failed.
    #[track_caller]
    pub fn check_alive(&mut self) {
        self.send(&[add(1, "plain@tele.gl")])[0].check("a plain user", "");
        assert_eq!(self.daemon.metric("eventmanager_actor_restarts_total", ""), 0.0, "{}", self.daemon.log());
    }
}
