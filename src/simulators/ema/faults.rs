//! The refusals of an EMA as codes.
//!
//! Seen on real systems: 4006, 3014, 1004, 13004. Assumed, and only plausible: all others. A daemon under test learns
//! the assumed ones through `[ema.faults]` ([`EXISTS`] and [`ABSENT`] list what belongs in which class).

use std::fmt;

/// Outer code: the system behind the EMA refused; the detail code says why.
pub const EXTERNAL_ERROR: u32 = 4006;
/// Outer code: the session is not known (any more).
pub const INVALID_SESSION: u32 = 3012;
/// Outer code: the login was refused.
pub const LOGIN_FAILURE: u32 = 3014;
/// Outer code: as many sessions as are allowed are open.
pub const TOO_MANY_SESSIONS: u32 = 3015;
/// Outer code: the request is not CAI3G, or nothing this simulator knows.
pub const BAD_REQUEST: u32 = 4001;

/// Detail of a refused login or session.
pub const AUTHENTICATION_FAILED: u32 = 1004;
pub const ASSOCIATION_EXISTS: u32 = 13004;
pub const ASSOCIATION_ABSENT: u32 = 13005;
pub const PUBLIC_IDENTITY_ABSENT: u32 = 13006;
pub const SERVICE_PROFILE_ABSENT: u32 = 13007;
pub const PRIVATE_USER_ABSENT: u32 = 13008;
/// The public identity belongs to another association.
pub const PUBLIC_IDENTITY_TAKEN: u32 = 13009;
/// A service profile is removed while a public identity uses it.
pub const SERVICE_PROFILE_IN_USE: u32 = 13010;
pub const DNS_SUBSCRIPTION_EXISTS: u32 = 15004;
pub const DNS_SUBSCRIPTION_ABSENT: u32 = 15005;

/// Detail codes that say "already there".
pub const EXISTS: &[u32] = &[ASSOCIATION_EXISTS, DNS_SUBSCRIPTION_EXISTS];
/// Detail codes that say "not there".
pub const ABSENT: &[u32] =
    &[ASSOCIATION_ABSENT, PUBLIC_IDENTITY_ABSENT, SERVICE_PROFILE_ABSENT, DNS_SUBSCRIPTION_ABSENT];

/// A refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// `Cai3gFault/faultcode`.
    pub code: u32,
    /// The code inside `details`.
    pub detail_code: Option<u32>,
    pub message: &'static str,
}

impl Fault {
    /// A refusal by the HSS or by ENUM.
    pub const fn external(detail_code: u32, message: &'static str) -> Fault {
        Fault { code: EXTERNAL_ERROR, detail_code: Some(detail_code), message }
    }

    /// A refusal of a session or a login.
    pub const fn unauthenticated(code: u32, message: &'static str) -> Fault {
        Fault { code, detail_code: Some(AUTHENTICATION_FAILED), message }
    }

    /// A refusal by the EMA itself, without details.
    pub const fn own(code: u32, message: &'static str) -> Fault {
        Fault { code, detail_code: None, message }
    }

    /// Whether it says that what should be made is there.
    pub fn says_exists(&self) -> bool {
        self.detail_code.is_some_and(|code| EXISTS.contains(&code))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail_code {
            Some(detail) => write!(f, "{}/{} {}", self.code, detail, self.message),
            None => write!(f, "{} {}", self.code, self.message),
        }
    }
}
