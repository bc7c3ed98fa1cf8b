//! Deciding: a pure function for every command type turns an event and its subscriber into a plan.
//!
//! [`COMMANDS`] is the table of contents. A new command is a plan function in a file of its family, and a line here.
//! The actors around the functions are in [`actor`].

pub mod actor;
pub mod attributes;
pub mod busy_lamp_field;
pub mod domain;
pub mod draft;
pub mod elements;
pub mod group;
pub mod mailbox;
pub mod password;
pub mod reprovision;
pub mod service;
pub mod subject;
pub mod trunk;
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
    /// Name of the processor actor, which may plan several commands of one kind.
    pub processor: &'static str,
    pub subject: Subjects,
    pub plan: Plans,
}

/// Says whom and what the document names.
pub type Subjects = fn(&Command, &Rules) -> Subject;
/// Says what is to be done.
pub type Plans = fn(&Inputs) -> Result<Decision, Refusal>;

/// Every command that is acted on; all others are stored as ignored.
#[rustfmt::skip]
pub const COMMANDS: &[CommandType] = &[
    entry("UserAddRequest", "create_user", user::subject, user::create),
    entry("UserModifyRequest", "modify_user", user::subject, user::modify),
    entry("UserDeleteRequest", "delete_user", user::subject, user::delete),
    entry("UserAuthenticationModifyRequest", "set_password", password::subject, password::set),
    entry("GroupTrunkGroupAddInstanceRequest", "create_trunk", trunk::subject, trunk::create),
    entry("GroupHuntGroupAddInstanceRequest", "create_service", service::subject, service::create),
    entry("GroupAutoAttendantAddInstanceRequest", "create_service", service::subject, service::create),
    entry("GroupCallCenterAddInstanceRequest", "create_service", service::subject, service::create),
    entry("GroupMeetMeConferencingAddInstanceRequest", "create_service", service::subject, service::create),
    entry("GroupHuntGroupModifyInstanceRequest", "modify_service", service::subject, service::modify),
    entry("GroupAutoAttendantModifyInstanceRequest", "modify_service", service::subject, service::modify),
    entry("GroupCallCenterModifyInstanceRequest", "modify_service", service::subject, service::modify),
    entry("GroupMeetMeConferencingModifyInstanceRequest", "modify_service", service::subject, service::modify),
    entry("GroupHuntGroupDeleteInstanceRequest", "delete_service", service::subject, service::delete),
    entry("GroupAutoAttendantDeleteInstanceRequest", "delete_service", service::subject, service::delete),
    entry("GroupCallCenterDeleteInstanceRequest", "delete_service", service::subject, service::delete),
    entry("GroupMeetMeConferencingDeleteInstanceRequest", "delete_service", service::subject, service::delete),
    entry("GroupVoiceMessagingGroupModifyVoicePortalRequest", "modify_group_vp", service::portal_subject, service::modify_portal),
    entry("UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest", "modify_user_vm", mailbox::subject, mailbox::modify),
    entry("UserBusyLampFieldModifyRequest", "modify_blf", busy_lamp_field::subject, busy_lamp_field::modify),
    entry("GroupDeleteRequest", "delete_group", group::subject, group::delete),
    entry("SystemDomainAddRequest", "create_domain", domain::subject, domain::create),
    entry("SystemDomainDeleteRequest", "delete_domain", domain::subject, domain::delete),
    entry(reprovision::COMMAND, "reprovision", reprovision::subject, reprovision::reprovision),
];

const fn entry(
    command: &'static str,
    processor: &'static str,
    subject: Subjects,
    plan: Plans,
) -> CommandType {
    CommandType { command, processor, subject, plan }
}

/// The entry of a command type (without version suffix, exact case).
pub fn command_type(command: &str) -> Option<&'static CommandType> {
    COMMANDS.iter().find(|entry| entry.command == command)
}

/// The same of a command that a peer has sent: what only operators may wish is none.
pub fn command_type_of_peer(command: &str) -> Option<&'static CommandType> {
    command_type(command).filter(|entry| entry.command != reprovision::COMMAND)
}

/// The names of the processors, each once.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = COMMANDS.iter().map(|entry| entry.processor).collect();
    names.dedup();
    names
}

/// Everything a plan may depend on.
pub struct Inputs<'a> {
    pub command: &'a Command,
    /// The subscriber's row as it stands now.
    pub subscriber: Option<&'a Subscriber>,
    /// The rows of the group that the event deletes; of one that cannot be read, why.
    pub members: &'a [Result<Subscriber, String>],
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

impl Decision {
    /// The command is about mail alone.
    pub fn no_mail() -> Decision {
        Decision::Ignore("mail is not provisioned: [surgemail] is not configured".into())
    }
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
