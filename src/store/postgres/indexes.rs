//! The indexes that lists go along, and how a large table gets them: beside the work, on a connection of their own.
//!
//! To build one among ten million rows takes the better part of a minute. `create index concurrently` keeps nobody from
//! writing; until an index is there, lists do without it ([`crate::store::walks`]). What a lost connection leaves half
//! built is invalid: it is dropped and built anew.

use super::{Address, reason};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Client;
use tracing::{info, warn};

/// Names, and what they are on.
pub(super) const INDEXES: [(&str, &str); 5] = [
    ("em_event_received", "on em_event (inserted, id)"),
    ("em_event_status_id", "on em_event (status, id)"),
    // The order of bytes, so that the versions of a command stand together.
    ("em_event_command", "on em_event (command collate \"C\", id)"),
    ("em_event_user", "on em_event (user_id, id)"),
    // The rows of the Erlang release.
    ("em_event_released", "on em_event (id) where uuid is null"),
];

/// Of earlier versions, which create them again if they are put back.
pub(super) const SUPERSEDED: [&str; 2] = ["em_event_status", "em_event_inserted"];

/// It takes as long as it takes.
const SESSION: &str = "set statement_timeout = 0; set lock_timeout = 0; set client_min_messages = warning";
/// One that waited for this lock in the server would keep the other from ending: a build waits for every older statement.
const ALONE: &str = "select pg_try_advisory_lock(hashtext('eventmanager indexes'))";
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(10);

/// Builds what is missing and drops what is superseded, however often it takes.
pub(super) async fn build(address: Arc<Address>) {
    while let Err(error) = build_once(&address).await {
        warn!(error = reason(&error), "indexes of em_event cannot be built now, trying again");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn build_once(address: &Address) -> Result<(), tokio_postgres::Error> {
    let mut config = address.config.clone();
    config.application_name("eventmanager indexes");
    let (client, connection) = config.connect(address.tls.clone()).await?;
    // It ends with the client.
    tokio::spawn(connection);
    client.batch_execute(SESSION).await?;
    while !client.query_one(ALONE, &[]).await?.get::<_, bool>(0) {
        tokio::time::sleep(PAUSE).await;
    }
    for (name, on) in INDEXES {
        build_index(&client, name, on).await?;
    }
    for name in SUPERSEDED {
        client.batch_execute(&format!("drop index concurrently if exists {name}")).await?;
    }
    Ok(())
}

async fn build_index(client: &Client, name: &str, on: &str) -> Result<(), tokio_postgres::Error> {
    let sql = "select indisvalid from pg_index where indexrelid = to_regclass($1)";
    match client.query_opt(sql, &[&name]).await?.map(|row| row.get(0)) {
        Some(true) => return Ok(()),
        Some(false) => client.batch_execute(&format!("drop index concurrently if exists {name}")).await?,
        None => {}
    }
    let began = Instant::now();
    info!(index = name, "index of em_event is being built, lists are slower until then");
    client.batch_execute(&format!("create index concurrently {name} {on}")).await?;
    info!(index = name, seconds = began.elapsed().as_secs(), "index of em_event built");
    Ok(())
}
