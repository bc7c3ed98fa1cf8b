//! Where we are registered: the hubs of peers that deliver events to us.

use super::Store;
use super::errors::{ReadError, StoreError};
use super::reader::Row;
use super::writes::Write;
use std::time::SystemTime;

/// A hub of ours at a peer, known by the peer's base path and the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// HOST:PORT.
    pub peer: String,
    /// Where the peer's paths begin.
    pub url: String,
    pub topic: String,
    /// Where it delivers.
    pub callback: String,
    /// What the peer calls it.
    pub hub: String,
    pub created: SystemTime,
}

/// What becomes of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationChange {
    /// Made, or made anew.
    Keep(Registration),
    Forget {
        url: String,
        topic: String,
    },
}

impl RegistrationChange {
    /// Base path and topic.
    pub fn key(&self) -> (&str, &str) {
        match self {
            RegistrationChange::Keep(Registration { url, topic, .. })
            | RegistrationChange::Forget { url, topic } => (url, topic),
        }
    }
}

impl Store {
    /// All registrations, by base path and topic.
    pub async fn registrations(&self) -> Result<Vec<Registration>, ReadError> {
        let reader = &self.inner.events.reader;
        let sql = format!(
            "select cast(peer as text), cast(url as text), cast(topic as text), cast(callback as text), cast(hub as text), {}
             from em_registration order by url, topic",
            reader.dialect().micros("created"),
        );
        Ok(reader.rows(sql, Vec::new()).await?.into_iter().map(registration).collect())
    }

    /// Queues changes of registrations at the call; resolves when all are durable. Repeated they change nothing.
    pub fn change_registrations(
        &self,
        changes: Vec<RegistrationChange>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        self.write_all(changes.into_iter().map(Write::Registration).collect())
    }
}

fn registration(mut row: Row) -> Registration {
    let created = row.time(5);
    let mut text = |column| row.text(column).unwrap_or_default();
    Registration { peer: text(0), url: text(1), topic: text(2), callback: text(3), hub: text(4), created }
}
