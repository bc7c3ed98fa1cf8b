//! From a frame to events: what is stored, and as what.

use super::intake::Incoming;
use super::prints::Uuids;
use crate::config::Live;
use crate::event::{NewEvent, Status};
use crate::processors::attributes::Rules;
use crate::processors::command_type_of_peer;
use crate::wire::ocir::{Command, Document, DocumentError, Notification, Report};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Notifications of this user are BroadWorks' own, and dropped.
const INTERNAL_USER: &str = "*XS localhost Admin*";

/// Why every command is ignored.
const NO_EMA: &str = "nothing is provisioned: [ema] is not configured";

/// The endpoint that documents come from, and what it provisions.
pub struct Source {
    pub name: Arc<str>,
    /// `None`: nothing is provisioned, every command is stored as ignored.
    pub rules: Option<Live<Rules>>,
    /// What its events are known by.
    pub uuids: Uuids,
}

/// Every event keeps the whole document: one with so many commands that they would take more bytes than this is stored
/// once, as failed.
const STORED_LIMIT: usize = 16 << 20;

/// What is wrong with a frame.
#[derive(Debug)]
pub struct Bad {
    /// The label `reason` of `frames_bad_total`.
    pub label: &'static str,
    pub reason: String,
}

impl FrameContent {
    /// A document that is not OCI-R: dropped without an event.
    fn other_root(root: &str) -> FrameContent {
        let reason = format!("the document element is {root}: dropped");
        FrameContent { bad: Some(Bad { label: "other_root", reason }), ..FrameContent::default() }
    }
}

/// What a frame holds.
#[derive(Debug, Default)]
pub struct FrameContent {
    pub events: Vec<Incoming>,
    /// Why the frame, or a part of it, could not be read.
    pub bad: Option<Bad>,
    /// Commands of other kinds than reports, by type; status notifications among them.
    pub others: Vec<String>,
    /// The ids of all reports, in order: also of those that are dropped or hold no command.
    pub ids: Vec<String>,
    /// Declared as ISO-8859-1, and UTF-8 all the same.
    pub mislabelled: bool,
}

impl Source {
    /// Reads a frame. Nothing is lost: what cannot be understood is an event too, failed with its reason.
    pub fn read(&self, frame: &[u8]) -> FrameContent {
        let document = Document::parse(frame);
        let notifications = match document.content {
            Ok(notifications) => notifications,
            Err(DocumentError::WrongRoot { root }) => return FrameContent::other_root(&root),
            Err(error) => return self.unreadable(document.text, "unreadable", error.to_string()),
        };
        let commands: usize = notifications.iter().map(Notification::commands).sum();
        if commands > 1 && commands * document.text.len() > STORED_LIMIT {
            let reason =
                format!("the document holds {commands} commands, more than fit to be stored one by one");
            return self.unreadable(document.text, "too_many_commands", reason);
        }
        let mut content = FrameContent { mislabelled: document.utf8_mislabelled, ..FrameContent::default() };
        let text: Arc<str> = document.text.into();
        for notification in notifications {
            match notification {
                Notification::Report(report) => {
                    content.ids.push(report.id.to_string());
                    if &*report.user_id != INTERNAL_USER {
                        self.report(report, &text, &mut content);
                    }
                }
                Notification::ServerStatus => {
                    content.others.push("OCIReportingServerStatusNotification".into())
                }
                Notification::PublicIdentity => {
                    content.others.push("OCIReportingReportPublicIdentityNotification".into());
                }
                Notification::Other { name } => content.others.push(name),
            }
        }
        content
    }

    /// Bytes between documents: another document, which is dropped, or something that nobody knows.
    pub fn stray(&self, bytes: &[u8], reason: String) -> FrameContent {
        let document = Document::parse(bytes);
        match document.content {
            Err(DocumentError::WrongRoot { root }) => FrameContent::other_root(&root),
            _ => self.unreadable(document.text, "stray", reason),
        }
    }

    /// A failed event for something that cannot be read.
    pub fn unreadable(&self, text: String, label: &'static str, reason: String) -> FrameContent {
        let event = self.event(text.into(), None, 0, Status::Failed, Some(reason.clone()));
        let events = vec![Incoming { event, read: Instant::now(), subject: None }];
        FrameContent { events, bad: Some(Bad { label, reason }), ..FrameContent::default() }
    }

    fn report(&self, report: Report, text: &Arc<str>, content: &mut FrameContent) {
        let id = Some(report.id.to_string()).filter(|id| !id.is_empty());
        let commands = match report.commands {
            Ok(commands) => commands,
            Err(error) => {
                content.bad = Some(Bad { label: "unreadable_request", reason: error.to_string() });
                let mut event = self.event(Arc::clone(text), id, 0, Status::Failed, Some(error.to_string()));
                event.user_id = report.user_id.to_string();
                content.events.push(Incoming { event, read: Instant::now(), subject: None });
                return;
            }
        };
        for command in commands {
            content.events.push(self.command(&command, text, id.clone()));
        }
    }

    fn command(&self, command: &Command, text: &Arc<str>, notification_id: Option<String>) -> Incoming {
        let provisioned = command_type_of_peer(command.command_type()).zip(self.rules.as_ref());
        let subject = provisioned.map(|(entry, rules)| (entry.subject)(command, &rules.get()));
        let status = if subject.is_some() { Status::Pending } else { Status::Ignored };
        let note = self.rules.is_none().then(|| NO_EMA.to_owned());
        let mut event = self.event(Arc::clone(text), notification_id, command.index, status, note);
        event.user_id = command.user_id().to_owned();
        event.command = command.command_type().to_owned();
        event.about = subject.as_ref().map(|subject| subject.users.clone()).unwrap_or_default();
        Incoming { event, read: Instant::now(), subject }
    }

    fn event(
        &self,
        document: Arc<str>,
        notification_id: Option<String>,
        command_index: usize,
        status: Status,
        note: Option<String>,
    ) -> NewEvent {
        let received = SystemTime::now();
        NewEvent {
            uuid: self.uuids.make(received, notification_id.as_deref(), command_index, &document),
            source: Arc::clone(&self.name),
            notification_id,
            command_index: command_index as u32,
            user_id: String::new(),
            command: String::new(),
            document,
            status,
            note,
            about: Vec::new(),
            duplicate_of: None,
            received,
        }
    }
}
