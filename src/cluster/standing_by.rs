//! Looking at the active one, and taking its place.

use super::seat::{HAND_OVER_LIMIT, Phase, Seat};
use super::view::Role;
use crate::config::Cluster;
use crate::lease::{self, Moment};
use crate::store::{Claim, ClusterNode, ClusterRow, ClusterTable, Taking};
use std::time::Duration;
use tokio::time::Instant;

/// So long a node stays connected for a hand-over that does not come: the other one may end in order for half a minute once
/// this one is ready.
const PREPARING_LIMIT: Duration = HAND_OVER_LIMIT.saturating_mul(3);

/// What whoever stands by does about the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Wait,
    Take(Why),
}

/// Why the place is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The row names nobody.
    First,
    /// The one before has ended in order.
    LetGo,
    /// The active one has been silent for too long.
    Silent,
    /// It was taken by this process already, and the answer did not come in time.
    Late,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Why::First => "first",
            Why::LetGo => "let_go",
            Why::Silent => "silent",
            Why::Late => "late",
        }
    }
}

/// What is to be done where the row has been as it is for `unchanged`, and the longest lease that was seen is `longest`, ours or
/// that of a holder. `is_set_back`: this process has seen a later epoch.
fn next(
    row: &ClusterRow,
    me: &ClusterNode,
    unchanged: Duration,
    (longest, is_set_back): (Duration, bool),
) -> Next {
    let is_over = unchanged >= lease::patience(longest);
    match (&row.holder, row.let_go, &row.wish) {
        // The row is another one, since it was deleted or the database restored: the lease of before may last still.
        (None, ..) | (Some(_), true, _) if is_set_back && !is_over => Next::Wait,
        (None, ..) => Next::Take(Why::First),
        (Some(holder), false, _) if *holder == me.process => Next::Take(Why::Late),
        // It was let go for another, which gets some time to come.
        (Some(_), true, Some(wish)) if wish.to != me.node && !is_over => Next::Wait,
        (Some(_), true, _) => Next::Take(Why::LetGo),
        (Some(_), false, _) if is_over => Next::Take(Why::Silent),
        (Some(_), false, _) => Next::Wait,
    }
}

/// Whether the session of whoever acted before may be ended, where the row may be taken. Whom it names has been silent for long enough, or
/// is this process. A row that names nobody, or somebody who has let go, may be another one since it was deleted or restored while somebody
/// acted: for `held_for`, or else for as long as anybody may.
fn may_end_session(row: &ClusterRow, unchanged: Duration, held_for: Option<Duration>) -> bool {
    row.holder.is_some() && !row.let_go
        || unchanged >= lease::patience(held_for.unwrap_or(Cluster::LONGEST_LEASE))
}

impl Seat {
    /// Looks once, and takes the place where it is time.
    pub(super) async fn stand_by(&mut self, table: &mut ClusterTable) -> Result<(), String> {
        let row = table.look().await?;
        let unchanged = self.sight.see(row.sign(), Moment::now());
        self.show_row(&row);
        self.compare_lengths(&row);
        if self.preparing.is_none()
            && let Some(why) = self.gives_way_to()
        {
            self.hinder(Some(why));
            return Ok(());
        }
        self.heed_wish(table, &row).await?;
        self.remember(&row);
        let longest = self.held_for.map_or(self.length, |theirs| theirs.max(self.length));
        match next(&row, &self.me, unchanged, (longest, self.is_set_back)) {
            Next::Wait => {
                self.hinder(None);
                Ok(())
            }
            Next::Take(why) => self.take_place(table, &row, why, unchanged).await,
        }
    }

    /// Takes note of who acts, or did last, and for how long after a beat.
    fn remember(&mut self, row: &ClusterRow) {
        if row.epoch != self.seen {
            self.is_set_back = row.epoch < self.seen;
            self.seen = row.epoch;
        }
        if row.holder.is_some() {
            let theirs = row.lease.unwrap_or(self.length);
            let before = self.held_for.filter(|_| self.is_set_back);
            self.held_for = Some(before.map_or(theirs, |before| before.max(theirs)));
        }
    }

