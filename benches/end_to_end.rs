//! The whole daemon against simulated peers, all on this machine: documents received, stored and ignored on both
//! stores; users provisioned with an EMA that answers at once and in 5 ms; resident memory when idle.
//!
//!     cargo bench --bench throughput [-- received|provisioned|memory]

#[path = "../tests/support/postgres.rs"]
#[allow(dead_code)]
mod postgres;

use eventmanager::app::App;
use eventmanager::config::{Broadworks, Config, Database, Ema, Http, Log, Node, Processing, StoreConfig};
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator, encode};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator, PATH};
use eventmanager::simulators::traffic::{numbering, service_profiles};
use eventmanager::store::EventFilter;
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g;
use eventmanager::wire::ocir::write;
use memchr::memmem;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

const RECEIVED: u64 = 150_000;
const PROVISIONED: u64 = 10_000;
const PROVISIONED_SLOWLY: u64 = 3_000;
const LATENCY: Duration = Duration::from_millis(5);

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let runs = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    let _ = rustls::crypto::ring::default_provider().install_default();
    if runs("memory") {
        memory();
    }
    if runs("received") {
        received("sqlite", |directory| Database::Sqlite(directory.join("events.db")));
        let server = postgres::Server::start();
        received("postgresql", |_| Database::Postgres(Secret::new(server.create_database())));
    }
    if runs("provisioned") {
        let concurrency = Processing::default().concurrency;
        provisioned(PROVISIONED, Duration::ZERO, concurrency);
        provisioned(PROVISIONED_SLOWLY, LATENCY, 4);
        provisioned(PROVISIONED_SLOWLY, LATENCY, 8);
        provisioned(PROVISIONED_SLOWLY, LATENCY, concurrency);
    }
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A daemon between simulated peers.
struct Bench {
    broadworks: BroadworksHandle,
    ema: EmaHandle,
    directory: tempfile::TempDir,
    concurrency: usize,
}

impl Bench {
    fn new(latency: Duration) -> Bench {
        Bench {
            broadworks: BroadworksSimulator::start(any()).expect("an application server"),
            ema: EmaSimulator::start(EmaOptions { latency, journal: 0, ..EmaOptions::default() })
                .expect("an ema"),
            directory: tempfile::tempdir().expect("a directory"),
            concurrency: Processing::default().concurrency,
        }
    }

    /// Runs the daemon until `documents` are all done, from the first byte sent; returns how long that took.
    fn run(&self, database: impl FnOnce(&Path) -> Database, documents: Vec<u8>, count: u64) -> Duration {
        let database = database(self.directory.path());
        let ema = EmaOptions::default();
        let config = Config {
            node: Node { name: "bench".into(), data_dir: self.directory.path().to_owned() },
            log: Log::default(),
            store: StoreConfig { events: database.clone(), subscribers: database, retention_days: None },
            http: Http { listen: any(), ..Http::default() },
            processing: Processing { concurrency: self.concurrency, ..Processing::default() },
            numbering: numbering(),
            service_profiles: service_profiles(),
            ema: Some(Ema::new(self.ema.url(), ema.username, ema.password)),
            surgemail: None,
            shadow: None,
            broadworks: vec![Broadworks::new("as1", self.broadworks.addr().to_string())],
        };
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        actix_rt::System::new().block_on(async {
            let app = App::start(&config, metrics).expect("started");
            self.broadworks.wait_client().await;
            app.store.wait_until_up().await;
            let began = Instant::now();
            self.broadworks.send_many(documents.into());
            let newest = EventFilter { newest_first: true, limit: 1, ..EventFilter::default() };
            // Counting takes longer the more there is: at first only the newest row is looked at.
            while app
                .store
                .list(newest.clone())
                .await
                .expect("a list")
                .first()
                .is_none_or(|row| row.id < count as i64)
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            while app.store.counts().await.expect("counts").pending > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let took = began.elapsed();
            assert_eq!(app.store.counts().await.expect("counts").failed, 0);
            app.stop().await;
            took
        })
    }
}

fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Commands that nobody acts on, 1.2 kB each as they are common.
fn received(name: &str, database: impl FnOnce(&Path) -> Database) {
    let body = format!("<userId>anna@tele.gl</userId><note>{}</note>", "a few words about it ".repeat(24));
    let mut documents = Vec::new();
    let mut size = 0;
    for number in 0..RECEIVED {
        let id = format!("write{number}");
        let document =
            encode(&write::report(&id, "admin", "admin@tele.gl", "UserServiceAssignListRequest", &body));
        size = document.len();
        documents.extend_from_slice(&document);
    }
    let took = Bench::new(Duration::ZERO).run(database, documents, RECEIVED);
    println!(
        "received, stored, ignored on {name}: {:.0} documents/s ({size} bytes each)",
        rate(RECEIVED, took)
    );
}

/// Users created, each with one call, one row and its journal.
fn provisioned(count: u64, latency: Duration, concurrency: usize) {
    let mut documents = Vec::new();
    for number in 0..count {
        let body = format!("<groupId>KNI-014</groupId><userId>user{number}@tele.gl</userId>");
        let id = format!("write{number}");
        let document = write::report(&id, "admin", "admin@tele.gl", "UserAddRequest17sp4", &body);
        documents.extend_from_slice(&encode(&document));
    }
    let bench = Bench { concurrency, ..Bench::new(latency) };
    let alone = (!latency.is_zero()).then(|| one_call(bench.ema.addr()));
    let took = bench.run(|directory| Database::Sqlite(directory.join("events.db")), documents, count);
    let rate = rate(count, took);
    print!("provisioned, {concurrency} requests at a time, ema answers in {latency:?}: {rate:.0} events/s");
    if let Some(alone) = alone {
        let ideal = concurrency as f64 / alone.as_secs_f64();
        print!(
            ", {:.2} of {concurrency} bare clients, each one call of {alone:.1?} after the other",
            rate / ideal
        );
    }
    println!();
}

/// How long a bare client takes for one call, over a connection that stays open.
fn one_call(ema: SocketAddr) -> Duration {
    const CALLS: u32 = 200;
    let options = EmaOptions::default();
    let body = cai3g::login(&options.username, &options.password);
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: ema\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(ema).expect("connected");
    stream.set_nodelay(true).expect("no delay");
    let mut buffer = [0; 8192];
    let began = Instant::now();
    for _ in 0..CALLS {
        stream.write_all(format!("{head}{body}").as_bytes()).expect("sent");
        let mut answer = Vec::new();
        while memmem::find(&answer, b"Envelope>").is_none() {
            let count = stream.read(&mut buffer).expect("an answer");
            answer.extend_from_slice(&buffer[..count]);
        }
    }
    began.elapsed() / CALLS
}

/// Resident memory of a daemon that has nothing to do.
fn memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("eventmanager.toml");
    let text = format!(
        "[node]\ndata_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[[broadworks]]\nname = \"as1\"\naddress = \"127.0.0.1:1\"\n",
        directory.path()
    );
    std::fs::write(&config, text).expect("written");
    let mut daemon = std::process::Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["run", "--config"])
        .arg(&config)
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the daemon");
    std::thread::sleep(Duration::from_secs(3));
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).expect("a status");
    let resident = status.lines().find(|line| line.starts_with("VmRSS")).expect("its memory");
    println!("idle daemon: {}", resident.split_whitespace().collect::<Vec<_>>().join(" "));
    daemon.kill().expect("killed");
    daemon.wait().expect("ended");
}
