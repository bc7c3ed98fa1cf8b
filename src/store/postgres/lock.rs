//! Advisory locks: who has one has a database until its session ends.

use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Error, GenericClient};

/// Distance of two attempts. Nothing is told when a lock is free: the server has no such message for one that must not wait.
const AGAIN: Duration = Duration::from_millis(10);

/// Ends the sessions of this database that have the lock of these halves of its key.
const TERMINATE: &str = "select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and granted and pid <> pg_backend_pid() and objsubid = 1
        and cast(classid as bigint) = $1 and cast(objid as bigint) = $2
        and database = (select oid from pg_database where datname = current_database())";

/// What is done about whoever has the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// It is waited for.
    WaitFor,
    /// Its session is ended.
    End,
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
        if holder == Holder::End {
            client.query(TERMINATE, &[&(key >> 32), &(key & 0xffff_ffff)]).await?;
        }
        sleep(AGAIN).await;
    }
}
