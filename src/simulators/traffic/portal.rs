//! Voice portals: the number that the users of a group call to hear their voicemail.

use super::documents::service as documents;
use super::person::new_row;
use super::{Expected, OciMessage, Traffic};
use crate::plan::UserType;
use crate::wire::Field;

const MODIFY: &str = "GroupVoiceMessagingGroupModifyVoicePortalRequest";

impl Traffic {
    /// Saves the page of a group's voice portal: the first time makes the portal.
    pub(super) fn portal_act(&mut self) -> OciMessage {
        let person = self.somebody();
        let group_id = self.people[person].row.group_id.clone();
        let known = self.portals.iter().position(|portal| portal.group_id == group_id);
        let portal = known.unwrap_or_else(|| self.new_portal(&group_id.unwrap_or_default()));
        let phone = match self.random.u8(..6) {
            0 => Field::Absent,
            1..3 => Field::Nil,
            3 => self.portals[portal].phone.clone().map_or(Field::Nil, Field::Value),
            _ => Field::Value(self.free_phone()),
        };
        self.modify_portal(portal, phone)
    }

    /// A portal has no id of its own: the subscriber is its public identity.
    fn new_portal(&mut self, group_id: &str) -> usize {
        let user_id = format!("{group_id}_VMR@{}", self.options.domain);
        self.portals.push(new_row(&user_id, group_id, UserType::Virtual, &self.options));
        self.portals.len() - 1
    }

    pub(super) fn modify_portal(&mut self, portal: usize, phone: Field<String>) -> OciMessage {
        let written = self.written(&phone);
        let row = &mut self.portals[portal];
        let (user_id, body) = (row.user_id.clone(), documents::portal(row, &written));
        self.stock.swap_phone(row, phone);
        self.versioned(MODIFY, &user_id, &body, Expected::Completed)
    }
}
