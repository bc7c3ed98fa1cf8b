//! The tables of a SQLite file: created where missing, extended where the Erlang release's layout is found.

use crate::store::health::Tables;
use crate::store::limits::{EventWidths, SubscriberLimits, Widths};
use crate::store::tenure::Tenure;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use uuid::Uuid;

pub(super) struct Found {
    pub widths: EventWidths,
    pub limits: Option<SubscriberLimits>,
    pub tenure: Option<Tenure>,
}

/// The version that [`prepare`] leaves; newer ones only add to it, so they are left alone.
const VERSION: i64 = 7;

const EM_EVENT: &str = "create table if not exists em_event (
    id        integer primary key autoincrement,
    user_id   varchar(255),
    command   varchar(255),
    event     text,
    status    varchar(32),
    inserted  timestamp
)";

/// What is ours in `em_event`: nullable, so that an old release can go on inserting.
const EM_EVENT_ADDED: [(&str, &str); 5] = [
    ("uuid", "text"),
    ("source", "text"),
    ("notification_id", "text"),
    ("command_index", "integer"),
    ("note", "text"),
];

/// What other tables of ours have got since their first version: table, column and type.
const OURS_ADDED: [(&str, &str, &str); 5] = [
    ("em_journal", "digest", "text"),
    ("em_journal", "holds", "integer"),
    ("em_topic_log", "form", "text"),
    ("em_topic_log", "origin", "text"),
    ("em_cursor", "number", "integer"),
];

const OURS: &str = "
    create unique index if not exists em_event_uuid on em_event (uuid);
    create index if not exists em_event_inserted on em_event (inserted);
    create index if not exists em_event_status_id on em_event (status);
    create index if not exists em_event_command on em_event (command);
    create index if not exists em_event_user on em_event (user_id);
    drop index if exists em_event_status;
    drop index if exists em_event_pending;
    create table if not exists em_journal (
        uuid      text not null,
        attempt   integer not null,
        plan      text,
        panics    integer not null default 0,
        reason    text,
        warnings  text,
        digest    text,
        holds     integer,
        primary key (uuid, attempt)
    ) without rowid;
    create table if not exists em_step (
        uuid      text not null,
        attempt   integer not null,
        position  integer not null,
        state     text not null,
        answer    text,
        marked    timestamp not null,
        primary key (uuid, attempt, position)
    ) without rowid;
    create table if not exists em_subject (
        subscriber text not null,
        event     text not null,
        primary key (subscriber, event)
    ) without rowid;
    create index if not exists em_subject_event on em_subject (event);
    create table if not exists em_audit (
        id        integer primary key autoincrement,
        uuid      text not null unique,
        at        timestamp not null,
        actor     text not null,
        act       text not null,
        object    text not null,
        detail    text
    );
    create table if not exists em_pause (
        system    text primary key,
        at        timestamp not null,
        actor     text not null,
        reason    text
    ) without rowid;
    create table if not exists em_topic_log (
        sequence  integer primary key autoincrement,
        uuid      text not null,
        topic     text not null,
        source    text not null,
        name      text not null,
        at        timestamp not null,
        payload   text not null,
        form      text,
        origin    text,
        unique (uuid, topic)
    );
    create index if not exists em_topic_log_at on em_topic_log (at);
    create index if not exists em_topic_log_topic on em_topic_log (topic);
    create table if not exists em_cursor (
        reader    text primary key,
        sequence  integer not null,
        number    integer
    ) without rowid;
    create table if not exists em_hub (
        id        text primary key,
        topic     text not null,
        callback  text not null,
        query     text,
        owner     text not null,
        created   timestamp not null,
        state     text not null,
        since     timestamp,
        reason    text,
        replay_at integer,
        replay_to integer
    ) without rowid;
    create table if not exists em_hub_attempt (
        id        integer primary key autoincrement,
        hub       text not null,
        event     text not null,
        sequence  integer not null,
        attempt   integer not null,
        at        timestamp not null,
        outcome   text not null,
        status    integer,
        millis    integer not null,
        detail    text,
        unique (hub, sequence, attempt, at)
    );
    create table if not exists em_dead_letter (
        hub       text not null,
        sequence  integer not null,
        uuid      text not null,
        topic     text not null,
        source    text not null,
        name      text not null,
        received  timestamp not null,
        payload   text not null,
        form      text,
        origin    text,
        at        timestamp not null,
        actor     text not null,
        reason    text not null,
        primary key (hub, sequence)
    ) without rowid;
    create table if not exists em_alarm (
        kind      text not null,
        object    text not null,
        uuid      text not null,
        raised    timestamp not null,
        primary key (kind, object)
    ) without rowid;
    create table if not exists em_registration (
        peer      text not null,
        url       text not null,
        topic     text not null,
        callback  text not null,
        hub       text not null,
        created   timestamp not null,
        primary key (url, topic)
    ) without rowid;
    create table if not exists em_evi_subscription (
        event     text not null,
        socket    text not null,
        address   text,
        format    text not null,
        expire    integer not null,
        expires   timestamp not null,
        primary key (event, socket)
    ) without rowid;";

const SRD_USER: &str = "create table if not exists srd_user (
    id             varchar(255) primary key,
    group_id       varchar(255),
    sipurl         varchar(255),
    user_type      varchar(32),
    phonecontext   varchar(64),
    association_id varchar(64),
    e164           varchar(32),
    vmail_user     varchar(255),
    vmail_password varchar(255),
    blf_user       varchar(255),
    created        timestamp,
    updated        timestamp
)";

