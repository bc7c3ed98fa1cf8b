//! How many events a second become durable: one by one, from 64 producers that each wait for their own, and in
//! batches of 100 from 4 producers. Prints figures; the whole takes less than a minute.

#[path = "support/allocator.rs"]
mod allocator;
#[path = "../tests/support/ports.rs"]
#[allow(dead_code, reason = "the server alone has one")]
mod ports;
#[path = "../tests/support/postgres.rs"]
#[allow(dead_code, reason = "a benchmark stops no server")]
mod postgres;
#[path = "support/row.rs"]
#[allow(dead_code, reason = "what is stored has no bound")]
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
    measure("SQLite", Database::Sqlite(directory.path().join("store.db")));
    let server = postgres::Server::start();
    measure("PostgreSQL", Database::Postgres(Secret::new(server.create_database())));
}

fn measure(name: &str, database: Database) {
    let config = StoreConfig::new(database);
    let (store, tasks) = open(&config).expect("the address is good");
    let writers: Vec<_> =
        tasks.into_iter().map(|task| std::thread::spawn(move || runtime().block_on(task.run()))).collect();
    runtime().block_on(async {
        store.append(vec![event()]).await.expect("the store is open");
        for (label, producers, rows) in
            [("one by one", 1, 1), ("64 producers of 1", 64, 1), ("4 producers of 100", 4, 100)]
        {
            report(name, label, "rows", append(&store, producers, rows).await);
        }
        report(name, "64 workers of one step", "events", provision(&store, 64).await);
        store.close().await;
    });
    drop(store);
    writers.into_iter().for_each(|writer| writer.join().expect("the writer does not panic"));
}

fn report(database: &str, label: &str, what: &str, rate: f64) {
    Row::new(format!("stored, {label}, {database}"), format!("{rate:.0} {what}/s")).print();
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
