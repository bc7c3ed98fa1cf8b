//! What somebody does at the portal: the document of each act, and the change that it makes.

use super::documents::{self, Endpoint};
use super::person::{FIRST_NAMES, LAST_NAMES, Person};
use super::{Expected, OciMessage, Traffic};
use crate::wire::Field;

const ADD: &str = "UserAddRequest17sp4";
const MODIFY: &str = "UserModifyRequest17sp4";
const DELETE: &str = "UserDeleteRequest";

/// A new endpoint, with its line port.
enum Line {
    Removed,
    Device(String),
    Trunk(String),
}

impl Line {
    fn endpoint(&self) -> Endpoint<'_> {
        match self {
            Line::Removed => Endpoint::Removed,
            Line::Device(port) => Endpoint::Device(port),
            Line::Trunk(port) => Endpoint::Trunk(port),
        }
    }
}

impl Traffic {
    pub(super) fn add(&mut self) -> OciMessage {
        let city = self.some_city();
        let mut person = self.somebody_new();
        person.city = city;
        let body = documents::user_add(&person);
        let message = self.message(ADD, &person.user_id, &body, Expected::Completed);
        self.people.push(person);
        message
    }

    /// A new user, or one that had been deleted.
    fn somebody_new(&mut self) -> Person {
        if !self.gone.is_empty() && self.random.u8(..5) == 0 {
            return self.gone.swap_remove(self.random.usize(..self.gone.len()));
        }
        let (first_name, first) = FIRST_NAMES[self.random.usize(..FIRST_NAMES.len())];
        let (last_name, last) = LAST_NAMES[self.random.usize(..LAST_NAMES.len())];
        self.user_number += 1;
        let user_id = format!("{first}.{last}.{}@{}", self.user_number, self.options.domain);
        let group_id = format!("KNI-{:03}", self.random.u8(..40));
        Person {
            identity: user_id.clone(),
            user_id,
            group_id,
            first_name,
            last_name,
            city: None,
            trunk: false,
            phone: None,
        }
    }

    pub(super) fn delete(&mut self, person: usize) -> OciMessage {
        let mut person = self.people.swap_remove(person);
        let body = documents::user_delete(&person.user_id);
        self.released.extend(person.phone.take());
        let message = self.message(DELETE, &person.user_id, &body, Expected::Completed);
        person.identity.clone_from(&person.user_id);
        person.trunk = false;
        if self.gone.len() < self.options.users {
            self.gone.push(person);
        }
        message
    }

    pub(super) fn give_phone(&mut self, person: usize, phone: String) -> OciMessage {
        self.modify(person, Field::Value(phone), None)
    }

    pub(super) fn give_new_phone(&mut self, person: usize) -> OciMessage {
        let phone = self.free_phone();
        self.give_phone(person, phone)
    }

    pub(super) fn drop_phone(&mut self, person: usize) -> OciMessage {
        self.modify(person, Field::Nil, None)
    }

    /// Takes the phone from one user; the next document gives it to another.
    pub(super) fn begin_hand_over(&mut self, person: usize) -> OciMessage {
        let Some(phone) = self.people[person].phone.take() else { return self.give_new_phone(person) };
        self.handed_over = Some(phone);
        self.drop_phone(person)
    }

    /// Another line port on the same kind of endpoint, or no device.
    pub(super) fn change_line(&mut self, person: usize, phone: Field<String>) -> OciMessage {
        let line = match (self.people[person].trunk, self.random.u8(..4)) {
            (false, 0) => Line::Removed,
            (false, _) => Line::Device(self.new_identity(person)),
            (true, _) => Line::Trunk(self.new_identity(person)),
        };
        self.modify(person, phone, Some(line))
    }

    /// From a device to a line of a trunk or back, with the same line port or another.
    pub(super) fn change_type(&mut self, person: usize, phone: Field<String>) -> OciMessage {
        let identity =
            if self.random.bool() { self.people[person].identity.clone() } else { self.new_identity(person) };
        let line = if self.people[person].trunk { Line::Device(identity) } else { Line::Trunk(identity) };
        self.modify(person, phone, Some(line))
    }

