//! The row by which several daemons agree who acts, over a connection of its own.
//!
//! ```text
//! em_cluster   part 'events': epoch, holder, the length of its lease, beat, let_go, and the hand-over that somebody wishes
//! em_node      who there is, and when it was last seen (`nodes`)
//! ```
//!
//! A daemon that takes the place of another locks the row, ends the session that has the writer's lock, takes that lock itself
//! and only then counts the epoch up, in one transaction: nothing that the old one had under way can be committed under the new
//! epoch, nor after it.

use super::lock::{self, Holder};
use super::{Address, WRITER_LOCK, reason, tables};
use crate::failpoints;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement, ToStatement};
use uuid::Uuid;

/// Nothing that hangs may hold the row. A beat is as safe as any commit of this server: where those wait for a replica, a
/// primary that is cut off from it takes no beat, and keeps nobody active beside the one that was promoted.
const SESSION: &str = "set client_min_messages = warning;
    set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 2";

const LOOK: &str =
    "select epoch, holder, node, beat, let_go is not null, wish, wish_to, wish_ready, lease_millis
    from em_cluster where part = 'events'";

const BEAT: &str = "update em_cluster set beat = beat + 1
    where part = 'events' and epoch = $1 and holder = $2 and let_go is null
    returning epoch, holder, node, beat, false, wish, wish_to, wish_ready, lease_millis";

/// Above whatever was met elsewhere, by the active one alone.
const RAISE: &str = "update em_cluster set epoch = greatest(epoch, $3) + 1
    where part = 'events' and epoch = $1 and holder = $2 and let_go is null returning epoch";

const TAKE: &str = "update em_cluster as it set epoch = it.epoch + 1, holder = $1, node = $2, beat = 0,
        lease_millis = $3, taken = clock_timestamp(), let_go = null, wish = null, wish_to = null, wish_ready = null
    from em_cluster as old where it.part = 'events' and old.part = it.part
    returning it.epoch, cast(extract(epoch from it.taken - old.let_go) * 1000 as bigint)";

/// An epoch that was taken is not lost with a crash of the server, whatever its commits are otherwise.
const AT_LEAST_ON_DISK: &str =
    "select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'";

/// The row of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRow {
    pub epoch: i64,
    /// The process that has the lease, or had it last; none in a new table.
    pub holder: Option<Uuid>,
    /// Its node.
    pub node: Option<String>,
    pub beat: i64,
    /// It has ended in order.
    pub let_go: bool,
    pub wish: Option<Wish>,
    /// For how long the holder may act after a beat.
    pub lease: Option<Duration>,
}

/// Whatever of the row moves while somebody lives.
pub type Sign = (i64, Option<Uuid>, i64, bool);

impl ClusterRow {
    /// By which it is seen that somebody lives.
    pub fn sign(&self) -> Sign {
        (self.epoch, self.holder, self.beat, self.let_go)
    }
}

/// Who wants the place of the active one.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub holder: Uuid,
    pub node: &'a str,
    /// For how long it may act after a beat: those who stand by must wait at least as long.
    pub lease: Duration,
    /// The session of whoever acted before is ended, whatever the row says of it. Else it is waited for.
    pub ends_session: bool,
}

/// A hand-over that somebody has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub id: Uuid,
    /// The node that is to be the active one.
    pub to: String,
    /// That node has connected to its application servers.
    pub is_ready: bool,
}

/// What came of an attempt to take the place of the active one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taking {
    Taken {
        epoch: i64,
        /// Since the one before has let go, by the clock of the database.
        idle: Option<Duration>,
    },
    /// The active one has beaten meanwhile, or another was faster.
    Late,
    /// A daemon that is not of the cluster has the database.
    InUse,
}

/// A connection to the row. It lives on the runtime on which it was made.
pub struct ClusterTable {
    pub(super) client: Client,
    connection: JoinHandle<()>,
    limit: Duration,
    look: Statement,
    beat: Statement,
}

