//! Looking at the active one, and taking its place.

use super::seat::{Phase, Seat};
use super::view::Role;
use crate::lease::{self, Moment};
use crate::store::{ClusterRow, ClusterTable, Taking};
use std::time::Duration;
use uuid::Uuid;

/// Whatever of the row moves while somebody lives.
pub(super) type Seen = (i64, Option<Uuid>, i64, bool);

/// What whoever stands by does about the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Wait,
    /// The place is free.
    Begin,
    /// The active one has been silent for too long.
    Replace,
}

/// What is to be done where the row has been as it is for `unchanged`.
fn next(row: &ClusterRow, node: &str, unchanged: Duration, length: Duration) -> Next {
    let is_over = unchanged >= lease::patience(length);
    match (&row.holder, row.let_go, &row.wish) {
        (None, ..) => Next::Begin,
        // It was let go for another, which gets some time to come.
        (Some(_), true, Some(wish)) if wish.to != node && !is_over => Next::Wait,
        (Some(_), true, _) => Next::Begin,
        (Some(_), false, _) if is_over => Next::Replace,
        (Some(_), false, _) => Next::Wait,
    }
}

impl Seat {
    /// Looks once, and takes the place where it is time.
    pub(super) async fn stand_by(&mut self, table: &mut ClusterTable) -> Result<(), String> {
        let row = table.look().await?;
        let now = Moment::now();
        let unchanged = self.sight.see((row.epoch, row.holder, row.beat, row.let_go), now);
        self.show_row(&row);
        self.heed_wish(table, &row).await?;
        match next(&row, &self.me.node, unchanged, self.length) {
            Next::Wait => Ok(()),
            Next::Begin => self.take(table, &row, "let_go", unchanged).await,
            Next::Replace => self.take(table, &row, "silent", unchanged).await,
        }
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
                self.preparing = Some(wish.id);
                self.show_role(Role::Preparing);
            }
            (Some(wish), Some(preparing)) if wish.id == preparing => {
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

    async fn take(
        &mut self,
        table: &mut ClusterTable,
        row: &ClusterRow,
        why: &'static str,
        silent: Duration,
    ) -> Result<(), String> {
        let begun = Moment::now();
        match table.take(row, self.me.process, &self.me.node).await? {
            Taking::Taken { epoch, idle } => {
                // From before it was asked for, as with every beat.
                self.lease.hold(epoch, begun.after(self.length));
                self.phase = Phase::Holding { epoch };
                self.preparing = None;
                let took = Moment::now().since(begun);
                let from = row.node.as_deref().unwrap_or("nobody");
                tracing::info!(epoch, from, why, ?silent, ?took, ?idle, "this node is the active one now");
                metrics::counter!("eventmanager_cluster_takeovers_total", "why" => why).increment(1);
                self.show_row(&ClusterRow {
                    epoch,
                    holder: Some(self.me.process),
                    node: Some(self.me.node.clone()),
                    beat: 0,
                    let_go: false,
                    wish: None,
                });
                self.show_role(Role::Active);
                self.show_metrics();
            }
            Taking::Late => self.sight.forget(),
            Taking::InUse => {
                tracing::warn!("a daemon that is not of this cluster has the database: it is waited for");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Wish;

    const LENGTH: Duration = Duration::from_secs(3);

    fn row(holder: bool, let_go: bool, to: Option<&str>) -> ClusterRow {
        let wish = to.map(|to| Wish { id: Uuid::nil(), to: to.to_owned(), is_ready: false });
        let holder = holder.then(Uuid::now_v7);
        ClusterRow { epoch: 4, holder, node: Some("a".to_owned()), beat: 9, let_go, wish }
    }

    #[test]
    fn a_place_is_taken_when_it_is_free_or_silent_for_long_enough() {
        let check = |row: ClusterRow, unchanged: u64, expected| {
            assert_eq!(next(&row, "b", Duration::from_millis(unchanged), LENGTH), expected, "{row:?}");
        };
        check(row(false, false, None), 0, Next::Begin);
        check(row(true, false, None), 0, Next::Wait);
        check(row(true, false, None), 3_000, Next::Wait);
        check(row(true, false, None), 3_299, Next::Wait);
        check(row(true, false, None), 3_300, Next::Replace);
        check(row(true, true, None), 0, Next::Begin);
        check(row(true, false, Some("b")), 1_000, Next::Wait);
        check(row(true, true, Some("b")), 0, Next::Begin);
        check(row(true, true, Some("c")), 0, Next::Wait);
        check(row(true, true, Some("c")), 3_300, Next::Begin);
    }
}