/// By what people look for a subscriber.
const SRD_USER_INDEXES: &str = "
    create index if not exists srd_user_group on srd_user (group_id);
    create index if not exists srd_user_e164 on srd_user (e164);
    create index if not exists srd_user_sipurl on srd_user (sipurl);";
const EM_SCHEMA: &str =
    "create table if not exists em_schema (part text primary key, version integer not null, owner text)";

/// Brings the tables up to date in one transaction.
pub(super) fn prepare(connection: &mut Connection, tables: Tables, last: Tenure) -> rusqlite::Result<Found> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(EM_SCHEMA)?;
    if !widths(&transaction, "em_schema")?.contains_key("owner") {
        transaction.execute_batch("alter table em_schema add column owner text")?;
    }
    let mut found = Found { widths: EventWidths::default(), limits: None, tenure: None };
    if tables.events {
        prepare_events(&transaction)?;
        found.widths = EventWidths::new(&widths(&transaction, "em_event")?);
        record_version(&transaction, "events")?;
        found.tenure = Some(take_over(&transaction, last)?);
    }
    if tables.subscribers {
        transaction.execute_batch(SRD_USER)?;
        transaction.execute_batch(SRD_USER_INDEXES)?;
        found.limits = Some(SubscriberLimits::new(widths(&transaction, "srd_user")?));
        record_version(&transaction, "subscribers")?;
    }
    transaction.commit()?;
    Ok(found)
}

fn prepare_events(transaction: &Transaction) -> rusqlite::Result<()> {
    transaction.execute_batch(EM_EVENT)?;
    let of_events = EM_EVENT_ADDED.map(|(column, kind)| ("em_event", column, kind));
    add_columns(transaction, &of_events)?;
    transaction.execute_batch(OURS)?;
    add_columns(transaction, &OURS_ADDED)
}

fn add_columns(transaction: &Transaction, columns: &[(&str, &str, &str)]) -> rusqlite::Result<()> {
    for (table, column, kind) in columns {
        if !widths(transaction, table)?.contains_key(*column) {
            transaction.execute_batch(&format!("alter table {table} add column {column} {kind}"))?;
        }
    }
    Ok(())
}

fn record_version(transaction: &Transaction, part: &str) -> rusqlite::Result<()> {
    transaction.execute(
        "insert into em_schema (part, version) values (?1, ?2)
         on conflict (part) do update set version = max(version, excluded.version)",
        (part, VERSION),
    )?;
    Ok(())
}

/// Whose the database is from now on. A new name each time: whether one that was written was committed need not be known.
fn take_over(transaction: &Transaction, last: Tenure) -> rusqlite::Result<Tenure> {
    let sql = "select cast(owner as text) from em_schema where part = 'events'";
    let owner: Option<String> = transaction.query_row(sql, [], |row| row.get(0))?;
    if owner.and_then(|owner| Uuid::parse_str(&owner).ok()) == Some(last.owner()) {
        return Ok(last);
    }
    let tenure = Tenure::begin();
    let sql = "update em_schema set owner = ?1 where part = 'events'";
    transaction.execute(sql, [tenure.owner().to_string()])?;
    Ok(tenure)
}

/// What [`prepare`] makes of an empty file, as statements for people.
pub fn statements() -> String {
    let added =
        EM_EVENT_ADDED.map(|(column, kind)| format!("alter table em_event add column {column} {kind};\n"));
    let version =
        |part: &str| format!("insert into em_schema (part, version) values ('{part}', {VERSION});\n");
    format!(
        "{EM_SCHEMA};\n\n-- events\n{EM_EVENT};\n{}{OURS}\n\n{}\n-- subscribers\n{SRD_USER};{SRD_USER_INDEXES}\n\n{}",
        added.concat(),
        version("events"),
        version("subscribers"),
    )
}

/// The columns of a table with the width of their declared type.
fn widths(connection: &Connection, table: &str) -> rusqlite::Result<Widths> {
    let mut statement = connection.prepare("select name, type from pragma_table_info(?1)")?;
    let columns =
        statement.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    columns.map(|column| column.map(|(name, declared)| (name.to_lowercase(), width(&declared)))).collect()
}

/// 255 of `varchar(255)`.
fn width(declared: &str) -> Option<usize> {
    let declared = declared.to_lowercase();
    if !declared.contains("char") {
        return None;
    }
    let (_, rest) = declared.split_once('(')?;
    rest.split([')', ',']).next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::events::{PENDING, unfinished_sql};

    /// After a long outage there are a thousand pages of them: if each sorted all, reading them took the better part of a minute.
    #[test]
    fn a_page_of_pending_events_is_found_without_sorting_all_of_them() {
        let mut database = Connection::open_in_memory().unwrap();
        prepare(&mut database, Tables { events: true, subscribers: true }, Tenure::default()).unwrap();
        let sql = format!("explain query plan {}", unfinished_sql(PENDING).replace('$', "?"));
        let mut statement = database.prepare(&sql).unwrap();
        let plan = statement.query_map([0, 100], |row| row.get::<_, String>(3)).unwrap();
        let plan: Vec<_> = plan.map(Result::unwrap).collect();
        assert_eq!(plan, ["SEARCH em_event USING INDEX em_event_status_id (status=? AND rowid>?)"]);
    }
}
