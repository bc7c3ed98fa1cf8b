//! The active one: beats, keeps its lease, and hands over.

use super::member::HandOverError;
use super::seat::{HAND_OVER_LIMIT, Phase, Seat};
use super::view::Role;
use crate::lease::Moment;
use crate::store::{ClusterTable, Wish};
use tokio::time::Instant;
use uuid::Uuid;

impl Seat {
    /// Beats once.
    pub(super) async fn beat(&mut self, table: &ClusterTable, epoch: i64) -> Result<(), String> {
        let epoch = if self.lease.met() < epoch { epoch } else { self.raise(table, epoch).await? };
        let sent = Moment::now();
        let Some(row) = table.beat(epoch, self.me.process).await? else {
            self.replaced(table).await;
        };
        self.lease.extend(sent.after(self.length));
        self.look_at_lease();
        self.show_row(&row);
        self.heed_wished(table, row.wish).await
    }

    /// The database of the subscribers has been under a later epoch: that of the events was restored from an earlier time. What
    /// is written there must be under a later one still.
    async fn raise(&mut self, table: &ClusterTable, epoch: i64) -> Result<i64, String> {
        let met = self.lease.met();
        let raised = match table.raise(epoch, self.me.process, met).await? {
            Some(raised) => raised,
            None => self.find_raised(table, epoch).await?,
        };
        tracing::warn!(epoch, met, raised, "a database has been under a later epoch: it was raised");
        self.phase = Phase::Holding { epoch: raised };
        // It may have been raised a while ago: the beat that follows is what extends the lease.
        self.lease.hold(raised, Moment::now());
        Ok(raised)
    }

    /// The epoch to which this node has raised it before, where the answer to that was lost alone.
    async fn find_raised(&mut self, table: &ClusterTable, epoch: i64) -> Result<i64, String> {
        let row = table.look().await?;
        if row.holder == Some(self.me.process) && row.epoch > epoch {
            return Ok(row.epoch);
        }
        self.replaced(table).await
    }

    /// Another node has taken the place: whatever is under way here ends now.
    async fn replaced(&mut self, table: &ClusterTable) -> ! {
        self.lease.end();
        match table.look().await {
            Ok(row) => {
                let by = row.node.unwrap_or_else(|| "nobody yet".to_owned());
                tracing::error!(by, "this node was replaced as the active one: beginning anew, to stand by");
            }
            Err(reason) => {
                tracing::error!(
                    reason,
                    "this node is not the active one any more: beginning anew, to stand by"
                );
            }
        }
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
    async fn heed_wished(&mut self, table: &ClusterTable, wish: Option<Wish>) -> Result<(), String> {
        if self.view().role == Role::HandingOver {
            return Ok(());
        }
        match (self.wished, wish) {
            (None, None) => Ok(()),
            // Whoever asked for it was told that it did not begin: the answer of the database came too late.
            (None, Some(wish)) => {
                tracing::warn!(to = wish.to, "a hand-over that nobody waits for is called off");
                self.call_off(table, wish.id).await
            }
            (Some((id, _)), Some(wish)) if wish.id == id && wish.is_ready => {
                tracing::info!(to = wish.to, "handing over: ending in order");
                self.show_role(Role::HandingOver);
                Ok(())
            }
            (Some((id, since)), _) if since.elapsed() > HAND_OVER_LIMIT => {
                self.call_off(table, id).await?;
                tracing::warn!(limit = ?HAND_OVER_LIMIT, "the other node was not ready in time: this one goes on");
                metrics::counter!("eventmanager_cluster_handovers_failed_total").increment(1);
                Ok(())
            }
            (Some(_), _) => Ok(()),
        }
    }

    async fn call_off(&mut self, table: &ClusterTable, id: Uuid) -> Result<(), String> {
        table.drop_wish(id).await?;
        self.wished = None;
        // Another can be asked for at once.
        self.show(|view| view.hand_over = None);
        Ok(())
    }

    /// Writes the wish for a hand-over; says to which node.
    pub(super) async fn begin_hand_over(
        &mut self,
        table: &ClusterTable,
        to: Option<String>,
    ) -> Result<String, HandOverError> {
        let to = self.view().successor(to)?;
        let id = Uuid::now_v7();
        let wished = table.wish(self.me.process, id, &to).await.map_err(HandOverError::Database)?;
        if !wished {
            return Err(self.view().not_active());
        }
        self.wished = Some((id, Instant::now()));
        tracing::info!(to, "a hand-over was asked for");
        Ok(to)
    }
}
