//! The active one: beats, keeps its lease, and hands over.

use super::member::HandOverError;
use super::seat::{HAND_OVER_LIMIT, Seat};
use super::view::Role;
use crate::lease::Moment;
use crate::store::ClusterTable;
use tokio::time::Instant;
use uuid::Uuid;

impl Seat {
    /// Beats once.
    pub(super) async fn beat(&mut self, table: &ClusterTable, epoch: i64) -> Result<(), String> {
        let sent = Moment::now();
        let Some(row) = table.beat(epoch, self.me.process).await? else {
            self.replaced(table).await;
        };
        self.lease.extend(sent.after(self.length));
        self.look_at_lease();
        self.show_row(&row);
        self.heed_ready(table, row.wish.filter(|wish| wish.is_ready).map(|wish| wish.id)).await
    }

    /// Another node has taken the place: whatever is under way here ends now.
    async fn replaced(&mut self, table: &ClusterTable) -> ! {
        self.lease.end();
        let now = table.look().await;
        let by = now.ok().and_then(|row| row.node).unwrap_or_else(|| "another node".to_owned());
        tracing::error!(by, "this node was replaced as the active one: beginning anew, to stand by");
        self.begin_anew()
    }

    /// Says when the lease is over, and when it is there again.
    pub(super) fn look_at_lease(&mut self) {
        self.show_metrics();
        let is_over = self.lease.epoch().is_some() && !self.lease.is_valid();
        match (is_over, self.is_told_over) {
            (true, false) => tracing::error!(
                "the lease is over, and the database cannot be asked: nothing is sent until it can"
            ),
            (false, true) => tracing::info!("the lease is held again, and nobody else had it: going on"),
            _ => {}
        }
        self.is_told_over = is_over;
    }

    /// Goes on with a hand-over when the other node is ready, or calls it off when it takes too long.
    async fn heed_ready(&mut self, table: &ClusterTable, ready: Option<Uuid>) -> Result<(), String> {
        let Some((wished, since)) = self.wished else { return Ok(()) };
        if ready == Some(wished) {
            let view = self.view();
            if view.role != Role::HandingOver {
                let to = view.hand_over.map(|hand_over| hand_over.to);
                tracing::info!(to, "handing over: ending in order");
                self.show_role(Role::HandingOver);
            }
        } else if since.elapsed() > HAND_OVER_LIMIT {
            tracing::warn!(limit = ?HAND_OVER_LIMIT, "the other node was not ready in time: this one goes on");
            metrics::counter!("eventmanager_cluster_handovers_failed_total").increment(1);
            table.drop_wish(wished).await?;
            self.wished = None;
        }
        Ok(())
    }

    /// Writes the wish for a hand-over; says to which node.
    pub(super) async fn begin_hand_over(
        &mut self,
        table: &ClusterTable,
        epoch: i64,
        to: Option<String>,
    ) -> Result<String, HandOverError> {
        let to = self.view().successor(to)?;
        let id = Uuid::now_v7();
        let wished = table.wish(epoch, self.me.process, id, &to).await.map_err(HandOverError::Database)?;
        if !wished {
            return Err(HandOverError::NotActive("another".to_owned()));
        }
        self.wished = Some((id, Instant::now()));
        tracing::info!(to, "a hand-over was asked for");
        Ok(to)
    }
}
