//! A place where a store can be opened: empty databases of one kind, with a back door for SQL.

use crate::support::postgres;
use eventmanager::config::{Database, StoreConfig};
use eventmanager::event::{NewEvent, Status};
use eventmanager::plan::{Plan, Request, Step, Subscriber, SubscriberEffect, UserType};
use eventmanager::store::{Progress, StepMark, StepState, Store, Verdict, WriterTask, open};
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::HssRequest;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

pub struct Site {
    pub kind: Kind,
    pub config: StoreConfig,
    _directory: TempDir,
}

/// A store whose writers run, each on a thread of its own.
pub struct Running {
    pub store: Store,
    writers: Vec<JoinHandle<()>>,
}

static SERVER: OnceLock<postgres::Server> = OnceLock::new();

impl Site {
    /// One empty database.
    pub fn new(kind: Kind) -> Site {
        let directory = tempfile::tempdir().unwrap();
        let database = create(kind, &directory, "store.db");
        let config = StoreConfig::new(database);
        Site { kind, config, _directory: directory }
    }

    /// Puts the subscribers into a database of their own.
    pub fn split(&mut self) {
        self.config.subscribers = create(self.kind, &self._directory, "subscribers.db");
    }

    pub fn open(&self) -> Running {
        let (store, tasks) = open(&self.config).unwrap();
        Running { store, writers: tasks.into_iter().map(run_on_a_thread).collect() }
    }

    /// Runs SQL beside the store, on the events' database.
    pub fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        run_sql(&self.config.events, sql)
    }

    /// The same on the subscribers' database.
    pub fn subscribers_sql(&self, sql: &str) -> Vec<Vec<String>> {
        run_sql(&self.config.subscribers, sql)
    }

    /// `truncate em_event restart identity`.
    pub fn truncate(&self) {
        match self.kind {
            Kind::Sqlite => {
                self.sql("delete from em_event");
                self.sql("delete from sqlite_sequence where name = 'em_event'");
            }
            Kind::Postgres => {
                self.sql("truncate em_event restart identity");
            }
        }
    }

    /// Makes the database refuse events of the user `poison`.
    pub fn refuse_poison(&self) {
        match self.kind {
            Kind::Sqlite => self.sql(
                "create trigger poison before insert on em_event when new.user_id = 'poison'
                 begin select raise(abort, 'poisoned'); end",
            ),
            Kind::Postgres => {
                self.sql("alter table em_event add constraint poisoned check (user_id <> 'poison')")
            }
        };
    }
}

impl Running {
    /// Waits until the tables are there.
    pub async fn ready(self) -> Running {
        let mut health = self.store.health();
        within(health.wait_for(|health| health.is_up())).await.unwrap();
        self
    }

    /// Closes the store and waits for its writers.
    pub async fn close(self) {
        within(self.store.close()).await;
        drop(self.store);
        for writer in self.writers {
            writer.join().unwrap();
        }
    }
}

fn create(kind: Kind, directory: &TempDir, name: &str) -> Database {
    match kind {
        Kind::Sqlite => Database::Sqlite(directory.path().join(name)),
        Kind::Postgres => {
            let server = SERVER.get_or_init(postgres::Server::start);
            Database::Postgres(Secret::new(server.create_database()))
        }
    }
}

pub fn run_on_a_thread(task: WriterTask) -> JoinHandle<()> {
    std::thread::spawn(move || block_on(task.run()))
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Bounds a wait: nothing here takes long.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it takes too long")
}

fn run_sql(database: &Database, sql: &str) -> Vec<Vec<String>> {
    let rows = match database {
        Database::Postgres(url) => postgres::query(url.expose(), sql).unwrap(),
        Database::Sqlite(path) => sqlite_rows(path, sql).unwrap(),
    };
    rows.into_iter()
        .map(|row| row.into_iter().map(|value| value.unwrap_or_else(|| "null".into())).collect())
        .collect()
}

fn sqlite_rows(path: &std::path::Path, sql: &str) -> rusqlite::Result<Vec<Vec<Option<String>>>> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    if sql.matches(';').count() > 1 {
        connection.execute_batch(sql)?;
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns)
            .map(|column| {
                Ok(match row.get::<_, rusqlite::types::Value>(column)? {
                    rusqlite::types::Value::Null => None,
                    rusqlite::types::Value::Integer(number) => Some(number.to_string()),
                    rusqlite::types::Value::Real(number) => Some(number.to_string()),
                    rusqlite::types::Value::Text(text) => Some(text),
                    rusqlite::types::Value::Blob(bytes) => Some(format!("{bytes:?}")),
                })
            })
            .collect()
    })?;
    rows.collect()
}

/// A pending event of a user.
pub fn event(user_id: &str) -> NewEvent {
    NewEvent {
        uuid: Uuid::now_v7(),
        source: Arc::from("as1"),
        notification_id: Some("write264".to_owned()),
        command_index: 0,
        user_id: user_id.to_owned(),
        command: "UserAddRequest".to_owned(),
        document: Arc::from("<BroadsoftOCIReportingDocument>æøå</BroadsoftOCIReportingDocument>"),
        status: Status::Pending,
        note: None,
        about: Vec::new(),
        duplicate_of: None,
        received: SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_366_400_123),
    }
}

pub fn subscriber(user_id: &str) -> Subscriber {
    Subscriber {
        user_id: user_id.to_owned(),
        group_id: Some("group".to_owned()),
        public_identity: format!("{user_id}@example.org"),
        user_type: UserType::User,
        phone_context: Some("tg.gl".to_owned()),
        association_id: "0123456789abcdef0123456789abcdef".to_owned(),
        phone: None,
        mail_account: Some(format!("{user_id}@mail.example.org")),
        mail_password: Some(Secret::new("geheim")),
        blf_list: None,
    }
}

pub fn request(association_id: &str) -> Request {
    Request::Hss(HssRequest::DeleteAssociation { association_id: association_id.to_owned() })
}

/// A plan of one step for each association.
pub fn plan(associations: &[&str]) -> Arc<Plan> {
    let steps = associations.iter().map(|id| Step { request: request(id), effect: None }).collect();
    Arc::new(Plan { steps, rules: Some("those in force".to_owned()), ..Plan::default() })
}

/// A progress that says nothing yet.
pub fn progress(event: Uuid, attempt: u32) -> Progress {
    let (steps, warnings) = (vec![], vec![]);
    Progress { event, tenure: None, attempt, plan: None, steps, effect: None, warnings, verdict: None }
}

pub fn mark(position: u32, state: StepState) -> StepMark {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_366_401_500);
    StepMark { position, state, answer: Some(format!("{state:?}")), at }
}

pub fn verdict(status: Status, reason: Option<&str>) -> Option<Verdict> {
    Some(Verdict::new(status, reason.map(str::to_owned)))
}

pub fn insert(user_id: &str) -> Option<SubscriberEffect> {
    Some(SubscriberEffect::Insert(Box::new(subscriber(user_id))))
}
