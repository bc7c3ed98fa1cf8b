//! A daemon between an application server and a gateway, whose database may be filled beforehand.

use super::spent;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents;
use crate::support::peers::config;
use crate::support::ports::any;
use bytes::BytesMut;
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator, encode};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator};
use std::time::Duration;

/// Subscribers whose phones are set; each takes a few hundred microseconds.
pub const USERS: u32 = 6_000;

pub struct Day {
    broadworks: BroadworksHandle,
    _ema: EmaHandle,
    pub site: Site,
}

impl Day {
    /// Its tables are there, and empty.
    pub fn new() -> Day {
        let broadworks = BroadworksSimulator::start(any()).expect("an application server");
        let ema = EmaSimulator::start(EmaOptions { journal: 0, ..EmaOptions::default() }).expect("an ema");
        let site = Site::quiet(&config(&broadworks.addr().to_string(), &ema.url(), ""));
        site.start().terminate();
        Day { broadworks, _ema: ema, site }
    }

    /// Creates subscribers and sets their phones; what the second has cost the daemon, which is [`USERS`] events.
    pub fn cost(&self) -> Duration {
        let daemon = self.site.start();
        let first = newest(&self.site);
        self.drive(&daemon, first + i64::from(USERS), |number, user| documents::add(number.into(), user));
        let before = spent(&daemon);
        let phone = |number: u32, user: &str| {
            documents::set_phone(number.into(), user, &(300_000 + number).to_string())
        };
        self.drive(&daemon, first + 2 * i64::from(USERS), phone);
        let cost = spent(&daemon) - before;
        daemon.terminate();
        cost
    }

    fn drive(&self, daemon: &Daemon, last: i64, document: impl Fn(u32, &str) -> String) {
        let mut documents = BytesMut::new();
        for number in 0..USERS {
            documents.extend_from_slice(&encode(&document(number, &format!("caller{number}@tele.gl"))));
        }
        self.broadworks.send_many(documents.freeze());
        eventually("all have ended", || {
            // What is asked of the daemon costs it something as well.
            (newest(&self.site) >= last).then_some(())?;
            let status: serde_json::Value = serde_json::from_str(&daemon.get("/api/v1/status").1).ok()?;
            (status["backlog"]["unfinished"] == 0).then_some(())
        });
        let failed = self.site.count(&["failed"]);
        assert_eq!(failed, 0, "none fails");
    }
}

/// The id of the newest event.
fn newest(site: &Site) -> i64 {
    let newest = "select coalesce(max(id), 0) from em_event";
    site.database().query_row(newest, [], |row| row.get(0)).expect("a row")
}
