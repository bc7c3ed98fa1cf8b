//! What HSS, ENUM, the mail server and our own table must hold once every document so far has been processed.

use super::person::{Person, new_row};
use super::{Traffic, TrafficOptions};
use crate::plan::{Subscriber, UserType};
use crate::simulators::ema::{CoreState, StoredAssociation};
use crate::simulators::surgemail::MailState;
use crate::wire::Secret;
use crate::wire::cai3g::{PublicData, ServiceProfile};
use std::collections::BTreeMap;

impl Traffic {
    /// What HSS and ENUM must hold; without passwords, of which most are random.
    pub fn expected_state(&self) -> CoreState {
        let mut core = CoreState::default();
        for row in self.rows() {
            provision(row, &self.options, &mut core);
            if let Some(list) = &row.blf_list {
                provision(&lamp_list(list, &self.options), &self.options, &mut core);
            }
        }
        core
    }

    /// The SIP passwords that were set at the portal, by association id.
    pub fn expected_passwords(&self) -> BTreeMap<String, Secret> {
        let known = |person: &Person| Some((person.row.association_id.clone(), person.password.clone()?));
        self.people.iter().filter_map(known).collect()
    }

    /// Who has another password in `core` than the one that was set at the portal: user ids.
    pub fn wrong_passwords(&self, core: &CoreState) -> Vec<String> {
        let is_wrong = |person: &&Person| {
            let held = core.associations.get(&person.row.association_id);
            person.password.is_some()
                && held.and_then(|held| held.password.as_ref()) != person.password.as_ref()
        };
        self.people.iter().filter(is_wrong).map(|person| person.row.user_id.clone()).collect()
    }

    /// What the mail server must hold.
    pub fn expected_mail(&self) -> MailState {
        self.mail.clone()
    }

    /// What `srd_user` must hold, by user id.
    pub fn expected_subscribers(&self) -> Vec<Subscriber> {
        let mut rows: Vec<_> = self.rows().cloned().collect();
        rows.sort_by(|a, b| a.user_id.cmp(&b.user_id));
        rows
    }

    fn rows(&self) -> impl Iterator<Item = &Subscriber> {
        let people = self.people.iter().map(|person| &person.row);
        people.chain(self.services.iter().map(|service| &service.row)).chain(&self.portals)
    }
}

/// Adds what HSS and ENUM hold about a subscriber.
fn provision(row: &Subscriber, options: &TrafficOptions, core: &mut CoreState) {
    let country = &options.numbering.country_code;
    let sip = format!("sip:{}", row.public_identity);
    let mut public_ids = vec![sip.clone()];
    if let Some(phone) = &row.phone {
        public_ids.push(format!("tel:+{country}{phone}"));
        core.enum_records.insert(format!("tel:{country}{phone}"), sip);
    }
    let association = StoredAssociation {
        is_psi: is_psi(row.user_type),
        private_user_id: row.user_id.clone(),
        password: None,
        public_data: public_ids.into_iter().map(|id| (id.clone(), public_data(row, id))).collect(),
        service_profiles: BTreeMap::from([(row.public_identity.clone(), service_profile(row, options))]),
    };
    core.associations.insert(row.association_id.clone(), association);
}

/// A busy lamp field list as if it were a service: in the default phone context wherever its user lives.
fn lamp_list(list: &str, options: &TrafficOptions) -> Subscriber {
    new_row(list, "", UserType::Virtual, options)
}

/// Trunk lines and services have public service identities, which register nowhere.
fn is_psi(user_type: UserType) -> bool {
    matches!(user_type, UserType::Trunk | UserType::Virtual)
}

fn public_data(row: &Subscriber, public_id: String) -> PublicData {
    PublicData {
        public_id,
        private_user_id: row.user_id.clone(),
        implicit_reg_set: u8::from(!is_psi(row.user_type)),
        service_profile_id: row.public_identity.clone(),
    }
}

fn service_profile(row: &Subscriber, options: &TrafficOptions) -> ServiceProfile {
    let profiles = &options.service_profiles;
    let configured = match row.user_type {
        UserType::User => &profiles.user,
        UserType::Virtual => &profiles.r#virtual,
        UserType::Pilot => &profiles.pilot,
        UserType::Trunk => &profiles.trunk,
    };
    ServiceProfile {
        service_profile_id: row.public_identity.clone(),
        configured_profile_id: configured.clone(),
        phone_context: row.phone_context.clone().unwrap_or_default(),
    }
}
