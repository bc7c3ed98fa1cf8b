//! What must hold when everything has ended.

use crate::load::ask;
use crate::pair::Pair;
use crate::support::daemon::{PATIENCE, eventually};
use crate::support::postgres::query;
use crate::wanted::Wanted;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// What a blow may cost.
#[derive(Debug, Clone)]
pub struct Loss {
    /// Documents that were on their way at the blow, or came before there was somebody else to read them.
    pub documents: RangeInclusive<u64>,
    /// Events that were being carried out at the blow: what was answered of them may not have been written down.
    pub under_way: u64,
}

impl Pair {
    /// The rows of a query.
    pub fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        query(&self.cluster.url("postgres"), sql).expect("rows")
    }

    /// The status of every event by the number of its document, which is carried out once. What came over two connections is
    /// stored twice: the second one is ignored.
    #[track_caller]
    fn statuses(&self) -> BTreeMap<u64, String> {
        let mut statuses = BTreeMap::new();
        let sql = "select substring(notification_id from 6), status from em_event where status <> 'ignored'";
        for row in self.rows(sql) {
            let [Some(number), Some(status)] = <[_; 2]>::try_from(row).expect("two columns") else {
                panic!("an event without a number or a status");
            };
            let earlier = statuses.insert(number.parse().expect("a number"), status);
            assert_eq!(earlier, None, "document {number} is carried out twice");
        }
        statuses
    }

    /// The number of the last document that is stored, once nearly all of them are; and how many events have not ended.
    #[track_caller]
    pub fn progress(&self) -> (u64, u64) {
        eventually("what is sent is stored", || {
            let statuses = self.statuses();
            let (last, _) = statuses.last_key_value()?;
            let pending = statuses.values().filter(|status| *status == "pending").count() as u64;
            (*last + 30 > self.sent()).then_some((*last, pending))
        })
    }

    /// Everything that was sent is stored and has ended as it must, but for what was lost; and everybody holds what it asks for.
    #[track_caller]
    pub fn check(&self, losses: &[Loss]) {
        let sent = self.sent();
        let is_lost = |number: &u64| losses.iter().any(|loss| loss.documents.contains(number));
        let missing = |statuses: &BTreeMap<u64, String>| -> Vec<u64> {
            (1..=sent).filter(|number| !statuses.contains_key(number) && !is_lost(number)).collect()
        };
        let since = Instant::now();
        let statuses = loop {
            let statuses = self.statuses();
            let missing = missing(&statuses);
            let pending = statuses.values().filter(|status| *status == "pending").count();
            if missing.is_empty() && pending == 0 {
                break statuses;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "of {sent} documents, of which {losses:?} may be missing, {missing:?} are; {pending} wait"
            );
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(statuses.len() > 30, "only {} documents were stored", statuses.len());
        let mut wanted = Wanted::default();
        for (number, status) in &statuses {
            assert_eq!(status, wanted.take(ask(*number)), "document {number}");
        }
        let steps = self.rows(
            "select uuid, position from em_step where state not in ('done', 'failed', 'skipped')
            and uuid in (select uuid from em_event where status = 'completed')",
        );
        assert!(steps.is_empty(), "steps of completed events that are not done: {steps:?}");
        let core = self.ema.state().without_passwords();
        assert_eq!(core, wanted.core(), "what the core holds, and what the documents ask for");
        self.check_subscribers(&wanted);
        self.check_repeats(losses);
    }

    #[track_caller]
    fn check_subscribers(&self, wanted: &Wanted) {
        let rows = query(&self.subscribers, "select id, e164 from srd_user").expect("rows");
        let held: BTreeMap<String, Option<String>> =
            rows.into_iter().map(|mut row| (row[0].take().expect("an id"), row[1].take())).collect();
        assert_eq!(held, wanted.users, "what srd_user holds, and what the documents ask for");
    }

    /// Nobody and no number is ever created again, so that each create that is refused was a repetition.
    #[track_caller]
    fn check_repeats(&self, losses: &[Loss]) {
        let twice = self.ema.created_twice();
        let under_way: u64 = losses.iter().map(|loss| loss.under_way).sum();
        println!("{twice:?} of {under_way} events that were under way");
        assert_eq!(twice.applied_again, 0, "{twice:?}");
        assert!(twice.refused_after_answer <= under_way, "{twice:?}, {losses:?}");
    }
}
