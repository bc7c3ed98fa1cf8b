//! Who has subscribed to our EVI.

use super::Store;
use super::acts::Act;
use super::errors::{ReadError, StoreError};
use super::reader::{Reader, Row};
use super::writes::{Outcome, Write};
use std::time::SystemTime;

/// A subscription to an event, known by the event and the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EviSubscription {
    /// Such as `E_CALL_START`.
    pub event: String,
    /// As its subscriber has written it: `udp:HOST:PORT`, `tcp:HOST:PORT` or `unix:/PATH`.
    pub socket: String,
    /// IP:PORT where its host was found; `None` where it has none.
    pub address: Option<String>,
    /// `json` or `text`.
    pub format: String,
    /// Seconds that were asked for.
    pub expire: u32,
    /// When it is over.
    pub expires: SystemTime,
}

/// What becomes of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EviChange {
    /// Made, or renewed.
    Subscribe(EviSubscription),
    Unsubscribe {
        event: String,
        socket: String,
    },
}

impl EviChange {
    /// Event and socket.
    pub fn key(&self) -> (&str, &str) {
        match self {
            EviChange::Subscribe(EviSubscription { event, socket, .. })
            | EviChange::Unsubscribe { event, socket } => (event, socket),
        }
    }
}

impl Store {
    /// Queues changes of subscriptions at the call, with the line of the audit table where an operator has wished them; resolves when
    /// all are durable. Repeated they change nothing.
    pub fn change_evi(
        &self,
        changes: Vec<EviChange>,
        act: Option<Act>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let act = act.map(|act| Write::Act { act, change: None });
        self.write_all(changes.into_iter().map(Write::Evi).chain(act).collect())
    }

    /// All subscriptions, those that are over included.
    pub async fn evi_subscriptions(&self) -> Result<Vec<EviSubscription>, ReadError> {
        self.inner.events.reader.evi_subscriptions().await
    }

    /// Queues the writes at the call; resolves when all are durable, or with the reason of one that the database refuses.
    pub(super) fn write_all(
        &self,
        writes: Vec<Write>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let answer = self.inner.events.shared.queue.push(writes);
        async move {
            let refused = answer.await?.into_iter().find_map(|outcome| match outcome {
                Outcome::Rejected(reason) => Some(StoreError::Rejected(reason)),
                _ => None,
            });
            refused.map_or(Ok(()), Err)
        }
    }
}

impl Reader {
    async fn evi_subscriptions(&self) -> Result<Vec<EviSubscription>, ReadError> {
        let sql = format!(
            "select cast(event as text), cast(socket as text), cast(address as text), cast(format as text),
                cast(expire as bigint), {}
             from em_evi_subscription order by event, socket",
            self.dialect().micros("expires"),
        );
        Ok(self.rows(sql, Vec::new()).await?.into_iter().map(subscription).collect())
    }
}

fn subscription(mut row: Row) -> EviSubscription {
    EviSubscription {
        event: row.text(0).unwrap_or_default(),
        socket: row.text(1).unwrap_or_default(),
        address: row.text(2),
        format: row.text(3).unwrap_or_default(),
        expire: row.int(4).and_then(|expire| u32::try_from(expire).ok()).unwrap_or_default(),
        expires: row.time(5),
    }
}
