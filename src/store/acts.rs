//! What operators do, and which systems they have paused: rows of `em_audit` and `em_pause`.
//!
//! Neither is tied to a row of `em_event`, so neither is swept.

use super::errors::ReadError;
use super::reader::{Reader, Row, Value};
use crate::plan::System;
use std::time::SystemTime;
use uuid::Uuid;

/// An act of an operator, for the audit table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Chosen by whoever records it: recorded again it is the same line.
    pub uuid: Uuid,
    pub at: SystemTime,
    /// Who.
    pub actor: String,
    /// What, in a word: `pause`, `resume`, `retry`, `resolve`, `reprovision`, `log`, `hand_over`.
    pub act: String,
    /// To what: the name of a system, `event 42`, a subscriber, `level`, `cluster`.
    pub object: String,
    /// Why, or what came of it.
    pub detail: Option<String>,
}

/// A line of the audit table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    pub id: i64,
    pub act: Act,
}

/// A system that has been paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    pub system: System,
    pub at: SystemTime,
    pub actor: String,
    pub reason: Option<String>,
}

/// What an act does to the pauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PauseChange {
    /// Leaves the pause as it is where the system is paused already.
    Pause(Pause),
    Resume(System),
}

impl PauseChange {
    /// Whose pause it is.
    pub fn system(&self) -> System {
        match self {
            PauseChange::Pause(pause) => pause.system,
            PauseChange::Resume(system) => *system,
        }
    }
}

impl Reader {
    pub async fn pauses(&self) -> Result<Vec<Pause>, ReadError> {
        let sql = format!(
            "select cast(system as text), {}, cast(actor as text), cast(reason as text) from em_pause order by system",
            self.dialect().micros("at"),
        );
        let rows = self.rows(sql, Vec::new()).await?;
        Ok(rows.into_iter().filter_map(pause).collect())
    }

    pub async fn audit(&self, before: i64, limit: usize) -> Result<Vec<AuditLine>, ReadError> {
        let sql = format!(
            "select cast(id as bigint), cast(uuid as text), {}, cast(actor as text), cast(act as text),
                cast(object as text), cast(detail as text)
             from em_audit where id < cast($1 as bigint) order by em_audit.id desc limit cast($2 as bigint)",
            self.dialect().micros("at"),
        );
        let limit = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = self.rows(sql, vec![Value::Int(before), limit]).await?;
        Ok(rows.into_iter().map(audit_line).collect())
    }
}

fn pause(mut row: Row) -> Option<Pause> {
    let word = row.text(0).unwrap_or_default();
    let Some(system) = System::parse(&word) else {
        tracing::warn!(system = word, "row of em_pause names no system: left alone");
        return None;
    };
    Some(Pause { system, at: row.time(1), actor: row.text(2).unwrap_or_default(), reason: row.text(3) })
}

fn audit_line(mut row: Row) -> AuditLine {
    AuditLine {
        id: row.int(0).unwrap_or_default(),
        act: Act {
            uuid: row.uuid(1).unwrap_or_default(),
            at: row.time(2),
            actor: row.text(3).unwrap_or_default(),
            act: row.text(4).unwrap_or_default(),
            object: row.text(5).unwrap_or_default(),
            detail: row.text(6),
        },
    }
}
