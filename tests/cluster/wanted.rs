//! What documents ask for, in their order: how each event has to end, and what everybody holds in the end.

use eventmanager::simulators::ema::{CoreState, StoredAssociation};
use eventmanager::simulators::traffic::{numbering, service_profiles};
use eventmanager::wire::cai3g::{PublicData, ServiceProfile};
use md5::{Digest, Md5};
use std::collections::BTreeMap;

/// What one document asks for.
pub enum Ask {
    Add(String),
    Phone(String, String),
    Delete(String),
}

/// The users that there are, and their phones.
#[derive(Default)]
pub struct Wanted {
    pub users: BTreeMap<String, Option<String>>,
}

impl Wanted {
    /// The status of its event. Who is not there, because the document that would have added it was lost, gets no phone.
    pub fn take(&mut self, ask: Ask) -> &'static str {
        match ask {
            Ask::Add(user) => _ = self.users.insert(user, None),
            Ask::Phone(user, phone) => match self.users.get_mut(&user) {
                Some(held) => *held = Some(phone),
                None => return "failed",
            },
            Ask::Delete(user) => _ = self.users.remove(&user),
        }
        "completed"
    }

    /// What HSS and ENUM hold, without passwords.
    pub fn core(&self) -> CoreState {
        let mut core = CoreState::default();
        let country = numbering().country_code;
        for (user, phone) in &self.users {
            let sip = format!("sip:{user}");
            let mut identities = vec![sip.clone()];
            if let Some(phone) = phone {
                identities.push(format!("tel:+{country}{phone}"));
                core.enum_records.insert(format!("tel:{country}{phone}"), sip);
            }
            let id = Md5::digest(user.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            core.associations.insert(id, association(user, identities));
        }
        core
    }
}

fn association(user: &str, identities: Vec<String>) -> StoredAssociation {
    let public_data = |public_id| PublicData {
        public_id,
        private_user_id: user.to_owned(),
        implicit_reg_set: 1,
        service_profile_id: user.to_owned(),
    };
    let profile = ServiceProfile {
        service_profile_id: user.to_owned(),
        configured_profile_id: service_profiles().user,
        phone_context: numbering().default_phone_context,
    };
    StoredAssociation {
        is_psi: false,
        private_user_id: user.to_owned(),
        password: None,
        public_data: identities.into_iter().map(|id| (id.clone(), public_data(id))).collect(),
        service_profiles: BTreeMap::from([(user.to_owned(), profile)]),
    }
}
