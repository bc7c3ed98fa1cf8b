//! Deciding: a pure function for every command type turns an event and its subscriber into a plan.
//!
//! [`COMMANDS`] is the table of contents. A new command is a plan function in a file of its family, and a line here.
//! The actors around the functions are in [`actor`].

pub mod actor;
pub mod attributes;
pub mod draft;
pub mod password;
pub mod subject;
pub mod user;

use crate::plan::{Plan, Subscriber};
use crate::wire::Secret;
use crate::wire::ocir::Command;
use attributes::Rules;
use serde::Serialize;
use subject::Subject;

/// One command type: who plans it, what it touches.
#[derive(Clone, Copy)]
pub struct CommandType {
    /// Type as it stands in the document, without its version suffix.
    pub command: &'static str,
    /// Name of the processor actor.
    pub processor: &'static str,
    /// The subscribers, phones and identities that the document names.
    pub subject: fn(&Command, &Rules) -> Subject,
    /// What is to be done.
    pub plan: fn(&Inputs) -> Result<Decision, Refusal>,
}

/// Every command that is acted on; all others are stored as ignored.
pub const COMMANDS: &[CommandType] = &[
    CommandType {
        command: "UserAddRequest",
        processor: "create_user",
        subject: user::subject,
        plan: user::create,
    },
    CommandType {
        command: "UserModifyRequest",
        processor: "modify_user",
        subject: user::subject,
        plan: user::modify,
    },
    CommandType {
        command: "UserDeleteRequest",
        processor: "delete_user",
        subject: user::subject,
        plan: user::delete,
    },
];

/// The entry of a command type (without version suffix, exact case).
pub fn command_type(command: &str) -> Option<&'static CommandType> {
    COMMANDS.iter().find(|entry| entry.command == command)
}

/// Everything a plan may depend on.
pub struct Inputs<'a> {
    pub command: &'a Command,
    /// The subscriber's row as it stands now.
    pub subscriber: Option<&'a Subscriber>,
    pub rules: &'a Rules,
    /// Random; for an association that is created without a password of its own.
    pub new_password: &'a Secret,
}

/// What becomes of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Walk these steps; none at all means that there is nothing to change, and the event completes.
    Run(Plan),
    /// Nothing in it concerns us; the text says why.
    Ignore(String),
}

/// Why an event fails before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is blank")]
    Blank(&'static str),
    #[error("{0}")]
    Invalid(String),
    #[error("subscriber {0:?} exists already")]
    Exists(String),
    #[error("subscriber {0:?} is not known")]
    Unknown(String),
    #[error("processor {0} has a defect: it panicked over this event (see the log)")]
    Defect(&'static str),
}

/// The text of an element that the command cannot do without.
pub fn required<'c>(command: &'c Command, path: &'static str) -> Result<&'c str, Refusal> {
    let text = command.field(path).value().ok_or(Refusal::Missing(path))?;
    if text.trim().is_empty() {
        return Err(if text.is_empty() { Refusal::Missing(path) } else { Refusal::Blank(path) });
    }
    Ok(text)
}
