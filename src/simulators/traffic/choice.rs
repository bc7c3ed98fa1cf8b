//! What is done next, and how often each thing is done.

use super::{Families, Family, OciMessage, Traffic};
use crate::wire::Field;

/// Of a thousand acts so many are about each family; the others are about users.
const SHARES: [(Family, u16); 8] = [
    (Family::Services, 120),
    (Family::Portals, 30),
    (Family::Voicemail, 50),
    (Family::Lamps, 40),
    (Family::Passwords, 25),
    (Family::Trunks, 15),
    (Family::Domains, 10),
    (Family::Groups, 6),
];

impl Traffic {
    /// The next document.
    pub fn next_message(&mut self) -> OciMessage {
        if let Some(phone) = self.handed_over.take() {
            return self.give_to_anybody(phone);
        }
        if self.people.is_empty() {
            return self.add();
        }
        match self.some_family() {
            Some(family) => self.act_of(family),
            None => self.user_act(),
        }
    }

    /// `None` where the next act is about a user.
    fn some_family(&mut self) -> Option<Family> {
        if self.options.families == Families::users_only() {
            return None;
        }
        let mut drawn = self.random.u16(..1000);
        for (family, share) in SHARES {
            if drawn < share {
                return self.options.families.has(family).then_some(family);
            }
            drawn -= share;
        }
        None
    }

    fn act_of(&mut self, family: Family) -> OciMessage {
        match family {
            Family::Services => self.service_act(),
            Family::Portals => self.portal_act(),
            Family::Voicemail => self.voicemail_act(),
            Family::Lamps => self.lamp_act(),
            Family::Passwords => self.password_act(),
            Family::Trunks => self.trunk_act(),
            Family::Domains => self.domain_act(),
            Family::Groups => self.group_act(),
        }
    }

    pub(super) fn user_act(&mut self) -> OciMessage {
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

    /// The second half of a hand-over: to a user, a service or a voice portal.
    fn give_to_anybody(&mut self, phone: String) -> OciMessage {
        let others = self.services.len() + self.portals.len();
        if others > 0 && self.random.u8(..3) == 0 {
            let receiver = self.random.usize(..others);
            return match receiver.checked_sub(self.services.len()) {
                None => self.modify_service(receiver, Field::Value(phone), None),
                Some(portal) => self.modify_portal(portal, Field::Value(phone)),
            };
        }
        let receiver = self.somebody();
        self.give_phone(receiver, phone)
    }
}