    /// Says so where the nodes have different leases: it is a mistake, though a harmless one.
    fn compare_lengths(&mut self, row: &ClusterRow) {
        let (node, ours) = (&row.node, self.length);
        let other = row.lease.filter(|theirs| *theirs != ours && row.holder != Some(self.me.process));
        if let Some(theirs) = other
            && self.told_length != other
        {
            tracing::warn!(
                node,
                ?theirs,
                ?ours,
                "the nodes have different leases: the longer one is waited for"
            );
        }
        self.told_length = other;
    }

    /// A hand-over to this node: everything is started, and the others are told when that has been done.
    async fn heed_wish(&mut self, table: &ClusterTable, row: &ClusterRow) -> Result<(), String> {
        let ours = row.wish.as_ref().filter(|wish| wish.to == self.me.node);
        match (ours, self.preparing) {
            (Some(wish), None) if !row.let_go => {
                tracing::info!(
                    from = row.node,
                    "this node is to take over: connecting to application servers"
                );
                self.preparing = Some((wish.id, Instant::now()));
                self.show_role(Role::Preparing);
            }
            (Some(wish), Some((preparing, since))) if wish.id == preparing => {
                if since.elapsed() > PREPARING_LIMIT && !row.let_go {
                    table.drop_wish(wish.id).await?;
                    tracing::warn!(
                        active = row.node,
                        "the active node does not hand over: standing by again"
                    );
                    self.begin_anew();
                }
                let is_news = self.prepared && !wish.is_ready;
                return if is_news { table.ready(wish.id).await } else { Ok(()) };
            }
            (_, Some(_)) if !row.let_go => {
                tracing::warn!(active = row.node, "the hand-over was called off: standing by again");
                self.begin_anew();
            }
            _ => {}
        }
        Ok(())
    }

