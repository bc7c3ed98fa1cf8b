//! A daemon with events that have failed, and how it is told what to do with them.

use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::{add, set_phone};
use crate::support::http::{self, Answer};
use crate::support::peers::Peers;
use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use serde_json::Value;

pub struct Trial {
    pub peers: Peers,
    pub site: Site,
    pub daemon: Daemon,
    pub sent: u64,
}

impl Trial {
    pub fn start() -> Trial {
        Trial::with("")
    }

    /// A daemon with further keys of `[processing]`.
    pub fn with(processing: &str) -> Trial {
        let peers = Peers::start();
        let site = Site::new(&peers.config("").replacen(
            "[processing]\n",
            &format!("[processing]\n{processing}"),
            1,
        ));
        let daemon = site.start();
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        Trial { peers, site, daemon, sent: 0 }
    }

    /// Sends a document and waits until nothing is pending.
    pub fn send(&mut self, document: &str) {
        self.peers.broadworks.send(document);
        self.sent += 1;
        self.site.wait_ended(self.sent);
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
        let sql = "select status from em_event where id = ?1";
        self.site.database().query_row(sql, [event], |row| row.get(0)).expect("the row")
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
