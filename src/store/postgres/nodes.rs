//! The table of who there is: for people and for hand-overs. Nobody's place hangs on it.

use super::cluster::ClusterTable;
use std::time::Duration;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

/// Says who had this name until then.
const NOTE: &str = "with old as (select process, state from em_node where node = $1)
    insert into em_node (node, process, state, http, version, seen)
    values ($1, $2, $3, $4, $5, clock_timestamp())
    on conflict (node) do update set process = excluded.process, state = excluded.state, http = excluded.http,
        version = excluded.version, seen = excluded.seen
    returning (select process from old), (select state from old)";

/// Those that have been seen lately, or may have a lease still: while the database was away nobody was seen, and whoever acted goes on
/// to the end of it.
const LIVING: &str = "select string_agg(node, ', ' order by node) from em_node
    where isfinite(seen) and seen > clock_timestamp() - greatest(interval '5 seconds',
        (select max(lease_millis) from em_cluster) * interval '2 milliseconds')";

const NODES: &str = "select node, process, state, http, version,
        cast(extract(epoch from clock_timestamp() - seen) * 1000 as bigint)
    from em_node where isfinite(seen) order by node";

/// Those that have been gone for so long are not told of any more.
const FORGET: &str = "delete from em_node where seen < clock_timestamp() - interval '7 days'";

/// A daemon of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterNode {
    pub node: String,
    pub process: Uuid,
    pub state: String,
    pub http: String,
    pub version: String,
    /// How long ago it was seen, by the clock of the database.
    pub seen: Duration,
}

/// The process that had the name of a node, and what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namesake {
    pub process: Uuid,
    pub state: String,
}

impl ClusterTable {
    /// Says that this node is there; who had its name until then.
    pub async fn note(&self, node: &ClusterNode) -> Result<Option<Namesake>, String> {
        let ClusterNode { node, process, state, http, version, .. } = node;
        let row = self.within(self.client.query_one(NOTE, &[node, process, state, http, version])).await?;
        let before = row.get::<_, Option<Uuid>>(0).zip(row.get::<_, Option<String>>(1));
        Ok(before.map(|(process, state)| Namesake { process, state }))
    }

    /// All nodes that have been there lately.
    pub async fn nodes(&self) -> Result<Vec<ClusterNode>, String> {
        let rows = self.within(self.client.query(NODES, &[])).await?;
        Ok(rows.iter().map(of_node).collect())
    }

    /// The node is not there any more; those that have been gone for long are forgotten.
    pub async fn leave(&self, process: Uuid) -> Result<(), String> {
        self.within(self.client.execute("delete from em_node where process = $1", &[&process])).await?;
        self.within(self.client.batch_execute(FORGET)).await
    }
}

/// The nodes of a cluster that live, by name, where there are any: for a daemon that is not of it.
pub(super) async fn living(client: &Client) -> Result<Option<String>, tokio_postgres::Error> {
    let is_there = client.query_one("select to_regclass('em_node') is not null", &[]).await?;
    match is_there.get(0) {
        true => Ok(client.query_one(LIVING, &[]).await?.get(0)),
        false => Ok(None),
    }
}

fn of_node(row: &Row) -> ClusterNode {
    let seen = u64::try_from(row.get::<_, i64>(5)).unwrap_or_default();
    ClusterNode {
        node: row.get(0),
        process: row.get(1),
        state: row.get(2),
        http: row.get(3),
        version: row.get(4),
        seen: Duration::from_millis(seen),
    }
}