    async fn take_place(
        &mut self,
        table: &mut ClusterTable,
        row: &ClusterRow,
        why: Why,
        silent: Duration,
    ) -> Result<(), String> {
        let begun = Moment::now();
        let ends_session = may_end_session(row, silent, self.held_for);
        let claim = Claim { holder: self.me.process, node: &self.me.node, lease: self.length, ends_session };
        match table.take(row, claim).await? {
            Taking::Taken { epoch, idle } => {
                // From before it was asked for, as with every beat.
                self.lease.hold(epoch, begun.after(self.length));
                self.phase = Phase::Holding { epoch };
                self.preparing = None;
                let took = Moment::now().since(begun);
                let (from, why) = (row.node.as_deref().unwrap_or("nobody"), why.as_str());
                tracing::info!(epoch, from, why, ?silent, ?took, ?idle, "this node is the active one now");
                metrics::counter!("eventmanager_cluster_takeovers_total", "why" => why).increment(1);
                self.show_row(&ClusterRow {
                    epoch,
                    holder: Some(self.me.process),
                    node: Some(self.me.node.clone()),
                    beat: 0,
                    let_go: false,
                    wish: None,
                    lease: Some(self.length),
                });
                self.hinder(None);
                self.show_role(Role::Active);
                self.show_metrics();
            }
            Taking::Late => self.sight.forget(),
            Taking::InUse => {
                let who = "a daemon that is not of this cluster has the database, or a node that hangs";
                self.hinder(Some(who.to_owned()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Wish;
    use uuid::Uuid;

    const LENGTH: Duration = Duration::from_secs(3);

    fn me() -> ClusterNode {
        ClusterNode {
            node: "b".to_owned(),
            process: Uuid::from_u128(2),
            state: "standby".to_owned(),
            http: String::new(),
            version: String::new(),
            seen: Duration::ZERO,
        }
    }

    fn row(holder: Option<u128>, let_go: bool, to: Option<&str>) -> ClusterRow {
        let wish = to.map(|to| Wish { id: Uuid::nil(), to: to.to_owned(), is_ready: false });
        let holder = holder.map(Uuid::from_u128);
        ClusterRow { epoch: 4, holder, node: Some("a".to_owned()), beat: 9, let_go, wish, lease: None }
    }

    #[test]
    fn a_place_is_taken_when_it_is_free_or_silent_for_long_enough() {
        let check = |row: ClusterRow, unchanged: u64, expected| {
            let unchanged = Duration::from_millis(unchanged);
            assert_eq!(next(&row, &me(), unchanged, (LENGTH, false)), expected, "{row:?}");
        };
        let (a, first, let_go) = (Some(1), Next::Take(Why::First), Next::Take(Why::LetGo));
        check(row(None, false, None), 0, first);
        check(row(a, false, None), 0, Next::Wait);
        check(row(a, false, None), 3_000, Next::Wait);
        check(row(a, false, None), 3_299, Next::Wait);
        check(row(a, false, None), 3_300, Next::Take(Why::Silent));
        check(row(a, true, None), 0, let_go);
        check(row(a, false, Some("b")), 1_000, Next::Wait);
        check(row(a, true, Some("b")), 0, let_go);
        check(row(a, true, Some("c")), 0, Next::Wait);
        check(row(a, true, Some("c")), 3_300, let_go);
    }

    #[test]
    fn a_row_of_an_earlier_time_is_not_believed_before_the_lease_of_before_is_over() {
        let check = |row: ClusterRow, unchanged: u64, expected| {
            let unchanged = Duration::from_millis(unchanged);
            assert_eq!(next(&row, &me(), unchanged, (LENGTH, true)), expected, "{row:?}");
        };
        for (row, why) in [
            (row(None, false, None), Why::First),
            (row(Some(1), true, None), Why::LetGo),
            (row(Some(1), true, Some("b")), Why::LetGo),
            (row(Some(1), false, None), Why::Silent),
        ] {
            check(row.clone(), 0, Next::Wait);
            check(row.clone(), 3_299, Next::Wait);
            check(row, 3_300, Next::Take(why));
        }
    }

    #[test]
    fn the_longer_lease_is_waited_for_whosever_it_is() {
        let check = |theirs: u64, unchanged: u64, expected| {
            let (row, longest) = (row(Some(1), false, None), LENGTH.max(Duration::from_secs(theirs)));
            let unchanged = Duration::from_millis(unchanged);
            assert_eq!(next(&row, &me(), unchanged, (longest, false)), expected, "{row:?}");
        };
        check(10, 10_999, Next::Wait);
        check(10, 11_000, Next::Take(Why::Silent));
        check(1, 3_299, Next::Wait);
        check(1, 3_300, Next::Take(Why::Silent));
    }

    #[test]
    fn whose_row_is_lost_is_ended_when_its_lease_is_over_and_that_may_have_been_any() {
        let check = |holder, held_for: Option<u64>, unchanged: u64, expected| {
            let (row, unchanged) = (row(holder, false, None), Duration::from_millis(unchanged));
            let held_for = held_for.map(Duration::from_secs);
            let may_end = may_end_session(&row, unchanged, held_for);
            assert_eq!(may_end, expected, "{row:?} {held_for:?} {unchanged:?}");
        };
        check(None, Some(3), 3_299, false);
        check(None, Some(3), 3_300, true);
        check(None, Some(10), 10_999, false);
        check(None, None, 32_999, false);
        check(None, None, 33_000, true);
        // Who is silent has been so for long enough.
        check(Some(1), Some(3), 3_300, true);
    }

    #[test]
    fn a_place_that_was_taken_without_an_answer_is_taken_again_at_once() {
        let next = |let_go| next(&row(Some(2), let_go, None), &me(), Duration::ZERO, (LENGTH, false));
        assert_eq!(next(false), Next::Take(Why::Late));
        assert_eq!(next(true), Next::Take(Why::LetGo));
    }
}
