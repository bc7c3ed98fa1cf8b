//! Advisory locks: who has one has a database until its session ends.

use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Error, GenericClient};

/// Distance of two attempts. Nothing is told when a lock is free: the server has no such message for one that must not wait.
const AGAIN: Duration = Duration::from_millis(10);

/// Advisory lock that the writer of a daemon without a cluster shares with all others of that kind: its session is not ended by who takes
/// a place, since that would not keep it from sending; the active node, whose place it is, does end it.
const UNSHARED: i64 = 0x6576_656e_746d_616c;

/// Ends the sessions of this database that have the lock of the first key, and not that of the second, if there is one.
const TERMINATE: &str = "with advisory as (
        select pid, cast(classid as bigint) << 32 | cast(objid as bigint) as key from pg_locks
        where locktype = 'advisory' and granted and objsubid = 1
            and database = (select oid from pg_database where datname = current_database()))
    select pg_terminate_backend(pid) from advisory where key = $1 and pid <> pg_backend_pid()
        and pid not in (select pid from advisory where key = $2)";

/// What is done about whoever has the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// It is waited for.
    WaitFor,
    /// Its session is ended, where it is of the cluster.
    EndOfCluster,
    /// Its session is ended, whosever it is.
    End,
}

/// Says of this session, until it ends, that its daemon is not of a cluster.
pub(super) async fn mark_unshared(client: &impl GenericClient) -> Result<(), Error> {
    client.query_one("select pg_advisory_lock_shared($1)", &[&UNSHARED]).await.map(drop)
}

/// Takes the lock of this key for the session, within this time at most; false where somebody else has it still.
pub(super) async fn acquire(
    client: &impl GenericClient,
    key: i64,
    limit: Duration,
    holder: Holder,
) -> Result<bool, Error> {
    let until = Instant::now() + limit;
    loop {
        if client.query_one("select pg_try_advisory_lock($1)", &[&key]).await?.get(0) {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        if holder != Holder::WaitFor {
            let spared = (holder == Holder::EndOfCluster).then_some(UNSHARED);
            client.query(TERMINATE, &[&key, &spared]).await?;
        }
        sleep(AGAIN).await;
    }
}
