//! Services of groups: hunt groups, auto attendants, call centres and conferences.

use super::documents::service as documents;
use super::person::new_row;
use super::{Expected, OciMessage, Traffic};
use crate::plan::{Subscriber, UserType};
use crate::wire::Field;

/// What kind of service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    HuntGroup,
    AutoAttendant,
    CallCenter,
    MeetMe,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::HuntGroup, Kind::AutoAttendant, Kind::CallCenter, Kind::MeetMe];

    /// The command type of `act`: Add, Modify or Delete.
    fn command(self, act: &str) -> String {
        let kind = match self {
            Kind::HuntGroup => "HuntGroup",
            Kind::AutoAttendant => "AutoAttendant",
            Kind::CallCenter => "CallCenter",
            Kind::MeetMe => "MeetMeConferencing",
        };
        format!("Group{kind}{act}InstanceRequest")
    }

    /// How the ids of such services begin.
    fn prefix(self) -> &'static str {
        match self {
            Kind::HuntGroup => "hg",
            Kind::AutoAttendant => "aa",
            Kind::CallCenter => "cc",
            Kind::MeetMe => "mm",
        }
    }
}

/// A service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub kind: Kind,
    /// What our table must hold.
    pub row: Subscriber,
}

impl Traffic {
    /// One service for four users, at most.
    pub(super) fn service_act(&mut self) -> OciMessage {
        let has_room = self.services.len() <= self.options.users / 4;
        if self.services.is_empty() || has_room && self.random.u8(..3) == 0 {
            return self.add_service();
        }
        let service = self.random.usize(..self.services.len());
        match self.random.u8(..100) {
            0..15 => self.delete_service(service),
            15..25 => self.begin_service_hand_over(service),
            25..35 => self.change_service_profile(service),
            _ => self.change_service(service),
        }
    }

    fn add_service(&mut self) -> OciMessage {
        let kind = Kind::ALL[self.random.usize(..4)];
        let user_id = format!("{}-{}@{}", kind.prefix(), self.stock.number(), self.options.domain);
        let group_id = self.some_group();
        let mut row = new_row(&user_id, &group_id, UserType::Virtual, &self.options);
        row.phone = self.random.bool().then(|| self.free_phone());
        let identity = match self.random.u8(..3) {
            0 => None,
            1 => Some(user_id.clone()),
            _ => Some(self.free_identity(&user_id)),
        };
        let phone = row.phone.clone().map_or(Field::Absent, Field::Value);
        let body = documents::add(kind, &row, &self.written(&phone), identity.as_deref());
        row.public_identity = identity.unwrap_or(row.public_identity);
        self.services.push(Service { kind, row });
        self.versioned(&kind.command("Add"), &user_id, &body, Expected::Completed)
    }

    fn delete_service(&mut self, service: usize) -> OciMessage {
        let Service { kind, row } = self.services.swap_remove(service);
        self.take_back(&row);
        let body = documents::delete(&row.user_id);
        self.versioned(&kind.command("Delete"), &row.user_id, &body, Expected::Completed)
    }

    /// Takes the phone from a service; the next document gives it to somebody else.
    fn begin_service_hand_over(&mut self, service: usize) -> OciMessage {
        self.handed_over = self.services[service].row.phone.take();
        self.modify_service(service, Field::Nil, None)
    }

    /// The addresses page with another identity, another phone, both, or one of them as it was.
    fn change_service(&mut self, service: usize) -> OciMessage {
        let (user_id, before) = {
            let row = &self.services[service].row;
            (row.user_id.clone(), row.public_identity.clone())
        };
        let identity = match self.random.u8(..6) {
            0 => None,
            1..3 => Some(before),
            3 => Some(user_id.clone()),
            _ => Some(self.free_identity(&user_id)),
        };
        let phone = match self.random.u8(..6) {
            0 => Field::Absent,
            1 => Field::Nil,
            2 => self.services[service].row.phone.clone().map_or(Field::Absent, Field::Value),
            _ => Field::Value(self.free_phone()),
        };
        self.modify_service(service, phone, identity)
    }

    /// The addresses page: ignored where it carries neither phone nor identity.
    pub(super) fn modify_service(
        &mut self,
        service: usize,
        phone: Field<String>,
        identity: Option<String>,
    ) -> OciMessage {
        let nothing = phone.is_absent() && identity.is_none();
        let expected = if nothing { Expected::Ignored } else { Expected::Completed };
        // An empty field of the form says as little as none.
        let written = if nothing { Field::Value(String::new()) } else { self.written(&phone) };
        let Service { kind, row } = &mut self.services[service];
        let (kind, user_id) = (*kind, row.user_id.clone());
        let body = documents::addresses(&user_id, &written, identity.as_deref());
        self.stock.swap_phone(row, phone);
        if let Some(identity) = identity {
            self.stock.swap_identity(row, identity);
        }
        self.versioned(&kind.command("Modify"), &user_id, &body, expected)
    }

    fn change_service_profile(&mut self, service: usize) -> OciMessage {
        let Service { kind, row } = &self.services[service];
        let (kind, user_id) = (*kind, row.user_id.clone());
        let body = documents::profile(&user_id);
        self.versioned(&kind.command("Modify"), &user_id, &body, Expected::Ignored)
    }
}
