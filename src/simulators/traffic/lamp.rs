//! Busy lamp fields: lists of the telephones that a user watches.

use super::documents::user as documents;
use super::{Expected, OciMessage, Traffic};
use crate::wire::Field;

const MODIFY: &str = "UserBusyLampFieldModifyRequest";

impl Traffic {
    /// Sets or changes the list of a user, saves it again, or removes it: the user's own id stands for none.
    pub(super) fn lamp_act(&mut self) -> OciMessage {
        let person = self.somebody();
        let row = &self.people[person].row;
        let (user_id, before) = (row.user_id.clone(), row.blf_list.clone());
        let (list, after) = match self.random.u8(..10) {
            0 => (Field::Absent, before),
            1 => (Field::Nil, None),
            2 => (Field::Value(user_id.clone()), None),
            3 => (before.clone().map_or(Field::Nil, Field::Value), before),
            _ => {
                let list = format!("blf-{}.{user_id}", self.stock.number());
                (Field::Value(list.clone()), Some(list))
            }
        };
        self.people[person].row.blf_list = after;
        let body = documents::busy_lamps(&user_id, &list);
        self.versioned(MODIFY, &user_id, &body, Expected::Completed)
    }
}