impl Drop for ClusterTable {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl ClusterTable {
    /// Connects, and makes the tables where they are missing. Nothing that is asked takes longer than `limit`.
    pub(crate) async fn connect(address: &Address, limit: Duration) -> Result<ClusterTable, String> {
        let connecting = async {
            let mut config = address.config.clone();
            let name = config.get_application_name().unwrap_or("eventmanager").to_owned();
            config.application_name(format!("{name} cluster"));
            config.connect_timeout(limit).tcp_user_timeout(limit);
            let (client, connection) =
                config.connect(address.tls.clone()).await.map_err(|error| reason(&error))?;
            let connection = tokio::spawn(async move {
                // Whoever asks next is told.
                let _ = connection.await;
            });
            let made = ClusterTable::prepare(&client, limit).await.map_err(|error| reason(&error));
            match made {
                Ok((look, beat)) => Ok(ClusterTable { client, connection, limit, look, beat }),
                Err(reason) => {
                    connection.abort();
                    Err(reason)
                }
            }
        };
        timeout(limit * 2, connecting).await.map_err(|_| late())?
    }

    async fn prepare(
        client: &Client,
        limit: Duration,
    ) -> Result<(Statement, Statement), tokio_postgres::Error> {
        client.batch_execute(SESSION).await?;
        let limit = limit.as_millis();
        client
            .batch_execute(&format!(
                "set statement_timeout = {limit}; set lock_timeout = {limit};
                set idle_in_transaction_session_timeout = {limit}"
            ))
            .await?;
        tables::prepare_cluster(client, "events").await?;
        Ok((client.prepare(LOOK).await?, client.prepare(BEAT).await?))
    }

    /// What the row says now.
    pub async fn look(&self) -> Result<ClusterRow, String> {
        let row = self.within(self.client.query_opt(&self.look, &[])).await?;
        row.as_ref()
            .map(read)
            .ok_or_else(|| "somebody has deleted the row of em_cluster: it is made anew".to_owned())
    }

    /// The active one lives; `None` where it is not the active one any more.
    pub async fn beat(&self, epoch: i64, holder: Uuid) -> Result<Option<ClusterRow>, String> {
        let points = ["cluster.beat.before", "cluster.beat.after"];
        let row = self.change(points, &self.beat, &[&epoch, &holder]).await?;
        Ok(row.as_ref().map(read))
    }

    /// Raises the epoch of the active one above `met`; `None` where it is not the active one any more.
    pub async fn raise(&self, epoch: i64, holder: Uuid, met: i64) -> Result<Option<i64>, String> {
        let points = ["cluster.raise.before", "cluster.raise.after"];
        let row = self.change(points, RAISE, &[&epoch, &holder, &met]).await?;
        Ok(row.map(|row| row.get(0)))
    }

    /// Makes who claims it the active one, where the row still says `seen`. One that lives is ended only by its silence:
    /// that is the caller's to judge.
    pub async fn take(&mut self, seen: &ClusterRow, claim: Claim<'_>) -> Result<Taking, String> {
        let limit = self.limit;
        let taking = take_row(&mut self.client, seen, claim, limit);
        timeout(limit * 2, taking).await.map_err(|_| late())?.map_err(|error| reason(&error))
    }

    /// The active one has ended in order: another may begin at once. The holder alone tells that it is the active one: its epoch
    /// may be another than it knows, where the answer to [`raise`](Self::raise) was lost.
    pub async fn let_go(&self, holder: Uuid) -> Result<(), String> {
        let sql = "update em_cluster set let_go = clock_timestamp()
            where part = 'events' and holder = $1 and let_go is null";
        let points = ["cluster.let_go.before", "cluster.let_go.after"];
        self.change(points, sql, &[&holder]).await.map(drop)
    }

