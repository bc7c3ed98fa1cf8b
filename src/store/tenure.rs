//! For how long nobody else has had the database.
//!
//! One daemon at a time has the lock of a database, and whoever gets it writes a name of its own beside the version of the
//! tables (`em_schema.owner`). A daemon that has lost its connection and gets the lock back finds there either the name that
//! it gave itself, and everything is as it left it; or another one (none, in a file that is new), and then somebody else has
//! gone on with its events meanwhile. A new tenure begins with that, and what was read in an earlier one must not be written
//! any more.

use tokio::sync::watch;
use uuid::Uuid;

/// A time in which this process has had the database of the events and nobody else has. Outages may lie in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tenure(Uuid);

impl Tenure {
    /// One that begins now, with a name that nobody had before.
    pub(crate) fn begin() -> Tenure {
        Tenure(Uuid::now_v7())
    }

    /// Its name in the database.
    pub(crate) fn owner(self) -> Uuid {
        self.0
    }
}

/// What the writers of both databases know of it. That of the events publishes, for it has the lock.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ownership(watch::Sender<State>);

#[derive(Debug, Clone, Copy, Default)]
struct State {
    tenure: Tenure,
    is_held: bool,
}

impl Ownership {
    /// The present tenure or, while there is no connection, the last one; before the first one that of nobody.
    pub fn tenure(&self) -> Tenure {
        self.0.borrow().tenure
    }

    /// The lock is ours.
    pub fn take(&self, tenure: Tenure) {
        let before = self.0.send_replace(State { tenure, is_held: true }).tenure;
        if before != tenure && before != Tenure::default() {
            tracing::warn!(
                "database was taken by another eventmanager, or replaced: going on from what it holds"
            );
        }
    }

    /// The connection is gone, and the lock with it.
    pub fn let_go(&self) {
        self.0.send_modify(|state| state.is_held = false);
    }

    /// Whether what was read in this tenure may be written now.
    pub fn allows(&self, tenure: Tenure) -> bool {
        let state = self.0.borrow();
        state.is_held && state.tenure == tenure
    }

    /// Resolves when another tenure than this one has begun.
    pub fn changed_from(&self, tenure: Tenure) -> impl Future<Output = ()> + Send + use<> {
        let mut states = self.0.subscribe();
        async move {
            if states.wait_for(|state| state.tenure != tenure).await.is_err() {
                // The store is being torn down: there will be no other.
                std::future::pending().await
            }
        }
    }
}
