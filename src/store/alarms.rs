//! Alarms that are raised: what is wrong now, so that a start knows which of them it has to clear.

use super::Store;
use super::errors::{ReadError, StoreError};
use super::reader::Row;
use super::writes::Write;
use crate::event::TopicEvent;
use std::time::SystemTime;
use uuid::Uuid;

/// Something that is wrong, known by its kind and whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Such as `connection_lost`.
    pub kind: String,
    pub object: String,
    pub uuid: Uuid,
    pub raised: SystemTime,
}

/// What becomes of an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmChange {
    /// One that is raised already stays as it is.
    Raise(Alarm),
    Clear {
        kind: String,
        object: String,
    },
}

impl AlarmChange {
    /// Kind and object.
    pub fn key(&self) -> (&str, &str) {
        match self {
            AlarmChange::Raise(Alarm { kind, object, .. }) | AlarmChange::Clear { kind, object } => {
                (kind, object)
            }
        }
    }
}

impl Store {
    /// All that are raised, by kind and object.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, ReadError> {
        let reader = &self.inner.events.reader;
        let sql = format!(
            "select cast(kind as text), cast(object as text), cast(uuid as text), {} from em_alarm order by kind, object",
            reader.dialect().micros("raised"),
        );
        Ok(reader.rows(sql, Vec::new()).await?.into_iter().map(alarm).collect())
    }

    /// Queues changes of alarms at the call, with what is handed on because of them; resolves when all are durable. Repeated they
    /// change nothing.
    pub fn change_alarms(
        &self,
        changes: Vec<AlarmChange>,
        handed_on: Vec<TopicEvent>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let changes = changes.into_iter().map(Write::Alarm);
        self.write_all(changes.chain(handed_on.into_iter().map(Write::Log)).collect())
    }
}

fn alarm(mut row: Row) -> Alarm {
    Alarm {
        kind: row.text(0).unwrap_or_default(),
        object: row.text(1).unwrap_or_default(),
        uuid: row.uuid(2).unwrap_or_default(),
        raised: row.time(3),
    }
}
