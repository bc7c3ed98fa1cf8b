//! What a database alone commits: rows of events in the tables of ours, with nothing before and behind it.

use crate::{LENGTH, event, runtime};
use eventmanager::config::Database;
use eventmanager::event::NewEvent;
use std::path::Path;
use std::time::Instant;
use tokio_postgres::NoTls;

/// Rows a second that are inserted with so many in each transaction, by the one connection that writes.
pub fn rows(database: &Database, at_once: usize) -> f64 {
    match database {
        Database::Sqlite(path) => sqlite(path, at_once),
        Database::Postgres(url) => postgres(url.expose(), at_once),
    }
}

fn sqlite(path: &Path, at_once: usize) -> f64 {
    let mut connection = rusqlite::Connection::open(path).expect("a database");
    // As durable as ours is.
    connection.pragma_update(None, "synchronous", "full").expect("a pragma");
    let began = Instant::now();
    let mut stored = 0;
    while began.elapsed() < LENGTH {
        let events: Vec<NewEvent> = (0..at_once).map(|_| event()).collect();
        let transaction = connection.transaction().expect("a transaction");
        let insert = "insert into em_event (uuid, source, notification_id, command_index, user_id, command, event, status, inserted)
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, strftime('%Y-%m-%d %H:%M:%f', 'now'))";
        let mut statement = transaction.prepare_cached(insert).expect("a statement");
        for event in events {
            let NewEvent { uuid, source, notification_id, command_index, user_id, command, .. } = event;
            let (uuid, index, document) = (uuid.to_string(), command_index as i64, &*event.document);
            let row =
                (uuid, &*source, notification_id, index, user_id, command, document, event.status.as_str());
            stored += statement.execute(row).expect("a row");
        }
        drop(statement);
        transaction.commit().expect("committed");
    }
    stored as f64 / began.elapsed().as_secs_f64()
}

fn postgres(url: &str, at_once: usize) -> f64 {
    runtime().block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the database");
        tokio::spawn(connection);
        let insert = "insert into em_event (uuid, source, notification_id, command_index, user_id, command, event, status, inserted)
            select uuid, source, notification, 0, user_id, command, event, status, now()
            from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
                as new(uuid, source, notification, user_id, command, event, status)";
        let statement = client.prepare(insert).await.expect("a statement");
        let began = Instant::now();
        let mut stored = 0;
        while began.elapsed() < LENGTH {
            let events: Vec<NewEvent> = (0..at_once).map(|_| event()).collect();
            let uuids: Vec<_> = events.iter().map(|event| event.uuid).collect();
            let text = |of: fn(&NewEvent) -> &str| events.iter().map(of).collect::<Vec<_>>();
            let (sources, users) = (text(|event| &event.source), text(|event| &event.user_id));
            let (commands, documents) = (text(|event| &event.command), text(|event| &event.document));
            let statuses = text(|event| event.status.as_str());
            let notifications = text(|event| event.notification_id.as_deref().unwrap_or_default());
            stored += client
                .execute(
                    &statement,
                    &[&uuids, &sources, &notifications, &users, &commands, &documents, &statuses],
                )
                .await
                .expect("rows");
        }
        stored as f64 / began.elapsed().as_secs_f64()
    })
}