    /// Another node is to be the active one; `false` where this one, told by its holder as in [`let_go`](Self::let_go), is not the
    /// active one any more.
    pub async fn wish(&self, holder: Uuid, id: Uuid, to: &str) -> Result<bool, String> {
        let sql = "update em_cluster set wish = $2, wish_to = $3, wish_ready = false
            where part = 'events' and holder = $1 and let_go is null returning epoch";
        let points = ["cluster.wish.before", "cluster.wish.after"];
        Ok(self.change(points, sql, &[&holder, &id, &to]).await?.is_some())
    }

    /// The wish is called off.
    pub async fn drop_wish(&self, id: Uuid) -> Result<(), String> {
        let sql = "update em_cluster set wish = null, wish_to = null, wish_ready = null
            where part = 'events' and wish = $1 and let_go is null";
        self.within(self.client.execute(sql, &[&id])).await.map(drop)
    }

    /// The node that is wished is ready.
    pub async fn ready(&self, id: Uuid) -> Result<(), String> {
        let sql = "update em_cluster set wish_ready = true where part = 'events' and wish = $1";
        self.change(["cluster.ready.before", "cluster.ready.after"], sql, &[&id]).await.map(drop)
    }

    /// Changes the row between two failpoints; what the statement returns of it. A delay at the second one is an answer that comes too
    /// late.
    async fn change<T: ToStatement + ?Sized>(
        &self,
        [before, after]: [&'static str; 2],
        statement: &T,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, String> {
        failpoints::pass(before).await;
        let answered = async {
            let answer = self.client.query_opt(statement, params).await;
            failpoints::pass(after).await;
            answer
        };
        self.within(answered).await
    }

    pub(super) async fn within<T>(
        &self,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, String> {
        timeout(self.limit, asked).await.map_err(|_| late())?.map_err(|error| reason(&error))
    }
}

fn late() -> String {
    "the server does not answer in time".to_owned()
}

async fn take_row(
    client: &mut Client,
    seen: &ClusterRow,
    claim: Claim<'_>,
    limit: Duration,
) -> Result<Taking, tokio_postgres::Error> {
    failpoints::pass("cluster.take.before").await;
    let transaction = client.transaction().await?;
    transaction.batch_execute(AT_LEAST_ON_DISK).await?;
    let row = transaction.query_one(&format!("{LOOK} for update"), &[]).await?;
    let now = read(&row);
    if now.sign() != seen.sign() {
        return Ok(Taking::Late);
    }
    let other = if claim.ends_session { Holder::EndOfCluster } else { Holder::WaitFor };
    if !lock::acquire(&transaction, WRITER_LOCK, limit, other).await? {
        return Ok(Taking::InUse);
    }
    let row = transaction.query_one(TAKE, &[&claim.holder, &claim.node, &millis(claim.lease)]).await?;
    let idle = row.get::<_, Option<i64>>(1).and_then(|millis| u64::try_from(millis).ok());
    let taken = Taking::Taken { epoch: row.get(0), idle: idle.map(Duration::from_millis) };
    failpoints::pass("cluster.take.within").await;
    transaction.commit().await?;
    failpoints::pass("cluster.take.after").await;
    // The writer takes it next: from now on whoever gets it sees the new epoch.
    client.query_one("select pg_advisory_unlock($1)", &[&WRITER_LOCK]).await?;
    Ok(taken)
}

fn read(row: &Row) -> ClusterRow {
    let wish = row.get::<_, Option<Uuid>>(5).zip(row.get::<_, Option<String>>(6));
    let is_ready = row.get::<_, Option<bool>>(7).unwrap_or_default();
    ClusterRow {
        epoch: row.get(0),
        holder: row.get(1),
        node: row.get(2),
        beat: row.get(3),
        let_go: row.get(4),
        wish: wish.map(|(id, to)| Wish { id, to, is_ready }),
        lease: row
            .get::<_, Option<i64>>(8)
            .and_then(|millis| u64::try_from(millis).ok())
            .map(Duration::from_millis),
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
