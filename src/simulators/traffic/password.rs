//! SIP passwords that are set at the portal.

use super::documents::user as documents;
use super::{Expected, OciMessage, Traffic};

const MODIFY: &str = "UserAuthenticationModifyRequest";

impl Traffic {
    pub(super) fn password_act(&mut self) -> OciMessage {
        let person = self.somebody();
        let password = self.some_password();
        let user_id = self.people[person].row.user_id.clone();
        let body = documents::password(&user_id, &password);
        self.people[person].password = Some(password);
        self.versioned(MODIFY, &user_id, &body, Expected::Completed)
    }
}