    /// The addresses page saved as it was: completes where it carries a phone, else it is ignored.
    pub(super) fn change_nothing(&mut self, person: usize) -> OciMessage {
        let phone = self.people[person].phone.clone();
        if phone.is_none() && self.random.bool() {
            let user_id = self.people[person].user_id.clone();
            let body = documents::addresses(&user_id, &Field::Value(String::new()), None);
            return self.message(MODIFY, &user_id, &body, Expected::Ignored);
        }
        self.modify(person, phone.map_or(Field::Absent, Field::Value), None)
    }

    fn modify(&mut self, person: usize, phone: Field<String>, line: Option<Line>) -> OciMessage {
        let international = self.random.u8(..8) == 0;
        let country = &self.options.numbering.country_code;
        let written = match &phone {
            Field::Value(phone) if international => Field::Value(format!("+{country}-{phone}")),
            phone => phone.clone(),
        };
        let provisions = !phone.is_absent() || line.is_some();
        let expected = if provisions { Expected::Completed } else { Expected::Ignored };
        let endpoint = line.as_ref().map(Line::endpoint);
        let user_id = self.people[person].user_id.clone();
        let body = documents::addresses(&user_id, &written, endpoint);
        self.take_over(person, phone, line);
        self.message(MODIFY, &user_id, &body, expected)
    }

    /// Notes what a UserModifyRequest does.
    fn take_over(&mut self, person: usize, phone: Field<String>, line: Option<Line>) {
        let person = &mut self.people[person];
        if !phone.is_absent() {
            let before = std::mem::replace(&mut person.phone, phone.value());
            self.released.extend(before.filter(|before| person.phone.as_ref() != Some(before)));
        }
        match line {
            None => {}
            Some(Line::Removed) => {
                person.trunk = false;
                person.identity.clone_from(&person.user_id);
            }
            Some(Line::Device(identity)) => {
                person.trunk = false;
                person.identity = identity;
            }
            Some(Line::Trunk(identity)) => {
                person.trunk = true;
                person.identity = identity;
            }
        }
    }

    /// The profile page with another city: ignored where the phone context stays.
    pub(super) fn change_profile(&mut self, person: usize) -> OciMessage {
        let city = self.some_city();
        let before = self.people[person].phone_context(&self.options);
        self.people[person].city = city;
        let after = self.people[person].phone_context(&self.options);
        let expected = if before == after { Expected::Ignored } else { Expected::Completed };
        let user_id = self.people[person].user_id.clone();
        let body = documents::profile(&self.people[person]);
        self.message(MODIFY, &user_id, &body, expected)
    }

    pub(super) fn provision_nothing(&mut self, person: usize) -> OciMessage {
        let user_id = self.people[person].user_id.clone();
        let (command, body) = documents::ignored(self.random.usize(..), &user_id);
        self.message(command, &user_id, &body, Expected::Ignored)
    }

    /// A phone that nobody has: a new one, or one that was released.
    pub(super) fn free_phone(&mut self) -> String {
        let plenty = self.released.len() > self.options.users;
        if plenty || !self.released.is_empty() && self.random.bool() {
            return self.released.swap_remove(self.random.usize(..self.released.len()));
        }
        self.phone_number += 1;
        format!("{}", 320_000 + self.phone_number)
    }

    /// A line port that nobody has ever had.
    fn new_identity(&mut self, person: usize) -> String {
        self.identity_number += 1;
        format!("line{}.{}", self.identity_number, self.people[person].user_id)
    }

    /// A city that has a phone context of its own, one that has none, or no city at all.
    fn some_city(&mut self) -> Option<String> {
        let cities = &self.options.numbering.phone_contexts;
        let chosen = self.random.usize(..cities.len() + 2);
        match cities.keys().nth(chosen) {
            Some(city) => Some(city.clone()),
            None if chosen == cities.len() => Some("Tasiilaq".to_owned()),
            None => None,
        }
    }
}
