//! HSS, ENUM and mail as a strict model: creating what exists, deleting or changing what is not there, and a public
//! identity of another association are refused. Nothing is there by default.
//!
//! Written apart from the simulators, so that a mistake there cannot hide one here.

use eventmanager::managers::Answer;
use eventmanager::plan::Request;
use eventmanager::simulators::ema::{CoreState, StoredAssociation};
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::{Association, EnumRequest, HssRequest, PublicData};
use eventmanager::wire::surgemail::MailRequest;
use std::collections::BTreeMap;

/// Everything that the systems hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Core {
    pub ims: CoreState,
    /// Domain to local part to password.
    pub mail: BTreeMap<String, BTreeMap<String, Secret>>,
}

/// Every request that a system has dealt with, by what it was about, whatever the answer. One that follows itself
/// stands there once: its answer was lost, and it was sent again. A step that was done and is sent again shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log(pub BTreeMap<String, Vec<Request>>);

/// What the password of an association without one of its own becomes in a [`Log`]: each plan chooses another.
pub const RANDOM: &str = "random";

impl Log {
    /// Adds a request.
    pub fn add(&mut self, request: &Request) {
        let entries = self.0.entry(entity(request)).or_default();
        let request = without_random_password(request.clone());
        if entries.last() != Some(&request) {
            entries.push(request);
        }
    }
}

/// What a request changes.
fn entity(request: &Request) -> String {
    match request {
        Request::Hss(request) => format!("association {}", association_of(request)),
        Request::Enum(EnumRequest::Create { msisdn, .. } | EnumRequest::Delete { msisdn }) => {
            format!("enum {msisdn}")
        }
        Request::Mail(MailRequest::SaveDomain { domain } | MailRequest::DeleteDomain { domain }) => {
            format!("domain {domain}")
        }
        Request::Mail(
            MailRequest::CreateAccount { account, .. } | MailRequest::DeleteAccount { account },
        ) => format!("account {account}"),
    }
}

fn association_of(request: &HssRequest) -> &str {
    match request {
        HssRequest::CreateAssociation(association) => &association.association_id,
        HssRequest::DeleteAssociation { association_id }
        | HssRequest::SetPublicIdentity { association_id, .. }
        | HssRequest::DeletePublicIdentity { association_id, .. }
        | HssRequest::SetServiceProfile { association_id, .. }
        | HssRequest::DeleteServiceProfile { association_id, .. }
        | HssRequest::SetPhoneContext { association_id, .. }
        | HssRequest::SetPassword { association_id, .. } => association_id,
    }
}

/// The documents' own passwords hold digits.
pub fn is_random(password: &Secret) -> bool {
    let text = password.expose();
    text == RANDOM || (text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_lowercase()))
}

fn without_random_password(mut request: Request) -> Request {
    if let Request::Hss(HssRequest::CreateAssociation(association)) = &mut request
        && let Some(password) = &mut association.private_user.password
        && is_random(password)
    {
        *password = Secret::new(RANDOM);
    }
    request
}

impl Core {
    /// Does what is asked for, wholly or not at all.
    pub fn apply(&mut self, request: &Request) -> Answer {
        let done = match request.clone() {
            Request::Hss(HssRequest::CreateAssociation(association)) => self.create(association),
            Request::Hss(request) => self.change(request),
            Request::Enum(request) => self.number(request),
            Request::Mail(request) => self.mail(request),
        };
        match done {
            Ok(()) => Answer::Done,
            Err(answer) => answer,
        }
    }

    /// The same, with random passwords made equal.
    pub fn without_random_passwords(mut self) -> Core {
        for association in self.ims.associations.values_mut() {
            if association.password.as_ref().is_some_and(is_random) {
                association.password = Some(Secret::new(RANDOM));
            }
        }
        self
    }

    fn create(&mut self, association: Association) -> Result<(), Answer> {
        let id = association.association_id.clone();
        if self.ims.associations.contains_key(&id) {
            return Err(exists("association"));
        }
        self.free_for(&id, &association.public_data.public_id)?;
        self.ims.associations.insert(id, association.into());
        Ok(())
    }

    fn free_for(&self, id: &str, public_id: &str) -> Result<(), Answer> {
        let mut others = self.ims.associations.iter().filter(|(other, _)| *other != id);
        match others.find(|(_, other)| other.public_data.contains_key(public_id)) {
            Some(_) => Err(refused("the public identity belongs to another association")),
            None => Ok(()),
        }
    }

