//! The tables of a PostgreSQL database: created where missing, extended where the Erlang release's are found.
//!
//! What is there is not touched, so that a start takes no locks on tables that others use. Indexes that a large table of an
//! earlier version lacks are built beside the work ([`super::indexes`]).

use super::indexes::{INDEXES, SUPERSEDED};
use crate::store::health::Tables;
use crate::store::limits::{EventWidths, SubscriberLimits, Widths};
use crate::store::tenure::Tenure;
use tokio_postgres::{Client, Error, Transaction};
use uuid::Uuid;

pub(super) struct Found {
    pub widths: EventWidths,
    pub limits: Option<SubscriberLimits>,
    pub tenure: Option<Tenure>,
    /// Whether indexes are to be built or dropped beside the work.
    pub indexes_later: bool,
}

/// A larger table, in bytes, is indexed beside the work: the index of a smaller one takes a second.
const LARGE: i64 = 32 << 20;

/// The version that [`prepare`] leaves; newer ones only add to it, so they are left alone.
const VERSION: i32 = 7;

/// One start at a time; creating an index on a large table may take long, waiting for a lock may not.
const ALONE: &str = "set local statement_timeout = 0; set local lock_timeout = '10s';
    select pg_advisory_xact_lock(hashtext('eventmanager tables'))";

const EM_EVENT: &str = "create table em_event (
    id        serial primary key,
    user_id   varchar(255),
    command   varchar(255),
    event     text,
    status    varchar(32),
    inserted  timestamp
)";

/// What is ours in `em_event`: nullable, so that an old release can go on inserting.
const EM_EVENT_ADDED: [(&str, &str); 5] = [
    ("uuid", "uuid"),
    ("source", "text"),
    ("notification_id", "text"),
    ("command_index", "integer"),
    ("note", "text"),
];

/// What other tables of ours have got since their first version: table, column and type.
const OURS_ADDED: [(&str, &str, &str); 5] = [
    ("em_journal", "digest", "text"),
    ("em_journal", "holds", "boolean"),
    ("em_topic_log", "form", "text"),
    ("em_topic_log", "origin", "text"),
    ("em_cursor", "number", "bigint"),
];

const SRD_USER: &str = "create table srd_user (
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

const EM_SCHEMA: (&str, &str) =
    ("em_schema", "create table em_schema (part text primary key, version integer not null, owner uuid)");

/// Who has the database; of a table of an earlier version.
const OWNER: &str = "alter table em_schema add column if not exists owner uuid;\n";

/// Who acts, where several daemons share the database; that of the subscribers has one too, where it is another.
const EM_CLUSTER: (&str, &str) = (
    "em_cluster",
    "create table em_cluster (
            part      text primary key,
            epoch     bigint not null,
            holder    uuid,
            node      text,
            beat      bigint not null,
            lease_millis bigint,
            taken     timestamptz,
            let_go    timestamptz,
            wish      uuid,
            wish_to   text,
            wish_ready boolean
        )",
);

