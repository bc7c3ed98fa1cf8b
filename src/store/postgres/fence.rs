//! Keeps a daemon that has been replaced from writing, where several share a database (`[cluster]`).
//!
//! The writer's session has a lock of its database while it lives. Under the row of `em_cluster`, which nobody can change
//! meanwhile, it is looked whether the epoch is still ours, and only then the session of an earlier epoch is ended and its lock
//! taken. Whoever takes our place ends our session in the same way: what it has not committed by then is never committed.

use super::lock::{self, Holder};
use super::{WRITER_LOCK, reason, tables};
use crate::lease::Lease;
use crate::store::errors::IN_USE;
use crate::store::health::Tables;
use std::time::Duration;
use tokio_postgres::{Client, Transaction};

/// Advisory lock of the writer of the subscribers, where they have a database of their own.
const SUBSCRIBERS_LOCK: i64 = 0x6576_656e_746d_7364;
/// A session that is ended is gone by then.
const LIMIT: Duration = Duration::from_secs(5);

/// Takes the lock under our epoch; the error is why this daemon must not write.
pub(super) async fn take(client: &mut Client, lease: &Lease, tables: Tables) -> Result<(), String> {
    let ours = lease.epoch().ok_or("another node of the cluster is the active one")?;
    if !tables.events {
        tables::prepare_cluster(client, tables.name()).await.map_err(|error| reason(&error))?;
    }
    let transaction = client.transaction().await.map_err(|error| reason(&error))?;
    // A process that is stopped here must not keep others from its place.
    let idle = transaction.batch_execute("set local idle_in_transaction_session_timeout = '2s'").await;
    idle.map_err(|error| reason(&error))?;
    let found = epoch(&transaction, tables, ours).await.map_err(|error| reason(&error))?;
    if found != ours {
        metrics::counter!("eventmanager_cluster_refused_total", "what" => "write").increment(1);
        return Err(format!("another node of the cluster is the active one: epoch {found}, ours is {ours}"));
    }
    let key = if tables.events { WRITER_LOCK } else { SUBSCRIBERS_LOCK };
    let taken = lock::take(&transaction, key, LIMIT, Holder::End).await;
    if !taken.map_err(|error| reason(&error))? {
        return Err(IN_USE.to_owned());
    }
    transaction.commit().await.map_err(|error| reason(&error))
}

/// The epoch that stands in the database, and stays there until the transaction ends. That of the events says it, to the
/// other it is brought.
async fn epoch(
    transaction: &Transaction<'_>,
    tables: Tables,
    ours: i64,
) -> Result<i64, tokio_postgres::Error> {
    if !tables.events {
        let bring = "update em_cluster set epoch = $2 where part = $1 and epoch < $2";
        transaction.execute(bring, &[&tables.name(), &ours]).await?;
    }
    // The beats of the active one are not held up by this, whoever wants its place is.
    let sql = "select epoch from em_cluster where part = $1 for key share";
    Ok(transaction.query_one(sql, &[&tables.name()]).await?.get(0))
}
