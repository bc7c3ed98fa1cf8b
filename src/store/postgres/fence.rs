//! Keeps a daemon that has been replaced from writing, where several share a database (`[cluster]`).
//!
//! The writer's session has a lock of its database while it lives. Under the row of `em_cluster`, which nobody can change
//! meanwhile, it is looked whether the epoch is still ours, and only then the session of an earlier epoch is ended and its lock
//! taken. Whoever takes our place ends our session in the same way: what it has not committed by then is never committed.
//!
//! Who is refused does not trust its lease any more, whatever its clock says, and asks the database of the events at once.

use super::lock::{self, Holder};
use super::{WRITER_LOCK, reason, tables};
use crate::lease::Lease;
use crate::store::errors::IN_USE;
use crate::store::health::Tables;
use std::time::Duration;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

/// Advisory lock of the writer of the subscribers, where they have a database of their own.
const SUBSCRIBERS_LOCK: i64 = 0x6576_656e_746d_7364;
/// A session that is ended is gone by then.
const LIMIT: Duration = Duration::from_secs(5);

/// Takes the lock under our epoch; the error is why this daemon must not write.
pub(super) async fn pass(client: &mut Client, lease: &Lease, tables: Tables) -> Result<(), String> {
    let ours = lease.epoch().ok_or("another node of the cluster is the active one")?;
    let ours = Stamp { epoch: ours, holder: Some(lease.holder()) };
    if !tables.events {
        // What this database says of epochs may be lost: whoever was replaced meanwhile knows at least that its time is over.
        if !lease.is_valid() {
            return Err("this node of the cluster does not hold the lease".to_owned());
        }
        tables::prepare_cluster(client, tables.name()).await.map_err(|error| reason(&error))?;
    }
    let transaction = client.transaction().await.map_err(|error| reason(&error))?;
    // A process that is stopped here must not keep others from its place.
    let idle = transaction.batch_execute("set local idle_in_transaction_session_timeout = '2s'").await;
    idle.map_err(|error| reason(&error))?;
    let found = stamp(&transaction, tables, ours).await.map_err(|error| reason(&error))?;
    if found != ours {
        metrics::counter!("eventmanager_cluster_refused_total", "what" => "write").increment(1);
        return Err(refused(lease, tables, found.epoch, ours.epoch));
    }
    let key = if tables.events { WRITER_LOCK } else { SUBSCRIBERS_LOCK };
    let taken = lock::acquire(&transaction, key, LIMIT, Holder::End).await;
    if !taken.map_err(|error| reason(&error))? {
        return Err(IN_USE.to_owned());
    }
    transaction.commit().await.map_err(|error| reason(&error))
}

/// Under whom a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    epoch: i64,
    holder: Option<Uuid>,
}

/// What stands in the database, and stays there until the transaction ends. That of the events says it, to the other it is
/// brought.
async fn stamp(
    transaction: &Transaction<'_>,
    tables: Tables,
    ours: Stamp,
) -> Result<Stamp, tokio_postgres::Error> {
    if !tables.events {
        let bring = "update em_cluster set epoch = $2, holder = $3
            where part = $1 and (epoch < $2 or epoch = $2 and holder is null)";
        transaction.execute(bring, &[&tables.name(), &ours.epoch, &ours.holder]).await?;
    }
    // The beats of the active one are not held up by this, whoever wants its place is.
    let sql = "select epoch, holder from em_cluster where part = $1 for key share";
    let row = transaction.query_opt(sql, &[&tables.name()]).await?;
    // Whoever has deleted the row has taken the place from everybody.
    Ok(row.map_or(Stamp { epoch: 0, holder: None }, |row| Stamp { epoch: row.get(0), holder: row.get(1) }))
}

/// Why this daemon must not write. The database of the subscribers may be ahead without anybody being the active one: that of
/// the events was restored. Then the epoch is raised above what was met here.
fn refused(lease: &Lease, tables: Tables, found: i64, ours: i64) -> String {
    lease.doubt(if tables.events { 0 } else { found });
    match tables.events {
        true => format!("another node of the cluster is the active one: epoch {found}, ours is {ours}"),
        false => format!(
            "this database has been under epoch {found}, ours is {ours}: it is raised where no other node is the active one"
        ),
    }
}