/// Names and definitions of what stands beside `em_event`.
const BESIDE_EVENTS: [(&str, &str); 20] = [
    EM_CLUSTER,
    (
        "em_node",
        "create table em_node (
            node      text primary key,
            process   uuid not null,
            state     text not null,
            http      text not null,
            version   text not null,
            seen      timestamptz not null
        )",
    ),
    ("em_event_uuid", "create unique index em_event_uuid on em_event (uuid)"),
    ("em_event_pending", "create index em_event_pending on em_event (id) where status = 'pending'"),
    (
        "em_journal",
        "create table em_journal (
            uuid      uuid not null,
            attempt   integer not null,
            plan      text,
            panics    integer not null default 0,
            reason    text,
            warnings  text,
            digest    text,
            holds     boolean,
            primary key (uuid, attempt)
        )",
    ),
    (
        "em_step",
        "create table em_step (
            uuid      uuid not null,
            attempt   integer not null,
            position  integer not null,
            state     text not null,
            answer    text,
            marked    timestamptz not null,
            primary key (uuid, attempt, position)
        )",
    ),
    (
        "em_subject",
        "create table em_subject (
            subscriber text not null,
            event     uuid not null,
            primary key (subscriber, event)
        )",
    ),
    ("em_subject_event", "create index em_subject_event on em_subject (event)"),
    (
        "em_audit",
        "create table em_audit (
            id        bigserial primary key,
            uuid      uuid not null unique,
            at        timestamptz not null,
            actor     text not null,
            act       text not null,
            object    text not null,
            detail    text
        )",
    ),
    (
        "em_pause",
        "create table em_pause (
            system    text primary key,
            at        timestamptz not null,
            actor     text not null,
            reason    text
        )",
    ),
    (
        "em_topic_log",
        "create table em_topic_log (
            sequence  bigserial primary key,
            uuid      uuid not null,
            topic     text not null,
            source    text not null,
            name      text not null,
            at        timestamptz not null,
            payload   text not null,
            form      text,
            origin    text,
            unique (uuid, topic)
        )",
    ),
    ("em_topic_log_at", "create index em_topic_log_at on em_topic_log (at)"),
    ("em_topic_log_topic", "create index em_topic_log_topic on em_topic_log (topic, sequence)"),
    (
        "em_cursor",
        "create table em_cursor (
            reader    text primary key,
            sequence  bigint not null,
            number    bigint
        )",
    ),
    (
        "em_hub",
        "create table em_hub (
            id        uuid primary key,
            topic     text not null,
            callback  text not null,
            query     text,
            owner     text not null,
            created   timestamptz not null,
            state     text not null,
            since     timestamptz,
            reason    text,
            replay_at bigint,
            replay_to bigint
        )",
    ),
    (
        "em_hub_attempt",
        "create table em_hub_attempt (
            id        bigserial primary key,
            hub       uuid not null,
            event     uuid not null,
            sequence  bigint not null,
            attempt   bigint not null,
            at        timestamptz not null,
            outcome   text not null,
            status    integer,
            millis    bigint not null,
            detail    text,
            unique (hub, sequence, attempt, at)
        )",
    ),
    (
        "em_dead_letter",
        "create table em_dead_letter (
            hub       uuid not null,
            sequence  bigint not null,
            uuid      uuid not null,
            topic     text not null,
            source    text not null,
            name      text not null,
            received  timestamptz not null,
            payload   text not null,
            form      text,
            origin    text,
            at        timestamptz not null,
            actor     text not null,
            reason    text not null,
            primary key (hub, sequence)
        )",
    ),
    (
        "em_alarm",
        "create table em_alarm (
            kind      text not null,
            object    text not null,
            uuid      uuid not null,
            raised    timestamptz not null,
            primary key (kind, object)
        )",
    ),
    (
        "em_registration",
        "create table em_registration (
            peer      text not null,
            url       text not null,
            topic     text not null,
            callback  text not null,
            hub       text not null,
            created   timestamptz not null,
            primary key (url, topic)
        )",
    ),
    (
        "em_evi_subscription",
        "create table em_evi_subscription (
            event     text not null,
            socket    text not null,
            address   text,
            format    text not null,
            expire    bigint not null,
            expires   timestamptz not null,
            primary key (event, socket)
        )",
    ),
];

/// By what people look for a subscriber. The order of bytes finds the ids that begin with a text, whatever the collation.
const SRD_USER_INDEXES: [(&str, &str); 4] = [
    ("srd_user_group", "create index srd_user_group on srd_user (group_id)"),
    ("srd_user_e164", "create index srd_user_e164 on srd_user (e164)"),
    ("srd_user_sipurl", "create index srd_user_sipurl on srd_user (sipurl)"),
    ("srd_user_prefix", "create index srd_user_prefix on srd_user ((cast(id as text)) collate \"C\")"),
];
const ID_INDEX: (&str, &str) = ("srd_user_id", "create index srd_user_id on srd_user (id)");

