//! What a request is about, in the words of rules and journal.

use crate::wire::cai3g::server::Operation;
use crate::wire::cai3g::{EnumRequest, HssRequest};

/// A request in short.
#[derive(Debug, Clone, Default)]
pub(super) struct Description {
    /// As rules match it.
    pub operation: &'static str,
    pub step: &'static str,
    /// The managed object's type; empty for sessions.
    pub mo: &'static str,
    pub mo_id: String,
    pub subject: String,
}

const HSS: &str = "IMSAssociation";
const ENUM: &str = "DNSSubscription";

impl Description {
    /// Of what could not be read.
    pub fn unreadable() -> Description {
        Description { operation: "?", step: "?", ..Description::default() }
    }

    pub fn of(operation: &Operation) -> Description {
        let name = operation.name();
        match operation {
            Operation::Login { .. } | Operation::Logout { .. } => {
                Description { operation: name, step: name, ..Description::default() }
            }
            Operation::Hss(request) => hss(name, request),
            Operation::Enum(EnumRequest::Create { msisdn, public_id }) => Description {
                operation: name,
                step: "Create ENUM",
                mo: ENUM,
                mo_id: msisdn.clone(),
                subject: public_id.clone(),
            },
            Operation::Enum(EnumRequest::Delete { msisdn }) => Description {
                operation: name,
                step: "Delete ENUM",
                mo: ENUM,
                mo_id: msisdn.clone(),
                subject: String::new(),
            },
        }
    }

    /// Whether it makes an association or a DNS subscription.
    pub fn is_create(&self) -> bool {
        self.operation == "Create"
    }
}

fn hss(operation: &'static str, request: &HssRequest) -> Description {
    let (step, id, subject) = match request {
        HssRequest::CreateAssociation(new) => {
            let step = if new.is_psi { "Create PSI Association" } else { "Create Association" };
            (step, &new.association_id, new.public_data.public_id.as_str())
        }
        HssRequest::DeleteAssociation { association_id } => ("Delete Association", association_id, ""),
        HssRequest::SetPublicIdentity { association_id, public_data } => {
            let public_id = public_data.public_id.as_str();
            (by_scheme(public_id, "Set teluri", "Set sipuri"), association_id, public_id)
        }
        HssRequest::DeletePublicIdentity { association_id, public_id } => {
            (by_scheme(public_id, "Delete teluri", "Delete sipuri"), association_id, public_id.as_str())
        }
        HssRequest::SetServiceProfile { association_id, service_profile } => {
            ("Set profile", association_id, service_profile.service_profile_id.as_str())
        }
        HssRequest::DeleteServiceProfile { association_id, service_profile_id } => {
            ("Delete profile", association_id, service_profile_id.as_str())
        }
        HssRequest::SetPhoneContext { association_id, service_profile_id, .. } => {
            ("Set phone context", association_id, service_profile_id.as_str())
        }
        HssRequest::SetPassword { association_id, private_user_id, .. } => {
            ("Set password", association_id, private_user_id.as_str())
        }
    };
    Description { operation, step, mo: HSS, mo_id: id.clone(), subject: subject.to_owned() }
}

fn by_scheme(public_id: &str, tel: &'static str, sip: &'static str) -> &'static str {
    if public_id.starts_with("tel:") { tel } else { sip }
}
