//! What the people at the BroadWorks portal do all day: an endless stream of OCI-R documents, the same for the same
//! seed, and what HSS, ENUM, the mail server and our own table must hold when all of it has been done in order.
//!
//! Users come and go; they get, change, drop and hand over phones (taken from one before given to the other), get
//! devices and trunk lines, move to another city; in between come commands that provision nothing. With more
//! [`Families`] there are services, voice portals, trunks with their pilots, voicemail, busy lamp fields, passwords,
//! mail domains, and groups that are deleted with everything in them. Every event of the stream completes or is ignored,
//! as [`OciMessage::expected`] says.

mod choice;
mod documents;
mod domain;
mod expected;
mod families;
mod group;
mod lamp;
mod mailbox;
mod numbering;
mod password;
mod person;
mod portal;
mod service;
mod stock;
mod user;

pub use families::{Families, Family, UnknownFamily};
pub use numbering::{numbering, service_profiles};

use self::person::Person;
use self::service::Service;
use self::stock::Stock;
use super::surgemail::{MailState, SurgemailOptions};
use crate::config::{Numbering, ServiceProfiles};
use crate::plan::Subscriber;
use crate::wire::ocir::write;

/// What the population is like.
#[derive(Debug, Clone)]
pub struct TrafficOptions {
    /// Users at the same time, at most.
    pub users: usize,
    /// What there is besides users.
    pub families: Families,
    /// SIP domain of the users.
    pub domain: String,
    /// As the daemon under test is configured: [`numbering`].
    pub numbering: Numbering,
    /// As the daemon under test is configured: [`service_profiles`].
    pub service_profiles: ServiceProfiles,
    /// The mail server's names and passwords, as the daemon under test is configured.
    pub surgemail: SurgemailOptions,
    /// Number of the first notification.
    pub first_notification: u64,
}

impl Default for TrafficOptions {
    fn default() -> TrafficOptions {
        TrafficOptions {
            users: 1000,
            families: Families::all(),
            domain: "voice.example.gl".to_owned(),
            numbering: numbering(),
            service_profiles: service_profiles(),
            surgemail: SurgemailOptions::default(),
            first_notification: 1,
        }
    }
}

/// What must become of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Completed,
    Ignored,
}

/// One document of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciMessage {
    pub document: String,
    /// Command type with its version, as in the document.
    pub command: String,
    /// The user, service, group or domain that the command is about (the event's own user is the administrator who sent
    /// it).
    pub subject: String,
    pub expected: Expected,
}

/// The stream. As an [`Iterator`] it never ends.
pub struct Traffic {
    options: TrafficOptions,
    random: fastrand::Rng,
    /// Users and pilots.
    people: Vec<Person>,
    services: Vec<Service>,
    /// Voice portals: one for a group, at most.
    portals: Vec<Subscriber>,
    /// Groups that will be deleted one day.
    small_groups: Vec<String>,
    /// Users that were deleted and may come back.
    gone: Vec<Person>,
    /// What the mail server holds.
    mail: MailState,
    /// Mail domains that were made at the portal.
    domains: Vec<String>,
    stock: Stock,
    /// A phone that was taken from its owner for another: given with the next document.
    handed_over: Option<String>,
    notification: u64,
}

const ADMINISTRATOR: &str = "admin@voice.example.gl";

impl Traffic {
    /// The stream of this seed.
    pub fn new(seed: u64, options: TrafficOptions) -> Traffic {
        Traffic {
            notification: options.first_notification,
            stock: Stock::new(&options),
            options,
            random: fastrand::Rng::with_seed(seed),
            people: Vec::new(),
            services: Vec::new(),
            portals: Vec::new(),
            small_groups: Vec::new(),
            gone: Vec::new(),
            mail: MailState::default(),
            domains: Vec::new(),
            handed_over: None,
        }
    }

    fn somebody(&mut self) -> usize {
        self.random.usize(..self.people.len())
    }

    fn message(&mut self, command: &str, subject: &str, body: &str, expected: Expected) -> OciMessage {
        let id = format!("write{}", self.notification);
        self.notification += 1;
        let document = write::report(&id, "provadmin", ADMINISTRATOR, command, body);
        OciMessage { document, command: command.to_owned(), subject: subject.to_owned(), expected }
    }

    /// A message of a command type to which another release may have given another version.
    fn versioned(&mut self, command: &str, subject: &str, body: &str, expected: Expected) -> OciMessage {
        let version = ["", "", "20", "21", "17sp4"][self.random.usize(..5)];
        self.message(&format!("{command}{version}"), subject, body, expected)
    }
}

impl Iterator for Traffic {
    type Item = OciMessage;

    fn next(&mut self) -> Option<OciMessage> {
        Some(self.next_message())
    }
}
