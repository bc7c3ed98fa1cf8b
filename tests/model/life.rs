//! The parts of the daemon that a sequence goes through, to be started and ended at will: a real store in a file, and
//! the routing over it.

use crate::crash::{Boundaries, Writer};
use crate::peers::{Peers, Systems};
use crate::sequence::Sequence;
use actix::prelude::*;
use eventmanager::config::{Database, Live, Mode, StoreConfig};
use eventmanager::managers;
use eventmanager::managers::Board;
use eventmanager::processors::actor::{Processor, Processors};
use eventmanager::processors::{self, attributes::Rules};
use eventmanager::router::actor::Router;
use eventmanager::router::executor::{Executor, Slots};
use eventmanager::router::lane::Lane;
use eventmanager::store::{self, Store};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::task::{JoinHandle, spawn_local};

/// So many sequences use one file, so that it stays small.
const USES: u32 = 200;

/// A database file, used by one sequence after the other, with a back door for SQL.
pub struct Site {
    directory: TempDir,
    config: StoreConfig,
    back_door: Option<rusqlite::Connection>,
    uses: u32,
}

impl Site {
    /// In memory where the machine offers that: what a power loss does to a file is tried elsewhere.
    pub fn new() -> Site {
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let directory = directory.expect("a directory");
        let config = configured(&directory, 0);
        Site { directory, config, back_door: None, uses: 0 }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.uses += 1;
        if self.uses.is_multiple_of(USES) {
            self.back_door = None;
            for file in std::fs::read_dir(self.directory.path()).expect("a directory").flatten() {
                std::fs::remove_file(file.path()).expect("a file that can be removed");
            }
            self.config = configured(&self.directory, self.uses);
        } else {
            let tables = ["em_event", "em_journal", "em_step", "srd_user"];
            tables.iter().for_each(|table| drop(self.sql(&format!("delete from {table}"))));
        }
    }

    /// Runs SQL beside the daemon; returns the first column.
    pub fn sql(&mut self, sql: &str) -> Vec<String> {
        let connection = self.back_door.get_or_insert_with(|| {
            let Database::Sqlite(path) = &self.config.events else { unreachable!("it is a file") };
            rusqlite::Connection::open(path).expect("a database")
        });
        let mut statement = connection.prepare_cached(sql).expect("SQL that can be read");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("text")
    }
}

fn configured(directory: &TempDir, number: u32) -> StoreConfig {
    let database = Database::Sqlite(directory.path().join(format!("{number}.db")));
    StoreConfig::new(database)
}

/// An open store with its writer.
pub struct OpenStore {
    pub store: Store,
    writer: JoinHandle<()>,
}

impl OpenStore {
    pub fn new(site: &Site, boundaries: &Boundaries) -> OpenStore {
        let (store, mut tasks) = store::open(&site.config).expect("a store");
        let task = tasks.pop().expect("the writer of the only database");
        let turns = Box::pin(async move { task.run().await });
        let writer = spawn_local(Writer { turns, boundaries: boundaries.clone() });
        boundaries.set_writer(writer.abort_handle());
        OpenStore { store, writer }
    }

    /// Ends it as a process ends; what was queued is lost.
    pub async fn kill(self) {
        self.writer.abort();
        ended(self.writer).await;
    }
}

/// A router with its lanes, and the managers behind them.
pub struct Routing {
    pub router: Addr<Router>,
    tasks: Vec<JoinHandle<()>>,
}

impl Routing {
    pub fn start(
        store: &Store,
        sequence: &Sequence,
        rules: &Rules,
        systems: &Rc<RefCell<Systems>>,
        boundaries: &Boundaries,
    ) -> Routing {
        let mut tasks = Vec::new();
        let peers = Peers { systems: Rc::clone(systems), boundaries: boundaries.clone() };
        let peers = start(peers, &mut tasks);
        let mut processors = Processors::new();
        for name in processors::names() {
            processors.insert(name, start(Processor, &mut tasks));
        }
        let executor = Arc::new(Executor {
            store: store.clone(),
            rules: Live::fixed(rules.clone()),
            processors,
            systems: managers::Systems {
                hss: peers.clone().recipient(),
                enumeration: peers.clone().recipient(),
                mail: Some(peers.recipient()),
            },
            pauses: Board::all_running(),
            mode: Mode::Active,
            processing: Live::fixed(sequence.processing()),
            routes: Live::fixed(Vec::new()),
            raises_alarms: false,
            slots: Slots::new(sequence.concurrency),
        });
        let lane = |_| start(Lane::new(Arc::clone(&executor)), &mut tasks);
        let lanes = (0..2 * sequence.concurrency).map(lane).collect();
        let router = Router::new(executor, lanes);
        let router = start(router, &mut tasks);
        boundaries.set_routing(tasks.iter().map(JoinHandle::abort_handle).collect());
        Routing { router, tasks }
    }

    /// Ends it wherever it stands.
    pub async fn kill(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        for task in self.tasks {
            ended(task).await;
        }
    }
}

/// Starts an actor as a task that can be ended from outside.
fn start<A: Actor<Context = Context<A>>>(actor: A, tasks: &mut Vec<JoinHandle<()>>) -> Addr<A> {
    let context = Context::new();
    let address = context.address();
    tasks.push(spawn_local(async move {
        context.into_future(actor).await;
    }));
    address
}

async fn ended(task: JoinHandle<()>) {
    match task.await {
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        _ => {}
    }
}
