//! How many events a second become durable: one by one, from 64 producers that each wait for their own, and in
//! batches of 100 from 4 producers. Beside them what the database alone commits with as many rows in each transaction.
//! The whole takes about a minute.

#[path = "support/allocator.rs"]
mod allocator;
#[path = "support/commits.rs"]
mod commits;
#[path = "../tests/support/ports.rs"]
#[allow(dead_code, reason = "the server alone has one")]
mod ports;
#[path = "../tests/support/postgres.rs"]
#[allow(dead_code, reason = "a benchmark stops no server")]
mod postgres;
#[path = "support/row.rs"]
#[allow(dead_code, reason = "what is stored has no budget")]
mod row;

use eventmanager::config::{Database, StoreConfig};
use eventmanager::event::{NewEvent, Status};
use eventmanager::store::{Progress, StepMark, StepState, Store, Verdict, open};
use eventmanager::wire::Secret;
use row::Row;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use uuid::Uuid;

const LENGTH: Duration = Duration::from_secs(4);

fn main() {
    // Cargo also runs benchmarks as tests, to see that they compile and start.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = |name| Database::Sqlite(directory.path().join(name));
    measure("SQLite", file("store.db"), file("bare.db"));
    let server = postgres::Server::start();
    let database = || Database::Postgres(Secret::new(server.create_database()));
    measure("PostgreSQL", database(), database());
}

/// Measures the store in one database, and what is bare in another.
fn measure(name: &str, database: Database, bare: Database) {
    make_tables(&bare);
    let config = StoreConfig::new(database);
    let (store, tasks) = open(&config).expect("the address is good");
    let writers: Vec<_> =
        tasks.into_iter().map(|task| std::thread::spawn(move || runtime().block_on(task.run()))).collect();
    runtime().block_on(async {
        store.append(vec![event()]).await.expect("the store is open");
        for (label, producers, rows) in
            [("one by one", 1, 1), ("64 producers of 1", 64, 1), ("4 producers of 100", 4, 100)]
        {
            let rate = append(&store, producers, rows).await;
            let bare = bare.clone();
            let bare = tokio::task::spawn_blocking(move || commits::rows(&bare, producers * rows)).await;
            let row = Row::new(format!("stored, {label}, {name}"), format!("{rate:.0} rows/s"));
            row.of(rate / bare.expect("it ends"), &format!("bare commits of {}", producers * rows)).print();
        }
        let rate = provision(&store, 64).await;
        let what = format!("stored and ended with three commits, 64 workers, {name}");
        Row::new(what, format!("{rate:.0} events/s")).print();
        store.close().await;
    });
    drop(store);
    writers.into_iter().for_each(|writer| writer.join().expect("the writer does not panic"));
}

/// Leaves a database with the tables of ours, and empty.
fn make_tables(database: &Database) {
    let (store, tasks) = open(&StoreConfig::new(database.clone())).expect("the address is good");
    let writers: Vec<_> =
        tasks.into_iter().map(|task| std::thread::spawn(move || runtime().block_on(task.run()))).collect();
    runtime().block_on(async {
        store.wait_until_up().await;
        store.close().await;
    });
    drop(store);
    writers.into_iter().for_each(|writer| writer.join().expect("the writer does not panic"));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Rows a second.
async fn append(store: &Store, producers: usize, rows: usize) -> f64 {
    let started = Instant::now();
    let producers: Vec<_> = (0..producers)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut stored = 0;
                while started.elapsed() < LENGTH {
                    let events = (0..rows).map(|_| event()).collect();
                    stored += store.append(events).await.expect("the store is open").len();
                }
                stored
            })
        })
        .collect();
    let mut stored = 0;
    for producer in producers {
        stored += producer.await.expect("a producer does not panic");
    }
    stored as f64 / started.elapsed().as_secs_f64()
}

/// Events a second that are stored, marked as sent, and completed: three commits each.
async fn provision(store: &Store, workers: usize) -> f64 {
    let started = Instant::now();
    let workers: Vec<_> = (0..workers)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut completed = 0;
                while started.elapsed() < LENGTH {
                    let uuid = store.append(vec![event()]).await.expect("the store is open")[0].uuid;
                    store.record(progress(uuid, StepState::Sent, None)).await.expect("it is pending");
                    let verdict = Some(Verdict::new(Status::Completed, None));
                    store.record(progress(uuid, StepState::Done, verdict)).await.expect("it is pending");
                    completed += 1;
                }
                completed
            })
        })
        .collect();
    let mut completed = 0;
    for worker in workers {
        completed += worker.await.expect("a worker does not panic");
    }
    f64::from(completed) / started.elapsed().as_secs_f64()
}

fn event() -> NewEvent {
    NewEvent {
        uuid: Uuid::now_v7(),
        source: Arc::from("as1"),
        notification_id: Some("write264".to_owned()),
        command_index: 0,
        user_id: "anna@example.org".to_owned(),
        command: "UserModifyRequest".to_owned(),
        document: Arc::from("<command/>".repeat(120)),
        status: Status::Pending,
        note: None,
        about: Vec::new(),
        duplicate_of: None,
        received: SystemTime::now(),
    }
}

fn progress(event: Uuid, state: StepState, verdict: Option<Verdict>) -> Progress {
    let step = StepMark { position: 0, state, answer: None, at: SystemTime::now() };
    let (steps, warnings) = (vec![step], vec![]);
    Progress { event, tenure: None, attempt: 1, plan: None, steps, effect: None, warnings, verdict }
}
