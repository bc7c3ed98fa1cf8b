//! What is done about users, and about pilots once they are there: the document of each act, and the change that it
//! makes.

use super::documents::user::{self as documents, Endpoint};
use super::person::{Person, new_row};
use super::{Expected, OciMessage, Traffic};
use crate::plan::UserType;
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

    fn user_type(&self) -> UserType {
        match self {
            Line::Removed | Line::Device(_) => UserType::User,
            Line::Trunk(_) => UserType::Trunk,
        }
    }
}

impl Traffic {
    pub(super) fn add(&mut self) -> OciMessage {
        let city = self.some_city();
        let mut person = self.somebody_new();
        person.move_to(city, &self.options);
        let body = documents::add(&person);
        let message = self.message(ADD, &person.row.user_id, &body, Expected::Completed);
        self.people.push(person);
        message
    }

    /// A new user, or one that had been deleted.
    fn somebody_new(&mut self) -> Person {
        if !self.gone.is_empty() && self.random.u8(..5) == 0 {
            let person = self.gone.swap_remove(self.random.usize(..self.gone.len()));
            self.found_again(&person);
            return person;
        }
        let [(first_name, first), (last_name, last)] = self.some_name();
        let user_id = format!("{first}.{last}.{}@{}", self.stock.number(), self.options.domain);
        let group_id = self.some_group();
        let row = new_row(&user_id, &group_id, UserType::User, &self.options);
        Person { row, first_name, last_name, city: None, password: None }
    }

    pub(super) fn delete(&mut self, person: usize) -> OciMessage {
        let person = self.people.swap_remove(person);
        let user_id = person.row.user_id.clone();
        self.bid_farewell(person);
        self.message(DELETE, &user_id, &documents::delete(&user_id), Expected::Completed)
    }

    /// Notes that a user is deleted with all that it had.
    pub(super) fn bid_farewell(&mut self, mut person: Person) {
        self.take_back(&person.row);
        let group_id = person.row.group_id.as_deref().unwrap_or_default();
        let was_pilot = person.row.user_type == UserType::Pilot;
        person.row = new_row(&person.row.user_id, group_id, UserType::User, &self.options);
        person.password = None;
        if !was_pilot && self.gone.len() < self.options.users {
            self.gone.push(person);
        }
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
        let Some(phone) = self.people[person].row.phone.take() else { return self.give_new_phone(person) };
        self.handed_over = Some(phone);
        self.drop_phone(person)
    }

    /// Another line port on the same kind of endpoint, or no device.
    pub(super) fn change_line(&mut self, person: usize, phone: Field<String>) -> OciMessage {
        let line = match (self.is_on_trunk(person), self.random.u8(..4)) {
            (false, 0) => Line::Removed,
            (false, _) => Line::Device(self.new_identity(person)),
            (true, _) => Line::Trunk(self.new_identity(person)),
        };
        self.modify(person, phone, Some(line))
    }

    /// From a device to a line of a trunk or back, with the same line port or another.
    pub(super) fn change_type(&mut self, person: usize, phone: Field<String>) -> OciMessage {
        let identity = if self.random.bool() {
            self.people[person].row.public_identity.clone()
        } else {
            self.new_identity(person)
        };
        let line = if self.is_on_trunk(person) { Line::Device(identity) } else { Line::Trunk(identity) };
        self.modify(person, phone, Some(line))
    }

    fn is_on_trunk(&self, person: usize) -> bool {
        self.people[person].row.user_type == UserType::Trunk
    }

    fn new_identity(&mut self, person: usize) -> String {
        let user_id = self.people[person].row.user_id.clone();
        self.free_identity(&user_id)
    }

    /// The addresses page saved as it was: completes where it carries a phone, else it is ignored.
    pub(super) fn change_nothing(&mut self, person: usize) -> OciMessage {
        let phone = self.people[person].row.phone.clone();
        if phone.is_none() && self.random.bool() {
            let user_id = self.people[person].row.user_id.clone();
            let body = documents::addresses(&user_id, &Field::Value(String::new()), None);
            return self.message(MODIFY, &user_id, &body, Expected::Ignored);
        }
        self.modify(person, phone.map_or(Field::Absent, Field::Value), None)
    }

    fn modify(&mut self, person: usize, phone: Field<String>, line: Option<Line>) -> OciMessage {
        let written = self.written(&phone);
        let provisions = !phone.is_absent() || line.is_some();
        let expected = if provisions { Expected::Completed } else { Expected::Ignored };
        let endpoint = line.as_ref().map(Line::endpoint);
        let user_id = self.people[person].row.user_id.clone();
        let body = documents::addresses(&user_id, &written, endpoint);
        self.take_over(person, phone, line);
        self.message(MODIFY, &user_id, &body, expected)
    }

    /// Notes what a UserModifyRequest does.
    fn take_over(&mut self, person: usize, phone: Field<String>, line: Option<Line>) {
        let person = &mut self.people[person];
        self.stock.swap_phone(&mut person.row, phone);
        let Some(line) = line else { return };
        // A pilot stays pilot; whoever changes its type is created anew, with a password that nobody knows.
        if person.row.user_type != UserType::Pilot && person.row.user_type != line.user_type() {
            person.row.user_type = line.user_type();
            person.password = None;
        }
        let identity = match line {
            Line::Removed => person.row.user_id.clone(),
            Line::Device(identity) | Line::Trunk(identity) => identity,
        };
        self.stock.swap_identity(&mut person.row, identity);
    }

    /// The profile page with another city: ignored where the phone context stays.
    pub(super) fn change_profile(&mut self, person: usize) -> OciMessage {
        let city = self.some_city();
        let person = &mut self.people[person];
        let before = person.row.phone_context.clone();
        person.move_to(city, &self.options);
        let stays = before == person.row.phone_context;
        let expected = if stays { Expected::Ignored } else { Expected::Completed };
        let (user_id, body) = (person.row.user_id.clone(), documents::profile(person));
        self.message(MODIFY, &user_id, &body, expected)
    }

    pub(super) fn provision_nothing(&mut self, person: usize) -> OciMessage {
        let user_id = self.people[person].row.user_id.clone();
        let (command, body) = documents::ignored(self.random.usize(..), &user_id);
        self.message(command, &user_id, &body, Expected::Ignored)
    }
}
