//! HSS and ENUM as the requests have built them.
//!
//! Requests are taken literally: what is set is there, what is deleted is gone, and nothing is there by default. What
//! is refused and how: [`super::faults`].

use super::faults::{self, Fault};
use crate::wire::Secret;
use crate::wire::cai3g::{Association, EnumRequest, HssRequest, PublicData, ServiceProfile};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// Everything that HSS and ENUM hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoreState {
    /// By association id.
    pub associations: BTreeMap<String, StoredAssociation>,
    /// `tel:<country><phone>` to `sip:…`.
    pub enum_records: BTreeMap<String, String>,
}

/// One association of the HSS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAssociation {
    pub is_psi: bool,
    pub private_user_id: String,
    /// Shown as `***`.
    pub password: Option<Secret>,
    /// By public identity, with its scheme.
    pub public_data: BTreeMap<String, PublicData>,
    /// By service profile id.
    pub service_profiles: BTreeMap<String, ServiceProfile>,
}

impl CoreState {
    /// The same without passwords: they are random, so that an expectation cannot know them.
    pub fn without_passwords(mut self) -> CoreState {
        for association in self.associations.values_mut() {
            association.password = None;
        }
        self
    }
}

impl From<Association> for StoredAssociation {
    fn from(new: Association) -> StoredAssociation {
        StoredAssociation {
            is_psi: new.is_psi,
            private_user_id: new.private_user.private_user_id,
            password: new.private_user.password,
            public_data: BTreeMap::from([(new.public_data.public_id.clone(), new.public_data)]),
            service_profiles: BTreeMap::from([(
                new.service_profile.service_profile_id.clone(),
                new.service_profile,
            )]),
        }
    }
}

/// One line for each thing that is held.
impl fmt::Display for CoreState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, association) in &self.associations {
            let kind = if association.is_psi { "psi" } else { "user" };
            writeln!(f, "association {id} {kind} {}", association.private_user_id)?;
            for public in association.public_data.values() {
                let PublicData { public_id, private_user_id, implicit_reg_set, service_profile_id } = public;
                writeln!(
                    f,
                    "    {public_id} of {private_user_id}, set {implicit_reg_set}, profile {service_profile_id}"
                )?;
            }
            for profile in association.service_profiles.values() {
                let ServiceProfile { service_profile_id, configured_profile_id, phone_context } = profile;
                writeln!(
                    f,
                    "    profile {service_profile_id} = {configured_profile_id}, context {phone_context}"
                )?;
            }
        }
        for (msisdn, public_id) in &self.enum_records {
            writeln!(f, "enum {msisdn} → {public_id}")?;
        }
        Ok(())
    }
}

/// The state, and what keeps requests quick.
#[derive(Debug, Default)]
pub(super) struct Core {
    state: CoreState,
    /// Public identity to the association that has it.
    owners: HashMap<String, String>,
}

impl Core {
    pub fn state(&self) -> &CoreState {
        &self.state
    }

    /// Creates or deletes a DNS subscription.
    pub fn apply_enum(&mut self, request: EnumRequest) -> Result<(), Fault> {
        let records = &mut self.state.enum_records;
        match request {
            EnumRequest::Create { msisdn, .. } if records.contains_key(&msisdn) => {
                Err(Fault::external(faults::DNS_SUBSCRIPTION_EXISTS, "DNS SUBSCRIPTION ALREADY EXISTS"))
            }
            EnumRequest::Create { msisdn, public_id } => {
                records.insert(msisdn, public_id);
                Ok(())
            }
            EnumRequest::Delete { msisdn } => match records.remove(&msisdn) {
                Some(_) => Ok(()),
                None => Err(Fault::external(faults::DNS_SUBSCRIPTION_ABSENT, "DNS SUBSCRIPTION NOT FOUND")),
            },
        }
    }

