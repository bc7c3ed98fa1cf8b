//! How soon a document that has arrived is on disk, and how soon an event that meets no other has ended.
//!
//! A document has arrived when the kernel has taken its last byte. It is on disk when another connection to the database
//! sees its row: both databases show a row only after the flush that makes it durable. Looking again and again adds about a
//! third of a millisecond.

use super::row::Row;
use super::site::Site;
use super::stages::ignored;
use crate::Store;
use crate::testing::documents;
use eventmanager::config::Database;
use eventmanager::simulators::broadworks::encode;
use metrics_exporter_prometheus::PrometheusHandle;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;
use tokio_postgres::NoTls;

const STEADY: u32 = 6000;
const STEADY_DISTANCE: Duration = Duration::from_millis(1);
const BURSTS: u32 = 20;
const BURST: u32 = 1000;
const BETWEEN_BURSTS: Duration = Duration::from_millis(250);
const ALONE: u32 = 200;
const GLANCE: Duration = Duration::from_micros(200);

/// Measures on one store, with an EMA that answers at once.
pub fn print(store: &Store, metrics: &PrometheusHandle) {
    actix_rt::System::new().block_on(async {
        let listener = small_listener();
        let site = Site::new(store, &[listener.local_addr().expect("its address")]);
        let daemon = site.start(metrics).await;
        let (stream, _) = listener.accept().await.expect("the daemon connects");
        let stream = stream.into_std().expect("a socket");
        stream.set_nonblocking(false).expect("a blocking socket");
        stream.set_nodelay(true).expect("no delay");
        let (name, database) = (store.name(), site.config.store.events.clone());
        let measured = tokio::task::spawn_blocking(move || {
            let mut run = Run { stream, rows: Rows::open(&database), sent: 0 };
            run.print(name);
        });
        measured.await.expect("measured");
        daemon.stop().await;
    });
}

/// Where what is sent does not wait on our side: it has arrived, or the write waits.
fn small_listener() -> tokio::net::TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_send_buffer_size(4096).expect("a small buffer");
    socket.bind(crate::testing::ports::any()).expect("a free port");
    socket.listen(1).expect("listens")
}

/// One connection to the daemon, and one to its database.
struct Run {
    stream: TcpStream,
    rows: Rows,
    sent: u32,
}

impl Run {
    fn print(&mut self, store: &str) {
        let add = |n: u32| documents::add(n.into(), &format!("steady{n}@tele.gl"));
        let steady = self.steady(ignored);
        report(store, "to disk, 1,000/s, ignored", steady);
        let busy = self.steady(add);
        report(store, "to disk, 1,000/s, all UserAdd and provisioned", busy);
        let bursts = self.bursts();
        report(store, "to disk, bursts of 1,000 at once", bursts);
        let alone = (0..ALONE).map(|n| self.alone(n)).collect();
        report(store, "to the end of a UserAdd, one at a time", alone);
    }

    /// One document every millisecond.
    fn steady(&mut self, document: fn(u32) -> String) -> Vec<Duration> {
        self.send(STEADY, move |stream| {
            let began = Instant::now();
            let send = |n| {
                let document = encode(&document(n));
                let due = began + STEADY_DISTANCE * n;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                stream.write_all(&document).expect("sent");
                Instant::now()
            };
            (0..STEADY).map(send).collect()
        })
    }

    /// A thousand documents as fast as they are taken, and again after a pause.
    fn bursts(&mut self) -> Vec<Duration> {
        let burst: Vec<_> = (0..BURST).map(|n| encode(&ignored(n))).collect();
        self.send(BURSTS * BURST, |stream| {
            let mut arrived = Vec::new();
            for _ in 0..BURSTS {
                thread::sleep(BETWEEN_BURSTS);
                for document in &burst {
                    stream.write_all(document).expect("sent");
                    arrived.push(Instant::now());
                }
            }
            arrived
        })
    }

    /// Has documents sent by a thread, which says when each of them had arrived, and sees when its row is there.
    fn send(
        &mut self,
        count: u32,
        sender: impl FnOnce(&mut TcpStream) -> Vec<Instant> + Send,
    ) -> Vec<Duration> {
        let first = self.sent;
        self.sent += count;
        let (stream, rows, sent) = (&mut self.stream, &mut self.rows, self.sent);
        thread::scope(|scope| {
            let sender = scope.spawn(move || sender(stream));
            let mut stored = Vec::new();
            while (stored.len() as u32) < count {
                let (newest, _) = rows.newest();
                assert!(newest <= sent, "somebody else writes");
                stored.resize(newest.saturating_sub(first) as usize, Instant::now());
                thread::sleep(GLANCE);
            }
            let arrived = sender.join().expect("everything was sent");
            stored.into_iter().zip(arrived).map(|(stored, arrived)| stored - arrived).collect()
        })
    }

    /// From the first byte of one document to its verdict.
    fn alone(&mut self, number: u32) -> Duration {
        let document = encode(&documents::add(number.into(), &format!("alone{number}@tele.gl")));
        self.sent += 1;
        let began = Instant::now();
        self.stream.write_all(&document).expect("sent");
        loop {
            let (newest, is_completed) = self.rows.newest();
            if newest == self.sent && is_completed {
                return began.elapsed();
            }
            thread::sleep(GLANCE);
        }
    }
}

fn report(store: &str, what: &str, mut times: Vec<Duration>) {
    times.sort();
    let millis = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    let (median, p99, max) = (millis(0.5), millis(0.99), millis(1.0));
    let measured = format!("p50 {median:.1} ms, p99 {p99:.1} ms, longest {max:.1} ms");
    Row::new(format!("{what}, {store}"), measured).print();
}

/// A look at the newest row from outside.
enum Rows {
    Sqlite(rusqlite::Connection),
    Postgres(tokio::runtime::Runtime, tokio_postgres::Client, tokio_postgres::Statement),
}

impl Rows {
    fn open(database: &Database) -> Rows {
        match database {
            Database::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).expect("the database");
                connection.busy_timeout(Duration::from_secs(5)).expect("a timeout");
                Rows::Sqlite(connection)
            }
            Database::Postgres(url) => Rows::connect(url.expose()),
        }
    }

    fn connect(url: &str) -> Rows {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, statement) = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the database");
            tokio::spawn(connection);
            let statement = client.prepare(NEWEST).await.expect("a statement");
            (client, statement)
        });
        Rows::Postgres(runtime, client, statement)
    }

    /// The id of the newest row, 0 where there is none, and whether its event is completed.
    fn newest(&mut self) -> (u32, bool) {
        let (id, status) = match self {
            Rows::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(NEWEST).expect("a statement");
                let row = statement.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
                row.unwrap_or((0, String::new()))
            }
            Rows::Postgres(runtime, client, statement) => {
                let row = runtime.block_on(client.query_opt(&*statement, &[])).expect("the database answers");
                row.map_or((0, String::new()), |row| (row.get(0), row.get(1)))
            }
        };
        (u32::try_from(id).expect("a small number"), status == "completed")
    }
}

const NEWEST: &str = "select cast(id as bigint), status from em_event order by em_event.id desc limit 1";
