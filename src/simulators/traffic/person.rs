//! A user of the population, and what HSS, ENUM and our own tables must hold about it.

use super::TrafficOptions;
use crate::plan::{Subscriber, UserType};
use crate::simulators::ema::{CoreState, StoredAssociation};
use crate::wire::cai3g::{PublicData, ServiceProfile};
use md5::{Digest, Md5};
use std::collections::BTreeMap;
use std::fmt::Write;

/// As written, and as a part of a user id.
pub(super) const FIRST_NAMES: [(&str, &str); 8] = [
    ("Nivi", "nivi"),
    ("Aqqaluk", "aqqaluk"),
    ("Pipaluk", "pipaluk"),
    ("Søren", "soeren"),
    ("Åse", "aase"),
    ("Kæreste-Märta", "kaereste"),
    ("Malik", "malik"),
    ("Bjørn", "bjoern"),
];
/// As written, and as a part of a user id.
pub(super) const LAST_NAMES: [(&str, &str); 6] = [
    ("Petersen", "petersen"),
    ("Kleist", "kleist"),
    ("Brønlund", "broenlund"),
    ("Næss", "naess"),
    ("Håkansson", "haakansson"),
    ("Lynge", "lynge"),
];

/// A user as the portal sees it.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub user_id: String,
    pub group_id: String,
    pub first_name: &'static str,
    pub last_name: &'static str,
    /// `None` where the address form was left empty.
    pub city: Option<String>,
    pub trunk: bool,
    pub identity: String,
    /// Digits without country code.
    pub phone: Option<String>,
}

impl Person {
    /// The association id: lower-case hex MD5 of the user id.
    pub fn association_id(&self) -> String {
        let mut hex = String::with_capacity(32);
        for byte in Md5::digest(self.user_id.as_bytes()) {
            write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        }
        hex
    }

    /// The phone context of the city.
    pub fn phone_context(&self, options: &TrafficOptions) -> String {
        let numbering = &options.numbering;
        let known = self.city.as_ref().and_then(|city| numbering.phone_contexts.get(city));
        known.unwrap_or(&numbering.default_phone_context).clone()
    }

    /// The row of `srd_user`.
    pub fn subscriber(&self, options: &TrafficOptions) -> Subscriber {
        Subscriber {
            user_id: self.user_id.clone(),
            group_id: Some(self.group_id.clone()),
            public_identity: self.identity.clone(),
            user_type: if self.trunk { UserType::Trunk } else { UserType::User },
            phone_context: Some(self.phone_context(options)),
            association_id: self.association_id(),
            phone: self.phone.clone(),
            mail_account: None,
            mail_password: None,
            blf_list: None,
        }
    }

    /// Adds what HSS and ENUM hold about the user.
    pub fn provision(&self, options: &TrafficOptions, core: &mut CoreState) {
        let country = &options.numbering.country_code;
        let sip = format!("sip:{}", self.identity);
        let mut public_ids = vec![sip.clone()];
        if let Some(phone) = &self.phone {
            public_ids.push(format!("tel:+{country}{phone}"));
            core.enum_records.insert(format!("tel:{country}{phone}"), sip);
        }
        let profiles = &options.service_profiles;
        let configured = if self.trunk { &profiles.trunk } else { &profiles.user };
        let profile = ServiceProfile {
            service_profile_id: self.identity.clone(),
            configured_profile_id: configured.clone(),
            phone_context: self.phone_context(options),
        };
        let association = StoredAssociation {
            is_psi: self.trunk,
            private_user_id: self.user_id.clone(),
            password: None,
            public_data: public_ids.into_iter().map(|id| (id.clone(), self.public_data(id))).collect(),
            service_profiles: BTreeMap::from([(self.identity.clone(), profile)]),
        };
        core.associations.insert(self.association_id(), association);
    }

    fn public_data(&self, public_id: String) -> PublicData {
        PublicData {
            public_id,
            private_user_id: self.user_id.clone(),
            implicit_reg_set: u8::from(!self.trunk),
            service_profile_id: self.identity.clone(),
        }
    }
}