    fn change(&mut self, request: HssRequest) -> Result<(), Answer> {
        let id = association_of(&request).to_owned();
        if let HssRequest::SetPublicIdentity { public_data, .. } = &request {
            self.free_for(&id, &public_data.public_id)?;
        }
        let association = self.ims.associations.get_mut(&id).ok_or_else(|| absent("association"))?;
        match request {
            HssRequest::DeleteAssociation { .. } => {
                self.ims.associations.remove(&id);
                Ok(())
            }
            HssRequest::SetPublicIdentity { public_data, .. } => {
                set_public_identity(association, public_data)
            }
            HssRequest::DeletePublicIdentity { public_id, .. } => {
                association.public_data.remove(&public_id).map(drop).ok_or_else(|| absent("identity"))
            }
            HssRequest::SetServiceProfile { service_profile, .. } => {
                let id = service_profile.service_profile_id.clone();
                association.service_profiles.insert(id, service_profile);
                Ok(())
            }
            HssRequest::DeleteServiceProfile { service_profile_id, .. } => {
                let mut users = association.public_data.values();
                if users.any(|public| public.service_profile_id == service_profile_id) {
                    return Err(refused("the profile is in use"));
                }
                let removed = association.service_profiles.remove(&service_profile_id);
                removed.map(drop).ok_or_else(|| absent("profile"))
            }
            HssRequest::SetPhoneContext { service_profile_id, phone_context, .. } => {
                let profile = association.service_profiles.get_mut(&service_profile_id);
                profile.ok_or_else(|| absent("profile"))?.phone_context = phone_context;
                Ok(())
            }
            HssRequest::SetPassword { private_user_id, password, .. } => {
                if association.is_psi || association.private_user_id != private_user_id {
                    return Err(refused("there is no such private user with a password"));
                }
                association.password = Some(password);
                Ok(())
            }
            HssRequest::CreateAssociation(_) => unreachable!("it is applied by another function"),
        }
    }

    fn number(&mut self, request: EnumRequest) -> Result<(), Answer> {
        let records = &mut self.ims.enum_records;
        match request {
            EnumRequest::Create { msisdn, .. } if records.contains_key(&msisdn) => Err(exists("number")),
            EnumRequest::Create { msisdn, public_id } => {
                records.insert(msisdn, public_id);
                Ok(())
            }
            EnumRequest::Delete { msisdn } => {
                records.remove(&msisdn).map(drop).ok_or_else(|| absent("number"))
            }
        }
    }

    fn mail(&mut self, request: MailRequest) -> Result<(), Answer> {
        match request {
            MailRequest::SaveDomain { domain } => {
                self.mail.entry(domain).or_default();
                Ok(())
            }
            MailRequest::DeleteDomain { domain } => {
                self.mail.remove(&domain).map(drop).ok_or_else(|| absent("domain"))
            }
            MailRequest::CreateAccount { account, password } => {
                let accounts = self.mail.get_mut(&account.domain).ok_or_else(|| refused("no domain"))?;
                if accounts.contains_key(&account.local_part) {
                    return Err(exists("account"));
                }
                accounts.insert(account.local_part, password);
                Ok(())
            }
            MailRequest::DeleteAccount { account } => {
                let accounts = self.mail.get_mut(&account.domain).ok_or_else(|| absent("domain"))?;
                accounts.remove(&account.local_part).map(drop).ok_or_else(|| absent("account"))
            }
        }
    }
}

fn set_public_identity(association: &mut StoredAssociation, public: PublicData) -> Result<(), Answer> {
    if association.private_user_id != public.private_user_id {
        return Err(refused("there is no such private user"));
    }
    if !association.service_profiles.contains_key(&public.service_profile_id) {
        return Err(refused("there is no such profile"));
    }
    association.public_data.insert(public.public_id.clone(), public);
    Ok(())
}

fn exists(what: &str) -> Answer {
    Answer::Exists(format!("the {what} exists"))
}

fn absent(what: &str) -> Answer {
    Answer::Absent(format!("there is no such {what}"))
}

fn refused(why: &str) -> Answer {
    Answer::Refused(why.to_owned())
}
