//! How long a page of a list takes among 10 million events, on both stores: p50, p99 and the longest of many pages of every
//! kind. Before that, how long the tables took to fill and the indexes to build.
//!
//!     cargo bench --bench lists                       10 million events; about 5 GB of disk, one store after the other
//!     EVENTS=200000 cargo bench --bench lists         fewer
//!     PADDING=1000 cargo bench --bench lists          longer documents
//!     STORE=sqlite cargo bench --bench lists          one store alone

#[path = "support/allocator.rs"]
mod allocator;
#[path = "../tests/support/ports.rs"]
#[allow(dead_code, reason = "the server alone has one")]
mod ports;
#[path = "../tests/support/postgres.rs"]
#[allow(dead_code, reason = "a benchmark stops no server")]
mod postgres;
#[path = "support/row.rs"]
#[allow(dead_code, reason = "a page has no bound")]
mod row;

use eventmanager::config::{Database, StoreConfig};
use eventmanager::event::Status;
use eventmanager::store::{EventFilter, Store, open};
use eventmanager::wire::Secret;
use row::Row;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Pages that are asked for of every kind.
const PAGES: usize = 200;
/// Over how long the events are spread: the last ninety days.
const SPREAD: Duration = Duration::from_secs(90 * 24 * 3600);

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let rows = std::env::var("EVENTS").map_or(10_000_000, |rows| rows.parse().expect("EVENTS is a number"));
    let wanted = std::env::var("STORE").unwrap_or_default();
    if wanted != "postgres" {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("store.db");
        measure("SQLite", Database::Sqlite(path.clone()), rows, |sql| run_sqlite(&path, sql));
    }
    if wanted != "sqlite" {
        let server = postgres::Server::start();
        let url = server.create_database();
        measure("PostgreSQL", Database::Postgres(Secret::new(url.clone())), rows, |sql| {
            postgres::execute(&url, sql).expect("the statement is good");
        });
    }
}

fn run_sqlite(path: &Path, sql: &str) {
    let database = rusqlite::Connection::open(path).expect("the file is there");
    // It is only a bench: what a power cut would lose is made again.
    let quickly = "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -200000";
    database.execute_batch(quickly).expect("pragmas");
    database.execute_batch(sql).expect("the statement is good");
}

/// Status by place: nine of a thousand have failed, the last hundred wait, a third is ignored.
const STATUS: &str = "case when n > ROWS - 100 then 'pending' when n % 1000 < 9 then 'failed'
    when n % 3 = 0 then 'ignored' else 'completed' end";
/// Five kinds of commands, each half as frequent as the one before, as far as that goes; the last is rare.
const COMMAND: &str =
    "case when n % 50000 = 7 then 'SystemDomainAddRequest' when n % 2 = 0 then 'UserModifyRequest'
    when n % 4 = 1 then 'UserAddRequest' when n % 8 = 3 then 'UserDeleteRequest'
    else 'GroupHuntGroupModifyInstanceRequest' end";
/// An administrator who does half of everything, a thousand who share the rest, and one with a few.
const USER: &str = "case when n % 200000 = 11 then 'rare@example.org' when n % 2 = 0 then 'admin@example.org'
    else 'operator' || (n % 997) || '@example.org' end";
const DOCUMENT: &str =
    "'<?xml version=\"1.0\"?><doc:BroadsoftOCIReportingDocument><command><id>' || n || '</id><userId>user'
    || (n % 1000003) || '@example.org</userId><lastName>Hansen</lastName><password>geheim</password>
    <padding>PADDING</padding></command></doc:BroadsoftOCIReportingDocument>'";