/// Whether some index of `srd_user` finds a row by its id; without a primary key there may be none.
const HAS_ID_INDEX: &str = "select exists (
    select 1 from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
    where indrelid = to_regclass('srd_user') and attname = 'id')";

/// Brings the tables up to date in one transaction.
pub(super) async fn prepare(client: &mut Client, tables: Tables, last: Tenure) -> Result<Found, Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(ALONE).await?;
    create(&transaction, EM_SCHEMA).await?;
    if !widths(&transaction, "em_schema").await?.contains_key("owner") {
        transaction.batch_execute("alter table em_schema add column owner uuid").await?;
    }
    let mut found =
        Found { widths: EventWidths::default(), limits: None, tenure: None, indexes_later: false };
    if tables.events {
        found.widths = EventWidths::new(&prepare_events(&transaction).await?);
        found.indexes_later = prepare_indexes(&transaction).await?;
        record_version(&transaction, "events").await?;
        found.tenure = Some(take_over(&transaction, last).await?);
    }
    if tables.subscribers {
        create(&transaction, ("srd_user", SRD_USER)).await?;
        create(&transaction, EM_CLUSTER).await?;
        for definition in SRD_USER_INDEXES {
            create(&transaction, definition).await?;
        }
        if !transaction.query_one(HAS_ID_INDEX, &[]).await?.get::<_, bool>(0) {
            create(&transaction, ID_INDEX).await?;
        }
        found.limits = Some(SubscriberLimits::new(widths(&transaction, "srd_user").await?));
        record_version(&transaction, "subscribers").await?;
    }
    transaction.commit().await?;
    Ok(found)
}

/// Makes what the daemons of a cluster need before any of them acts, and the row of this part.
pub(super) async fn prepare_cluster(client: &Client, part: &str) -> Result<(), Error> {
    let there = "select count(*) from unnest(array['em_cluster', 'em_node']) as name where to_regclass(name) is not null";
    if client.query_one(there, &[]).await?.get::<_, i64>(0) < 2 {
        let ours = BESIDE_EVENTS.iter().filter(|(name, _)| matches!(*name, "em_cluster" | "em_node"));
        let tables: String = ours.map(|(_, definition)| unless_there(definition)).collect();
        client.batch_execute(&format!("begin; {ALONE}; {tables} commit")).await?;
    }
    let row = "insert into em_cluster (part, epoch, beat) values ($1, 0, 0) on conflict do nothing";
    client.execute(row, &[&part]).await.map(drop)
}

async fn prepare_events(transaction: &Transaction<'_>) -> Result<Widths, Error> {
    create(transaction, ("em_event", EM_EVENT)).await?;
    let present = widths(transaction, "em_event").await?;
    let of_events = EM_EVENT_ADDED.map(|(column, kind)| ("em_event", column, kind));
    add_columns(transaction, &of_events).await?;
    for definition in BESIDE_EVENTS {
        create(transaction, definition).await?;
    }
    add_columns(transaction, &OURS_ADDED).await?;
    Ok(present)
}

async fn add_columns(transaction: &Transaction<'_>, columns: &[(&str, &str, &str)]) -> Result<(), Error> {
    for (table, column, kind) in columns {
        if !widths(transaction, table).await?.contains_key(*column) {
            let add = format!("alter table {table} add column {column} {kind}");
            transaction.batch_execute(&add).await?;
        }
    }
    Ok(())
}

/// Builds the indexes of a small table; says whether there is something to do beside the work.
async fn prepare_indexes(transaction: &Transaction<'_>) -> Result<bool, Error> {
    let size = transaction.query_one("select pg_relation_size('em_event')", &[]).await?;
    let is_large = size.get::<_, i64>(0) > LARGE;
    let mut later = false;
    for (name, on) in INDEXES {
        let sql = "select indisvalid from pg_index where indexrelid = to_regclass($1)";
        match transaction.query_opt(sql, &[&name]).await? {
            None if !is_large => transaction.batch_execute(&format!("create index {name} {on}")).await?,
            Some(row) if row.get(0) => {}
            None | Some(_) => later = true,
        }
    }
    let superseded =
        "select count(*) from unnest($1::text[]) as old(name) where to_regclass(old.name) is not null";
    let superseded = transaction.query_one(superseded, &[&&SUPERSEDED[..]]).await?;
    Ok(later || superseded.get::<_, i64>(0) > 0)
}