    /// Does what an HSS request asks for, wholly or not at all.
    pub fn apply_hss(&mut self, request: HssRequest) -> Result<(), Fault> {
        match request {
            HssRequest::CreateAssociation(association) => self.create(association),
            HssRequest::DeleteAssociation { association_id } => self.delete(&association_id),
            HssRequest::SetPublicIdentity { association_id, public_data } => {
                self.set_public_identity(&association_id, public_data)
            }
            HssRequest::DeletePublicIdentity { association_id, public_id } => {
                self.delete_public_identity(&association_id, &public_id)
            }
            HssRequest::SetServiceProfile { association_id, service_profile } => {
                let profiles = &mut self.association(&association_id)?.service_profiles;
                profiles.insert(service_profile.service_profile_id.clone(), service_profile);
                Ok(())
            }
            HssRequest::DeleteServiceProfile { association_id, service_profile_id } => {
                self.delete_service_profile(&association_id, &service_profile_id)
            }
            HssRequest::SetPhoneContext { association_id, service_profile_id, phone_context } => {
                let profiles = &mut self.association(&association_id)?.service_profiles;
                profiles.get_mut(&service_profile_id).ok_or(NO_PROFILE)?.phone_context = phone_context;
                Ok(())
            }
            HssRequest::SetPassword { association_id, private_user_id, password } => {
                let association = self.association(&association_id)?;
                private_user(association, &private_user_id)?;
                association.password = Some(password);
                Ok(())
            }
        }
    }

    fn association(&mut self, id: &str) -> Result<&mut StoredAssociation, Fault> {
        self.state
            .associations
            .get_mut(id)
            .ok_or(Fault::external(faults::ASSOCIATION_ABSENT, "ASSOCIATION NOT DEFINED"))
    }

    /// Refuses a public identity that another association has.
    fn free_for(&self, association_id: &str, public_id: &str) -> Result<(), Fault> {
        match self.owners.get(public_id) {
            Some(owner) if owner != association_id => Err(Fault::external(
                faults::PUBLIC_IDENTITY_TAKEN,
                "PUBLIC ID BELONGS TO ANOTHER ASSOCIATION",
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn create(&mut self, new: Association) -> Result<(), Fault> {
        let id = new.association_id.clone();
        if self.state.associations.contains_key(&id) {
            return Err(Fault::external(faults::ASSOCIATION_EXISTS, "ASSOCIATION ALREADY DEFINED"));
        }
        self.free_for(&id, &new.public_data.public_id)?;
        self.owners.insert(new.public_data.public_id.clone(), id.clone());
        self.state.associations.insert(id, new.into());
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<(), Fault> {
        self.association(id)?;
        if let Some(gone) = self.state.associations.remove(id) {
            for public_id in gone.public_data.keys() {
                self.owners.remove(public_id);
            }
        }
        Ok(())
    }

    fn set_public_identity(&mut self, id: &str, public_data: PublicData) -> Result<(), Fault> {
        self.association(id)?;
        self.free_for(id, &public_data.public_id)?;
        let association = self.association(id)?;
        private_user(association, &public_data.private_user_id)?;
        if !association.service_profiles.contains_key(&public_data.service_profile_id) {
            return Err(NO_PROFILE);
        }
        let public_id = public_data.public_id.clone();
        association.public_data.insert(public_id.clone(), public_data);
        self.owners.insert(public_id, id.to_owned());
        Ok(())
    }

    fn delete_public_identity(&mut self, id: &str, public_id: &str) -> Result<(), Fault> {
        match self.association(id)?.public_data.remove(public_id) {
            Some(_) => {
                self.owners.remove(public_id);
                Ok(())
            }
            None => Err(Fault::external(faults::PUBLIC_IDENTITY_ABSENT, "PUBLIC ID NOT DEFINED")),
        }
    }

    fn delete_service_profile(&mut self, id: &str, profile_id: &str) -> Result<(), Fault> {
        let association = self.association(id)?;
        if association.public_data.values().any(|public| public.service_profile_id == profile_id) {
            return Err(Fault::external(faults::SERVICE_PROFILE_IN_USE, "SERVICE PROFILE IN USE"));
        }
        association.service_profiles.remove(profile_id).map(|_| ()).ok_or(NO_PROFILE)
    }
}

const NO_PROFILE: Fault = Fault::external(faults::SERVICE_PROFILE_ABSENT, "SERVICE PROFILE NOT DEFINED");

fn private_user(association: &StoredAssociation, id: &str) -> Result<(), Fault> {
    if association.private_user_id == id {
        return Ok(());
    }
    Err(Fault::external(faults::PRIVATE_USER_ABSENT, "PRIVATE USER NOT DEFINED"))
}
