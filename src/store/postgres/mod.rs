//! PostgreSQL: one connection that writes in pipelined batches, a small pool that reads.
//!
//! `em_event.inserted` and the times of `srd_user` have no zone: they are local time of the session, as the Erlang
//! release's `now()` wrote them, and are read back as such. Where that zone has summer time, the hour that the
//! autumn repeats is ambiguous, as it always was.

mod acts;
mod address;
mod background;
mod cluster;
mod commit;
mod effects;
mod fence;
mod following;
mod hubs;
mod indexes;
mod journal;
mod lock;
mod nodes;
mod pool;
mod script;
mod statements;
mod tables;
mod tls;

pub(crate) use address::Address;
pub(crate) use background::Background;
use background::Begun;
pub use cluster::{Claim, ClusterRow, ClusterTable, Sign, Taking, Wish};
pub use nodes::{ClusterNode, Namesake};
pub(crate) use pool::Pool;
pub use tables::statements;

use super::errors::IN_USE;
use super::health::Tables;
use super::limits::EventWidths;
use super::tenure::Tenure;
use super::writer::{Backend, CommitError, Connected};
use super::writes::{Outcome, Write};
use crate::lease::Lease;
use lock::Holder;
use script::Session;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// A transaction that takes longer has met a dead server; the server itself gives up sooner.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Advisory lock of the one daemon that runs the events of a database.
const WRITER_LOCK: i64 = 0x6576_656e_746d_6772;
/// The session of a daemon that was killed ends within this time. Until then nobody else is said to have the database: what scripts send
/// would be left to a daemon that is dead.
const LEFT_BEHIND: Duration = Duration::from_secs(1);
const PING_EVERY: Duration = Duration::from_secs(5);
/// So long the writer waits for a row that somebody else has locked, and so long where it has just met one: everybody
/// waits with it.
const LOCK_PATIENCE: &str = "set lock_timeout = '1s'";
const LOCK_IMPATIENCE: &str = "set lock_timeout = '50ms'";
/// A lock that was met so long ago is not counted on any more.
const LOCK_REMEMBERED: Duration = Duration::from_secs(60);

/// For every session: the server cancels what hangs, notices a dead client, and never answers a commit that is not
/// on its disk.
const SESSION: &str = "set statement_timeout = '30s'; set lock_timeout = '10s';
    set client_min_messages = warning;
    set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3;
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";

/// For sessions that find rows by their keys and keep their plans: what is planned while a table is nearly empty reads all of it, and
/// is planned anew only when the server has analysed the table, a minute later or more. Until then a new database carried out a third of
/// the events that it could.
const BY_KEYS: &str = "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off";

/// The writing side of a database.
pub(crate) struct Postgres {
    address: Arc<Address>,
    background: Arc<Background>,
    tables: Tables,
    /// Where several daemons share the database, only the one that has it writes.
    lease: Lease,
    open: Option<Open>,
}

struct Open {
    session: Session,
    /// Resolves when the connection has ended.
    ended: oneshot::Receiver<String>,
    widths: EventWidths,
    locks: Locks,
    /// What is done about indexes meanwhile.
    _indexes: Option<Begun>,
}

/// How long a session waits for a lock.
#[derive(Default)]
struct Locks {
    /// When somebody had locked what it needed.
    met: Option<Instant>,
    is_impatient: bool,
}

impl Open {
    /// Waits for locks as long as is due by now.
    async fn set_patience(&mut self) -> Result<(), tokio_postgres::Error> {
        let wanted = self.locks.met.is_some_and(|met| met.elapsed() < LOCK_REMEMBERED);
        if wanted != self.locks.is_impatient {
            let sql = if wanted { LOCK_IMPATIENCE } else { LOCK_PATIENCE };
            self.session.client.batch_execute(sql).await?;
            self.locks.is_impatient = wanted;
        }
        Ok(())
    }

    async fn commit(
        &mut self,
        tables: Tables,
        writes: &[Write],
    ) -> Result<Vec<Outcome>, tokio_postgres::Error> {
        self.set_patience().await?;
        let committed = commit::commit(&mut self.session, &self.widths, tables, writes).await;
        if committed.as_ref().is_err_and(|error| error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)) {
            self.locks.met = Some(Instant::now());
        }
        committed
    }
}

impl Postgres {
    pub fn new(address: Arc<Address>, background: Arc<Background>, tables: Tables, lease: Lease) -> Self {
        Postgres { address, background, tables, lease, open: None }
    }

    async fn reopen(&self, last: Tenure) -> Result<(Open, Connected), String> {
        let (client, ended) = timeout(CONNECT_TIMEOUT, self.connect_client())
            .await
            .map_err(|_| "the server does not answer in time".to_owned())??;
        let mut session = Session::new(client);
        timeout(CONNECT_TIMEOUT, self.end_earlier_writer(&session))
            .await
            .map_err(|_| "an earlier session of this writer does not end".to_owned())?
            .map_err(|error| reason(&error))?;
        if self.lease.is_shared() {
            fence::pass(&mut session.client, &self.lease, self.tables).await?;
        } else if self.tables.events {
            self.take_database(&session).await?;
        }
        let found = tables::prepare(&mut session.client, self.tables, last).await;
        let found = found.map_err(|error| reason(&error))?;
        let indexes =
            found.indexes_later.then(|| self.background.begin(indexes::build(self.address.clone())));
        for settings in [LOCK_PATIENCE, BY_KEYS] {
            session.client.batch_execute(settings).await.map_err(|error| reason(&error))?;
        }
        let locks = Locks::default();
        let open = Open { session, ended, widths: found.widths, locks, _indexes: indexes };
        Ok((open, Connected { limits: found.limits, tenure: found.tenure }))
    }

