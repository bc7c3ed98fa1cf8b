//! What the people at the BroadWorks portal do all day: an endless stream of OCI-R documents, the same for the same
//! seed, and what HSS, ENUM and our own table must hold when all of it has been done in order.
//!
//! Users come and go; they get, change, drop and hand over phones (taken from one before given to the other), get
//! devices and trunk lines, move to another city; in between come commands that provision nothing. Every event of the
//! stream completes or is ignored, as [`OciMessage::expected`] says.

mod acts;
mod documents;
mod numbering;
mod person;

pub use numbering::{numbering, service_profiles};

use self::person::Person;
use super::ema::CoreState;
use crate::config::{Numbering, ServiceProfiles};
use crate::plan::Subscriber;
use crate::wire::Field;
use crate::wire::ocir::write;

/// What the population is like.
#[derive(Debug, Clone)]
pub struct TrafficOptions {
    /// Users at the same time, at most.
    pub users: usize,
    /// SIP domain of the users.
    pub domain: String,
    /// As the daemon under test is configured: [`numbering`].
    pub numbering: Numbering,
    /// As the daemon under test is configured: [`service_profiles`].
    pub service_profiles: ServiceProfiles,
    /// Number of the first notification.
    pub first_notification: u64,
}

impl Default for TrafficOptions {
    fn default() -> TrafficOptions {
        TrafficOptions {
            users: 1000,
            domain: "voice.example.gl".to_owned(),
            numbering: numbering(),
            service_profiles: service_profiles(),
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
    pub command: &'static str,
    /// The user that the command is about (the event's own user is the administrator who sent it).
    pub user_id: String,
    pub expected: Expected,
}

/// The stream. As an [`Iterator`] it never ends.
pub struct Traffic {
    options: TrafficOptions,
    random: fastrand::Rng,
    people: Vec<Person>,
    /// Phones that nobody has any more.
    released: Vec<String>,
    /// Users that were deleted and may come back.
    gone: Vec<Person>,
    /// A phone that was taken from its user for another: given with the next document.
    handed_over: Option<String>,
    notification: u64,
    user_number: u64,
    phone_number: u64,
    identity_number: u64,
}

const ADMINISTRATOR: &str = "admin@voice.example.gl";

impl Traffic {
    /// The stream of this seed.
    pub fn new(seed: u64, options: TrafficOptions) -> Traffic {
        Traffic {
            notification: options.first_notification,
            options,
            random: fastrand::Rng::with_seed(seed),
            people: Vec::new(),
            released: Vec::new(),
            gone: Vec::new(),
            handed_over: None,
            user_number: 0,
            phone_number: 0,
            identity_number: 0,
        }
    }

    /// The next document.
    pub fn next_message(&mut self) -> OciMessage {
        if let Some(phone) = self.handed_over.take() {
            let receiver = self.somebody();
            return self.give_phone(receiver, phone);
        }
        if self.people.is_empty() {
            return self.add();
        }
        let person = self.somebody();
        let has_room = self.people.len() < self.options.users;
        match self.random.u8(..100) {
            0..20 if has_room => self.add(),
            0..35 => self.give_new_phone(person),
            35..40 => self.drop_phone(person),
            40..50 => self.change_line(person, Field::Absent),
            50..55 => self.change_type(person, Field::Absent),
            55..65 => self.change_profile(person),
            65..72 => self.begin_hand_over(person),
            72..78 => self.delete(person),
            78..81 => {
                let phone = self.free_phone();
                self.change_line(person, Field::Value(phone))
            }
            81..83 => {
                let phone = self.free_phone();
                self.change_type(person, Field::Value(phone))
            }
            83..85 => self.change_line(person, Field::Nil),
            85..88 => self.change_nothing(person),
            _ => self.provision_nothing(person),
        }
    }

    /// What HSS and ENUM must hold once every document so far has been processed; without passwords.
    pub fn expected_state(&self) -> CoreState {
        let mut core = CoreState::default();
        self.people.iter().for_each(|person| person.provision(&self.options, &mut core));
        core
    }

    /// What `srd_user` must hold then, by user id.
    pub fn expected_subscribers(&self) -> Vec<Subscriber> {
        let mut rows: Vec<_> = self.people.iter().map(|person| person.subscriber(&self.options)).collect();
        rows.sort_by(|a, b| a.user_id.cmp(&b.user_id));
        rows
    }

    fn somebody(&mut self) -> usize {
        self.random.usize(..self.people.len())
    }

    fn message(
        &mut self,
        command: &'static str,
        user_id: &str,
        body: &str,
        expected: Expected,
    ) -> OciMessage {
        let id = format!("write{}", self.notification);
        self.notification += 1;
        let document = write::report(&id, "provadmin", ADMINISTRATOR, command, body);
        OciMessage { document, command, user_id: user_id.to_owned(), expected }
    }
}

impl Iterator for Traffic {
    type Item = OciMessage;

    fn next(&mut self) -> Option<OciMessage> {
        Some(self.next_message())
    }
}
