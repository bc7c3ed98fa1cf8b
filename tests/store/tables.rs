//! The tables as `eventmanager schema` prints them.

use crate::site::{Kind, Site};
use eventmanager::config::Database;
use eventmanager::store::{postgres_tables, sqlite_tables};
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