    /// Keeps a second daemon from running the same events: the lock goes with the session.
    async fn take_database(&self, session: &Session) -> Result<(), String> {
        let living = nodes::living(&session.client).await.map_err(|error| reason(&error))?;
        if let Some(nodes) = living {
            return Err(format!(
                "nodes of a cluster share this database ({nodes}), and this daemon has no [cluster]: it waits until they have ended"
            ));
        }
        lock::mark_unshared(&session.client).await.map_err(|error| reason(&error))?;
        let taken = lock::acquire(&session.client, WRITER_LOCK, LEFT_BEHIND, Holder::WaitFor).await;
        match taken.map_err(|error| reason(&error))? {
            true => Ok(()),
            false => Err(IN_USE.to_owned()),
        }
    }

    /// Connects on the background runtime, where the connection's own task then lives.
    async fn connect_client(&self) -> Result<(Client, oneshot::Receiver<String>), String> {
        let address = self.address.clone();
        let connecting = async move {
            let mut config = address.config.clone();
            config.application_name(&address.writer_name);
            let (client, connection) =
                config.connect(address.tls.clone()).await.map_err(|error| reason(&error))?;
            let (end, ended) = oneshot::channel();
            tokio::spawn(async move {
                let reason = match connection.await {
                    Ok(()) => "the connection was closed".to_owned(),
                    Err(error) => reason(&error),
                };
                // Nobody listens where the writer has already given up the connection.
                let _ = end.send(reason);
            });
            client.batch_execute(SESSION).await.map_err(|error| reason(&error))?;
            Ok((client, ended))
        };
        self.background.run(connecting).await?
    }

    /// A session that this writer has lost may still have a transaction in the server; it must not commit after
    /// the ones that follow. So it is ended, and waited for.
    async fn end_earlier_writer(&self, session: &Session) -> Result<(), tokio_postgres::Error> {
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = $1 and pid <> pg_backend_pid()";
        while !session.client.query(sql, &[&self.address.writer_name]).await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Backend for Postgres {
    fn may_begin(&self) -> impl Future<Output = ()> + use<> {
        self.lease.held()
    }

    async fn connect(&mut self, last: Tenure) -> Result<Connected, String> {
        self.open = None;
        let (open, connected) = self.reopen(last).await?;
        self.open = Some(open);
        Ok(connected)
    }

    async fn commit(&mut self, writes: &[Write]) -> Result<Vec<Outcome>, CommitError> {
        let unavailable = |reason: &str| CommitError::Unavailable(reason.to_owned());
        let open = self.open.as_mut().ok_or_else(|| unavailable("there is no connection"))?;
        match timeout(COMMIT_TIMEOUT, open.commit(self.tables, writes)).await {
            Ok(done) => done.map_err(|error| match error.code() {
                // A statement that takes too long: together with others it is tried alone, and a sweep is given up.
                Some(&SqlState::QUERY_CANCELED) if writes.len() > 1 || has_sweep(writes) => {
                    CommitError::Rejected(reason(&error))
                }
                // Likewise a sweep that meets a row that somebody has locked; everything else waits for it.
                Some(&SqlState::LOCK_NOT_AVAILABLE) if has_sweep(writes) => {
                    CommitError::Rejected(reason(&error))
                }
                Some(&SqlState::LOCK_NOT_AVAILABLE) => CommitError::Locked(reason(&error)),
                // What somebody has done to tables or rights must not have a sweep hold up everything else.
                Some(state) if matches!(state.code().get(..2), Some("0A" | "42")) && has_sweep(writes) => {
                    CommitError::Rejected(reason(&error))
                }
                _ => classify(&error),
            }),
            Err(_) => Err(unavailable("the server does not answer in time")),
        }
    }

    async fn lost(&mut self) -> String {
        let Some(open) = &mut self.open else { return "there is no connection".to_owned() };
        loop {
            tokio::select! {
                reason = &mut open.ended => return reason.unwrap_or_else(|_| "the connection was lost".to_owned()),
                () = tokio::time::sleep(PING_EVERY) => {}
            }
            match timeout(PING_EVERY, open.session.client.simple_query("")).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return reason(&error),
                Err(_) => return "the server does not answer in time".to_owned(),
            }
        }
    }
}

/// Whether there is something to delete among the writes, which can be done another time.
fn has_sweep(writes: &[Write]) -> bool {
    writes.iter().any(|write| matches!(write, Write::Expire { .. } | Write::Forget { .. }))
}

/// What a write itself is to blame for is refused: data (22), integrity (23), cardinality (21), check options (44),
/// program limits (54), and what triggers raise (P0). Everything else may pass, if only by a hand on the database.
fn classify(error: &tokio_postgres::Error) -> CommitError {
    let class = error.code().map(|state| state.code().get(..2).unwrap_or_default());
    match class {
        Some("21" | "22" | "23" | "44" | "54" | "P0") => CommitError::Rejected(reason(error)),
        _ => CommitError::Unavailable(reason(error)),
    }
}

/// The error in one line. The server's detail is left out: it may quote a whole row.
fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut line = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_line = cause.to_string();
        if !line.contains(&cause_line) {
            line = format!("{line}: {cause_line}");
        }
        source = cause.source();
    }
    line
}
