//! What the HSS and ENUM need: `[numbering]`, `[service_profiles]`, `[ema]` and `[ema.faults]`.

use super::choice;
use crate::config::NO_ABSENT;
use crate::config::addresses;
use crate::config::defaults;
use crate::config::section::Section;
use crate::config::units;
use crate::config::values::*;

const CLASSES: [(&str, FaultClass); 6] = [
    ("exists", FaultClass::Exists),
    ("absent", FaultClass::Absent),
    ("session", FaultClass::Session),
    ("login", FaultClass::Login),
    ("transient", FaultClass::Transient),
    ("permanent", FaultClass::Permanent),
];

pub(super) fn numbering(section: &Section) -> Numbering {
    section.require(&["country_code", "default_phone_context"]);
    Numbering {
        country_code: section.value("country_code", units::country_code).unwrap_or_default(),
        default_phone_context: section.text("default_phone_context").unwrap_or_default(),
        phone_contexts: section.entries("phone_contexts", units::text, units::text),
    }
}

pub(super) fn service_profiles(section: &Section) -> ServiceProfiles {
    section.require(&["virtual", "user", "pilot", "trunk"]);
    ServiceProfiles {
        r#virtual: section.text("virtual").unwrap_or_default(),
        user: section.text("user").unwrap_or_default(),
        pilot: section.text("pilot").unwrap_or_default(),
        trunk: section.text("trunk").unwrap_or_default(),
    }
}

pub(super) fn ema(section: &Section) -> Ema {
    section.require(&["primary", "username", "password"]);
    let mut faults = defaults::faults();
    faults.extend(section.entries("faults", fault_code, choice(&CLASSES)));
    if !faults.values().any(|class| *class == FaultClass::Absent) {
        section.warn("faults", NO_ABSENT);
    }
    Ema {
        primary: section.hidden("primary", addresses::ema_url).unwrap_or_default(),
        secondary: section.hidden("secondary", addresses::ema_url),
        username: section.text("username").unwrap_or_default(),
        password: section.secret("password").unwrap_or_default(),
        sessions: section.number("sessions", 1..=1024).unwrap_or(defaults::EMA_SESSIONS),
        timeout: section.duration("timeout").unwrap_or(defaults::REQUEST_TIMEOUT),
        faults,
    }
}

fn fault_code(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "is not a fault code, a number".into())
}

pub(super) fn check_ema_has_what_it_needs(file: &Section) {
    if file.lacks("numbering") {
        file.problem("ema", "needs [numbering] with country_code and default_phone_context");
    }
    if file.lacks("service_profiles") {
        file.problem("ema", "needs [service_profiles]");
    }
}
