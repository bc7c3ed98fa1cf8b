//! Groups: who gets into which, trunks with their pilots, and groups that are deleted with everything in them.

use super::documents::group as documents;
use super::person::{Person, new_row};
use super::{Expected, Family, OciMessage, Traffic};
use crate::plan::{Subscriber, UserType};

const ADD_TRUNK: &str = "GroupTrunkGroupAddInstanceRequest";
const DELETE: &str = "GroupDeleteRequest";

/// Groups that will be deleted one day: so many at the same time, with so many users each, at most.
const SMALL_GROUPS: usize = 20;
const MEMBERS: usize = 6;
/// What their names begin with, unlike those of groups that stay.
const SMALL: &str = "BUT-";

impl Traffic {
    /// A group for somebody new: one of those that stay, or a small one.
    pub(super) fn some_group(&mut self) -> String {
        if self.options.families.has(Family::Groups) && self.random.u8(..4) == 0 {
            let filling = self.small_groups.last().filter(|group| self.members(group) < MEMBERS);
            if let Some(group) = filling {
                return group.clone();
            }
            if self.small_groups.len() < SMALL_GROUPS {
                let group = self.new_group();
                self.small_groups.push(group.clone());
                return group;
            }
        }
        format!("KNI-{:03}", self.random.u8(..40))
    }

    fn new_group(&mut self) -> String {
        format!("{SMALL}{:03}", self.stock.number())
    }

    fn members(&self, group_id: &str) -> usize {
        let is_member = |person: &&Person| person.row.group_id.as_deref() == Some(group_id);
        self.people.iter().filter(is_member).count()
    }

    /// Notes that somebody comes back to its group, which may have been deleted and is made anew with it.
    pub(super) fn found_again(&mut self, person: &Person) {
        let group = person.row.group_id.as_deref().filter(|group| group.starts_with(SMALL));
        if let Some(group) = group.filter(|group| self.small_groups.iter().all(|known| known != group)) {
            self.small_groups.insert(0, group.to_owned());
        }
    }

    /// Deletes a small group; where there is none, one in which nobody has ever been.
    pub(super) fn group_act(&mut self) -> OciMessage {
        if self.small_groups.is_empty() {
            let group_id = self.new_group();
            return self.delete_group(&group_id);
        }
        let group_id = self.small_groups.remove(self.random.usize(..self.small_groups.len()));
        self.delete_group(&group_id)
    }

    fn delete_group(&mut self, group_id: &str) -> OciMessage {
        let is_member = |row: &Subscriber| row.group_id.as_deref() == Some(group_id);
        for person in self.people.extract_if(.., |person| is_member(&person.row)).collect::<Vec<_>>() {
            self.bid_farewell(person);
        }
        for service in self.services.extract_if(.., |service| is_member(&service.row)).collect::<Vec<_>>() {
            self.take_back(&service.row);
        }
        for portal in self.portals.extract_if(.., |portal| is_member(portal)).collect::<Vec<_>>() {
            self.take_back(&portal);
        }
        self.versioned(DELETE, group_id, &documents::delete(group_id), Expected::Completed)
    }

    /// A trunk with its pilot, which is a user from then on; one pilot for ten users, at most.
    pub(super) fn trunk_act(&mut self) -> OciMessage {
        let pilots = self.people.iter().filter(|person| person.row.user_type == UserType::Pilot).count();
        if self.people.len() >= self.options.users || pilots > self.options.users / 10 {
            return self.user_act();
        }
        let [(first_name, _), (last_name, last)] = self.some_name();
        let user_id = format!("pilot-{last}.{}@{}", self.stock.number(), self.options.domain);
        let group_id = self.some_group();
        let mut row = new_row(&user_id, &group_id, UserType::Pilot, &self.options);
        if self.random.bool() {
            row.public_identity = self.free_identity(&user_id);
        }
        let password = self.some_password();
        let pilot = Person { row, first_name, last_name, city: None, password: Some(password.clone()) };
        let body = documents::add_trunk(&pilot, &password);
        self.people.push(pilot);
        self.versioned(ADD_TRUNK, &user_id, &body, Expected::Completed)
    }
}