fn fill(database: &str, rows: u64) -> String {
    let (series, uuid, time) = match database {
        "SQLite" => (
            "with recursive series(n) as (select 1 union all select n + 1 from series where n < ROWS)",
            "printf('0197%04x-0000-7000-8000-%012x', n % 65536, n)",
            "strftime('%Y-%m-%d %H:%M:%f', START + n * STEP, 'unixepoch')",
        ),
        _ => (
            "with series(n) as (select * from generate_series(1, ROWS))",
            "cast('0197' || lpad(to_hex(n % 65536), 4, '0') || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0') as uuid)",
            "cast(to_timestamp(START + n * STEP) as timestamp)",
        ),
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let start = now - SPREAD.as_secs_f64();
    let sql = format!(
        "insert into em_event (user_id, command, event, status, inserted, uuid, source, notification_id, command_index, note)
         {series} select {USER}, {COMMAND}, {DOCUMENT}, {STATUS}, {time}, {uuid}, 'as1', 'write' || n, 0, null from series;
         insert into em_journal (uuid, attempt, reason) select uuid, 1,
            'step 1 of 3, create ENUM tel:+299' || id || ' to sip:u' || id || '@x: fault ' || (4000 + id % 7) || ' (no)'
         from em_event where status = 'failed';
         insert into em_subject (subscriber, event) select 'user' || (id % 1000003) || '@example.org', uuid
         from em_event where status <> 'ignored'"
    );
    let padding = std::env::var("PADDING").map_or(200, |bytes| bytes.parse().expect("PADDING is a number"));
    sql.replace("PADDING", &"x".repeat(padding))
        .replace("ROWS", &rows.to_string())
        .replace("START", &start.to_string())
        .replace("STEP", &(SPREAD.as_secs_f64() / rows as f64).to_string())
}

const INDEXES: [&str; 5] =
    ["em_event_status_id", "em_event_command", "em_event_user", "em_event_inserted", "em_event_received"];

fn measure(name: &str, database: Database, rows: u64, run: impl Fn(&str)) {
    within(&database, async |_| {});
    INDEXES.iter().for_each(|index| run(&format!("drop index if exists {index}")));
    report(name, &format!("fill with {rows} events"), run_timed(|| run(&fill(name, rows))));
    if name == "PostgreSQL" {
        run("vacuum analyze");
    }
    let built = Instant::now();
    within(&database, async |store| {
        wait_for_indexes(name, &database);
        report(name, "build of the indexes", built.elapsed());
        let since = Instant::now();
        store.counts().await.expect("the store answers");
        report(name, "counts by status", since.elapsed());
        let since = Instant::now();
        store.failed().await.expect("the store answers");
        report(name, "count of the failed", since.elapsed());
        for (kind, filter) in kinds(rows) {
            pages(name, kind, store, filter).await;
        }
        let since = Instant::now();
        let faults = store.faults(None).await.expect("the store answers");
        report(name, &format!("faults of {} failed", faults.looked_at), since.elapsed());
    });
}

fn run_timed(run: impl FnOnce()) -> Duration {
    let since = Instant::now();
    run();
    since.elapsed()
}

/// With a store whose writers run, until it is ready and the work is done.
fn within(database: &Database, work: impl AsyncFnOnce(&Store)) {
    let disk_low = eventmanager::config::DiskLow::Bytes(0);
    let config = StoreConfig { disk_low, ..StoreConfig::new(database.clone()) };
    let (store, tasks) = open(&config).expect("the address is good");
    let writers: Vec<_> =
        tasks.into_iter().map(|task| std::thread::spawn(move || runtime().block_on(task.run()))).collect();
    runtime().block_on(async {
        store.wait_until_up().await;
        work(&store).await;
        store.close().await;
    });
    drop(store);
    writers.into_iter().for_each(|writer| writer.join().expect("the writer does not panic"));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn report(database: &str, what: &str, took: Duration) {
    Row::new(format!("{what}, {database}"), format!("{:.1} ms", took.as_secs_f64() * 1000.0)).print();
}

/// PostgreSQL builds them beside the work.
fn wait_for_indexes(name: &str, database: &Database) {
    let Database::Postgres(url) = database else { return };
    let sql = "select count(*) from pg_index join pg_class on oid = indexrelid
        where indrelid = to_regclass('em_event') and indisvalid and relname like any (array['em_event_status_id',
            'em_event_command', 'em_event_user', 'em_event_received'])";
    while postgres::query(url.expose(), sql).expect(name)[0][0].as_deref() != Some("4") {
        std::thread::sleep(Duration::from_millis(100));
    }
}

type Make = Box<dyn Fn() -> EventFilter>;

/// Every kind of page that people ask for, each time a little different.
fn kinds(rows: u64) -> Vec<(&'static str, Make)> {
    let newest = || EventFilter { newest_first: true, limit: 50, ..EventFilter::default() };
    let some = |text: &str| Some(text.to_owned());
    let operator = || format!("operator{}@example.org", fastrand::u64(1..997));
    let id = move || Some(fastrand::i64(1..rows as i64));
    let ago = || SystemTime::now() - SPREAD.mul_f64(fastrand::f64());
    let failed = || vec![Status::Failed];
    let kind = |name, make: Make| (name, make);
    vec![
        kind("newest", Box::new(newest)),
        kind("deep cursor", Box::new(move || EventFilter { after: id(), ..newest() })),
        kind("failed", Box::new(move || EventFilter { statuses: failed(), ..newest() })),
        kind("failed, deep", Box::new(move || EventFilter { statuses: failed(), after: id(), ..newest() })),
        kind(
            "pending, oldest first",
            Box::new(move || EventFilter {
                statuses: vec![Status::Pending],
                newest_first: false,
                ..newest()
            }),
        ),
        kind(
            "completed and ignored, deep",
            Box::new(move || EventFilter {
                statuses: vec![Status::Completed, Status::Ignored],
                after: id(),
                ..newest()
            }),
        ),
        kind(
            "command",
            Box::new(move || EventFilter { command: some("UserAddRequest"), after: id(), ..newest() }),
        ),
        kind(
            "rare command",
            Box::new(move || EventFilter { command: some("SystemDomainAddRequest"), ..newest() }),
        ),
        kind("user", Box::new(move || EventFilter { user_id: Some(operator()), ..newest() })),
        kind(
            "user with few events",
            Box::new(move || EventFilter { user_id: some("rare@example.org"), ..newest() }),
        ),
        kind("user who is not there", Box::new(move || EventFilter { user_id: some("nobody"), ..newest() })),
        kind(
            "a day",
            Box::new(move || {
                let since = ago();
                EventFilter {
                    since: Some(since),
                    until: Some(since + Duration::from_secs(86_400)),
                    ..newest()
                }
            }),
        ),
        kind(
            "failed of a day",
            Box::new(move || {
                let since = ago();
                let until = Some(since + Duration::from_secs(86_400));
                EventFilter { since: Some(since), until, statuses: failed(), ..newest() }
            }),
        ),
        kind(
            "failed, command, user",
            Box::new(move || EventFilter {
                statuses: failed(),
                command: some("UserModifyRequest"),
                user_id: some("admin@example.org"),
                after: id(),
                ..newest()
            }),
        ),
        kind(
            "failed, user",
            Box::new(move || EventFilter { statuses: failed(), user_id: Some(operator()), ..newest() }),
        ),
        kind(
            "command, user of another",
            Box::new(move || EventFilter {
                command: some("UserAddRequest"),
                user_id: some("admin@example.org"),
                after: id(),
                ..newest()
            }),
        ),
        kind(
            "text that is there, deep",
            Box::new(move || EventFilter { text: some("hansen"), after: id(), ..newest() }),
        ),
        kind(
            "text that is not there",
            Box::new(move || EventFilter { text: some("nowhere to be found"), after: id(), ..newest() }),
        ),
        kind(
            "text of failed",
            Box::new(move || EventFilter {
                text: Some(format!("user{}@", fastrand::u32(..1_000_003))),
                statuses: failed(),
                ..newest()
            }),
        ),
    ]
}

async fn pages(database: &str, kind: &str, store: &Store, filter: Make) {
    let mut took = Vec::with_capacity(PAGES);
    let (mut found, mut whole) = (0, 0);
    for _ in 0..PAGES {
        let filter = filter();
        let since = Instant::now();
        let page = store.page(filter).await.expect("the store answers");
        took.push(since.elapsed());
        found += page.events.len();
        // One that is not full and yet has a next one: the list ended where the time for looking was over.
        whole += usize::from(page.next.is_none() || page.events.len() == 50);
    }
    took.sort_unstable();
    let [half, most, longest] =
        [PAGES / 2, PAGES * 99 / 100, PAGES - 1].map(|place| took[place].as_secs_f64() * 1000.0);
    let events = found as f64 / PAGES as f64;
    let measured = format!(
        "p50 {half:.1} ms, p99 {most:.1} ms, longest {longest:.1} ms; {events:.1} events, {whole} of {PAGES} whole"
    );
    Row::new(format!("page of {kind}, {database}"), measured).print();
}
