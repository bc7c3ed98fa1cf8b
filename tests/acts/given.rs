//! A daemon with events that have failed, and how it is told what to do with them.

use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::{add, set_phone};
use crate::support::http::{self, Answer};
use crate::support::peers::Peers;
use crate::support::postgres;
use crate::support::recorder::{Recorded, Recorder};
use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use serde_json::Value;
use std::sync::OnceLock;

static SERVER: OnceLock<postgres::Server> = OnceLock::new();

pub struct Trial {
    pub peers: Peers,
    pub site: Site,
    pub daemon: Daemon,
    pub sent: u64,
    /// Where the store is PostgreSQL.
    url: Option<String>,
}

impl Trial {
    pub fn start() -> Trial {
        Trial::with("")
    }

    /// A daemon with further keys of `[processing]`.
    pub fn with(processing: &str) -> Trial {
        Trial::over(processing, None)
    }

    /// One daemon on SQLite, then one on PostgreSQL.
    pub fn on_both(mut test: impl FnMut(Trial)) {
        test(Trial::start());
        let url = SERVER.get_or_init(postgres::Server::start).create_database();
        test(Trial::over("", Some(url)));
    }

    fn over(processing: &str, url: Option<String>) -> Trial {
        let peers = Peers::start();
        let config = peers.config("");
        Trial::between(peers, &config, processing, url)
    }

    /// One whose requests to HSS and ENUM are kept byte for byte on their way.
    pub fn recorded() -> (Trial, Recorder) {
        let peers = Peers::start();
        let core = peers.ema.addr();
        let recorder = Recorder::start(move |request| {
            let Recorded { target, headers, body } = request;
            let answer = http::send(core, &format!("POST {target} HTTP/1.0\r\n{headers}{body}"));
            (answer.status, answer.body)
        });
        let config = peers.config("").replace(&core.to_string(), &recorder.address.to_string());
        (Trial::between(peers, &config, "", None), recorder)
    }

    fn between(peers: Peers, config: &str, processing: &str, url: Option<String>) -> Trial {
        let config = config.replacen("[processing]\n", &format!("[processing]\n{processing}"), 1);
        let store = url.as_ref().map(|url| format!("[store]\nevents = {url:?}\n"));
        let site = Site::new(&(config + &store.unwrap_or_default()));
        let daemon = site.start();
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        Trial { peers, site, daemon, sent: 0, url }
    }

    /// Sends a document and waits until nothing is pending.
    pub fn send(&mut self, document: &str) {
        self.peers.broadworks.send(document);
        self.sent += 1;
        eventually("all have ended", || {
            let counts = self.sql(
                "select count(*), coalesce(sum(case when status = 'pending' then 1 else 0 end), 0)
                 from em_event where uuid is not null",
            );
            (counts[0][0].parse::<u64>().expect("a number") >= self.sent && counts[0][1] == "0").then_some(())
        });
    }

    /// Runs SQL beside the daemon; null is empty.
    pub fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        if let Some(url) = &self.url {
            let rows = postgres::query(url, sql).expect("it runs").into_iter();
            return rows.map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect();
        }
        let database = self.site.database();
        let mut statement = database.prepare(sql).expect("SQL");
        let columns = statement.column_count();
        let text = |row: &rusqlite::Row, column| match row.get_unwrap(column) {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            _ => String::new(),
        };
        let rows = statement.query_map([], |row| Ok((0..columns).map(|column| text(row, column)).collect()));
        rows.expect("rows").collect::<Result<_, _>>().expect("rows")
    }

    pub fn is_postgres(&self) -> bool {
        self.url.is_some()
    }

    /// Stores a row as the Erlang release did; gives its id.
    pub fn of_old_release(&self, command: &str, document: &str, status: &str) -> i64 {
        self.sql(&format!(
            "insert into em_event (user_id, command, event, status, inserted)
             values ('admin@tele.gl', '{command}', '{document}', '{status}', current_timestamp)"
        ));
        self.sql("select max(id) from em_event")[0][0].parse().expect("an id")
    }

    /// Anna is there, and gets a phone, which ENUM refuses once: the event that has failed.
    pub fn anna_fails(&mut self) -> i64 {
        self.send(&add(1, "anna@tele.gl"));
        self.peers.ema.script(vec![refused().op("Create").mo("DNS").times(1)]);
        self.send(&set_phone(2, "anna@tele.gl", "+299-321044"));
        assert_eq!(self.status(2), "failed");
        2
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        let length = body.len();
        let head = "Host: 127.0.0.1\r\nContent-Type: application/json\r\n";
        http::send(
            self.daemon.http,
            &format!("POST {path} HTTP/1.0\r\nContent-Length: {length}\r\n{head}\r\n{body}"),
        )
    }

    pub fn act(&self, event: i64, act: &str, body: &str) -> Answer {
        self.post(&format!("/api/v1/events/{event}/{act}"), body)
    }

    pub fn json(&self, path: &str) -> Value {
        http::get(self.daemon.http, path, "").json()
    }

    pub fn status(&self, event: i64) -> String {
        self.sql(&format!("select status from em_event where id = {event}"))[0][0].clone()
    }

    #[track_caller]
    pub fn wait(&self, event: i64, status: &str) {
        eventually(&format!("event {event} is {status}"), || (self.status(event) == status).then_some(()));
    }

    /// The requests of HSS and ENUM so far, each by what it does to what.
    pub fn requests(&self) -> Vec<String> {
        let calls = self.peers.ema.calls().into_iter();
        let calls = calls.filter(|call| !matches!(call.operation, "Login" | "Logout"));
        calls.map(|call| format!("{} {}", call.step, call.mo_id)).collect()
    }

    /// Who did what to what, and why, oldest first.
    pub fn audit(&self) -> Vec<String> {
        let acts = self.json("/api/v1/audit")["acts"].as_array().expect("a list").clone();
        let words = |act: &Value| {
            ["actor", "act", "object", "detail"]
                .map(|key| act[key].as_str().unwrap_or("-").to_owned())
                .join(" | ")
        };
        acts.iter().rev().map(words).collect()
    }
}

/// A request that the core refuses for good.
pub fn refused() -> Rule {
    Rule::new(Action::Fault { code: 4006, detail_code: Some(13999), style: FaultStyle::ErrorCode })
}

#[track_caller]
pub fn check(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status, status, "{says}: {}", answer.body);
    assert!(answer.body.contains(says), "{says:?} is not in {}", answer.body);
    if status >= 400 {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{says}");
    }
}
