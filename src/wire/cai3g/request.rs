//! The provisioning requests of this system as values, before they become SOAP.

use crate::wire::Secret;
use serde::{Deserialize, Serialize};

/// A whole IMS association, as `hss:CreateIMSAssociation` carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    /// Lower-case hex MD5 of the user id.
    pub association_id: String,
    /// A public service identity (trunk, hunt group, …) instead of a user that registers.
    pub is_psi: bool,
    pub private_user: PrivateUser,
    pub public_data: PublicData,
    pub service_profile: ServiceProfile,
}

/// The identity with which a device authenticates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateUser {
    pub private_user_id: String,
    /// DIGEST password; a PSI has none.
    pub password: Option<Secret>,
}

/// One public identity (`sip:…` or `tel:+…`) of an association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicData {
    /// With its scheme: `sip:user@domain` or `tel:+299123456`.
    pub public_id: String,
    pub private_user_id: String,
    /// 1 for user and pilot, 0 for trunk and virtual.
    pub implicit_reg_set: u8,
    pub service_profile_id: String,
}

/// A subscriber's own service profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceProfile {
    pub service_profile_id: String,
    /// The profile of the user type, as `[service_profiles]` names it.
    pub configured_profile_id: String,
    pub phone_context: String,
}

/// A request to the HSS (`IMSAssociation`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HssRequest {
    CreateAssociation(Association),
    DeleteAssociation {
        association_id: String,
    },
    /// "Set sipuri" and "Set teluri".
    SetPublicIdentity {
        association_id: String,
        public_data: PublicData,
    },
    /// "Delete sipuri" and "Delete teluri".
    DeletePublicIdentity {
        association_id: String,
        public_id: String,
    },
    SetServiceProfile {
        association_id: String,
        service_profile: ServiceProfile,
    },
    DeleteServiceProfile {
        association_id: String,
        service_profile_id: String,
    },
    SetPhoneContext {
        association_id: String,
        service_profile_id: String,
        phone_context: String,
    },
    SetPassword {
        association_id: String,
        private_user_id: String,
        password: Secret,
    },
}

impl HssRequest {
    /// The SIP password that it carries.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            HssRequest::CreateAssociation(association) => association.private_user.password.as_ref(),
            HssRequest::SetPassword { password, .. } => Some(password),
            _ => None,
        }
    }
}

/// A request to ENUM (`DNSSubscription`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnumRequest {
    /// `msisdn` is `tel:<country><phone>`, `public_id` is `sip:…`.
    Create {
        msisdn: String,
        public_id: String,
    },
    Delete {
        msisdn: String,
    },
}
