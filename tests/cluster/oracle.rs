//! What must hold when everything has ended.

use crate::pair::Pair;
use crate::support::daemon::eventually;
use crate::support::postgres::query;
use std::collections::{BTreeMap, BTreeSet};

impl Pair {
    /// The rows of a query.
    pub fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        query(&self.cluster.url("postgres"), sql).expect("rows")
    }

    fn number(&self, sql: &str) -> i64 {
        self.rows(sql)[0][0].as_ref().expect("a number").parse().expect("a number")
    }

    /// Every stored event has ended, once, and the gateway holds what the table of subscribers says.
    #[track_caller]
    pub fn check(&self) {
        eventually("every stored event ends", || {
            let pending = query(
                &self.cluster.url("postgres"),
                "select count(*) from em_event where status not in ('completed', 'failed', 'ignored')",
            );
            (pending.ok()?[0][0].as_deref() == Some("0")).then_some(())
        });
        let stored = self.number("select count(*) from em_event where status = 'completed'");
        assert!(stored > 100, "only {stored} events have been completed");
        // What came over two connections is stored twice and carried out once.
        let twice = self.rows(
            "select notification_id, count(*) from em_event where status <> 'ignored' group by 1 having count(*) > 1",
        );
        assert!(twice.is_empty(), "carried out twice: {twice:?}");
        let steps = self.rows(
            "select uuid, position from em_step where state not in ('done', 'failed', 'skipped')
            and uuid in (select uuid from em_event where status = 'completed')",
        );
        assert!(steps.is_empty(), "steps of completed events that are not done: {steps:?}");
        self.check_core();
    }

    #[track_caller]
    fn check_core(&self) {
        let core = self.ema.state();
        let rows = self.rows("select id, association_id, e164 from srd_user");
        let believed: BTreeSet<&str> = rows.iter().filter_map(|row| row[1].as_deref()).collect();
        let held: BTreeSet<&str> = core.associations.keys().map(String::as_str).collect();
        assert_eq!(held, believed, "the associations of the HSS, and those of srd_user");
        assert!(!held.is_empty());
        let country = eventmanager::simulators::traffic::numbering().country_code;
        let phones: BTreeMap<String, &str> = rows
            .iter()
            .filter_map(|row| Some((format!("tel:{country}{}", row[2].as_ref()?), row[0].as_deref()?)))
            .collect();
        let known: BTreeSet<&String> = core.enum_records.keys().collect();
        let expected: BTreeSet<&String> = phones.keys().collect();
        assert_eq!(known, expected, "the numbers of ENUM, and those of srd_user");
    }
}
