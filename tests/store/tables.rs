//! The tables as `eventmanager schema` prints them.

use crate::hubs;
use crate::site::{Kind, Site};
use crate::topic_log::handed_on;
use eventmanager::config::Database;
use eventmanager::event::Form;
use eventmanager::store::{Cursor, postgres_tables, sqlite_tables};
use eventmanager::wire::Secret;

/// Everything that is there, in words of the database.
fn catalogue(site: &Site) -> Vec<Vec<String>> {
    let sql = match site.kind {
        Kind::Sqlite => "select type, name, sql from sqlite_schema order by type, name",
        Kind::Postgres => {
            "select table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
             from information_schema.columns where table_schema = 'public'
             union all select tablename, indexname, indexdef, null, null, null from pg_indexes where schemaname = 'public'
             order by 1, 2"
        }
    };
    let mut found = site.sql(sql);
    // The definitions in a script and in the code may be indented otherwise.
    let words = |text: &mut String| *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    found.iter_mut().flatten().for_each(words);
    found.extend(site.sql("select part, version from em_schema order by part"));
    found
}

/// The printed tables are what a start makes of nothing; a start leaves them as they are, and PostgreSQL takes them twice.
pub async fn the_printed_tables_are_those_that_are_made(made: Site) {
    made.open().ready().await.close().await;
    let printed = Site::new(made.kind);
    match made.kind {
        Kind::Sqlite => {
            printed.sql(&sqlite_tables());
        }
        Kind::Postgres => {
            printed.sql(&postgres_tables());
            printed.sql(&postgres_tables());
        }
    }
    assert_eq!(catalogue(&printed), catalogue(&made));
    printed.open().ready().await.close().await;
    assert_eq!(catalogue(&printed), catalogue(&made));
    if made.kind == Kind::Postgres {
        a_user_who_may_make_no_tables_can_use_them(printed).await;
    }
}

/// What version 6 has added is taken out, as version 5 has left it; afterwards that release writes into what version 6 made.
pub async fn a_database_of_the_release_before_is_extended_and_can_be_put_back(site: Site) {
    let running = site.open().ready().await;
    running.store.hand_on(vec![handed_on("calls", "old")]).await.expect("stored");
    running.store.keep_place("evi", 1).await.expect("stored");
    running.close().await;
    for table in ["em_hub", "em_hub_attempt", "em_dead_letter", "em_alarm", "em_registration"] {
        site.sql(&format!("drop table {table}"));
    }
    site.sql("drop index em_topic_log_topic");
    for (table, column) in [("em_topic_log", "form"), ("em_topic_log", "origin"), ("em_cursor", "number")] {
        site.sql(&format!("alter table {table} drop column {column}"));
    }
    site.sql("update em_schema set version = 5");

    let running = site.open().ready().await;
    let hub = hubs::hub("calls", 1);
    hubs::register(&running, &hub, 0).await;
    assert_eq!(running.store.cursor("evi").await.expect("read"), Some(Cursor { sequence: 1, number: 0 }));
    site.sql(
        "insert into em_topic_log (uuid, topic, source, name, at, payload)
         values ('00000000-0000-0000-0000-000000000007', 'calls', 'k1', 'theirs', current_timestamp, '{}')",
    );
    site.sql("update em_cursor set sequence = 9 where reader = 'evi'");
    let rows = running.store.topic_rows_after("calls", 0, 10).await.expect("read").rows;
    let seen: Vec<_> = rows.iter().map(|row| (&*row.event.name, row.event.form.clone())).collect();
    assert_eq!(seen, [("old", Form::Fields), ("theirs", Form::Fields)]);
    running.close().await;
    assert_eq!(site.sql("select version from em_schema where part = 'events'"), [["7"]]);
    // A newer one leaves its number.
    site.sql("update em_schema set version = 7");
    site.open().ready().await.close().await;
    assert_eq!(site.sql("select version from em_schema where part = 'events'"), [["7"]]);
}

async fn a_user_who_may_make_no_tables_can_use_them(mut site: Site) {
    let Database::Postgres(url) = site.config.events.clone() else { return };
    let (_, place) = url.expose().rsplit_once('@').expect("an address with a user");
    let database = place.split(['/', '?']).nth(1).unwrap_or_default();
    let role = format!("em_user_{database}");
    site.sql(&format!(
        "create role {role} login password 'p'; revoke create on schema public from public;
         grant select, insert, update, delete on all tables in schema public to {role};
         grant usage on all sequences in schema public to {role}"
    ));
    let theirs = Database::Postgres(Secret::new(format!("postgresql://{role}:p@{place}")));
    site.config.events = theirs.clone();
    site.config.subscribers = theirs;
    let running = site.open().ready().await;
    running.store.append(vec![crate::site::event("anna")]).await.expect("stored");
    running.close().await;
    site.config.events = Database::Postgres(url.clone());
    assert_eq!(site.sql("select user_id from em_event"), [["anna"]]);
    site.sql(&format!("drop owned by {role}; drop role {role}"));
}
