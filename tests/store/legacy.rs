//! The tables of the Erlang release, taken over and given back.

use crate::site::*;
use eventmanager::event::Status;
use eventmanager::store::EventFilter;

const LEGACY_ROW: &str = "insert into em_event (user_id, command, event, status, inserted)
    values ('old', 'UserAddRequest', '<old/>', 'pending', current_timestamp)";

fn create_erlang_tables(site: &Site) {
    let id = match site.kind {
        Kind::Sqlite => "integer primary key autoincrement",
        Kind::Postgres => "serial primary key",
    };
    site.sql(&format!(
        "create table em_event (id {id}, user_id varchar(20), command varchar(255), event text,
            status varchar(32), inserted timestamp)"
    ));
    // Without a primary key, as some sites have it.
    site.subscribers_sql(
        "create table srd_user (id varchar(255), group_id varchar(255), sipurl varchar(255),
            user_type varchar(32), phonecontext varchar(64), association_id varchar(64), e164 varchar(32),
            vmail_user varchar(255), vmail_password varchar(255), blf_user varchar(255), created timestamp,
            updated timestamp)",
    );
    site.sql(LEGACY_ROW);
    site.subscribers_sql(
        "insert into srd_user (id, sipurl, user_type, association_id, created, updated)
         values ('old', 'old@x', 'user', 'a1', current_timestamp, current_timestamp)",
    );
}

/// What any site must do on the tables of the Erlang release.
async fn take_over(site: &Site) {
    create_erlang_tables(site);
    let running = site.open().ready().await;
    let long = within(running.store.append(vec![event("a user id of more than twenty")])).await.unwrap();
    assert_eq!(long[0].id, 2);
    let row = running.store.event(2).await.unwrap().unwrap();
    assert_eq!(row.user_id, "a user id of more th");

    let pending = running.store.pending(0, 10).await.unwrap();
    assert_eq!(pending.iter().map(|event| event.id).collect::<Vec<_>>(), [2]);
    let listed = running.store.list(EventFilter::default()).await.unwrap();
    assert_eq!((listed[0].uuid, listed[0].status), (None, Some(Status::Pending)));
    let age = listed[0].received.elapsed().unwrap();
    assert!(age.as_secs() < 60, "{age:?}");

    assert!(running.store.subscriber("old").await.unwrap().is_some());
    for user_id in ["old", "new", "new"] {
        let mut next = progress(row.uuid.unwrap(), 1);
        next.effect = insert(user_id);
        next.steps = vec![mark(0, eventmanager::store::StepState::Done)];
        within(running.store.record(next)).await.unwrap();
        assert_eq!(running.store.subscriber(user_id).await.unwrap(), Some(subscriber(user_id)));
    }
    assert_eq!(site.subscribers_sql("select count(*) from srd_user"), [["2"]]);
    running.close().await;
}

pub async fn tables_of_the_erlang_release_are_taken_over(site: Site) {
    take_over(&site).await;
    // A second start finds them as it left them.
    let running = site.open().ready().await;
    assert_eq!(running.store.pending(0, 10).await.unwrap().len(), 1);
    running.close().await;
}

pub async fn events_and_subscribers_may_live_apart(mut site: Site) {
    site.split();
    take_over(&site).await;
    let tables = match site.kind {
        Kind::Sqlite => "select count(*) from sqlite_schema where name = 'srd_user'",
        Kind::Postgres => "select count(*) from pg_class where relname = 'srd_user'",
    };
    assert_eq!(site.sql(tables), [["0"]]);
    assert_eq!(site.subscribers_sql(tables), [["1"]]);
}

pub async fn the_erlang_release_can_be_put_back(site: Site) {
    let running = site.open();
    within(running.store.append(vec![event("anna")])).await.unwrap();
    running.close().await;
    // It inserts without our columns, takes the next id, and updates by id.
    site.sql(LEGACY_ROW);
    site.sql("update em_event set status = 'completed' where id = 2");
    assert_eq!(
        site.sql("select id, user_id, status from em_event order by id")[1],
        ["2", "old", "completed"]
    );
    site.sql(
        "insert into srd_user (id, sipurl, user_type, association_id, created, updated)
         values ('old', 'old@x', 'user', 'a1', current_timestamp, current_timestamp)",
    );
    site.sql("delete from srd_user where id = 'old'");
}

/// The tables, their indexes and the columns of the two that the Erlang release has.
fn layout(site: &Site) -> Vec<Vec<String>> {
    let (things, columns) = match site.kind {
        Kind::Sqlite => (
            "select name from sqlite_master where name not like 'sqlite_%' order by name".to_owned(),
            "select name from pragma_table_info('TABLE') order by cid",
        ),
        Kind::Postgres => (
            "select cast(relname as text) from pg_class where relnamespace = 'public'::regnamespace
                and relkind in ('r', 'i') order by relname"
                .to_owned(),
            "select cast(attname as text) from pg_attribute where attrelid = 'TABLE'::regclass and attnum > 0
                and not attisdropped order by attnum",
        ),
    };
    let columns = ["em_event", "srd_user"].map(|table| site.sql(&columns.replace("TABLE", table)));
    [site.sql(&things), columns.concat()].concat()
}

pub async fn what_this_release_has_added_can_be_taken_out_as_the_docs_say(site: Site) {
    create_erlang_tables(&site);
    let before = layout(&site);
    let running = site.open().ready().await;
    within(running.store.append(vec![event("anna")])).await.unwrap();
    running.close().await;
    assert_ne!(layout(&site), before);

    let docs = include_str!("../../docs/operations.md");
    let sql =
        docs.split("```sql").nth(1).and_then(|rest| rest.split("```").next()).expect("the docs have it");
    for statement in sql.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        site.sql(statement);
    }
    assert_eq!(layout(&site), before, "something of ours is left, or something of theirs is gone");
    site.sql(LEGACY_ROW);

    let running = site.open().ready().await;
    let counts = running.store.counts().await.unwrap();
    assert_eq!((counts.pending, counts.left_pending), (0, 3), "what was ours passes for the old release's");
    assert!(running.store.subscriber("old").await.unwrap().is_some());
    running.close().await;
}