/// Creates a table or index unless its name is taken.
async fn create(transaction: &Transaction<'_>, (name, definition): (&str, &str)) -> Result<(), Error> {
    let missing = transaction.query_one("select to_regclass($1) is null", &[&name]).await?;
    if missing.get(0) { transaction.batch_execute(definition).await } else { Ok(()) }
}

async fn record_version(transaction: &Transaction<'_>, part: &str) -> Result<(), Error> {
    transaction
        .execute(
            "insert into em_schema (part, version) values ($1, $2)
             on conflict (part) do update set version = greatest(em_schema.version, excluded.version)",
            &[&part, &VERSION],
        )
        .await?;
    Ok(())
}

/// Whose the database is from now on. A new name each time: whether one that was written was committed need not be known.
async fn take_over(transaction: &Transaction<'_>, last: Tenure) -> Result<Tenure, Error> {
    let row = transaction.query_one("select owner from em_schema where part = 'events'", &[]).await?;
    if row.get::<_, Option<Uuid>>(0) == Some(last.owner()) {
        return Ok(last);
    }
    let tenure = Tenure::begin();
    let sql = "update em_schema set owner = $1 where part = 'events'";
    transaction.execute(sql, &[&tenure.owner()]).await?;
    Ok(tenure)
}

/// What [`prepare`] makes of an empty database, or of one of the Erlang release, as statements for people.
pub fn statements() -> String {
    let added = EM_EVENT_ADDED
        .map(|(column, kind)| format!("alter table em_event add column if not exists {column} {kind};\n"));
    let ours = OURS_ADDED.map(|(table, column, kind)| {
        format!("alter table {table} add column if not exists {column} {kind};\n")
    });
    let beside = BESIDE_EVENTS.map(|(_, definition)| unless_there(definition));
    let lists = INDEXES.map(|(name, on)| format!("create index if not exists {name} {on};\n"));
    let indexes = SRD_USER_INDEXES.map(|(_, definition)| unless_there(definition));
    let version = |part: &str| {
        format!(
            "insert into em_schema (part, version) values ('{part}', {VERSION})
    on conflict (part) do update set version = greatest(em_schema.version, excluded.version);\n"
        )
    };
    format!(
        "{}{OWNER}\n-- events\n{}{}{}{}\n-- subscribers\n{}{}{}do $$ begin\n    if not ({HAS_ID_INDEX})\n    then {}; end if;\nend $$;\n{}",
        unless_there(EM_SCHEMA.1),
        unless_there(EM_EVENT),
        added.concat(),
        beside.concat() + &lists.concat() + &ours.concat(),
        version("events"),
        unless_there(SRD_USER),
        unless_there(EM_CLUSTER.1),
        indexes.concat(),
        ID_INDEX.1,
        version("subscribers"),
    )
}

/// The definition as a statement that may be repeated.
fn unless_there(definition: &str) -> String {
    let kinds = ["create table ", "create unique index ", "create index "];
    let kind = kinds.into_iter().find(|kind| definition.starts_with(kind)).unwrap_or_default();
    format!("{kind}if not exists {};\n", &definition[kind.len()..])
}

/// The columns of a table with the width of their type.
async fn widths(transaction: &Transaction<'_>, table: &str) -> Result<Widths, Error> {
    let rows = transaction
        .query(
            "select cast(attname as text),
                case when atttypid in ('varchar'::regtype, 'bpchar'::regtype) and atttypmod > 4
                    then atttypmod - 4 end
             from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped",
            &[&table],
        )
        .await?;
    let widths = rows.iter().map(|row| {
        let width: Option<i32> = row.get(1);
        (row.get(0), width.and_then(|width| usize::try_from(width).ok()))
    });
    Ok(widths.collect())
}
