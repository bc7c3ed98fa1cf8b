//! What live pages cost: provisioning with nobody who looks and with a hundred pages open, in turns, and the memory of
//! the daemons, which are processes of their own. The pages are readers of its stream within this process, on the same
//! processors as daemon and peers.

use super::peers::Peers;
use super::row::Row;
use crate::testing::daemon::{Daemon, Site, eventually};
use crate::testing::documents;
use crate::testing::peers::config;
use crate::testing::ports::any;
use bytes::{Bytes, BytesMut};
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator, encode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

const PAGES: usize = 100;
/// Each with an add and a phone.
const USERS: u32 = 3000;
/// Of each daemon.
const TURNS: u32 = 5;
const TICK: Duration = Duration::from_millis(10);

/// Prints the rates of two daemons that do the same in turns, one of them with pages open, for an EMA that answers at once
/// and for one that takes its time, and how much more memory the one with pages takes in the end.
pub fn print(latency: Duration) {
    let (mut alone, mut watched) = (Run::start(), Run::start());
    let mut pages = Pages::open(watched.daemon.http);
    // What comes first only warms up.
    alone.turn();
    watched.turn();
    for latency in [Duration::ZERO, latency] {
        alone.peers.set_latency(latency);
        watched.peers.set_latency(latency);
        let (mut without_pages, mut with_pages) = (Vec::new(), Vec::new());
        let read = pages.read();
        for _ in 0..TURNS {
            without_pages.push(alone.turn());
            with_pages.push(watched.turn());
        }
        let rate = |turns: Vec<Duration>| f64::from(2 * USERS) / median(turns).as_secs_f64();
        let (without_pages, with_pages) = (rate(without_pages), rate(with_pages));
        let each = (pages.read() - read) / 1000 / u64::from(TURNS) / PAGES as u64;
        let what = format!("provisioned beside {PAGES} live pages, gateway of {} ms", latency.as_millis());
        Row::new(what, format!("{with_pages:.0} events/s; each page was sent {each} kB a turn"))
            .of(with_pages / without_pages, "without a page")
            .print();
    }
    let (without_pages, with_pages) = (alone.memory(), watched.memory());
    let more = with_pages - without_pages;
    Row::new(
        format!("memory for {PAGES} live pages"),
        format!("{more:.1} MiB more than {without_pages:.1} MiB"),
    )
    .print();
    pages.close();
}

fn median(mut turns: Vec<Duration>) -> Duration {
    turns.sort();
    turns[turns.len() / 2]
}

struct Run {
    daemon: Daemon,
    site: Site,
    broadworks: BroadworksHandle,
    peers: Peers,
    turns: u32,
}

impl Run {
    fn start() -> Run {
        let broadworks = BroadworksSimulator::start(any()).expect("an application server");
        let peers = Peers::start();
        let site = Site::quiet(&config(&broadworks.addr().to_string(), &peers.ema.url(), ""));
        let daemon = site.start();
        Run { daemon, site, broadworks, peers, turns: 0 }
    }

    /// From the first byte to the end of the last event.
    fn turn(&mut self) -> Duration {
        let documents = documents(self.turns * USERS);
        self.turns += 1;
        let events = self.turns * 2 * USERS;
        let began = Instant::now();
        self.broadworks.send_many(documents);
        let database = self.site.database();
        let mut ended = database
            .prepare("select (select max(id) from em_event) >= ?1 and not exists (select 1 from em_event where status = 'pending')")
            .expect("a statement");
        while !ended.query_row([events], |row| row.get::<_, Option<bool>>(0)).expect("a row").unwrap_or(false)
        {
            thread::sleep(TICK);
        }
        let took = began.elapsed();
        assert_eq!(self.site.count(&["completed"]), u64::from(events), "an event has failed");
        took
    }

    /// Resident, in MiB.
    fn memory(&self) -> f64 {
        self.daemon.memory("VmRSS") as f64 / 1024.0
    }
}

fn documents(first: u32) -> Bytes {
    let mut documents = BytesMut::new();
    let user = |number: u32| format!("user{number}@tele.gl");
    for number in first..first + USERS {
        documents.extend_from_slice(&encode(&documents::add(number.into(), &user(number))));
    }
    for number in first..first + USERS {
        let phone = (300_000 + number).to_string();
        documents.extend_from_slice(&encode(&documents::set_phone(number.into(), &user(number), &phone)));
    }
    documents.freeze()
}

/// Readers that do nothing with what they read.
struct Pages {
    thread: Option<JoinHandle<()>>,
    close: watch::Sender<bool>,
    bytes: Arc<AtomicU64>,
}

impl Pages {
    fn open(address: SocketAddr) -> Pages {
        let (close, closed) = watch::channel(false);
        let (bytes, served) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count, arrived) = (Arc::clone(&bytes), Arc::clone(&served));
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let page = || page(address, Arc::clone(&count), Arc::clone(&arrived), closed.clone());
                let pages: Vec<_> = (0..PAGES).map(|_| tokio::spawn(page())).collect();
                for page in pages {
                    page.await.expect("a page");
                }
            });
        });
        eventually("all pages are served", || (served.load(Ordering::Relaxed) == PAGES).then_some(()));
        Pages { thread: Some(thread), close, bytes }
    }

    /// How many bytes they have read, all together.
    fn read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn close(&mut self) {
        self.close.send_replace(true);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the pages are closed");
        }
    }
}

async fn page(
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
    served: Arc<AtomicUsize>,
    mut closed: watch::Receiver<bool>,
) {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("asked");
    let mut buffer = vec![0; 64 << 10];
    let mut is_first = true;
    loop {
        let read = tokio::select! {
            read = stream.read(&mut buffer) => read.expect("the stream goes on"),
            _ = closed.wait_for(|closed| *closed) => return,
        };
        assert_ne!(read, 0, "a page was disconnected");
        bytes.fetch_add(read as u64, Ordering::Relaxed);
        if std::mem::take(&mut is_first) {
            served.fetch_add(1, Ordering::Relaxed);
        }
    }
}
