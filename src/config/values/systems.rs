//! The systems that requests go to, and what the requests need: `[numbering]`, `[service_profiles]`, `[ema]` and
//! `[surgemail]`.

use crate::wire::Secret;
use std::collections::BTreeMap;
use std::time::Duration;

/// How phone numbers and phone contexts are made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Numbering {
    pub country_code: String,
    pub default_phone_context: String,
    /// City (`stateOrProvince`, case-sensitive) to phone context.
    pub phone_contexts: BTreeMap<String, String>,
}

/// The configured service profile of each type of subscriber.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceProfiles {
    pub r#virtual: String,
    pub user: String,
    pub pilot: String,
    pub trunk: String,
}

/// What a fault code means for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultClass {
    /// Already there.
    Exists,
    /// Not there.
    Absent,
    /// The session is not known any more: log in again.
    Session,
    /// The login was refused.
    Login,
    Transient,
    Permanent,
}

/// The Ericsson provisioning gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Ema {
    /// Full URL of the CAI3G service.
    pub primary: String,
    pub secondary: Option<String>,
    pub username: String,
    pub password: Secret,
    /// Sessions held open at most, over all systems behind the EMA.
    pub sessions: usize,
    pub timeout: Duration,
    /// Fault code (outer or detail) to class; the defaults are filled in.
    pub faults: BTreeMap<u32, FaultClass>,
}

/// The mail server.
#[derive(Debug, Clone, PartialEq)]
pub struct SurgeMail {
    /// HOST:PORT.
    pub primary: String,
    pub secondary: Option<String>,
    pub username: String,
    pub password: Secret,
    pub domain_password: Secret,
    pub timeout: Duration,
    pub delete_replaced: bool,
}
