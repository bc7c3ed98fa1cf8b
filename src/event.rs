//! An event: one command of one document, and what has become of it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// The four words that `em_event.status` holds, as the Erlang release writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pending,
    Completed,
    Failed,
    Ignored,
}

impl Status {
    /// The word in the table, the API and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Ignored => "ignored",
        }
    }

    /// The status that `word` names; `None` for any other word.
    pub fn parse(word: &str) -> Option<Status> {
        [Status::Pending, Status::Completed, Status::Failed, Status::Ignored]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event that has been read from a peer and is about to be stored.
///
/// The sender chooses the uuid, so that storing the same value twice stores it once.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub uuid: Uuid,
    /// The configured endpoint that it came from.
    pub source: Arc<str>,
    /// `<id>` of the OCI-R command, where there is one.
    pub notification_id: Option<String>,
    /// Position of the command among those of its document, from 0.
    pub command_index: u32,
    /// Who has given the command, an administrator as a rule, as in the Erlang release. Whom it is about stands in the
    /// document; in plans and processors `user_id` is that subscriber.
    pub user_id: String,
    /// Command type without its version suffix; empty where the document could not be read.
    pub command: String,
    /// The whole document, decoded to UTF-8; the commands of one document share it.
    pub document: Arc<str>,
    /// What it is stored as: pending if it will run, else ignored or failed with a note.
    pub status: Status,
    /// Why it is ignored or failed.
    pub note: Option<String>,
    /// Ids of the subscribers that it is about, under whom it is found later; empty for what is not acted on. The members
    /// of a whole group follow when the event is planned.
    pub about: Vec<String>,
    /// An earlier event of which this is a duplicate: the store adds the note `duplicate of ID`.
    pub duplicate_of: Option<Uuid>,
    pub received: SystemTime,
}

/// An event as it is handed on under one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicEvent {
    /// Stable: whoever gets it twice knows it by this and the topic.
    pub uuid: Uuid,
    pub topic: String,
    /// The configured endpoint that it came from.
    pub source: Arc<str>,
    /// What its sender calls it. Those of several topics share it.
    pub name: Arc<str>,
    /// When it was received.
    pub at: SystemTime,
    /// A JSON object, of the form that `form` says. Those of several topics share it.
    pub payload: Arc<str>,
    pub form: Form,
}

/// What the payload of a [`TopicEvent`] is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Form {
    /// The event's own fields.
    #[default]
    Fields,
    /// The event's own fields, among them `change` (`created`, `updated` or `deleted`) and `entity`, what has changed.
    Change,
    /// What somebody has posted to Event Management: an `Event_Create`.
    Posted {
        /// The peer who has; `None`: nobody that we know.
        origin: Option<Arc<str>>,
    },
}

impl Form {
    /// The word in `em_topic_log.form`.
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Form::Fields => None,
            Form::Change => Some("change"),
            Form::Posted { .. } => Some("posted"),
        }
    }

    /// What stands in `em_topic_log.origin`.
    pub fn origin(&self) -> Option<&str> {
        match self {
            Form::Posted { origin } => origin.as_deref(),
            Form::Fields | Form::Change => None,
        }
    }

    /// The other way round; a word that nobody knows says nothing of the fields.
    pub fn parse(word: Option<&str>, origin: Option<String>) -> Form {
        match word {
            Some("change") => Form::Change,
            Some("posted") => Form::Posted { origin: origin.map(Arc::from) },
            _ => Form::Fields,
        }
    }
}

/// One that stands in the topic log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its place in the log: later ones have larger numbers, not all of which there are.
    pub sequence: i64,
    pub event: TopicEvent,
}

/// A row of `em_event`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// From the table's own sequence; it may start anew when somebody truncates the table.
    pub id: i64,
    /// `None` for rows that the Erlang release wrote.
    pub uuid: Option<Uuid>,
    pub source: Option<String>,
    pub notification_id: Option<String>,
    pub command_index: u32,
    /// As in [`NewEvent::user_id`].
    pub user_id: String,
    pub command: String,
    pub document: Arc<str>,
    /// `None` where somebody wrote a word that is not a status.
    pub status: Option<Status>,
    pub note: Option<String>,
    pub received: SystemTime,
}
